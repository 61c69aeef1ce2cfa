"""Where the replicas of a measurement run; another runtime is another `Runtime` here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.integration.cluster import LocalCluster

RUNTIMES = ("local",)


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
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise OSError("the kernel does not tell")

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


def runtime(name: str) -> Runtime:
    """The runtime of that name."""
    assert name in RUNTIMES
    return LocalRuntime()
