#!/usr/bin/env bash
# Prints the name of the image that ours are built on, after making sure that it is there.
#
# That is BASE_IMAGE, else python:3.11-slim. Where it can neither be found nor pulled, one
# with Python 3.11 is made from Debian packages; that needs root, debootstrap and a mirror
# (RINGCHAT_DEBIAN_MIRROR, else the one that apt uses here, else debootstrap's own).
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/common.sh

wanted=${BASE_IMAGE:-python:3.11-slim}
made=ringchat-base:bookworm
note() { printf '%s\n' "$*" >&2; }
is_there() { docker image inspect "$1" >/dev/null 2>&1; }

if is_there "$wanted"; then
    echo "$wanted"
    exit
fi
# Asking a registry again, at every start, where there is none, may take long.
if [ -z "${BASE_IMAGE:-}" ] && is_there "$made"; then
    echo "$made"
    exit
fi
note "pulling $wanted"
if timeout 300 docker pull --quiet "$wanted" >/dev/null 2>&1; then
    echo "$wanted"
    exit
fi

note "$wanted cannot be pulled: building $made from Debian packages instead (about a minute)"
[ "$(id -u)" = 0 ] || die "that needs root: sudo deploy/base-image.sh, once, or set BASE_IMAGE"
have debootstrap || die "that needs debootstrap: apt-get install debootstrap, or set BASE_IMAGE"

mirror=${RINGCHAT_DEBIAN_MIRROR:-}
if [ -z "$mirror" ] && have apt-get; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Release: bookworm' 2>/dev/null | grep -m 1 '^http' || true)
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! debootstrap --variant=minbase \
    --include=python3,python3-venv,python3-pip,ca-certificates \
    bookworm "$folder/system" ${mirror:+"$mirror"} >"$folder/log" 2>&1; then
    tail -n 15 "$folder/log" >&2
    die "debootstrap failed; what it said is above"
fi
rm -rf "$folder"/system/var/cache/apt/* "$folder"/system/var/lib/apt/lists/*
tar -C "$folder/system" -c . | docker import - "$made" >/dev/null
echo "$made"
