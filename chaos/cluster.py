"""A compose cluster for tests: its own project, ports, key and volumes beside the usual one."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import docker

from chaos.faults import Replica
from ringchat_client import Client, Status

ROOT = Path(__file__).resolve().parent.parent
UP_SECONDS_MAX = 600.0
WAIT_SECONDS_MAX = 30.0


class DockerCluster:
    """Three replicas in containers, made and removed by the project's own scripts."""

    def __init__(self, folder: Path, prefer: str = "availability") -> None:
        """
        Args:
            folder: an empty one, for the key, cluster.yaml and the logs.
        """
        self.folder = folder
        self.project = f"ringchat-test-{os.getpid()}"
        self._environment = {
            **os.environ,
            "RUNTIME": "docker",
            "RINGCHAT_RUN": str(folder),
            "RINGCHAT_PROJECT": self.project,
            "RINGCHAT_PORT_BASE": str(_three_free_ports()),
            "RINGCHAT_PREFER": prefer,
        }
        self.engine: Any = docker.from_env()
        self.replicas = [Replica(self.engine, self.project, number) for number in range(3)]

    @property
    def cluster_file(self) -> Path:
        """cluster.yaml with the published ports, for programs on this host."""
        return self.folder / "cluster.published.yaml"

    def make(self, verb: str, **variables: str) -> str:
        """Runs `make VERB` for this cluster; returns what it prints.

        Raises:
            RuntimeError: if it fails.
        """
        done = subprocess.run(
            ["make", "-C", str(ROOT), verb],
            env={**self._environment, **variables},
            capture_output=True,
            text=True,
            timeout=UP_SECONDS_MAX,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise RuntimeError(f"make {verb} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def client(self, *arguments: str, **popen: Any) -> subprocess.Popen[str]:
        """Starts `ringchat ARGUMENTS` in a client container of its own."""
        return subprocess.Popen(
            [str(ROOT / "deploy/compose.sh"), "run", "--rm", "-T", "client", *arguments],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            **popen,
        )

    def heal(self) -> None:
        """Starts, resumes and reconnects whatever is not as it should be."""
        for replica in self.replicas:
            container = replica.container
            if container.status == "paused":
                replica.resume()
            elif container.status != "running":
                replica.start()
            if not replica.container.attrs["NetworkSettings"]["Networks"]:
                replica.reconnect()

    async def settled(self, client: Client, seconds: float = WAIT_SECONDS_MAX) -> Status:
        """Waits until all replicas are in sync and alike; returns how they stand then.

        Raises:
            TimeoutError: if that does not come.
        """
        deadline = time.monotonic() + seconds
        while True:
            status = await client.status()
            if alike(status):
                return status
            if time.monotonic() > deadline:
                raise TimeoutError(f"the replicas do not settle: {status}")
            await asyncio.sleep(0.05)


def alike(status: Status) -> bool:
    """Every replica is in sync, in the same view, at the same entry, in the same state."""
    first = status.replicas[0]
    return all(
        replica.in_sync
        and replica.view == first.view
        and replica.commit_index == first.commit_index
        and replica.state_hash == first.state_hash
        for replica in status.replicas
    )


def _three_free_ports() -> int:
    """The first of three neighbouring ports that nobody listens on."""
    for first in range(52_000 + os.getpid() % 1_000 * 3, 60_000, 3):
        try:
            for port in range(first, first + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no three neighbouring ports are free")
