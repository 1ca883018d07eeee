#!/bin/sh
# Sourced by the others: fetches Debian's packages and unpacks them in a folder of the trials, beside the system's own.
# Nothing is installed on the machine, and the system's package lists stay as they are.
TRIAL_FOLDER="${TRIAL_FOLDER:-${TMPDIR:-/tmp}/inferry-trials}"
DEBIAN_MIRROR="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
TOOLS="$TRIAL_FOLDER/tools"
mkdir -p "$TOOLS" "$TRIAL_FOLDER/apt/lists/partial" "$TRIAL_FOLDER/apt/cache/archives/partial" "$TRIAL_FOLDER/debs"

# apt with lists of its own; of sid come programs that are newer than the machine and run on any libc.
debian() {
  command="$1"
  shift
  apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$TRIAL_FOLDER/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$TRIAL_FOLDER/apt/lists" -o Dir::Cache="$TRIAL_FOLDER/apt/cache" "$command" "$@"
}

packages_listed() {
  [ ! -f "$TRIAL_FOLDER/apt/listed" ] || return 0
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  for suite in bookworm trixie sid; do echo "deb [signed-by=$key] $DEBIAN_MIRROR $suite main"; done > "$TRIAL_FOLDER/apt/sources.list"
  echo "deb-src [signed-by=$key] $DEBIAN_MIRROR bookworm main" >> "$TRIAL_FOLDER/apt/sources.list"
  debian update > /dev/null && touch "$TRIAL_FOLDER/apt/listed"
}

# unpacked docker.io/sid golang-1.19-go/bookworm …: into $TOOLS, once.
unpacked() {
  packages_listed
  for wanted in "$@"; do
    name="${wanted%/*}"
    [ ! -f "$TRIAL_FOLDER/debs/$name.unpacked" ] || continue
    (cd "$TRIAL_FOLDER/debs" && rm -f "${name}"_*.deb && debian download "$wanted" > /dev/null && dpkg-deb -x "${name}"_*.deb "$TOOLS" && touch "$name.unpacked")
  done
}
