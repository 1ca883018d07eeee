#!/bin/sh
# A Docker engine of Debian's packages in a network namespace of its own, for trials on a machine that has none:
#   deploy/trials/engine.sh start | stop | run <command …>
# `run` runs a command where published ports and the engine answer. Nothing of the machine's own network is changed.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/packages.sh"
ENGINE="$TRIAL_FOLDER/engine"
NAMESPACE="${TRIAL_NAMESPACE:-inferry-trial}"
export DOCKER_HOST="unix://$ENGINE/docker.sock" DOCKER_CONFIG="$ENGINE/config"
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

start() {
  if docker version > /dev/null 2>&1; then return 0; fi
  unpacked docker.io/sid containerd/sid docker-compose/sid docker-buildx/sid docker-cli/sid runc/bookworm tini/bookworm slirp4netns/bookworm libslirp0/bookworm iptables/bookworm
  mkdir -p "$ENGINE/config"
  plain_runc
  ln -sfn "$TOOLS/usr/libexec/docker/cli-plugins" "$ENGINE/config/cli-plugins"
  [ -e "/run/netns/$NAMESPACE" ] || ip netns add "$NAMESPACE"
  ip -n "$NAMESPACE" link set lo up
  # The way out, for installations inside of builds, without a rule in the machine's own namespace.
  slirp4netns --configure --mtu=65520 --netns-type=path "/run/netns/$NAMESPACE" tap0 > "$ENGINE/slirp.log" 2>&1 &
  echo $! > "$ENGINE/slirp.pid"
  nsenter --net="/run/netns/$NAMESPACE" dockerd --config-file "$ENGINE/daemon.json" --data-root "$ENGINE/data" --exec-root "$ENGINE/exec" -H "$DOCKER_HOST" \
    --pidfile "$ENGINE/dockerd.pid" --init-path "$TOOLS/usr/bin/tini-static" --dns "$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf)" > "$ENGINE/dockerd.log" 2>&1 &
  for _ in $(seq 100); do
    if docker version > /dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  tail -5 "$ENGINE/dockerd.log" >&2
  exit 1
}

stop() {
  for name in dockerd slirp; do
    [ ! -f "$ENGINE/$name.pid" ] || kill "$(cat "$ENGINE/$name.pid")" 2> /dev/null || true
    rm -f "$ENGINE/$name.pid"
  done
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
