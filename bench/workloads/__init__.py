"""What is measured. Each workload is a function: one round on one engine that was just started.

It is given the engine, inside of its `with`, and the sizes, and returns samples; those of
several rounds are put together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bench.figures import Samples
from bench.sizes import Sizes
from bench.workloads import (
    catchup,
    compaction,
    delivery,
    failover,
    growth,
    idle,
    many,
    pipelined,
    restart,
    single,
)

ALL = ("ringchat", "etcd", "nats", "redis")
OURS_ALONE = ("ringchat",)


@dataclass(frozen=True, slots=True)
class Workload:
    """One thing to measure."""

    name: str
    title: str
    measure: Callable[[Any, Sizes], Awaitable[Samples]]
    """Its engine is any of those below; some need what only our own has."""
    engines: tuple[str, ...]
    """Names of entrants, in their turn."""


# With Sentinel's own default Redis is silent for half a minute: one that is told a second.
KILLED = ("ringchat", "ringchat-docker", "etcd", "nats", "redis-1s")

WORKLOADS = (
    Workload("pipelined", "One client, many writes under way", pipelined.measure, ALL),
    Workload("many", "Many clients, one write at a time", many.measure, ALL),
    Workload("single", "One client, one write at a time", single.measure, ALL),
    Workload("failover", "The leader dies", failover.measure, KILLED),
    Workload("delivery", "From sent to received", delivery.measure, OURS_ALONE),
    Workload("growth", "As more is stored", growth.measure, ALL),
    Workload("restart", "All replicas start again", restart.measure, OURS_ALONE),
    Workload("catchup", "A replica comes back", catchup.measure, OURS_ALONE),
    Workload("compaction", "Compaction under load", compaction.measure, OURS_ALONE),
    Workload("idle", "Clients that only wait", idle.measure, OURS_ALONE),
)
