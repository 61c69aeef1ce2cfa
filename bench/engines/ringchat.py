"""Ringchat itself, measured like the others: as processes here, or in containers."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time
from abc import abstractmethod
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Self

import docker
import docker.errors

from bench.engines.nodes import ENDS, WAIT_SECONDS, InFolder, Usage, disk_bytes, memory_bytes
from chaos.cluster import DockerCluster
from ringchat_client import Client
from tests.integration.cluster import LocalCluster, NotInTime

ACCOUNT = "sender"
PASSWORD = "bench"
RECEIVER = "receiver"
CALLS_AT_ONCE = 32
"""While accounts are made: more passwords at once are refused."""
TIMEOUT_SECONDS = 120.0
POLL_SECONDS = 0.01
# Passwords are hashed with all effort in the product; here a thousand accounts are made.
CHEAP_PASSWORDS = """\
import argon2
from ringchat_server.transport import secrets
secrets.PasswordHasher = lambda **_: argon2.PasswordHasher(1, 8, 1)
"""


class RingchatWriter:
    """One client of the SDK; its messages stay stored, as the peers' values do."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def write(self, value: bytes) -> None:
        """Sends a message."""
        await self._client.send_message(RECEIVER, value.decode(), timeout=TIMEOUT_SECONDS)

    async def write_many(self, values: Iterable[bytes], in_flight: int) -> None:
        """Sends each by so many calls at the same time."""
        ahead = iter(values)

        async def lane() -> None:
            for value in ahead:
                await self.write(value)

        async with asyncio.TaskGroup() as lanes:
            for _ in range(in_flight):
                lanes.create_task(lane())

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.close()


class Ringchat(InFolder):
    """Three replicas; what is the same for processes and containers."""

    name = "ringchat"
    durability = "synced (fsync) in the journal of every replica that is in sync, 3 of 3"
    tool_durability = ""

    def __init__(self) -> None:
        super().__init__()
        self._token = ""
        self._ending: set[int] = set()
        """Replicas that were told to end."""

    @property
    def version(self) -> str:
        """Of the package."""
        return version("ringchat-server")

    @property
    @abstractmethod
    def cluster_file(self) -> Path:
        """cluster.yaml with addresses that can be reached from here."""

    @abstractmethod
    def handle(self, replica_id: int) -> int:
        """What `kill` knows a replica by."""

    @abstractmethod
    def wait_for_dead(self) -> None:
        """Returns when those that were told to end have ended."""

    @abstractmethod
    def _start_again(self, replica_id: int) -> None:
        """Starts one that has ended."""

    def restart_dead(self) -> None:
        """Starts again those that were told to end; waits until they have."""
        self.wait_for_dead()
        for replica_id in self._ending:
            self._start_again(replica_id)
        self._ending.clear()

    async def client(self) -> Client:
        """One that is logged in with the account that sends; whoever asks closes it."""
        if not self._token:
            async with Client(self.cluster_file) as client:
                await self._make_accounts(client, [ACCOUNT, RECEIVER])
                self._token = (await client.log_in(ACCOUNT, PASSWORD)).token
            await self.settled()
        return await Client(self.cluster_file, token=self._token).__aenter__()

    async def connect(self) -> RingchatWriter:
        """A client of the account that sends; the first makes it, and the one that receives."""
        return RingchatWriter(await self.client())

    @staticmethod
    async def _make_accounts(client: Client, names: Iterable[str]) -> None:
        ahead = iter(names)

        async def lane() -> None:
            for name in ahead:
                await client.create_account(name, PASSWORD, timeout=TIMEOUT_SECONDS)

        await asyncio.gather(*(lane() for _ in range(CALLS_AT_ONCE)))

    async def tokens(self, names: Iterable[str]) -> dict[str, str]:
        """Makes these accounts and logs in with each: a token by the name."""
        found: dict[str, str] = {}
        left = list(names)
        async with Client(self.cluster_file) as client:
            await self._make_accounts(client, left)

        async def lane() -> None:
            async with Client(self.cluster_file) as client:
                while left:
                    name = left.pop()
                    login = await client.log_in(name, PASSWORD, timeout=TIMEOUT_SECONDS)
                    found[name] = login.token

        await asyncio.gather(*(lane() for _ in range(CALLS_AT_ONCE)))
        return found

    async def leader_id(self) -> int:
        """The replica that leads now; waits for one.

        Raises:
            NotInTime: nobody leads.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        async with Client(self.cluster_file) as client:
            while (leader := (await client.status()).master_id) < 0:
                if time.monotonic() > deadline:
                    raise NotInTime(f"nobody leads within {WAIT_SECONDS:g} s")
                await asyncio.sleep(POLL_SECONDS)
        return leader

    async def leader_pid(self) -> int:
        """What `kill` knows the leader by; waits for one."""
        return self.handle(await self.leader_id())

    async def settled(self) -> None:
        """Returns when all are in sync. While nobody asks, nobody leads: so it asks.

        Raises:
            NotInTime: they do not get there.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        async with Client(self.cluster_file) as client:
            while True:
                status = await client.status()
                if status.master_id >= 0 and all(each.in_sync for each in status.replicas):
                    return
                if time.monotonic() > deadline:
                    raise NotInTime(f"not in sync within {WAIT_SECONDS:g} s: {status}")
                await asyncio.sleep(POLL_SECONDS)

    def tool_figures(self) -> dict[str, float]:
        """Nothing: the SDK is the only client."""
        return {}


class LocalRingchat(Ringchat):
    """Processes of this machine."""

    def __init__(self, compact_after_bytes: int | None = None) -> None:
        """
        Args:
            compact_after_bytes: a journal shorter than this is not compacted; None: the usual.
        """
        super().__init__()
        self._compact_after_bytes = compact_after_bytes
        self._prelude = CHEAP_PASSWORDS
        if compact_after_bytes is not None:
            self._prelude += (
                "from ringchat_server import keeper\n"
                f"keeper.COMPACT_AFTER_BYTES = {compact_after_bytes}\n"
            )
        self._entered: LocalCluster | None = None

    def another(self) -> Self:
        """One that is set up alike, and not started."""
        return type(self)(self._compact_after_bytes)

    @property
    def _cluster(self) -> LocalCluster:
        assert self._entered is not None, "only inside of `with`"
        return self._entered

    @property
    def cluster_file(self) -> Path:
        """cluster.yaml."""
        return self._cluster.file

    def _begin(self) -> None:
        self._entered = LocalCluster(self._folder, prelude=self._prelude)
        self._cluster.start()

    def _end(self) -> None:
        if self._entered is not None:
            self._entered.close()
            self._entered = None

    def handle(self, replica_id: int) -> int:
        """Its process id."""
        popen = self._cluster.replicas[replica_id].popen
        assert popen is not None
        return popen.pid

    def pids(self) -> list[int]:
        """Of the processes, in the order of the ids."""
        return [self.handle(replica.id) for replica in self._cluster.replicas]

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to a replica; does not wait.

        Raises:
            ValueError: it is none of these.
        """
        for replica in self._cluster.replicas:
            if replica.popen is not None and replica.popen.pid == pid:
                replica.popen.send_signal(how)
                if how in ENDS:
                    self._ending.add(replica.id)
                return
        raise ValueError(f"{pid} is none of ours")

    def wait_for_dead(self) -> None:
        """Returns when those that were told to end have ended."""
        for replica_id in self._ending:
            popen = self._cluster.replicas[replica_id].popen
            assert popen is not None
            popen.wait(WAIT_SECONDS)

    def _start_again(self, replica_id: int) -> None:
        self._cluster.start(replica_id)

    def usage(self) -> Usage:
        """Of one replica, the median."""
        folders = [replica.data_folder for replica in self._cluster.replicas]
        return Usage(
            statistics.median(memory_bytes(pid) for pid in self.pids()),
            statistics.median(disk_bytes(folder) for folder in folders),
        )

    def said(self, text: str) -> int:
        """How many lines of the replicas' logs have that in them."""
        return sum(replica.log.count(text) for replica in self._cluster.replicas)


class DockerRingchat(Ringchat):
    """Containers of a compose cluster of its own."""

    name = "ringchat in containers"

    def __init__(self) -> None:
        super().__init__()
        self._entered: DockerCluster | None = None

    @property
    def _cluster(self) -> DockerCluster:
        assert self._entered is not None, "only inside of `with`"
        return self._entered

    @property
    def cluster_file(self) -> Path:
        """cluster.yaml with the published ports."""
        return self._cluster.cluster_file

    def _begin(self) -> None:
        self._entered = DockerCluster(self._folder)
        self._cluster.make("up")

    def _end(self) -> None:
        if self._entered is not None:
            self._entered.make("clean", YES="1")
            self._entered = None

    def handle(self, replica_id: int) -> int:
        """Its own id: the processes of a container have no numbers of ours."""
        return replica_id

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
        """`docker kill`, whatever the signal; returns when the engine says that it is done."""
        assert how == signal.SIGKILL
        self._cluster.replicas[pid].kill()
        self._ending.add(pid)

    def wait_for_dead(self) -> None:
        """Nothing: `kill` has waited."""

    def _start_again(self, replica_id: int) -> None:
        self._cluster.replicas[replica_id].start()


def no_docker() -> str | None:
    """Why there are no containers here, in one line; None if there can be."""
    try:
        docker.from_env().ping()
    except docker.errors.DockerException:
        return "no Docker engine answers (docker info)"
    return None
