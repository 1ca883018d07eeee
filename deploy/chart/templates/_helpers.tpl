{{- define "inferry.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Call with (dict "root" $ "component" "auth"). */}}
{{- define "inferry.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "inferry.labels" -}}
{{ include "inferry.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "inferry.image" -}}
{{ .root.Values.image.prefix }}{{ .component }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "inferry.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "inferry.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where pods run, and what pulls their images. */}}
{{- define "inferry.placement" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "inferry.selector" $ | nindent 8 }}
{{- end }}
{{- end }}

{{/* The name of the Secret that the chart makes. */}}
{{- define "inferry.ownSecret" -}}
{{ include "inferry.fullname" . }}-secrets
{{- end }}

{{- define "inferry.hasOwnSecret" -}}
{{- if or (not .Values.secrets.existing) (not .Values.secrets.keksSecret) .Values.nats.bundled .Values.redis.bundled .Values.postgres.bundled }}yes{{ end }}
{{- end }}

{{/* The secrets of one service as JSON: [{name, secret, key}]. */}}
{{- define "inferry.secretsOf" -}}
{{- $root := .root }}{{ $service := .component }}{{ $own := include "inferry.ownSecret" $root }}{{ $list := list }}
{{- $v := $root.Values }}
{{- if $v.secrets.existing }}
  {{- range index ($root.Files.Get "files/service-secrets.json" | fromJson) $service }}
    {{- $list = append $list (dict "name" . "secret" (printf "%s-%s" $v.secrets.existing $service) "key" .) }}
  {{- end }}
{{- else }}
  {{- $list = append $list (dict "name" "INFERRY_SECRET" "secret" $own "key" "INFERRY_SECRET") }}
{{- end }}
{{- if $v.nats.bundled }}
  {{- $list = append $list (dict "name" "NATS_URL" "secret" $own "key" (printf "NATS_URL_%s" (upper $service | replace "-" "_"))) }}
{{- else }}
  {{- $list = append $list (dict "name" "NATS_URL" "secret" (required "nats.existingSecret: name the Secret with the URL of each service, or set nats.bundled" $v.nats.existingSecret) "key" $service) }}
{{- end }}
{{- if $v.redis.bundled }}
  {{- $list = append $list (dict "name" "REDIS_URL" "secret" $own "key" "REDIS_URL") }}
{{- else }}
  {{- $list = append $list (dict "name" "REDIS_URL" "secret" (required "redis.existingSecret: name the Secret with the key url, or set redis.bundled" $v.redis.existingSecret) "key" "url") }}
{{- end }}
{{- if not (has $service (list "mcp-gateway" "compute")) }}
  {{- if $v.postgres.bundled }}
    {{- $list = append $list (dict "name" "DATABASE_URL" "secret" $own "key" "DATABASE_URL") }}
  {{- else }}
    {{- $list = append $list (dict "name" "DATABASE_URL" "secret" (required "postgres.existingSecret: name the Secret with the key url, or set postgres.bundled" $v.postgres.existingSecret) "key" "url") }}
  {{- end }}
{{- end }}
{{- if eq $service "auth" }}
  {{- $list = append $list (dict "name" "AUTH_KEKS" "secret" ($v.secrets.keksSecret | default $own) "key" "AUTH_KEKS") }}
  {{- with $v.secrets.oidcSecret }}
    {{- $list = append $list (dict "name" "OIDC_CLIENT_SECRET" "secret" . "key" "OIDC_CLIENT_SECRET") }}
  {{- end }}
{{- end }}
{{- if and (eq $service "upload") $v.s3.bucket $v.s3.existingSecret }}
  {{- $list = append $list (dict "name" "S3_ACCESS_KEY_ID" "secret" $v.s3.existingSecret "key" "accessKeyId") }}
  {{- $list = append $list (dict "name" "S3_SECRET_ACCESS_KEY" "secret" $v.s3.existingSecret "key" "secretAccessKey") }}
{{- end }}
{{- dict "list" $list | toJson }}
{{- end }}

{{/* The variables of one service that are no secrets, as JSON: {name: value}. What stands further down goes before. */}}
{{- define "inferry.envOf" -}}
{{- $v := .root.Values }}{{ $service := .component }}{{ $full := include "inferry.fullname" .root }}
{{- $env := dict "HOST" "0.0.0.0" "PORT" "8080" "PUBLIC_URL" $v.publicUrl "LOG_LEVEL" $v.logLevel }}
{{- $_ := set $env "SHUTDOWN_GRACE_MS" (printf "%d" (mul 1000 (int $v.drainSeconds))) }}
{{- $_ := set $env "UPLOAD_INTERNAL_URL" (printf "http://%s-upload:8080" $full) }}
{{- if ne $v.monitoring.scrape "none" }}{{ $_ := set $env "METRICS_PORT" (toString $v.monitoring.port) }}{{ end }}
{{- if $v.caConfigMap }}{{ $_ := set $env "NODE_EXTRA_CA_CERTS" "/etc/inferry/ca/ca.crt" }}{{ end }}
{{- if not (has $service (list "mcp-gateway" "compute")) }}{{ $_ := set $env "DATABASE_POOL" (toString $v.postgres.pool) }}{{ end }}
{{- if has $service (list "mcp-gateway" "auth") }}
  {{- $_ := set $env "INFERRY_AUTH" $v.auth }}
  {{- $_ := set $env "PROFILE_HOSTS" (include "inferry.profileHosts" .root) }}
  {{- if $v.allowedHosts }}{{ $_ := set $env "MCP_ALLOWED_HOSTS" (join "," $v.allowedHosts) }}{{ end }}
{{- end }}
{{- if has $service (list "mcp-gateway" "auth" "inference-poller") }}{{ $_ := set $env "TRUSTED_PROXIES" (join "," $v.trustedProxies) }}{{ end }}
{{- if has $service (list "mcp-gateway" "inference-poller") }}{{ $_ := set $env "MAX_WAIT_SECONDS" (toString (int $v.maxWaitSeconds)) }}{{ end }}
{{- if and (eq $service "mcp-gateway") $v.profileFiles }}{{ $_ := set $env "PROFILES_FOLDER" "/etc/inferry/profiles" }}{{ end }}
{{- if eq $service "inference-poller" }}{{ $_ := set $env "POLLER_JOURNAL_FOLDER" "/var/lib/inferry/journal" }}{{ end }}
{{- if eq $service "upload" }}
  {{- $_ := set $env "BLOBS_FOLDER" "/var/lib/inferry/blobs" }}
  {{- range $name, $value := dict "S3_BUCKET" $v.s3.bucket "S3_ENDPOINT" $v.s3.endpoint "S3_REGION" $v.s3.region }}
    {{- if and $v.s3.bucket $value }}{{ $_ := set $env $name $value }}{{ end }}
  {{- end }}
{{- end }}
{{- if eq $service "mcp-gateway" }}
  {{- range $name, $value := $v.platforms.settings }}{{ if hasPrefix "RUNPOD_REST_VERSION" $name }}{{ $_ := set $env $name (toString $value) }}{{ end }}{{ end }}
{{- end }}
{{- if has $service (list "auth" "catalog" "inference-poller" "compute") }}
  {{- range $name, $value := $v.platforms.settings }}{{ $_ := set $env $name (toString $value) }}{{ end }}
  {{- if $v.platforms.files }}
    {{- $paths := list }}{{ range $name := keys $v.platforms.files | sortAlpha }}{{ $paths = append $paths (printf "/etc/inferry/providers/%s" $name) }}{{ end }}
    {{- $_ := set $env "PROVIDER_FILES" (join "," $paths) }}
  {{- end }}
{{- end }}
{{- range $name, $value := merge (dict) (index $v.services $service).env $v.env }}{{ $_ := set $env $name (toString $value) }}{{ end }}
{{- $env | toJson }}
{{- end }}

{{- define "inferry.profileHosts" -}}
{{- $pairs := list }}{{ range $host, $profile := .Values.profileHosts }}{{ $pairs = append $pairs (printf "%s=%s" $host $profile) }}{{ end }}
{{- join "," ($pairs | sortAlpha) }}
{{- end }}

{{/* The public host and those of profiles, as JSON. */}}
{{- define "inferry.hosts" -}}
{{- $hosts := list (regexReplaceAll ":[0-9]+$" (urlParse .Values.publicUrl).host "") }}
{{- range $host := keys .Values.profileHosts | sortAlpha }}{{ $hosts = append $hosts (regexReplaceAll ":[0-9]+$" $host "") }}{{ end }}
{{- dict "list" ($hosts | uniq) | toJson }}
{{- end }}

{{/* Which paths of the public address are whose, as JSON; everything else is the gateway's. As in haproxy.cfg. */}}
{{- define "inferry.routes" -}}
{{- $below := (urlParse .Values.publicUrl).path | trimSuffix "/" }}
{{- $auth := list (printf "/.well-known/oauth-authorization-server%s" $below) (printf "/.well-known/openid-configuration%s" $below) }}
{{- range list "/oauth/" "/account" "/authorize" "/token" "/register" }}{{ $auth = append $auth (printf "%s%s" $below .) }}{{ end }}
{{- $rest := list ($below | default "/") }}
{{- if $below }}{{ $rest = append $rest (printf "/.well-known/oauth-protected-resource%s" $below) }}{{ end }}
{{- dict "list" (list
  (dict "service" "upload" "paths" (list (printf "%s/files/" $below)))
  (dict "service" "inference-poller" "paths" (list (printf "%s/hooks/" $below)))
  (dict "service" "auth" "paths" $auth)
  (dict "service" "mcp-gateway" "paths" $rest)) | toJson }}
{{- end }}

{{/* Longer than drainSeconds: endpoints are told apart first, and a poller waits for answers of submits that are out. */}}
{{- define "inferry.settleSeconds" -}}5{{- end }}
{{- define "inferry.graceSeconds" -}}
{{- $submit := ternary (div (int (index .root.Values.services "inference-poller").env.SUBMIT_TIMEOUT_MS | default 30000) 1000) 0 (eq .component "inference-poller") }}
{{- add (int .root.Values.drainSeconds) (int (include "inferry.settleSeconds" .root)) (int $submit) 5 }}
{{- end }}
