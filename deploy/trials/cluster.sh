#!/bin/sh
# A cluster of one node from Debian's source package of Kubernetes, which has all that it needs beside it, on the trial's engine:
#   deploy/trials/cluster.sh build | start | stop
# Runs in the engine's network namespace (deploy/trials/engine.sh run deploy/trials/cluster.sh start). Kubernetes 1.20.2: no
# policy/v1, no autoscaling/v2, no names for Services (DNS) and nothing that enforces network policies.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/packages.sh"
CLUSTER="$TRIAL_FOLDER/cluster"
BIN="$TRIAL_FOLDER/kubernetes"
SERVICES=10.97.0.0/16
export DOCKER_HOST="unix://$TRIAL_FOLDER/engine/docker.sock"
export PATH="$TOOLS/usr/bin:$TOOLS/usr/sbin:$PATH" LD_LIBRARY_PATH="$TOOLS/usr/lib/x86_64-linux-gnu"
programs='kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy'

# Seven minutes on two free cores; kept for the next time.
build() {
  [ ! -x "$BIN/kube-proxy" ] || return 0
  unpacked golang-1.19-go/bookworm golang-1.19-src/bookworm rsync/bookworm libpopt0/bookworm etcd-server/bookworm
  mkdir -p "$TRIAL_FOLDER/src" "$BIN" && cd "$TRIAL_FOLDER/src"
  debian source --download-only kubernetes/bookworm > /dev/null
  tar xzf kubernetes_*.orig.tar.gz && cd kubernetes-1.20.2
  export GOROOT="$TOOLS/usr/lib/go-1.19" GOPROXY=off CGO_ENABLED=0 HOME="$TRIAL_FOLDER/home"
  mkdir -p "$HOME"
  make WHAT="$(for program in $programs; do printf 'cmd/%s ' "$program"; done)" KUBE_GIT_VERSION=v1.20.2
  for program in $programs; do cp "_output/local/bin/linux/amd64/$program" "$BIN/"; done
  cd "$TRIAL_FOLDER" && rm -rf src/kubernetes-1.20.2 "$HOME"
}

in_background() {
  name="$1"
  shift
  nohup "$@" > "$CLUSTER/$name.log" 2>&1 &
  echo $! > "$CLUSTER/$name.pid"
}

# What ran there before, whole or half: its objects, and its pods' folders with what is mounted in them.
emptied() {
  awk -v under="$CLUSTER/kubelet" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
  rm -rf "$CLUSTER/etcd" "$CLUSTER/kubelet" "$CLUSTER/names" "$CLUSTER/volumes"
}

start() {
  unpacked etcd-server/bookworm dnsmasq-base/bookworm conntrack/bookworm libnftables1/bookworm libnftnl11/bookworm libidn2-0/bookworm libnetfilter-conntrack3/bookworm
  if ! docker image inspect pause:trial > /dev/null 2>&1; then
    unpacked catatonit/bookworm
    mkdir -p "$CLUSTER/pause" && cp "$TOOLS/usr/libexec/podman/catatonit" "$CLUSTER/pause/pause"
    printf 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause", "-P"]\n' > "$CLUSTER/pause/Dockerfile"
    docker build -q -t pause:trial "$CLUSTER/pause" > /dev/null
  fi
  address="$(ip -4 -o addr show tap0 | awk '{ sub("/.*", "", $4); print $4 }')"
  emptied
  mkdir -p "$CLUSTER/pki" "$CLUSTER/kubelet" "$CLUSTER/etcd" "$CLUSTER/names" "$CLUSTER/volumes"
  # Names of Services: the trial writes them there, for want of a DNS in the cluster.
  bridge="$(ip -4 -o addr show docker0 | awk '{ sub("/.*", "", $4); print $4 }')"
  cd "$CLUSTER"
  [ -f pki/sa.key ] || openssl genrsa -out pki/sa.key 2048 2> /dev/null
  token="$(openssl rand -hex 16)"
  echo "$token,admin,1,system:masters" > pki/tokens.csv
  cat > kubeconfig <<K
apiVersion: v1
kind: Config
clusters: [{ name: trial, cluster: { server: 'https://127.0.0.1:6443', insecure-skip-tls-verify: true } }]
users: [{ name: admin, user: { token: $token } }]
contexts: [{ name: trial, context: { cluster: trial, user: admin, namespace: default } }]
current-context: trial
K
  chmod 600 kubeconfig
  # Kept as they are, and put back by stop.
  sysctl kernel.panic kernel.panic_on_oops vm.overcommit_memory vm.panic_on_oom net.ipv4.ip_forward 2> /dev/null > sysctl.before || true
  in_background etcd etcd --data-dir "$CLUSTER/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
  in_background kube-apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --service-cluster-ip-range=$SERVICES --secure-port=6443 --cert-dir="$CLUSTER/pki" \
    --token-auth-file="$CLUSTER/pki/tokens.csv" --authorization-mode=RBAC --service-account-key-file="$CLUSTER/pki/sa.key" --service-account-signing-key-file="$CLUSTER/pki/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --allow-privileged=true --advertise-address="$address" --kubelet-preferred-address-types=InternalIP
  for _ in $(seq 120); do
    if curl -ksf -H "Authorization: Bearer $token" https://127.0.0.1:6443/readyz > /dev/null; then break; fi
    sleep 0.5
  done
  in_background kube-controller-manager "$BIN/kube-controller-manager" --kubeconfig="$CLUSTER/kubeconfig" --service-account-private-key-file="$CLUSTER/pki/sa.key" --leader-elect=false --allocate-node-cidrs=false --pod-eviction-timeout=20s --node-monitor-grace-period=16s
  in_background kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$CLUSTER/kubeconfig" --leader-elect=false
  cat > kubelet.yaml <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
clusterDNS: ['$bridge']
clusterDomain: cluster.local
cgroupsPerQOS: false
enforceNodeAllocatable: []
cgroupDriver: cgroupfs
failSwapOn: false
makeIPTablesUtilChains: true
evictionHard: { imagefs.available: '1%', nodefs.available: '1%', memory.available: 100Mi }
imageGCHighThresholdPercent: 100
K
  in_background kubelet "$BIN/kubelet" --kubeconfig="$CLUSTER/kubeconfig" --config="$CLUSTER/kubelet.yaml" --root-dir="$CLUSTER/kubelet" --docker-endpoint="$DOCKER_HOST" \
    --hostname-override=trial --node-ip="$address" --pod-infra-container-image=pause:trial --v=1
  # A node's pods count as much as a few of the machine's other processes, not as one: shares are told from requests among them alone.
  [ ! -w /sys/fs/cgroup/cpu/docker/cpu.shares ] || echo 6144 > /sys/fs/cgroup/cpu/docker/cpu.shares
  in_background dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --listen-address="$bridge" --bind-interfaces --local=/cluster.local/ --hostsdir="$CLUSTER/names" --user=root --pid-file=
  in_background kube-proxy "$BIN/kube-proxy" --kubeconfig="$CLUSTER/kubeconfig" --proxy-mode=iptables --cluster-cidr=172.16.0.0/12 --hostname-override=trial --conntrack-max-per-core=0 \
    --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s
  echo "$CLUSTER/kubeconfig"
}

stop() {
  for name in dnsmasq kube-proxy kubelet kube-scheduler kube-controller-manager kube-apiserver etcd; do
    [ ! -f "$CLUSTER/$name.pid" ] || kill "$(cat "$CLUSTER/$name.pid")" 2> /dev/null || true
    rm -f "$CLUSTER/$name.pid"
  done
  [ ! -w /sys/fs/cgroup/cpu/docker/cpu.shares ] || echo 1024 > /sys/fs/cgroup/cpu/docker/cpu.shares
  emptied || true
  [ ! -f "$CLUSTER/sysctl.before" ] || sysctl -q -p "$CLUSTER/sysctl.before" > /dev/null 2>&1 || true
}

case "${1:-}" in
  build) build ;;
  start) start ;;
  stop) stop ;;
  *) echo 'usage: cluster.sh build | start | stop' >&2; exit 2 ;;
esac
