"""Carries a plan out on a cluster, heals it, has everything read, and judges."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

import docker

from chaos.checkers import lost_or_doubled, not_linearizable, without_refusals
from chaos.cluster import SMALL_VOLUME_OF, DockerCluster
from chaos.containers import Replica
from chaos.faults import FAULTS
from chaos.history import Letters
from chaos.people import People
from chaos.plan import AVAILABILITY, KINDS, REPLICAS, Step
from chaos.run import Band, Verdict
from ringchat_client import Client, RingchatError

T = TypeVar("T")

TICK_SECONDS = 0.1
SETTLE_SECONDS_MAX = 180.0
"""Not a promise: only so that a run that hangs ends."""
MASTER_SECONDS_MAX = 5.0
PLAIN_LINE_SECONDS = 10.0
KILLED = 128 + 9
DISK_FAILED, CANNOT_START = 4, 3
TOLD_BEFORE_IT_BEGAN = 2
"""What stands in a container until its program does, runc, ends so on a SIGTERM. A replica's own
code of that number comes with a line that says what is wrong with its configuration."""
COMPLAINT = "ringchat-server: "
DISK_COMPLAINT = f"{COMPLAINT}the data folder"
DETAILS_MAX = 20


async def to_the_end(action: Callable[..., T], *arguments: Any) -> T:
    """What a function returns that blocks. It is not left alone when this task is cancelled:
    what tidies up afterwards must not run beside it."""
    task = asyncio.create_task(asyncio.to_thread(action, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        task.exception()
        raise


class Progress:
    """One line that tells how far it is."""

    def __init__(self, stream: TextIO, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._at_line_of = -PLAIN_LINE_SECONDS
        self._width = 0

    def show(self, elapsed: float, what: str, people: People) -> None:
        """Writes it over the one before; where that cannot be done, a line now and then."""
        record = people.record
        newest = record.newest
        master = "none" if newest is None else f"{newest.master} (view {newest.view})"
        line = (
            f"{elapsed:4.0f} of {self._seconds:.0f} s   {what:<28} master {master:<14} "
            f"confirmed {record.confirmed:,}   unknown {record.unknown:,}"
        )
        if self._stream.isatty():
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        elif elapsed - self._at_line_of >= PLAIN_LINE_SECONDS:
            self._at_line_of = elapsed
            self._stream.write(line + "\n")
        self._stream.flush()

    def end(self) -> None:
        """What follows begins on a line of its own."""
        if self._stream.isatty():
            self._stream.write("\n")


@dataclass(frozen=True, slots=True)
class Active:
    """A fault under way."""

    step: Step
    replicas: tuple[Replica, ...]
    begin: float
    until: float

    def __str__(self) -> str:
        return " ".join([self.step.kind, *(str(replica.id) for replica in self.replicas)])


class Runner:
    """Begins each fault of a plan in its time and undoes it in its time."""

    def __init__(
        self, cluster: DockerCluster, people: People, steps: Sequence[Step], progress: Progress
    ) -> None:
        self.bands: list[Band] = []
        """Seconds since `origin`."""
        self.origin = time.monotonic()
        self._cluster = cluster
        self._people = people
        self._ahead = deque(steps)
        self._active: list[Active] = []
        self._progress = progress
        self._reference = 0
        """Who was the master before the first of the faults that are under way."""

    @property
    def _now(self) -> float:
        return time.monotonic() - self.origin

    async def run(self, seconds: float) -> None:
        """All faults, and quiet until the time is over. Raises whatever a fault raises."""
        while self._now < seconds or self._active:
            due = next((one for one in self._active if one.until <= self._now), None)
            if due is not None:
                await self._undo(due)
            elif self._may_begin() and self._now < seconds:
                await self._begin(self._ahead.popleft())
            self._show(", ".join(map(str, self._active)) or "-")
            await self._tick()

    async def _tick(self) -> None:
        await asyncio.sleep(TICK_SECONDS)

    def _may_begin(self) -> bool:
        """The next step is due, and nothing is in its way."""
        if not self._ahead or self._ahead[0].at > self._now:
            return False
        return self._ahead[0].overlaps or not self._active

    def _show(self, what: str) -> None:
        self._progress.show(self._now, what, self._people)

    async def _begin(self, step: Step) -> None:
        cluster = self._cluster
        if KINDS[step.kind].is_of_disks:
            await self.settle()
        if not self._active:
            master = await to_the_end(cluster.master, MASTER_SECONDS_MAX)
            self._reference = self._reference if master is None else master
        ids = [(self._reference + place) % REPLICAS for place in step.places]
        if step.kind == "fill":
            ids = [SMALL_VOLUME_OF]
        replicas = tuple(cluster.replicas[id_] for id_ in ids)
        active = Active(step, replicas, self._now, self._now + step.seconds)
        # Noted before it is done: what fails in the middle is undone as well.
        self._active.append(active)
        self._show(str(active))
        await to_the_end(FAULTS[step.kind].begin, cluster, replicas)

    async def _undo(self, active: Active) -> None:
        await to_the_end(FAULTS[active.step.kind].undo, self._cluster, active.replicas)
        self._active.remove(active)
        ids = tuple(replica.id for replica in active.replicas)
        self.bands.append(Band(active.step.kind, ids, active.begin, self._now))
        if KINDS[active.step.kind].is_of_disks:
            await self.settle()
            for replica in active.replicas:  # what is kept would fill the small volume in the end
                await to_the_end(replica.forget_damage)

    async def settle(self, *, quiet: bool = False) -> None:
        """Waits until all replicas are in sync; if nobody writes any more, until they are alike.

        Raises:
            TimeoutError: if that does not come.
        """
        self._show("settling")
        async with Client(cluster=self._cluster.cluster_file) as client:
            wait = self._cluster.settled if quiet else self._cluster.in_sync
            await wait(client, SETTLE_SECONDS_MAX)


# ---------------------------------------------------------------------- judgement


class Judge:
    """The verdicts of a run, one after another; one that cannot be reached is a failed one."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.complaints: list[str] = []
        """What `lost_or_doubled` found."""

    def find(self, name: str, complaints: Sequence[str], fine: str) -> None:
        """Passed if there is nothing to complain of."""
        lines = list(complaints[:DETAILS_MAX])
        if len(complaints) > DETAILS_MAX:
            lines.append(f"and {len(complaints) - DETAILS_MAX} more")
        self.verdicts.append(Verdict(name, not complaints, "\n".join(lines) or fine))

    @contextmanager
    def expecting(self, name: str, fine: str) -> Iterator[None]:
        """Passed if the block ends in order."""
        try:
            yield
        except (OSError, RuntimeError, RingchatError, docker.errors.DockerException) as error:
            self.find(name, [f"{type(error).__name__}: {error}"], fine)
        else:
            self.find(name, [], fine)

    def judge_history(self, people: People, finals: dict[str, Letters] | None, prefer: str) -> None:
        """What clients were told against what there is in the end."""
        calls = people.record.calls
        if finals is not None:
            known = without_refusals(calls) if prefer == AVAILABILITY else calls
            self.complaints = lost_or_doubled(known, finals)
            sent = people.record.confirmed
            self.find("nothing lost, nothing doubled", self.complaints, f"{sent:,} confirmed sends")
        if prefer == "consistency":
            fine = f"{len(calls):,} calls, one order for all of them"
            self.find("linearizable", not_linearizable(calls), fine)

    def judge_exits(
        self, cluster: DockerCluster, ended: Sequence[tuple[str, int]], unheard: Sequence[str]
    ) -> None:
        """No replica ended that was not told to, but where its disk was full.

        Args:
            ended: what `cluster.Ends` has seen.
            unheard: why it may have missed one.
        """
        small = cluster.replicas[SMALL_VOLUME_OF].name
        complaints = [*unheard]
        for replica in cluster.replicas:
            lines = replica.log().splitlines()
            fine = {0, KILLED}
            if replica.name == small:
                fine |= {DISK_FAILED, CANNOT_START}
                lines = [line for line in lines if not line.startswith(DISK_COMPLAINT)]
            if not any(line.startswith(COMPLAINT) for line in lines):
                fine.add(TOLD_BEFORE_IT_BEGAN)
            complaints += [
                f"{name} ended with exit code {code}"
                for name, code in ended
                if name == replica.name and code not in fine
            ]
            complaints += [
                f"{replica.name} says: {line}"
                for line in lines
                if "this is a bug" in line or line.startswith("Traceback")
            ]
        self.find("no replica ended by itself", complaints, "nor was any bug logged")
