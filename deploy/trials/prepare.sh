#!/bin/sh
# Engine, base images and the project's images, in place for a trial, which then runs where pods can be reached:
#   deploy/trials/prepare.sh node tests/kube/main.ts play
# The engine is ended again where this started it.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/packages.sh"
export TRIAL_FOLDER
engine="$here/engine.sh"
kind="$(for word; do last="$word"; done; echo "${last:-}")"
[ "$(id -u)" = 0 ] || { echo 'a trial makes a network of its own and starts an engine: run it as root' >&2; exit 1; }

"$engine" is-running || { started=1 && "$engine" start; }
trap '[ -z "${started:-}" ] || "$engine" stop' EXIT
"$here/base-images.sh"
cd "$here/../.."
# Compose knows how each image is built; its stores are not started, and any secret will do.
secrets='INFERRY_SECRET=x POSTGRES_PASSWORD=x REDIS_PASSWORD=x NATS_PASSWORD=x'
[ -n "${INFERRY_TRIAL_BUILT:-}" ] || "$engine" run env $secrets REVISION="$(git rev-parse HEAD 2> /dev/null || echo unknown)" docker compose --profile tools build

if [ "$kind" = play ]; then
  unpacked netavark/bookworm aardvark-dns/bookworm catatonit/bookworm
  podman="podman --root $TRIAL_FOLDER/podman/storage --runroot $TRIAL_FOLDER/podman/run --storage-driver overlay"
  for service in mcp-gateway auth catalog compute inference-poller upload cli; do images="${images:-} inferry/$service:0.2.0"; done
  for image in $images nats:2.10-alpine redis:8.0-bookworm postgres:17-bookworm haproxy:3.0-alpine; do
    docker_id="$("$engine" run docker image inspect "$image" --format '{{.Id}}')"
    marker="$TRIAL_FOLDER/podman/$(echo "$image" | tr '/:' '__')"
    [ "$(cat "$marker" 2> /dev/null)" != "$docker_id" ] || continue
    mkdir -p "$TRIAL_FOLDER/podman"
    loaded="$("$engine" run docker save "$image" | $podman load -q | sed 's/^Loaded image[^:]*: //')"
    [ "$loaded" = "localhost/$image" ] || $podman tag "$loaded" "localhost/$image"
    echo "$docker_id" > "$marker"
  done
fi
"$engine" run "$@"
