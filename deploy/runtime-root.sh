#!/bin/sh
# Lays out the root of an image in the folder that it is given: Node, the libraries that it and native packages load, a shell and
# `sleep` for health checks and for Kubernetes' preStop, names and certificates. No package manager, no setuid program, no npm.
set -eu
out="$1"
programs="$(command -v node) /bin/bash /bin/sleep /bin/cat"

# Symbols for debuggers are a fifth of Node. Without a way to Debian's packages they stay.
if ! command -v strip > /dev/null; then
  { apt-get update -q && apt-get install -y -q --no-install-recommends binutils; } > /dev/null 2>&1 || echo 'no binutils: Node keeps its symbols' >&2
fi

mkdir -p "$out/bin" "$out/usr/local/bin" "$out/etc/ssl/certs" "$out/tmp" "$out/var/lib/inferry/blobs" "$out/home/node"
for program in $programs; do
  target="$out$program"
  cp -L "$program" "$target"
  ! command -v strip > /dev/null || strip --strip-all "$target"
done
ln -s bash "$out/bin/sh"

libraries="$(for program in $programs; do ldd "$program"; done | grep -o '/[^ ]*' | sort -u)"
folder="$(dirname "$(echo "$libraries" | grep '/libc\.so\.6$')")"
# Asked for by name at run time: what resolves names, and what native packages are linked with.
for name in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2 librt.so.1 libutil.so.1; do
  [ ! -e "$folder/$name" ] || libraries="$libraries $folder/$name"
done
for library in $libraries; do
  mkdir -p "$out$(dirname "$library")"
  cp -L "$library" "$out$library"
done

grep -E '^(root|node|nobody):' /etc/passwd > "$out/etc/passwd"
grep -E '^(root|node|nogroup):' /etc/group > "$out/etc/group"
echo 'hosts: files dns' > "$out/etc/nsswitch.conf"
cp -L /etc/os-release "$out/etc/os-release"
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/"
chmod 1777 "$out/tmp"
chown -R node:node "$out/var/lib/inferry" "$out/home/node"
