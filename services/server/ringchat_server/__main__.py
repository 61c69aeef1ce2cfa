"""The command `ringchat-server`: runs a replica, and the operator's small verbs.

Every option may come from the environment instead, as the help says.

Exit codes:
    0  all is well
    1  it could not do what was asked; the line says why
    2  wrong use or configuration
    3  the replica cannot start: a port in use, a folder not writable, another's journal
    4  the disk failed while running

One line on standard error says what happened; there is never a traceback.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import grpc

from ringchat_server import settings
from ringchat_server.settings import SettingsError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USE = 2
EXIT_CANNOT_START = 3
EXIT_DISK = 4

OVERRIDE_SECONDS_MAX = 30.0
HEALTH_SECONDS_MAX = 2.0

# An HTTP proxy of the environment is meant for the world, not for a replica's neighbours.
_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)


Command = Callable[[argparse.Namespace, Mapping[str, str]], int]
"""Takes the arguments and the environment, returns the exit code."""


class Failed(Exception):
    """A verb could not do what was asked; the text is one line for a person."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    environ = os.environ if environ is None else environ
    try:
        arguments = _parser(environ).parse_args(argv)
        run: Command = arguments.run
        exit_code = run(arguments, environ)
        sys.stdout.flush()  # here, where a reader that has gone is still our business
        return exit_code
    except SettingsError as error:
        return _complain(error, EXIT_USE)
    except Failed as error:
        return _complain(error, EXIT_FAILED)
    except KeyboardInterrupt:
        return 130  # as a shell counts a program ended by SIGINT
    except BrokenPipeError:
        # Who read our output has gone, as in `dump FILE | head`. Nothing may be flushed there
        # again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # a bug: whoever reads the log needs the place, on one line
        return _complain(f"a bug, {_place(error)}: {type(error).__name__}: {error}", EXIT_FAILED)


def program() -> NoReturn:
    """The program: `main`, and then the end of the process."""
    exit_code = main()
    if exit_code == EXIT_DISK:
        # The interpreter would wait for the journal's thread, and that one waits for the disk.
        logging.shutdown()
        os._exit(exit_code)
    sys.exit(exit_code)


def _place(error: Exception) -> str:
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(innermost.filename).name}:{innermost.lineno}"


def _complain(what: object, exit_code: int) -> int:
    line = " ".join(str(what).split())
    print(f"ringchat-server: {line}", file=sys.stderr)
    return exit_code


# --------------------------------------------------------------------- commands


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Runs the replica until SIGTERM."""
    chosen = settings.load_settings(
        arguments.cluster, arguments.id, arguments.data, arguments.key_file, arguments.listen_host
    )
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    import uvloop

    from ringchat_server import node

    try:
        return uvloop.run(node.serve(chosen))
    except node.StartError as error:
        return _complain(error, EXIT_CANNOT_START)


def _override(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Gives one replica the operator's word."""
    cluster = settings.load_cluster(arguments.cluster)
    settings.check_replica_id(cluster, arguments.id, arguments.cluster)
    key = settings.load_key(arguments.key_file).decode("ascii")
    peer = cluster.members[arguments.id].peer

    from ringchat_proto import replica_pb2, replica_pb2_grpc

    with grpc.insecure_channel(peer, options=_CHANNEL_OPTIONS) as channel:
        try:
            answer = replica_pb2_grpc.ReplicaStub(channel).Override(
                replica_pb2.OverrideRequest(),
                metadata=(("ringchat-cluster-key", key),),
                timeout=OVERRIDE_SECONDS_MAX,
            )
        except grpc.RpcError as error:
            raise Failed(f"replica {arguments.id} at {peer}: {_reason(error)}") from error
    if not answer.done:
        raise Failed(f"replica {arguments.id} refuses: {answer.explanation}")
    print(answer.explanation or "done")
    return EXIT_OK


def _health(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Asks the standard health service of a replica, at once or until it serves."""
    from grpc_health.v1 import health_pb2

    deadline = time.monotonic() + arguments.wait
    with grpc.insecure_channel(arguments.address, options=_CHANNEL_OPTIONS) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        while True:
            remaining_seconds = deadline - time.monotonic()
            try:
                answer = check(
                    health_pb2.HealthCheckRequest(),
                    timeout=max(HEALTH_SECONDS_MAX, remaining_seconds),
                    wait_for_ready=remaining_seconds > 0,
                )
                state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
            except grpc.RpcError as error:
                state = _reason(error)
            if state == "SERVING":
                print(state)
                return EXIT_OK
            if time.monotonic() >= deadline:
                raise Failed(f"{arguments.address}: {state}")
            time.sleep(0.1)  # between two questions to a replica that is there but not ready


def _reason(error: grpc.RpcError) -> str:
    return f"{error.code().name}: {error.details()}"


def _dump(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Prints a journal readably; damage in it is a line like any other."""
    from ringchat_server.journal import FolderDisk, describe

    file: Path = arguments.file
    try:
        for line in describe(FolderDisk(file.parent), file.name):
            print(line)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from error
    return EXIT_OK


def _write_cluster(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Writes cluster.yaml, and its form for programs outside, from the environment."""
    cluster = settings.cluster_from(environ)
    texts = {arguments.out: settings.cluster_text(cluster)}
    if arguments.published_out is not None:
        texts[arguments.published_out] = settings.published_text(cluster)
    for path, text in texts.items():
        written = settings.write_if_changed(path, text)
        print(f"{path}: {'written' if written else 'unchanged'}")
    return EXIT_OK


# -------------------------------------------------------------------- arguments


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, where argparse would print the usage as well."""
        self.exit(EXIT_USE, f"ringchat-server: {message} (see {self.prog} --help)\n")


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    assert __doc__ is not None
    summary, _, epilog = __doc__.partition("\n\n")
    parser = _Parser(
        prog="ringchat-server",
        description=summary,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    option = functools.partial(_add_option, environ)

    def command(name: str, run: Command, summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=run)
        return sub

    run = command("run", _run, "run a replica until SIGTERM")
    option(run, "--cluster", Path, "cluster.yaml")
    option(run, "--id", _replica_id, "which replica of it this is")
    option(run, "--data", Path, "folder that holds this replica's pickle file")
    option(run, "--key-file", Path, "file with the cluster key, mode 0600")
    option(run, "--listen-host", str, "bind here, not to the addresses of cluster.yaml", "")

    override = command(
        "override",
        _override,
        "the operator's word: go on without the replicas that are missing (availability only)",
    )
    option(override, "--cluster", Path, "cluster.yaml")
    option(override, "--id", _replica_id, "the replica that is to go on")
    option(override, "--key-file", Path, "file with the cluster key, mode 0600")

    health = command("health", _health, "ask a replica's health service; exit 0 if it serves")
    option(health, "--address", str, "its client port, host:port", "127.0.0.1:50051")
    option(health, "--wait", _seconds, "go on asking for so many seconds", "0")

    dump = command("dump", _dump, "print a journal readably, one line a record")
    dump.add_argument("file", metavar="FILE", type=Path, help="a replica's pickle file")

    write = command("write-cluster", _write_cluster, "write cluster.yaml from the environment")
    option(write, "--out", Path, "where to")
    option(write, "--published-out", Path, "and its form for programs outside the containers", "")
    return parser


def _add_option(
    environ: Mapping[str, str],
    parser: argparse.ArgumentParser,
    flag: str,
    kind: Callable[[str], object],
    summary: str,
    default: str | None = None,
) -> None:
    """An option that a RINGCHAT_ variable may give.

    Without a default it is required; the default "" stands for `None`.
    """
    name = flag.removeprefix("--").replace("-", "_").upper()
    given = environ.get(f"RINGCHAT_{name}") or default
    parser.add_argument(
        flag,
        type=kind,
        metavar=name,
        default=given or None,
        required=given is None,
        help=f"{summary} (RINGCHAT_{name})",
    )


def _replica_id(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a replica's id, a number from 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return seconds


if __name__ == "__main__":
    program()
