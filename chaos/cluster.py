"""A compose cluster for tests: its own project, ports, key and volumes beside the usual one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import grpc

from chaos.containers import Container, Replica
from ringchat_client import Client, Status
from ringchat_client.cluster_file import load_cluster
from ringchat_proto import chat_pb2, chat_pb2_grpc

ROOT = Path(__file__).resolve().parent.parent
COMPOSE_FILES = (ROOT / "docker-compose.yml", ROOT / "chaos/small-volume.yml")
SMALL_VOLUME_OF = 2
"""The replica whose volume can be filled, if the cluster has a small one."""
UP_SECONDS_MAX = 600.0
WAIT_SECONDS_MAX = 30.0
HEAL_SECONDS_MAX = 120.0
"""Not a promise: a replica that is rebuilt on a busy machine takes its time."""
STATUS_TIMEOUT_SECONDS = 0.5
POLL_SECONDS = 0.05

_numbers = itertools.count()


class DockerCluster:
    """Three replicas in containers, made and removed by the project's own scripts."""

    def __init__(
        self, folder: Path, prefer: str = "availability", *, small_volume: bool = False
    ) -> None:
        """
        Args:
            folder: an empty one, for the key, cluster.yaml and the logs.
            small_volume: replica 2 has a volume that can be filled.
        """
        self.folder = folder
        self.prefer = prefer
        self.project = f"ringchat-test-{os.getpid()}-{next(_numbers)}"
        self._environment = {
            **os.environ,
            "RUNTIME": "docker",
            "RINGCHAT_RUN": str(folder),
            "RINGCHAT_PROJECT": self.project,
            "RINGCHAT_PORT_BASE": str(_three_free_ports()),
            "RINGCHAT_PREFER": prefer,
        }
        if small_volume:
            self._environment["COMPOSE_FILE"] = ":".join(map(str, COMPOSE_FILES))
        self.engine: Any = docker.from_env()
        # A client each: things are done to several at the same time, and it is not promised
        # that one client bears that.
        self.replicas = [Replica(docker.from_env(), self.project, number) for number in range(3)]
        self.people: list[Container] = []
        """The containers of clients, for whoever puts them there."""

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
        """Starts, resumes, reconnects and repairs whatever is not as it should be.

        Raises:
            TimeoutError: if a replica whose journal was damaged is not rebuilt in time.
        """
        for replica in self.replicas:
            container = replica.container
            if replica.is_full:
                replica.empty()
            if container.status == "paused":
                replica.resume()
            elif container.status != "running":
                replica.start()
            if not replica.container.attrs["NetworkSettings"]["Networks"]:
                replica.reconnect()
        for one in (*self.replicas, *self.people):
            one.straighten()
        if any(replica.is_damaged for replica in self.replicas):
            asyncio.run(self._rebuilt())
            for replica in self.replicas:
                if replica.is_damaged:
                    replica.forget_damage()

    async def _rebuilt(self) -> None:
        async with Client(cluster=self.cluster_file) as client:
            await self.in_sync(client, HEAL_SECONDS_MAX)

    def master(self, seconds: float, other_than: int = -1) -> int | None:
        """The replica that serves as the master; None if in that time there is no other.

        This only asks; some client has to be there to appoint one.
        """
        deadline = time.monotonic() + seconds
        with contextlib.ExitStack() as channels:
            stubs = [
                chat_pb2_grpc.ChatStub(channels.enter_context(grpc.insecure_channel(address)))
                for address in load_cluster(self.cluster_file).addresses
            ]
            while True:
                answers = [answer for stub in stubs if (answer := _heartbeat(stub)) is not None]
                serving = [answer for answer in answers if answer.serving]
                newest = max(serving, key=lambda answer: answer.view, default=None)
                if newest is not None and newest.master_id != other_than:
                    return newest.master_id
                if time.monotonic() > deadline:
                    return None
                time.sleep(POLL_SECONDS)

    async def settled(self, client: Client, seconds: float = WAIT_SECONDS_MAX) -> Status:
        """Waits until all replicas are in sync and alike; returns how they stand then.

        While others go on writing they may be alike at no moment: see `in_sync`.

        Raises:
            TimeoutError: if that does not come.
        """
        return await _wait(client, alike, seconds)

    async def in_sync(self, client: Client, seconds: float = WAIT_SECONDS_MAX) -> Status:
        """Waits until all replicas are in sync in one view; returns how they stand then.

        Raises:
            TimeoutError: if that does not come.
        """
        return await _wait(client, together, seconds)


class Ends:
    """(container, exit code) of each process of a replica that ends while this follows them.

    It has to listen all the time: the engine remembers no more than 256 events, of which its
    health checks alone make some in each second.
    """

    def __init__(self, cluster: DockerCluster) -> None:
        self.found: list[tuple[str, int]] = []
        self.unheard: list[str] = []
        """Why it did not listen all the time, a line each; none if it did."""
        self._engine = cluster.engine
        self._names = [replica.name for replica in cluster.replicas]
        self._is_over = False

    def __enter__(self) -> Ends:
        filters = {"type": "container", "event": "die", "container": self._names}
        self._stream = self._engine.events(decode=True, filters=filters)
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._is_over = True
        self._stream.close()
        self._reader.join(WAIT_SECONDS_MAX)
        if self._reader.is_alive():
            self.unheard.append("the engine's events were not read to their end")

    def _follow(self) -> None:
        why = "they ended"
        try:
            for event in self._stream:
                attributes = event["Actor"]["Attributes"]
                self.found.append((attributes["name"], int(attributes["exitCode"])))
        except Exception as error:  # whatever it is: who does not listen finds nothing
            why = f"{type(error).__name__}: {error}"
        if not self._is_over:
            self.unheard.append(f"the engine's events were not heard to the end: {why}")


async def _wait(client: Client, good: Callable[[Status], bool], seconds: float) -> Status:
    deadline = time.monotonic() + seconds
    while True:
        status = await client.status()
        if good(status):
            return status
        if time.monotonic() > deadline:
            raise TimeoutError(f"the replicas do not settle: {status}")
        await asyncio.sleep(POLL_SECONDS)


def together(status: Status) -> bool:
    """Every replica is in sync, in the same view."""
    first = status.replicas[0]
    return all(replica.in_sync and replica.view == first.view for replica in status.replicas)


def alike(status: Status) -> bool:
    """They are so, at the same entry, in the same state."""
    first = status.replicas[0]
    return together(status) and all(
        replica.commit_index == first.commit_index and replica.state_hash == first.state_hash
        for replica in status.replicas
    )


def _heartbeat(stub: chat_pb2_grpc.ChatStub) -> chat_pb2.SendHeartbeatResponse | None:
    try:
        return stub.SendHeartbeat(chat_pb2.SendHeartbeatRequest(), timeout=STATUS_TIMEOUT_SECONDS)
    except grpc.RpcError:
        return None


def _three_free_ports() -> int:
    """The first of three neighbouring ports that nobody listens on, and no connection is given."""
    for first in range(20_000 + os.getpid() % 1_000 * 3, 32_000, 3):
        try:
            for port in range(first, first + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no three neighbouring ports are free")
