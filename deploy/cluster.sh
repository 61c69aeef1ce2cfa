#!/usr/bin/env bash
# The cluster of this folder: up, down, clean, status, logs, chat NAME. The Makefile calls it.
#
# RUNTIME is `docker`, `local` (processes of this machine) or `auto`: whichever is up already,
# else Docker if there is an engine.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/common.sh

verb=${1:-}
wanted=${RUNTIME:-auto}
up_already=
[ ! -e "$RINGCHAT_RUN/runtime" ] || up_already=$(<"$RINGCHAT_RUN/runtime")

case $wanted in
    docker | local) runtime=$wanted ;;
    auto)
        if [ -n "$up_already" ]; then
            runtime=$up_already
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
        logs) tail -n 100 -F "$RINGCHAT_RUN"/replica-*.log ;;
        chat) ringchat chat "$2" ;;
    esac
}

must_be_up() {
    [ "$up_already" = "$runtime" ] || die "the cluster is not up: make up"
}

case $verb in
    up)
        if [ -n "$up_already" ] && [ "$up_already" != "$runtime" ]; then
            die "the cluster is up in the runtime '$up_already' already: make down first"
        fi
        ensure_key
        write_down_choices
        if [ "$runtime" = local ] && [ "$wanted" = auto ] && [ -z "$up_already" ]; then
            say "no Docker engine: the three replicas run as processes of this machine"
        fi
        printf '%s\n' "$runtime" >"$RINGCHAT_RUN/runtime"
        table=$RINGCHAT_RUN/table
        in_runtime up | tee "$table"
        master=$(awk '$3 == "master" { print $1 }' "$table")
        say ''
        say 'Try next, each in a terminal of its own:'
        say '  make chat NAME=ann'
        say '  make chat NAME=bob'
        if [ -z "$master" ]; then
            :
        elif [ "$runtime" = docker ]; then
            say "  docker kill ${RINGCHAT_PROJECT:-ringchat}-replica-$master    # the chat goes on; make up brings it back"
        else
            say "  kill -9 \$(cat ${RINGCHAT_RUN#"$PWD"/}/replica-$master.pid)    # the chat goes on; make up brings it back"
        fi
        ;;
    down)
        [ -n "$up_already" ] || [ "$wanted" != auto ] || { say 'the cluster is not up'; exit; }
        in_runtime down
        rm -f "$RINGCHAT_RUN/runtime"
        say 'down; the data stays: make up brings everything back'
        ;;
    clean)
        if [ ! -e "$RINGCHAT_RUN/cluster.key" ]; then
            say 'there is nothing to delete'
            exit
        fi
        if [ "${YES:-}" != 1 ]; then
            read -r -p 'Delete all accounts, messages and keys of this cluster? [y/N] ' answer || answer=
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
        rm -rf "$RINGCHAT_RUN"
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
    *) die "up, down, clean, status, logs or chat NAME; not '$verb'" ;;
esac
