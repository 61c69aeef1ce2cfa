"""Engines that people would pick instead of ours, each as three nodes on this machine.

What they have in common is said here by two protocols; `PEERS` has them all. Nothing is
imported or started before an engine is entered, so that one which is not installed costs
the others nothing: ask `missing()` first.

    with peer.engine() as engine:
        writer = await engine.connect()
        await writer.write(b"a value")
        engine.kill(await engine.leader_pid())
        await writer.write(b"another one")  # returns when the failover is over
        engine.restart_dead()
        await engine.settled()
        await writer.close()
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from bench.engines import etcd, nats, redis
from bench.engines.nodes import Usage


class Writer(Protocol):
    """One client, in one event loop. It is attached to the leader, where that is faster."""

    async def write(self, value: bytes) -> None:
        """Returns when the value is confirmed, with the durability that the engine names.

        While there is no leader it keeps trying, without an end: the caller sets the limit.
        A value that is tried twice is still there once.
        """
        ...

    async def write_many(self, values: Iterable[bytes], in_flight: int) -> None:
        """Writes them all, the fastest way that the client has; returns when all are confirmed.

        Args:
            in_flight: so many, at most, are under way and not confirmed at any time.

        Raises:
            Exception: the client's own, alone or in a group, if one of them failed: nothing
                is tried again.
        """
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...


class Engine(Protocol):
    """Three nodes on loopback ports, with their data in a temporary folder.

    Entering starts them and returns when they are in sync; leaving ends them, whatever
    state they are in, and removes the folder. If entering fails, nothing is left either.
    """

    @property
    def name(self) -> str:
        """For the head of a row: the engine and, if it differs, how it is set up."""
        ...

    @property
    def version(self) -> str:
        """As the program says it: "3.4.23"."""
        ...

    @property
    def durability(self) -> str:
        """One line: what has happened to a write when it is confirmed."""
        ...

    @property
    def tool_durability(self) -> str:
        """The same for the figures of the engine's own load tool; empty without a tool."""
        ...

    async def connect(self) -> Writer:
        """A client that knows all three nodes."""
        ...

    async def leader_pid(self) -> int:
        """The process that leads now; waits for one. After the first `connect()` only.

        Raises:
            NotInTime: nobody leads.
        """
        ...

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to one of the engine's processes: it is sent when this returns."""
        ...

    def wait_for_dead(self) -> None:
        """Returns when those that were told to end have ended; blocks."""
        ...

    def restart_dead(self) -> None:
        """Starts again, with their data, the processes that were told to end; may block."""
        ...

    async def settled(self) -> None:
        """Returns when there is a leader and all have what it had when first asked.

        Raises:
            NotInTime: they do not get there.
        """
        ...

    def tool_figures(self) -> dict[str, float]:
        """Runs the engine's own load tool, if it has one: confirmed writes/s by what was run.

        It blocks for some seconds. What a confirmation is worth there: `tool_durability`.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class LocalEngine(Engine, Protocol):
    """One whose processes can be looked at."""

    def another(self) -> Self:
        """One that is set up alike, and not started."""
        ...

    def usage(self) -> Usage:
        """What a node takes."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A row to measure."""

    name: str
    missing: Callable[[], str | None]
    """Why it cannot run here, in one line; None if it can."""
    engine: Callable[[], Engine]
    column: str
    """Of the table. Those that share one are not measured at the same things."""


PEERS = (
    Peer("etcd", etcd.missing, etcd.Etcd, "etcd"),
    Peer("nats", nats.missing, nats.Nats, "nats"),
    Peer("redis", redis.missing, redis.Redis, "redis"),
    # Sentinel takes half a minute to suspect anything; a second is what we take, and etcd.
    Peer("redis-1s", redis.missing, partial(redis.Redis, down_after_seconds=1.0), "redis"),
)
