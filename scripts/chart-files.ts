/**
 * What the Helm chart has from elsewhere in this repository (`npm run docs` writes it): the users of the bus, the load
 * balancer's configuration, which secrets each service has, and the schema of its values with each service's variables.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, secretVariables, serviceNames } from '@inferry/runtime';
import { parse } from 'yaml';
import { composeNatsConfig } from './nats-config.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Each generated file of the chart with its text. */
export function chartFiles(): Record<string, string> {
  return {
    'deploy/chart/files/nats.conf': composeNatsConfig(),
    'deploy/chart/files/haproxy.cfg': frontConfig(),
    'deploy/chart/files/service-secrets.json': `${JSON.stringify(serviceSecrets(), undefined, 2)}\n`,
    'deploy/chart/values.schema.json': `${JSON.stringify(valuesSchema(), undefined, 2)}\n`,
  };
}

/** The variables that each service has instead of INFERRY_SECRET. */
function serviceSecrets(): Record<string, string[]> {
  const nothing = new Secret('x'.repeat(32));
  return Object.fromEntries(
    serviceNames.map((name) => [name, Object.keys(secretVariables(name, nothing, []))]),
  );
}

/** The load balancer of docker-compose.yml, which in a cluster meets one address for each service. */
function frontConfig(): string {
  return `# Written by npm run docs from deploy/haproxy/haproxy.cfg.\n${read('deploy/haproxy/haproxy.cfg')}`
    .replace(/# Replicas come and go[\s\S]*?\n\n/, '')
    .replaceAll(' resolvers docker init-addr none', ' init-addr libc')
    .replaceAll(/server-template (\w+) \d+ ([a-z-]+):8080/g, 'server $1 {{ .full }}-$2:8080')
    .replaceAll('660s', '{{ .seconds }}s')
    .replace('(600 s)', '(maxWaitSeconds)');
}

/** What the chart itself sets, or takes from Secrets. */
const chartSets = new Set(
  (
    'HOST PORT PUBLIC_URL UPLOAD_INTERNAL_URL INFERRY_SECRET BUS_PUBLIC_KEYS BUS_SIGNING_KEY REDIS_URL NATS_URL DATABASE_URL ' +
    'DATABASE_POOL SHUTDOWN_GRACE_MS LOG_LEVEL INFERRY_AUTH MCP_ALLOWED_HOSTS PROFILE_HOSTS TRUSTED_PROXIES ' +
    'MAX_WAIT_SECONDS PROFILES_FOLDER POLLER_JOURNAL_FOLDER BLOBS_FOLDER S3_BUCKET S3_ENDPOINT S3_REGION S3_ACCESS_KEY_ID ' +
    'S3_SECRET_ACCESS_KEY AUTH_KEKS AUTH_KEKS_FILE OIDC_CLIENT_SECRET NODE_EXTRA_CA_CERTS METRICS_PORT'
  ).split(' '),
);

interface ComposeServices {
  services: Record<string, { environment?: Record<string, unknown> }>;
}

/** The variables that an operator may give one service: those that Compose hands to it. */
function variablesOf(name: string): string[] {
  // as: the file is ours, and tests/deployment.test.ts holds its shape.
  const { services } = parse(read('docker-compose.yml'), { merge: true }) as ComposeServices;
  return Object.keys(services[name]?.environment ?? {})
    .filter((variable) => !chartSets.has(variable) && !variable.startsWith('INFERRY_SECRET'))
    .sort();
}

type Schema = Record<string, unknown>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const count = (minimum: number): Schema => ({ type: 'integer', minimum });
const oneOf = (...values: string[]): Schema => ({ enum: values });
const list = (items: Schema): Schema => ({ type: 'array', items });
const map = (values: Schema, names: Schema = {}): Schema => ({
  type: 'object',
  propertyNames: names,
  additionalProperties: values,
});
const open: Schema = { type: 'object' };
const object = (properties: Schema): Schema => ({ type: 'object', additionalProperties: false, properties });
const setting: Schema = { type: ['string', 'number', 'boolean'] };

function valuesSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Written by npm run docs from scripts/chart-files.ts.',
    ...object({ ...outside(), ...workload(), ...state(), ...operation(), global: open }),
  };
}

function outside(): Schema {
  return {
    image: object({
      prefix: text,
      tag: text,
      pullPolicy: oneOf('IfNotPresent', 'Always', 'Never'),
      pullSecrets: list(text),
    }),
    publicUrl: { type: 'string', pattern: '^https?://[^?#@]+$' },
    allowedHosts: list({ type: 'string', not: { pattern: '\\*' } }),
    auth: oneOf('keys', 'oauth'),
    profileHosts: map(text, { pattern: '^[a-z0-9.-]+(:[0-9]+)?$' }),
    trustedProxies: list(text),
    maxWaitSeconds: { type: 'integer', minimum: 1, maximum: 600 },
    front: object({
      enabled: flag,
      image: text,
      replicas: count(1),
      serviceType: oneOf('ClusterIP', 'NodePort', 'LoadBalancer'),
    }),
    ingress: object({ enabled: flag, className: text, annotations: map(text), tlsSecret: text }),
    gateway: object({ enabled: flag, parentRefs: list(open) }),
    certManager: object({
      issuer: object({ name: text, kind: oneOf('Issuer', 'ClusterIssuer'), group: text }),
    }),
  };
}

function workload(): Schema {
  const names = [...new Set(serviceNames.flatMap(variablesOf))].sort();
  return {
    drainSeconds: { type: 'integer', minimum: 1, maximum: 600 },
    logLevel: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    env: map(setting, { anyOf: [{ enum: names }, { pattern: '^OTEL_' }] }),
    caConfigMap: text,
    nodeSelector: map(text),
    tolerations: list(open),
    priorityClassName: text,
    autoscaling: oneOf('none', 'hpa', 'keda'),
    prometheusUrl: text,
    services: object(
      Object.fromEntries(
        serviceNames.map((name) => [
          name,
          object({
            replicas: count(1),
            env: map(setting, { anyOf: [{ enum: variablesOf(name) }, { pattern: '^OTEL_' }] }),
            resources: open,
            autoscaling: object({
              min: count(1),
              max: count(1),
              cpu: { type: 'integer', minimum: 1, maximum: 100 },
              ...(name === 'mcp-gateway' ? { openWaits: count(1) } : {}),
              ...(name === 'inference-poller' ? { latenessSeconds: count(1) } : {}),
            }),
          }),
        ]),
      ),
    ),
    platforms: object({
      // Keys of platforms belong into a Secret.
      settings: map(setting, {
        pattern: '^[A-Z][A-Z0-9_]*$',
        not: { pattern: '(_API_KEY|_API_TOKEN|^FAL_KEY|^HF_TOKEN)$' },
      }),
      keysSecret: text,
      files: map(text, { pattern: '^[A-Za-z0-9._-]+\\.(ya?ml|json)$' }),
    }),
    profileFiles: map(text, { pattern: '^[A-Za-z0-9._-]+\\.(ya?ml|json)$' }),
  };
}

function state(): Schema {
  const store = { bundled: flag, image: text, existingSecret: text };
  return {
    secrets: object({ existing: text, asFiles: flag, keksSecret: text, oidcSecret: text }),
    externalSecrets: object({
      enabled: flag,
      store: object({ name: text, kind: oneOf('SecretStore', 'ClusterSecretStore') }),
      prefix: text,
      refreshInterval: text,
    }),
    nats: object(store),
    redis: object(store),
    postgres: object({
      ...store,
      size: text,
      storageClass: text,
      pool: { type: 'integer', minimum: 1, maximum: 500 },
      migrationKey: text,
    }),
    s3: object({ bucket: text, endpoint: text, region: text, existingSecret: text }),
    blobs: object({
      size: text,
      storageClass: text,
      accessMode: oneOf('ReadWriteOnce', 'ReadWriteMany'),
      existingClaim: text,
    }),
    migration: object({ enabled: flag }),
    serviceAccount: object({ annotations: map(text) }),
  };
}

function operation(): Schema {
  return {
    networkPolicy: object({
      enabled: flag,
      ingressFrom: list(open),
      metricsFrom: list(open),
      privateEgress: list(text),
    }),
    monitoring: object({
      port: { type: 'integer', minimum: 1, maximum: 65_535 },
      scrape: oneOf('none', 'annotations', 'service', 'pod'),
      interval: text,
      labels: map(text),
      rules: oneOf('none', 'configmap', 'rule'),
      dashboards: flag,
      dashboardLabels: map(text),
    }),
  };
}
