#!/bin/sh
# An engine of Debian's packages in a network namespace of its own, for trials on a machine that has none:
#   deploy/trials/engine.sh start | stop | is-running | run <command …>
# `run` runs a command where published ports and the engine answer. Nothing of the machine's own network is changed.
# TRIAL_ENGINE=podman: Podman's socket in place of Docker's, which speaks the same language.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/packages.sh"
ENGINE="$TRIAL_FOLDER/engine"
KIND="${TRIAL_ENGINE:-docker}"
NAMESPACE="${TRIAL_NAMESPACE:-inferry-trial}"
export DOCKER_HOST="unix://$ENGINE/$KIND.sock" DOCKER_CONFIG="$ENGINE/config"
# Podman builds by the way of before BuildKit.
[ "$KIND" = docker ] || export DOCKER_BUILDKIT=0
export PATH="$TOOLS/usr/bin:$TOOLS/usr/sbin:$PATH" LD_LIBRARY_PATH="$TOOLS/usr/lib/x86_64-linux-gnu"

# Where a process may not lower the score by which the kernel chooses whom to end, sandboxes of pods ask for just that.
plain_runc() {
  cat > "$ENGINE/runc-plain" <<'R'
#!/bin/sh
bundle=''
next=''
for word; do
  [ "$next" != bundle ] || bundle="$word"
  next=''
  [ "$word" != --bundle ] || next=bundle
done
[ -z "$bundle" ] || sed -i 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":0/' "$bundle/config.json"
exec runc "$@"
R
  chmod +x "$ENGINE/runc-plain"
  printf '{ "runtimes": { "plain": { "path": "%s" } }, "default-runtime": "plain" }\n' "$ENGINE/runc-plain" > "$ENGINE/daemon.json"
}

namespace() {
  [ -e "/run/netns/$NAMESPACE" ] || ip netns add "$NAMESPACE"
  ip -n "$NAMESPACE" link set lo up
  ! ip -n "$NAMESPACE" link show tap0 > /dev/null 2>&1 || return 0
  # The way out, for installations inside of builds, without a rule in the machine's own namespace.
  slirp4netns --configure --mtu=65520 --netns-type=path "/run/netns/$NAMESPACE" tap0 > "$ENGINE/slirp.log" 2>&1 &
  echo $! > "$ENGINE/slirp.pid"
}

start_docker() {
  unpacked docker.io/sid containerd/sid docker-compose/sid docker-buildx/sid docker-cli/sid runc/bookworm tini/bookworm slirp4netns/bookworm libslirp0/bookworm iptables/bookworm
  plain_runc
  ln -sfn "$TOOLS/usr/libexec/docker/cli-plugins" "$ENGINE/config/cli-plugins"
  namespace
  nsenter --net="/run/netns/$NAMESPACE" dockerd --config-file "$ENGINE/daemon.json" --data-root "$ENGINE/data" --exec-root "$ENGINE/exec" -H "$DOCKER_HOST" \
    --pidfile "$ENGINE/dockerd.pid" --init-path "$TOOLS/usr/bin/tini-static" --dns "$(resolver)" > "$ENGINE/docker.log" 2>&1 &
}

# Limits below those of this process, since it may not raise them; cgroups by files, since there is no systemd.
start_podman() {
  unpacked docker-cli/sid podman/bookworm conmon/bookworm runc/bookworm netavark/bookworm aardvark-dns/bookworm catatonit/bookworm libgpgme11/bookworm libassuan0/bookworm libsubid4/bookworm slirp4netns/bookworm libslirp0/bookworm iptables/bookworm
  home="$ENGINE/podman"
  mkdir -p "$home/.config/containers"
  echo '{ "default": [{ "type": "insecureAcceptAnything" }] }' > "$home/.config/containers/policy.json"
  echo 'unqualified-search-registries = ["docker.io"]' > "$home/registries.conf"
  cat > "$home/containers.conf" <<C
[containers]
default_ulimits=["nofile=20000:20000","nproc=30000:30000"]
[network]
network_backend="netavark"
network_config_dir="$home/networks"
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
helper_binaries_dir=["$TOOLS/usr/lib/podman","$TOOLS/usr/libexec/podman"]
conmon_path=["$TOOLS/usr/bin/conmon"]
[engine.runtimes]
runc=["$TOOLS/usr/bin/runc","$TOOLS/usr/sbin/runc"]
C
  namespace
  HOME="$home" CONTAINERS_CONF="$home/containers.conf" CONTAINERS_REGISTRIES_CONF="$home/registries.conf" \
    nsenter --net="/run/netns/$NAMESPACE" podman --root "$home/storage" --runroot "$home/run" --tmpdir "$home/tmp" --storage-driver overlay \
    system service --time=0 "$DOCKER_HOST" > "$ENGINE/podman.log" 2>&1 &
  echo $! > "$ENGINE/podman.pid"
}

# Where every control group weighs alike, all containers together would weigh as much as one other process of the machine.
weigh() {
  [ "$KIND" = docker ] && group=/sys/fs/cgroup/cpu/docker || group=/sys/fs/cgroup/cpu/libpod_parent
  [ ! -w /sys/fs/cgroup/cpu/cpu.shares ] || { mkdir -p "$group" && echo "$1" > "$group/cpu.shares"; } 2> /dev/null || true
}

resolver() {
  awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf
}

start() {
  if docker version > /dev/null 2>&1; then return 0; fi
  mkdir -p "$ENGINE/config"
  weigh 6144
  "start_$KIND"
  for _ in $(seq 100); do
    if docker version > /dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  tail -5 "$ENGINE/$KIND.log" >&2
  exit 1
}

end() {
  [ ! -f "$ENGINE/$1.pid" ] || kill "$(cat "$ENGINE/$1.pid")" 2> /dev/null || true
  rm -f "$ENGINE/$1.pid"
}

# The other engine may be at work for somebody else, and needs the way out.
stop() {
  if [ "$KIND" = docker ]; then end dockerd; else end podman; fi
  [ -f "$ENGINE/dockerd.pid" ] || [ -f "$ENGINE/podman.pid" ] || end slirp
  weigh 1024
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  is-running) docker version > /dev/null 2>&1 ;;
  run)
    shift
    exec nsenter --net="/run/netns/$NAMESPACE" "$@"
    ;;
  *) echo 'usage: engine.sh start | stop | is-running | run <command …>' >&2; exit 2 ;;
esac
