#!/usr/bin/env bash
# Compose for this cluster: `deploy/compose.sh ps`, `deploy/compose.sh kill replica-0`.
#
# Takes `docker compose` or `docker-compose`, whichever is there, and sets what
# docker-compose.yml asks for. RINGCHAT_PROJECT names another cluster beside the usual one.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/common.sh

export COMPOSE_PROJECT_NAME=${RINGCHAT_PROJECT:-ringchat}
for id in 0 1 2; do
    export "RINGCHAT_PORT_$id=$((RINGCHAT_PORT_BASE + id))"
done

# The web gateways: so many, on this port and those after it.
first=${RINGCHAT_WEB_PORT:-8080} last=$((${RINGCHAT_WEB_PORT:-8080} + ${GATEWAYS:-1} - 1))
RINGCHAT_WEB_PORTS=$first
[ "$first" = "$last" ] || RINGCHAT_WEB_PORTS=$first-$last
RINGCHAT_WEB_SIBLINGS=$(seq -s , "$first" "$last")
export RINGCHAT_WEB_PORTS RINGCHAT_WEB_SIBLINGS

# A compose secret of a file is that file, with its owner and its mode of 0600. So the
# containers run under the uid that owns it. If root makes the cluster, the file is given
# to a uid that nobody has (deploy/docker.sh), for no container runs as root.
RINGCHAT_UID=10001 RINGCHAT_GID=10001
if [ -e "$RINGCHAT_RUN/cluster.key" ]; then
    read -r RINGCHAT_UID RINGCHAT_GID < <(owner "$RINGCHAT_RUN/cluster.key")
fi
export RINGCHAT_UID RINGCHAT_GID

# The local time of whoever chats, in the form that needs no table of zones in the image.
offset=$(date +%z)
case $offset in
    -*) RINGCHAT_TZ="<local>+${offset:1:2}:${offset:3:2}" ;;
    *) RINGCHAT_TZ="<local>-${offset:1:2}:${offset:3:2}" ;;
esac
export RINGCHAT_TZ

# Found out by deploy/docker.sh before it builds.
if [ -z "${BASE_IMAGE:-}" ] && [ -e "$RINGCHAT_RUN/base-image" ]; then
    BASE_IMAGE=$(<"$RINGCHAT_RUN/base-image")
    export BASE_IMAGE
fi
if [ -e .run/build/network ]; then
    RINGCHAT_BUILD_NETWORK=$(<.run/build/network)
    export RINGCHAT_BUILD_NETWORK
fi

if docker compose version >/dev/null 2>&1; then
    exec docker compose "$@"
elif have docker-compose; then
    exec docker-compose "$@"
fi
die "neither 'docker compose' nor 'docker-compose' is installed"
