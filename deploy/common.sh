# Read by the other scripts (`. deploy/common.sh`): the places and words that they share.
# Every script is started from the root of the repository.

# Everything that a cluster leaves behind outside of volumes: key, files, logs.
RINGCHAT_RUN=${RINGCHAT_RUN:-$PWD/.run}
export RINGCHAT_RUN

# What may be chosen at the first `make up`. It is written down there, so that every later
# one means the same cluster, and can be chosen again.
choices=(RINGCHAT_PROJECT RINGCHAT_PORT_BASE RINGCHAT_PREFER)
choices+=(RINGCHAT_SUSPECT_AFTER_SECONDS RINGCHAT_KEEP_ENTRIES RINGCHAT_REPLICAS)
if [ -e "$RINGCHAT_RUN/choices" ]; then
    while IFS='=' read -r name value; do
        [ -n "${!name:-}" ] || export "$name=$value"
    done <"$RINGCHAT_RUN/choices"
fi
# The published ports of the replicas: this one and those after it.
export RINGCHAT_PORT_BASE=${RINGCHAT_PORT_BASE:-50051}

write_down_choices() {
    local name
    for name in "${choices[@]}"; do
        [ -z "${!name:-}" ] || printf '%s=%s\n' "$name" "${!name}"
    done >"$RINGCHAT_RUN/choices"
}

say() { printf '%s\n' "$*"; }

die() {
    printf 'ringchat: %s\n' "$*" >&2
    exit 1
}

case $RINGCHAT_PORT_BASE in
    '' | *[!0-9]* | ??????*) die "RINGCHAT_PORT_BASE=$RINGCHAT_PORT_BASE is not a port" ;;
esac

case ${RINGCHAT_PREFER:-availability} in
    availability | consistency) ;;
    *) die "RINGCHAT_PREFER=$RINGCHAT_PREFER is not availability or consistency" ;;
esac

have() { command -v "$1" >/dev/null 2>&1; }

have_engine() { have docker && docker info >/dev/null 2>&1; }

# The numeric owner of a file, as "uid gid" (GNU stat, then that of the BSDs and macOS).
owner() { stat -c '%u %g' "$1" 2>/dev/null || stat -f '%u %g' "$1"; }

# The secret that the replicas of this cluster share: made once, never readable by others.
ensure_key() {
    local key=$RINGCHAT_RUN/cluster.key
    mkdir -p "$RINGCHAT_RUN"
    chmod 700 "$RINGCHAT_RUN"
    [ -s "$key" ] && return
    (
        umask 077
        head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$key.new"
        printf '\n' >>"$key.new"
    )
    mv "$key.new" "$key"
}

# No replica takes a view unless a client asks for it. This asks, with a question that costs
# nothing, so that the table after it shows a cluster that serves.
FIRST_QUESTION="ringchat accounts --timeout 20 - >/dev/null"
