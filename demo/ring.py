"""A cluster of the demo's own, in containers or as processes: its masters are to be killed."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from chaos.cluster import DockerCluster
from tests.integration.cluster import LocalCluster


class Ring(Protocol):
    """Three replicas, as far as the demo cares."""

    cluster_file: Path

    def kill(self, replica_id: int) -> None:
        """Ends it at once, as a power cut does."""
        ...

    def start(self, replica_id: int) -> None:
        """Starts it again."""
        ...

    def close(self) -> None:
        """Removes all of it."""
        ...


class Containers:
    """In containers, made by the project's own scripts."""

    def __init__(self, folder: Path) -> None:
        self._cluster = DockerCluster(folder)
        self._cluster.make("up")
        self.cluster_file = self._cluster.cluster_file

    def kill(self, replica_id: int) -> None:
        """`docker kill`."""
        self._cluster.replicas[replica_id].kill()

    def start(self, replica_id: int) -> None:
        """`docker start`."""
        self._cluster.replicas[replica_id].start()

    def close(self) -> None:
        """Containers, network and volumes."""
        self._cluster.make("clean", YES="1")


class Processes:
    """As processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self._cluster = LocalCluster(folder)
        self._cluster.start()
        self.cluster_file = self._cluster.file

    def kill(self, replica_id: int) -> None:
        """`kill -9`."""
        self._cluster.kill(replica_id)

    def start(self, replica_id: int) -> None:
        """Starts its process again."""
        self._cluster.start(replica_id)

    def close(self) -> None:
        """Ends them."""
        self._cluster.close()
