"""Redis: a primary whose replicas follow it, and Sentinels that choose another one.

A confirmation of `SET` alone says that the primary has it. Here each `SET` is followed by
`WAIT` on the same connection: it returns when the replicas have answered for everything
that this connection has written before. As each of them syncs its file after every turn of its
loop, before it answers (`appendfsync always`), it is then on all three disks. That is how
7.0 is built, and what `strace` shows; to promise it, `WAITAOF`, came with 7.2.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Self

from bench.engines.nodes import (
    ATTEMPT_SECONDS,
    HOST,
    NAMES,
    PAUSE_SECONDS,
    Seen,
    ThreeNodes,
    asked_version,
    new_keys,
    program,
)
from bench.engines.nodes import missing as missing_of
from tests.integration.cluster import free_ports

GROUP = "bench"
"""What the Sentinels call the primary and its replicas."""
LANES = 4
"""Connections that take turns: while one waits for the disks, the next is written to."""
LOOK_SECONDS = 1.0
"""While a replica is away, so often a client asks whether it is back."""
DOWN_AFTER_SECONDS = 30.0
"""Sentinel's own default."""
TOOL_CLIENTS = 512
TOOL_WRITES = 20_000
TOOL_VALUE_BYTES = 100


def missing() -> str | None:
    """Why it cannot run here, in one line; None if it can."""
    programs = {"redis-server": "redis-server", "redis-sentinel": "redis-sentinel"}
    return missing_of(programs, ("redis", "hiredis"))


def server_config(name: str, servers: Mapping[str, int]) -> str:
    """The text of a server's file; the first of `NAMES` begins as the primary.

    Args:
        servers: port for clients and replicas by the server's name.
    """
    primary = NAMES[0]
    # One replica, not two: with two, nothing could be written while a node is dead. Its use
    # is that a primary which is cut off stops.
    lines = [
        f"bind {HOST}",
        f"port {servers[name]}",
        f"dir {name}.data",
        "appendonly yes",
        "appendfsync always",
        'save ""',
        "min-replicas-to-write 1",
        "repl-diskless-sync-delay 0",
    ]
    if name != primary:
        lines.append(f"replicaof {HOST} {servers[primary]}")
    return "\n".join(lines) + "\n"


def sentinel_config(port: int, primary: int, down_after_seconds: float) -> str:
    """The text of a Sentinel's file: two of them must agree that the primary is down.

    Args:
        port: its own.
        primary: the port of the first primary.
    """
    return f"""\
bind {HOST}
port {port}
sentinel monitor {GROUP} {HOST} {primary} 2
sentinel down-after-milliseconds {GROUP} {down_after_seconds * 1000:.0f}
"""


def seen(
    servers: Mapping[str, Mapping[str, Any] | None],
    ports: Mapping[str, int],
    sentinels: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]],
) -> Seen | None:
    """Who leads, and how much of the stream of writes each has.

    It leads what says so itself and is named by a majority of the Sentinels. The others
    are only seen when all Sentinels have found all and hold none of them for dead: before
    that, the next failover may not succeed.

    Args:
        servers: the section `replication` of `INFO` by the server's name; None if nothing.
        ports: of the servers.
        sentinels: what each answers to `SENTINEL MASTER` and `SENTINEL REPLICAS`.
    """
    named = [primary.get("port") for primary, _ in sentinels]
    for leader, info in servers.items():
        port = ports[leader]
        if info is None or info.get("role") != "master" or named.count(port) <= len(NAMES) // 2:
            continue
        has = {leader: int(info["master_repl_offset"])}
        if len(sentinels) == len(NAMES) and all(_is_whole(port, *said) for said in sentinels):
            for name, other in servers.items():
                if other is not None and _follows(other, port):
                    has[name] = int(other["slave_repl_offset"])
        return Seen(leader, has)
    return None


def _is_whole(port: int, primary: Mapping[str, Any], replicas: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a Sentinel knows that primary, two replicas, two other Sentinels, all alive."""
    others = len(NAMES) - 1
    return (
        primary.get("port") == port
        and primary.get("flags") == "master"
        and primary.get("num-other-sentinels") == others
        and [replica.get("flags") for replica in replicas] == ["slave"] * others
    )


def _follows(info: Mapping[str, Any], port: int) -> bool:
    """Whether a server is a replica of that one, and connected."""
    return (
        info.get("role") == "slave"
        and info.get("master_port") == port
        and info.get("master_link_status") == "up"
    )


def attached(info: Mapping[str, Any]) -> int:
    """How many replicas follow a primary, going by its section `replication` of `INFO`."""
    replicas = (info.get(f"slave{number}") for number in range(len(NAMES)))
    return sum(replica is not None and replica["state"] == "online" for replica in replicas)


def rate_in(text: str) -> float:
    """Writes per second in what `redis-benchmark --csv` prints of one test.

    Raises:
        ValueError: it prints something else.
    """
    for row in csv.DictReader(text.splitlines()):
        if row.get("rps"):
            return float(row["rps"])
    raise ValueError(f"no figures in {text!r}")


class NotConfirmed(Exception):
    """A write is on too few nodes for now."""


class RedisWriter:
    """Connections to whom the Sentinels call the primary."""

    def __init__(self, sentinels: Iterable[int]) -> None:
        no_retry: Any = import_module("redis.asyncio.retry").Retry(
            import_module("redis.backoff").NoBackoff(), 0
        )
        self._error: Any = import_module("redis.exceptions").RedisError
        limits = {
            "socket_connect_timeout": ATTEMPT_SECONDS,
            "socket_timeout": 2 * ATTEMPT_SECONDS,  # more than what WAIT may take
            "retry": no_retry,
        }
        self._sentinel: Any = import_module("redis.asyncio.sentinel").Sentinel(
            [(HOST, port) for port in sentinels], sentinel_kwargs=limits
        )
        self._primary: Any = self._sentinel.master_for(GROUP, **limits)
        self._replicas = 0
        """How many replicas must confirm; 0: not known."""
        self._looked = 0.0
        self._keys = new_keys()

    async def write(self, value: bytes) -> None:
        """Sets a new key, and waits for every replica that is attached, for one at least."""
        pair = (next(self._keys), value)
        while True:
            try:
                await self._look()
                await self._set([pair])
                return
            except (self._error, OSError, NotConfirmed):
                self._replicas = 0  # not known: it looks before it tries again
            await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self) -> None:
        """Asks the primary how many replicas are attached, unless that is known."""
        now = time.monotonic()
        if self._replicas == 0 or (self._replicas == 1 and now > self._looked + LOOK_SECONDS):
            self._replicas = max(1, attached(await self._primary.info("replication")))
            self._looked = now

    async def _set(self, pairs: Sequence[tuple[str, bytes]]) -> None:
        """Sets keys and waits once for all of them: all are confirmed when it returns.

        Raises:
            NotConfirmed: fewer replicas than are attached have answered in time.
        """
        pipeline = self._primary.pipeline(transaction=False)
        for key, value in pairs:
            pipeline.set(key, value)
        pipeline.wait(self._replicas, int(ATTEMPT_SECONDS * 1000))
        *_, replicas = await pipeline.execute()
        if replicas < self._replicas:
            raise NotConfirmed(f"on {replicas} of {self._replicas} replicas")

    async def write_many(self, values: Iterable[bytes], in_flight: int) -> None:
        """Sets each under a new key, by some connections of which each writes many at once.

        Each group ends with one `WAIT`, which confirms all that its connection has written:
        no write counts before it.

        Raises:
            NotConfirmed: fewer replicas than are attached have answered in time.
        """
        await self._look()
        ahead = iter(values)
        lanes = min(LANES, in_flight)

        async def lane(size: int) -> None:
            while pairs := [(next(self._keys), value) for value in itertools.islice(ahead, size)]:
                await self._set(pairs)

        async with asyncio.TaskGroup() as group:
            for number in range(lanes):
                group.create_task(lane((in_flight + number) // lanes))

    async def close(self) -> None:
        """Ends the connections."""
        await self._primary.aclose()
        for sentinel in self._sentinel.sentinels:
            await sentinel.aclose()


class Redis(ThreeNodes):
    """Three servers, and a Sentinel beside each, with its defaults except for one, if asked."""

    durability = (
        "synced (fdatasync) in the file of every node that is attached, 3 of 3 or after a death 2; "
        "no vote secures it: Sentinel promotes who has most of those it can reach"
    )
    tool_durability = "synced by the primary alone: the tool cannot WAIT for the replicas"

    def __init__(self, down_after_seconds: float = DOWN_AFTER_SECONDS) -> None:
        """
        Args:
            down_after_seconds: a primary that is silent for so long is held for dead.
        """
        super().__init__()
        self._down_after_seconds = down_after_seconds
        self._servers: dict[str, int] = {}
        self._sentinels: dict[str, int] = {}

    def another(self) -> Self:
        """One that is set up alike, and not started."""
        return type(self)(self._down_after_seconds)

    @property
    def name(self) -> str:
        """With the time after which a primary is held for dead, if it is not the default."""
        if self._down_after_seconds == DOWN_AFTER_SECONDS:
            return "redis"
        return f"redis, down after {self._down_after_seconds:g} s"

    @property
    def version(self) -> str:
        """As the program says it."""
        return asked_version("redis-server")

    def _start(self) -> None:
        count = len(NAMES)
        ports = free_ports(2 * count)
        self._servers = dict(zip(NAMES, ports[:count], strict=True))
        self._sentinels = dict(zip(NAMES, ports[count:], strict=True))
        folder = self._processes.folder
        for name in NAMES:
            (folder / f"{name}.data").mkdir()
            (folder / f"{name}.conf").write_text(server_config(name, self._servers))
            self._processes.start(name, "redis-server", f"{name}.conf")
        # What a Sentinel does not find when it comes, it looks for again ten seconds later.
        primary = self._servers[NAMES[0]]
        self._wait(lambda: sum(_follows(i, primary) for i in self._infos().values() if i) == 2)
        for name, port in self._sentinels.items():
            file = folder / f"{name}-sentinel.conf"
            file.write_text(sentinel_config(port, primary, self._down_after_seconds))
            self._processes.start(f"{name}-sentinel", "redis-sentinel", file.name)

    def _ask(self, port: int, *questions: tuple[str, str]) -> list[Any] | None:
        """Answers to questions, each a method of the client with its argument; None if none."""
        redis: Any = import_module("redis")
        client = redis.Redis(host=HOST, port=port, socket_timeout=2.0, decode_responses=True)
        try:
            return [getattr(client, method)(argument) for method, argument in questions]
        except (OSError, redis.RedisError):
            return None
        finally:
            client.close()

    def _infos(self) -> dict[str, dict[str, Any] | None]:
        answers = {
            name: self._ask(port, ("info", "replication")) for name, port in self._servers.items()
        }
        return {name: answer[0] if answer else None for name, answer in answers.items()}

    def _seen(self) -> Seen | None:
        questions = (("sentinel_master", GROUP), ("sentinel_slaves", GROUP))
        answers = (self._ask(port, *questions) for port in self._sentinels.values())
        sentinels = [(answer[0], answer[1]) for answer in answers if answer is not None]
        return seen(self._infos(), self._servers, sentinels)

    def restart_dead(self) -> None:
        """Starts again, with their data, those that have ended, a server as a replica.

        As a primary, which its file may say that it is, a Sentinel would correct it after
        some ten seconds.
        """
        leader = self._leader_now()
        for process in self._processes.dead():
            if process.name in self._servers and process.name != leader:
                process.start("--replicaof", HOST, str(self._servers[leader]))
            else:
                process.start()

    async def connect(self) -> RedisWriter:
        """A client that asks the Sentinels for the primary."""
        return RedisWriter(self._sentinels.values())

    def tool_figures(self) -> dict[str, float]:
        """What `redis-benchmark` finds, if it is there; it blocks for some seconds."""
        tool = program("redis-benchmark")
        if tool is None:
            return {}
        port = self._servers[self._leader_now()]
        options = {
            "-h": HOST,
            "-p": port,
            "-c": TOOL_CLIENTS,
            "-n": TOOL_WRITES,
            "-d": TOOL_VALUE_BYTES,
            "-r": 10**9,  # keys are drawn from so many
            "-t": "set",
        }
        words = [str(word) for option in options.items() for word in option]
        found = subprocess.run([tool, *words, "--csv"], capture_output=True, text=True, check=True)
        return {f"redis-benchmark SET, {TOOL_CLIENTS} connections": rate_in(found.stdout)}
