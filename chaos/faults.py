"""The faults that a plan may call for. Each is begun once and undone once.

Undoing one leaves the cluster as it was, but for what the replicas themselves have made
of it. What can be done to a single container stands in `containers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from chaos.containers import Container, Replica

HUNTED_MASTERS = 3
NEW_MASTER_SECONDS_MAX = 5.0
"""After so long the one that was killed is started, for the others may need it."""


class Cluster(Protocol):
    """What faults need to know of a cluster."""

    replicas: list[Replica]
    people: list[Container]
    """The containers of clients."""

    def master(self, seconds: float, other_than: int = -1) -> int | None:
        """The replica that serves as the master; None if in that time there is no other."""
        ...


Action = Callable[[Cluster, Sequence[Replica]], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What begins a fault, and what undoes it."""

    begin: Action
    undo: Action


def _each(action: Callable[[Replica], None]) -> Action:
    def on_all(_: Cluster, replicas: Sequence[Replica]) -> None:
        for replica in replicas:
            action(replica)

    return on_all


def _together(action: Callable[[Replica], None]) -> Action:
    """On all at the same time: one after another, the last would be the master for a moment.

    What fails is raised when it is done to all the others.
    """

    def on_all(_: Cluster, replicas: Sequence[Replica]) -> None:
        with ThreadPoolExecutor(len(replicas)) as threads:
            done = [threads.submit(action, replica) for replica in replicas]
        for one in done:
            one.result()

    return on_all


def _nothing(_: Cluster, __: Sequence[Replica]) -> None:
    """A fault that is over when it has begun."""


def _straighten(cluster: Cluster, _: Sequence[Replica]) -> None:
    for container in (*cluster.replicas, *cluster.people):
        container.straighten()


def _hide(containers: Iterable[Container], from_these: Iterable[Container]) -> None:
    """Nothing that these send reaches the containers."""
    addresses = [one.address for one in containers if one.address]
    for container in from_these:
        if container.running and addresses:
            container.network("hide", *addresses)


def _one_way(_: Cluster, replicas: Sequence[Replica]) -> None:
    speaker, listener = replicas
    _hide([listener], from_these=[speaker])


def _cut(_: Cluster, replicas: Sequence[Replica]) -> None:
    one, other = replicas
    _hide([other], from_these=[one])
    _hide([one], from_these=[other])


def _split(cluster: Cluster, replicas: Sequence[Replica]) -> None:
    """These replicas and half of the people on one side, all the others on the other."""
    side: list[Container] = [*replicas, *cluster.people[::2]]
    everybody = (*cluster.replicas, *cluster.people)
    other_side = [one for one in everybody if all(one is not here for here in side)]
    _hide(other_side, from_these=side)
    _hide(side, from_these=other_side)


def _hunt(cluster: Cluster, _: Sequence[Replica]) -> None:
    """Kills the master, and the next one as soon as there is one."""
    for _round in range(HUNTED_MASTERS):
        hunted = cluster.master(seconds=NEW_MASTER_SECONDS_MAX)
        if hunted is not None:
            cluster.replicas[hunted].kill()
            cluster.master(seconds=NEW_MASTER_SECONDS_MAX, other_than=hunted)
            cluster.replicas[hunted].start()


def _damage(replica: Replica) -> None:
    replica.kill()
    replica.flip_a_bit()


def _truncate(replica: Replica) -> None:
    replica.kill()
    replica.cut_short()


def _end_fill(replica: Replica) -> None:
    replica.empty()
    replica.start()


_start = _each(Replica.start)

FAULTS: dict[str, Fault] = {
    "kill": Fault(_each(Replica.kill), _start),
    "kill-two": Fault(_together(Replica.kill), _start),
    "kill-all": Fault(_together(Replica.kill), _start),
    "hunt": Fault(_hunt, _nothing),
    "stop": Fault(_each(Replica.stop), _start),
    "restart": Fault(_each(Replica.restart), _nothing),
    "pause": Fault(_each(Replica.pause), _each(Replica.resume)),
    "pause-two": Fault(_together(Replica.pause), _each(Replica.resume)),
    "disconnect": Fault(_each(Replica.disconnect), _each(Replica.reconnect)),
    "cut": Fault(_cut, _straighten),
    "one-way": Fault(_one_way, _straighten),
    "split": Fault(_split, _straighten),
    "slow": Fault(_each(Replica.slow), _straighten),
    "damage": Fault(_each(_damage), _start),
    "truncate": Fault(_each(_truncate), _start),
    "fill": Fault(_each(Replica.fill), _each(_end_fill)),
}
"""Kind -> how. On which replicas: see `plan.KINDS`."""
