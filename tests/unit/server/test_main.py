"""The command: what each verb does, its exit code, and one line on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from types import ModuleType

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ringchat_proto import replica_pb2, replica_pb2_grpc
from ringchat_server import __main__, settings
from ringchat_server.journal import FolderDisk, Journal
from ringchat_server.records import Meta
from ringchat_server.settings import Settings

KEY = "0123456789abcdef0123456789abcdef"
Run = Callable[..., tuple[int, str, str]]


class StartError(Exception):
    """Stands for that of the node."""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; gives its exit code, standard output and standard error."""

    def call(*argv: object, **environ: str) -> tuple[int, str, str]:
        try:
            exit_code = __main__.main([str(word) for word in argv], environ)
        except SystemExit as leaving:  # argparse leaves so
            assert isinstance(leaving.code, int)
            exit_code = leaving.code
        output = capsys.readouterr()
        return exit_code, output.out, output.err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With cluster.yaml and cluster.key, both good."""
    cluster = settings.cluster_from({"RINGCHAT_HOST": "127.0.0.1", "RINGCHAT_REPLICAS": "1"})
    (tmp_path / "cluster.yaml").write_text(settings.cluster_text(cluster))
    key_file = tmp_path / "cluster.key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    return tmp_path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """A node in place of the real one: it only remembers what it was told to serve."""
    seen: list[Settings] = []

    async def serve(chosen: Settings) -> int:
        seen.append(chosen)
        if chosen.listen_host == "192.0.2.1":
            raise StartError("port 50051 is in use")
        if chosen.listen_host == "192.0.2.2":
            raise ZeroDivisionError("division\nby zero")
        return 4 if chosen.listen_host == "192.0.2.4" else 0

    node = ModuleType("ringchat_server.node")
    vars(node).update(serve=serve, StartError=StartError)
    monkeypatch.setitem(sys.modules, "ringchat_server.node", node)
    monkeypatch.setattr("ringchat_server.node", node, raising=False)
    return seen


def replica(folder: Path, **changed: object) -> list[object]:
    """The arguments of `run`, some of them changed."""
    options: dict[str, object] = {
        "cluster": folder / "cluster.yaml",
        "id": 0,
        "data": folder / "data",
        "key-file": folder / "cluster.key",
    }
    options |= {name.replace("_", "-"): value for name, value in changed.items()}
    return ["run", *(word for name, value in options.items() for word in (f"--{name}", value))]


def override(folder: Path) -> list[object]:
    files = ["--cluster", folder / "cluster.yaml", "--key-file", folder / "cluster.key"]
    return ["override", "--id", 0, *files]


class TestRun:
    def test_it_serves_what_it_was_told(
        self, run: Run, folder: Path, served: list[Settings]
    ) -> None:
        assert run(*replica(folder, listen_host="0.0.0.0")) == (0, "", "")
        assert served[0].cluster.members[0].client == "127.0.0.1:50051"
        assert served[0].data_folder == folder / "data"
        assert served[0].cluster_key == KEY.encode()
        assert served[0].listen_host == "0.0.0.0"

    def test_all_of_it_from_the_environment(
        self, run: Run, folder: Path, served: list[Settings]
    ) -> None:
        environ = {
            "RINGCHAT_CLUSTER": str(folder / "cluster.yaml"),
            "RINGCHAT_ID": "0",
            "RINGCHAT_DATA": str(folder),
            "RINGCHAT_KEY_FILE": str(folder / "cluster.key"),
            "RINGCHAT_LISTEN_HOST": "",
        }
        assert run("run", **environ) == (0, "", "")
        assert served[0].listen_host is None

    def test_an_argument_beats_the_environment(
        self, run: Run, folder: Path, served: list[Settings]
    ) -> None:
        assert run(*replica(folder), RINGCHAT_ID="7")[0] == 0
        assert served[0].replica_id == 0

    @pytest.mark.parametrize(
        ("changed", "line"),
        [
            ({"cluster": "/missing.yaml"}, "/missing.yaml: cannot be read: No such file"),
            ({"id": 1}, "there is no replica 1; the ids are 0 to 0"),
            ({"id": "one"}, "argument --id: 'one' is not a replica's id"),
            ({"id": "-1"}, "argument --id: '-1' is not a replica's id"),
            ({"id": "\u0663"}, "is not a replica's id"),
            ({"key_file": "/missing.key"}, "/missing.key: no cluster key: No such file"),
            ({"listen_host": "a b"}, "the host to listen on, 'a b', is not a host name"),
        ],
    )
    def test_a_wrong_configuration(
        self, run: Run, folder: Path, served: list[Settings], changed: dict[str, object], line: str
    ) -> None:
        exit_code, _, said = run(*replica(folder, **changed))
        assert exit_code == 2
        assert said.startswith("ringchat-server: ")
        assert line in said
        assert said.count("\n") == 1
        assert not served

    def test_a_malformed_cluster_file_is_told_with_its_line(
        self, run: Run, folder: Path, served: list[Settings]
    ) -> None:
        (folder / "cluster.yaml").write_text("prefer: availability\nreplicas: [\n")
        exit_code, _, said = run(*replica(folder))
        assert exit_code == 2
        assert "cluster.yaml:3: not valid YAML" in said
        assert said.count("\n") == 1

    def test_a_key_that_others_may_read(
        self, run: Run, folder: Path, served: list[Settings]
    ) -> None:
        (folder / "cluster.key").chmod(0o644)
        exit_code, _, said = run(*replica(folder))
        assert (exit_code, "chmod 600" in said) == (2, True)

    def test_it_cannot_start(self, run: Run, folder: Path, served: list[Settings]) -> None:
        exit_code, _, said = run(*replica(folder, listen_host="192.0.2.1"))
        assert (exit_code, said) == (3, "ringchat-server: port 50051 is in use\n")

    def test_the_disk_failed(self, run: Run, folder: Path, served: list[Settings]) -> None:
        assert run(*replica(folder, listen_host="192.0.2.4"))[0] == 4

    def test_a_bug_is_one_line_with_its_place(
        self, run: Run, folder: Path, served: list[Settings]
    ) -> None:
        exit_code, _, said = run(*replica(folder, listen_host="192.0.2.2"))
        assert exit_code == 1
        assert "test_main.py:" in said
        assert said.endswith("ZeroDivisionError: division by zero\n")
        assert said.count("\n") == 1


class TestWrongUse:
    @pytest.mark.parametrize(
        ("argv", "line"),
        [
            ([], "required: COMMAND"),
            (["fly"], "invalid choice: 'fly'"),
            (["run"], "required: --cluster, --id, --data, --key-file"),
            (["override", "--id", "1"], "required: --cluster, --key-file"),
            (["dump"], "required: FILE"),
            (["write-cluster"], "required: --out"),
            (["health", "--wait", "soon"], "'soon' is not a number of seconds"),
            (["health", "--wait", "nan"], "'nan' is not a number of seconds"),
        ],
    )
    def test_it_is_told_in_one_line(self, run: Run, argv: list[str], line: str) -> None:
        exit_code, _, said = run(*argv)
        assert exit_code == 2
        assert line in said
        assert said.count("\n") == 1

    def test_help_lists_the_exit_codes(self, run: Run) -> None:
        exit_code, said, _ = run("--help")
        assert exit_code == 0
        assert "the disk failed while running" in said


class TestWriteCluster:
    def test_both_files(self, run: Run, tmp_path: Path) -> None:
        argv = ["write-cluster", "--out", tmp_path / "c", "--published-out", tmp_path / "p"]
        exit_code, said, _ = run(*argv, RINGCHAT_PUBLISHED_PORTS="1,2,3")
        assert (exit_code, said.count("written")) == (0, 2)
        assert len(settings.load_cluster(tmp_path / "c").members) == 3
        assert "127.0.0.1:3" in (tmp_path / "p").read_text()
        exit_code, said, _ = run(*argv, RINGCHAT_PUBLISHED_PORTS="1,2,3")
        assert (exit_code, said.count("unchanged")) == (0, 2)

    def test_a_bad_variable_writes_nothing(self, run: Run, tmp_path: Path) -> None:
        exit_code, _, said = run("write-cluster", "--out", tmp_path / "c", RINGCHAT_PREFER="speed")
        assert (exit_code, said.count("\n")) == (2, 1)
        assert not list(tmp_path.iterdir())

    def test_nothing_published_writes_nothing(self, run: Run, tmp_path: Path) -> None:
        argv = ["write-cluster", "--out", tmp_path / "c", "--published-out", tmp_path / "p"]
        assert run(*argv)[0] == 2
        assert not list(tmp_path.iterdir())


class TestDump:
    def test_a_journal(self, run: Run, tmp_path: Path) -> None:
        journal, _ = Journal.open(FolderDisk(tmp_path), 0)
        journal.write([Meta(promised=7)], 0)
        journal.close()
        exit_code, said, _ = run("dump", tmp_path / "replica-0.pickle")
        assert exit_code == 0
        assert "journal of replica 0" in said
        assert "promised 7" in said

    def test_a_missing_file(self, run: Run, tmp_path: Path) -> None:
        exit_code, _, said = run("dump", tmp_path / "replica-0.pickle")
        assert exit_code == 1
        assert said.endswith("replica-0.pickle: No such file or directory\n")

    def test_not_a_journal(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello " * 100)
        exit_code, said, _ = run("dump", tmp_path / "notes.txt")
        assert exit_code == 0
        assert said.startswith("byte 0: no frame can be read here")


class _Replica(replica_pb2_grpc.ReplicaServicer):
    def __init__(self) -> None:
        self.done = True

    def Link(  # noqa: N802
        self, request_iterator: object, context: grpc.ServicerContext
    ) -> Iterator[replica_pb2.LinkMessage]:
        raise AssertionError("nobody links to it")

    def Override(  # noqa: N802
        self, request: replica_pb2.OverrideRequest, context: grpc.ServicerContext
    ) -> replica_pb2.OverrideResponse:
        if ("ringchat-cluster-key", KEY) not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong cluster key")
        return replica_pb2.OverrideResponse(done=self.done, explanation="what happened")


@pytest.fixture
def server() -> Iterator[tuple[int, _Replica, health.HealthServicer]]:
    """A real gRPC server: its port, and the services on it."""
    grpc_server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    servicer, health_servicer = _Replica(), health.HealthServicer()
    replica_pb2_grpc.add_ReplicaServicer_to_server(servicer, grpc_server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    yield port, servicer, health_servicer
    grpc_server.stop(None).wait()


class TestOverride:
    @pytest.fixture
    def argv(self, folder: Path, server: tuple[int, _Replica, object]) -> list[object]:
        text = (folder / "cluster.yaml").read_text()
        (folder / "cluster.yaml").write_text(text.replace("50052", str(server[0])))
        return override(folder)

    def test_done(self, run: Run, argv: list[object]) -> None:
        assert run(*argv) == (0, "what happened\n", "")

    def test_refused(
        self, run: Run, argv: list[object], server: tuple[int, _Replica, object]
    ) -> None:
        server[1].done = False
        assert run(*argv) == (1, "", "ringchat-server: replica 0 refuses: what happened\n")

    def test_another_key(self, run: Run, argv: list[object], folder: Path) -> None:
        (folder / "cluster.key").write_text(KEY[::-1])
        exit_code, _, said = run(*argv)
        assert exit_code == 1
        assert said.endswith("UNAUTHENTICATED: wrong cluster key\n")
        assert KEY[::-1] not in said

    def test_nobody_there(self, run: Run, folder: Path) -> None:
        text = (folder / "cluster.yaml").read_text()
        (folder / "cluster.yaml").write_text(text.replace("50052", "1"))
        exit_code, _, said = run(*override(folder))
        assert exit_code == 1
        assert "replica 0 at 127.0.0.1:1: UNAVAILABLE" in said
        assert said.count("\n") == 1


class TestHealth:
    def test_it_serves(self, run: Run, server: tuple[int, _Replica, health.HealthServicer]) -> None:
        server[2].set("", health_pb2.HealthCheckResponse.SERVING)
        assert run("health", "--address", f"127.0.0.1:{server[0]}") == (0, "SERVING\n", "")

    def test_it_does_not_serve(
        self, run: Run, server: tuple[int, _Replica, health.HealthServicer]
    ) -> None:
        server[2].set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        exit_code, _, said = run("health", RINGCHAT_ADDRESS=f"127.0.0.1:{server[0]}")
        assert (exit_code, said.count("\n")) == (1, 1)
        assert said.endswith("NOT_SERVING\n")

    def test_nobody_there(self, run: Run) -> None:
        exit_code, _, said = run("health", "--address", "127.0.0.1:1")
        assert exit_code == 1
        assert "UNAVAILABLE" in said

    def test_waiting_for_one_that_is_late(
        self,
        run: Run,
        server: tuple[int, _Replica, health.HealthServicer],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        server[2].set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        naps: list[float] = []

        def nap(seconds: float) -> None:
            naps.append(seconds)
            server[2].set("", health_pb2.HealthCheckResponse.SERVING)

        monkeypatch.setattr("time.sleep", nap)
        argv = ["health", "--address", f"127.0.0.1:{server[0]}", "--wait", 30]
        assert run(*argv) == (0, "SERVING\n", "")
        assert len(naps) == 1
