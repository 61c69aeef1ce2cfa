"""Where the replicas of a measurement run; another runtime is another `Runtime` here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from chaos.cluster import DockerCluster
from tests.integration.cluster import LocalCluster

RUNTIMES = ("local", "docker")


class Runtime(Protocol):
    """Replicas of one cluster that can be killed."""

    @property
    def cluster_file(self) -> Path:
        """cluster.yaml with addresses that can be reached from here."""
        ...

    def kill(self, replica_id: int) -> None:
        """`kill -9`: the signal is sent when this returns."""
        ...

    def start(self, replica_id: int) -> None:
        """Starts a replica that was killed."""
        ...

    def memory_bytes(self, replica_id: int) -> int:
        """What the replica has in memory (resident set)."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class LocalRuntime:
    """Processes of this machine, in a folder that goes with them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ringchat-bench-")
        self._cluster = LocalCluster(Path(self._folder.name))

    @property
    def cluster_file(self) -> Path:
        """cluster.yaml with addresses that can be reached from here."""
        return self._cluster.file

    def kill(self, replica_id: int) -> None:
        """`kill -9`: the signal is sent when this returns."""
        process = self._cluster.replicas[replica_id].popen
        assert process is not None
        process.kill()

    def start(self, replica_id: int) -> None:
        """Starts a replica that was killed."""
        process = self._cluster.replicas[replica_id].popen
        assert process is not None
        process.wait()
        self._cluster.start(replica_id)

    def memory_bytes(self, replica_id: int) -> int:
        """What the replica has in memory (resident set)."""
        process = self._cluster.replicas[replica_id].popen
        assert process is not None
        return _resident_bytes(Path(f"/proc/{process.pid}/status").read_text())

    def __enter__(self) -> Self:
        self._cluster.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cluster.close()
        self._folder.cleanup()


class DockerRuntime:
    """Containers of a compose cluster of their own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ringchat-bench-")
        self._cluster = DockerCluster(Path(self._folder.name))

    @property
    def cluster_file(self) -> Path:
        """cluster.yaml with addresses that can be reached from here."""
        return self._cluster.cluster_file

    def kill(self, replica_id: int) -> None:
        """`docker kill`."""
        self._cluster.replicas[replica_id].kill()

    def start(self, replica_id: int) -> None:
        """Starts a replica that was killed."""
        self._cluster.replicas[replica_id].start()

    def memory_bytes(self, replica_id: int) -> int:
        """What the replica has in memory (resident set)."""
        return _resident_bytes(self._cluster.replicas[replica_id].run("cat", "/proc/1/status"))

    def __enter__(self) -> Self:
        self._cluster.make("up")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cluster.make("clean", YES="1")
        self._folder.cleanup()


def _resident_bytes(status: str) -> int:
    """VmRSS of the text of `/proc/PID/status`."""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("the kernel does not tell")


def runtime(name: str) -> Runtime:
    """The runtime of that name."""
    return DockerRuntime() if name == "docker" else LocalRuntime()
