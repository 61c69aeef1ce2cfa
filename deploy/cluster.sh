#!/usr/bin/env bash
# The cluster of this folder: up, down, clean, status, logs, chat NAME, web. The Makefile
# calls it.
#
# RUNTIME is `docker`, `local` (processes of this machine) or `auto`: the one used here before,
# for that has the data; the first time Docker, if there is an engine.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/common.sh

verb=${1:-}
wanted=${RUNTIME:-auto}
before=
[ ! -e "$RINGCHAT_RUN/runtime" ] || before=$(<"$RINGCHAT_RUN/runtime")
is_up() { [ -e "$RINGCHAT_RUN/up" ]; }

case $wanted in
    docker | local) runtime=$wanted ;;
    auto)
        if [ -n "$before" ]; then
            runtime=$before
        elif have_engine; then
            runtime=docker
        else
            runtime=local
        fi
        ;;
    *) die "RUNTIME is docker, local or auto, not '$wanted'" ;;
esac
if [ "$runtime" = docker ] && ! have_engine; then
    die "no Docker engine answers (docker info); RUNTIME=local runs the replicas as processes"
fi

in_runtime() {
    if [ "$runtime" = docker ]; then
        deploy/docker.sh "$@"
        return
    fi
    deploy/venv.sh runtime
    export RINGCHAT_CLUSTER=$RINGCHAT_RUN/cluster.published.yaml
    export PATH=$PWD/.venv/bin:$PATH
    case $1 in
        up)
            python deploy/local.py up
            sh -c "$FIRST_QUESTION; ringchat status"
            ;;
        down) python deploy/local.py down ;;
        status) ringchat status ;;
        logs) tail -n 100 -F "$RINGCHAT_RUN"/*.log ;;
        web) python deploy/local.py web ;;
        chat) ringchat chat ${PLAIN:+--plain} "$2" ;;
    esac
}

must_be_up() {
    is_up || die "the cluster is not up: make up"
    [ "$before" = "$runtime" ] || die "the cluster is up in the runtime '$before'"
}

case $verb in
    up)
        if [ -n "$before" ] && [ "$before" != "$runtime" ]; then
            ! is_up || die "the cluster is up in the runtime '$before' already: make down first"
            say "another runtime than before: its data stays, for RUNTIME=$before"
        fi
        ensure_key
        write_down_choices
        if [ "$runtime" = local ] && [ "$wanted" = auto ] && ! have_engine; then
            say "no Docker engine: the three replicas run as processes of this machine"
        fi
        printf '%s\n' "$runtime" >"$RINGCHAT_RUN/runtime"
        : >"$RINGCHAT_RUN/up"
        table=$RINGCHAT_RUN/table
        in_runtime up | tee "$table"
        master=$(awk '$3 == "master" { print $1 }' "$table")
        say ''
        say 'Try next, each in a terminal of its own:'
        say '  make chat NAME=ann'
        say '  make chat NAME=bob'
        say '  make web     # the same in a browser'
        end="kill -9 \$(cat ${RINGCHAT_RUN#"$PWD"/}/replica-$master.pid)"
        if [ "$runtime" = docker ]; then
            end="docker kill ${RINGCHAT_PROJECT:-ringchat}-replica-$master"
        fi
        [ -z "$master" ] || say "  $end    # the chat goes on; make up brings it back"
        ;;
    down)
        is_up || { say 'the cluster is not up'; exit; }
        must_be_up
        in_runtime down
        rm -f "$RINGCHAT_RUN/up"
        say 'down; the data stays: make up brings everything back'
        ;;
    clean)
        if [ ! -e "$RINGCHAT_RUN/cluster.key" ]; then
            say 'there is nothing to delete'
            exit
        fi
        if [ "${YES:-}" != 1 ]; then
            question='Delete all accounts, messages and keys of this cluster? [y/N] '
            read -r -p "$question" answer || answer=
            case $answer in
                y | Y | yes) ;;
                *) say 'nothing deleted'; exit 1 ;;
            esac
        fi
        # Either runtime may have left its data here.
        if [ -e "$RINGCHAT_RUN/base-image" ]; then
            have_engine || die 'the volumes are with a Docker engine that does not answer'
            deploy/docker.sh clean
        fi
        if [ -x .venv/bin/python ]; then
            .venv/bin/python deploy/local.py down
        fi
        # The reports of `make chaos` are of other clusters.
        find "$RINGCHAT_RUN" -mindepth 1 -maxdepth 1 ! -name 'chaos-*' -exec rm -rf {} +
        [ -n "$(ls -A "$RINGCHAT_RUN")" ] || rmdir "$RINGCHAT_RUN"
        say 'deleted'
        ;;
    status | logs)
        must_be_up
        in_runtime "$verb"
        ;;
    chat)
        [ -n "${2:-}" ] || die 'who? make chat NAME=ann'
        must_be_up
        in_runtime chat "$2"
        ;;
    web)
        must_be_up
        in_runtime web
        ;;
    *) die "up, down, clean, status, logs, chat NAME or web; not '$verb'" ;;
esac
