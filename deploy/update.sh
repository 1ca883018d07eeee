#!/bin/sh
# Replaces one service after the other, new replicas beside the old ones: deploy/update.sh [service ...]
# Build first: docker compose --profile tools build. A call in flight is answered with its run id and the run goes on.
set -eu
cd "$(dirname "$0")/.."
compose="${COMPOSE:-docker compose}"

# What the services of this release may do on the bus comes before them. The server reads its users again and restarts only where
# its own settings changed.
if [ -n "$($compose ps -q nats)" ]; then
  $compose up -d --no-deps --wait nats
  $compose kill -s HUP nats
fi

[ $# -gt 0 ] || set -- auth catalog upload inference-poller compute mcp-gateway
for service in "$@"; do
  old=$($compose ps -q "$service")
  count=$(printf '%s\n' "$old" | grep -c . || true)
  if [ "$count" -eq 0 ]; then
    $compose up -d --no-deps --wait "$service"
    continue
  fi
  echo "$service: $count new beside $count old"
  if ! $compose up -d --no-deps --no-recreate --scale "$service=$((count * 2))" --wait "$service"; then
    echo "$service: the new replicas are not ready; the old ones serve on. docker compose logs $service says why." >&2
    exit 1
  fi
  # The load balancer has seen the new ones before the old ones drain.
  sleep "${SETTLE_SECONDS:-3}"
  # shellcheck disable=SC2086 # one argument for each container
  docker stop -t 55 $old > /dev/null
  # shellcheck disable=SC2086
  docker rm $old > /dev/null
done
echo 'updated'
