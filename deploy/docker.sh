#!/usr/bin/env bash
# The cluster in containers. Called by deploy/cluster.sh as `docker.sh VERB`.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/common.sh

project=${RINGCHAT_PROJECT:-ringchat}
log=$RINGCHAT_RUN/docker.log
replicas=(replica-0 replica-1 replica-2)

compose() { deploy/compose.sh "$@"; }

# Asks the gateway of a container, until it answers, whether it serves.
WEB_HEALTH='
import time, urllib.request
for _ in range(150):
    try:
        urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=1).close()
        break
    except OSError as error:
        reason = error
        time.sleep(0.2)
else:
    raise SystemExit(str(reason))
'

# Runs a step whose output matters only if it fails.
quietly() {
    local what=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        if grep -qiE 'port is already allocated|address already in use' "$log"; then
            die "one of the ports $RINGCHAT_PORT_BASE to $((RINGCHAT_PORT_BASE + 2)) is in use by" \
                "another program; take others: make up RINGCHAT_PORT_BASE=51051"
        fi
        tail -n 25 "$log" >&2
        die "$what failed; the end of $log is above"
    fi
}

prepare() {
    [ "${RINGCHAT_REPLICAS:-3}" = 3 ] \
        || die "docker-compose.yml has three replicas, not $RINGCHAT_REPLICAS"
    ensure_key
    if [ "$(owner "$RINGCHAT_RUN/cluster.key")" = "0 0" ]; then
        # No container runs as root, so root's key is given to a user that only they use.
        chown 10001:10001 "$RINGCHAT_RUN/cluster.key"
    fi
    if have python3; then
        python3 deploy/host_pip.py
    fi
    local base
    base=$(deploy/base-image.sh)
    printf '%s\n' "$base" >"$RINGCHAT_RUN/base-image"
}

build() {
    prepare
    say "building the images on $(<"$RINGCHAT_RUN/base-image")"
    quietly "building the images" compose --profile client build cluster-config client
}

wait_until_healthy() {
    local name
    for name in "${replicas[@]}"; do
        if ! docker exec "$project-$name" ringchat-server health --wait 30 >"$log" 2>&1; then
            tail -n 1 "$log" >&2
            docker logs --tail 5 "$project-$name" >&2 || true
            die "$name does not become healthy; the end of its log is above"
        fi
    done
}

# Compose tells on standard error of the container that it makes: shown only if that fails.
in_client() {
    compose run --rm -T --entrypoint "$1" client "${@:2}" 2>"$log" || {
        local exit_code=$?
        grep -vE '^(Creating .*|[0-9]+| *(Container|Network|Volume) .*|.*obsolete.*)?$' "$log" \
            | tail -n 3 >&2 || true
        return "$exit_code"
    }
}

start() {
    local -a words=(up --detach --no-build --remove-orphans cluster-config "${replicas[@]}")
    compose "${words[@]}" && return
    # Compose 1.29 cannot replace a container of a newer engine: KeyError: 'ContainerConfig'.
    # Without the old containers it has nothing to replace; the volumes stay.
    grep -q "'ContainerConfig'" "$log" || return 1
    compose --profile web down
    compose "${words[@]}"
}

up() {
    build
    quietly "starting the cluster" start
    docker cp "$project-cluster-config:/cluster/cluster.published.yaml" \
        "$RINGCHAT_RUN/cluster.published.yaml" >/dev/null
    wait_until_healthy
    in_client sh -c "$FIRST_QUESTION; ringchat status"
}

start_web() {
    # Anew, and without the old containers: each holds a port, and knows its siblings by them.
    compose --profile web rm --stop --force web
    local -a words=(--profile web up --detach --no-build --no-deps)
    compose "${words[@]}" --scale "web=${GATEWAYS:-1}" web
}

web() {
    quietly "starting the web gateway" start_web
    local id port
    for id in $(compose --profile web ps --quiet web 2>/dev/null); do
        docker exec "$id" python3 -c "$WEB_HEALTH" >"$log" 2>&1 \
            || { docker logs --tail 5 "$id" >&2; die "a web gateway does not serve"; }
        port=$(docker inspect --format \
            '{{(index (index .NetworkSettings.Ports "8080/tcp") 0).HostPort}}' "$id")
        say "http://localhost:$port/    # $(docker inspect --format '{{slice .Name 1}}' "$id")"
    done | sort
}

case ${1:-} in
    up) up ;;
    build) build ;;
    web) web ;;
    down)
        quietly "stopping the cluster" \
            compose --profile client --profile web down --remove-orphans
        ;;
    clean)
        quietly "deleting the cluster" \
            compose --profile client --profile web down --volumes --remove-orphans
        docker image rm "$project-server" "$project-client" >/dev/null 2>&1 || true
        # The stages are what every cluster's next `make up` builds from: without them one of
        # another project would get new images, and all its replicas be replaced at once.
        others=$(docker image ls --quiet --filter label=ringchat=server --filter dangling=false)
        [ -n "$others" ] || docker image prune --force --filter label=ringchat >/dev/null
        ;;
    status) in_client ringchat status ;;
    logs) compose logs --follow --tail=100 ;;
    chat)
        terminal=(-e TERM -e COLORTERM)  # what the app may show there
        [ -t 0 ] || terminal=(-T)
        compose run --rm "${terminal[@]}" client chat ${PLAIN:+--plain} "$2"
        ;;
    *) die "unknown verb '${1:-}'" ;;
esac
