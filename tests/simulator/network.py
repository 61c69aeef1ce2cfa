"""The network: who reaches whom, how long it takes, and connections that break.

A connection delivers in order or not at all, as TCP does; two connections know
nothing of each other's order. What is sent into a cut waits in the sender's kernel
and comes late, or never if the connection breaks first. Nodes are numbers:
replicas from 0 on, clients behind them.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.simulator.schedule import Schedule

Arrival = Callable[[Any], None]
"""Called with what has arrived; with `BROKEN` at the end of the connection."""


class Broken(NamedTuple):
    """The last thing that comes out of a connection."""


BROKEN = Broken()
STRAGGLER_FACTOR = 10
RETRANSMISSION_SECONDS = (0.05, 0.6)
"""After a cut has healed it takes so long until TCP tries again."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How long things take in one run."""

    delay_seconds: tuple[float, float]
    """One way, the shortest and the longest of usual ones."""
    straggler_rate: float
    """Of what is sent, so much takes far longer, and what follows waits behind it."""


class Network:
    """Every connection there is."""

    def __init__(self, schedule: Schedule, chance: random.Random, weather: Weather) -> None:
        self.schedule = schedule
        self.chance = chance
        self.weather = weather
        self.slow: set[int] = set()
        """Nodes whose packets take longer."""
        self._cuts: set[tuple[int, int]] = set()
        self._touched: dict[tuple[int, int], float] = {}
        """(listener, speaker) -> when anything last kept the one from hearing the other."""
        self._stalled: dict[tuple[int, int], dict[Pipe, None]] = {}
        """Way -> the pipes that wait for it, each once, however much waits in it."""

    def cut(self, source: int, target: int) -> None:
        """From now on nothing gets from one to the other."""
        self._cuts.add((source, target))
        self.touch(source, target)

    def heal(self, source: int | None = None, target: int | None = None) -> None:
        """Ends a cut; without arguments, every one."""
        healed = list(self._cuts) if source is None or target is None else [(source, target)]
        for way in healed:
            self._cuts.discard(way)
            self.touch(*way)
            for pipe in self._stalled.pop(way, {}):
                self.schedule.after(self.chance.uniform(*RETRANSMISSION_SECONDS), pipe.resume)

    def touch(self, one: int, other: int) -> None:
        """Something has been done to what lies between them."""
        self.mute(one, other)
        self.mute(other, one)

    def mute(self, speaker: int, listener: int) -> None:
        """Something keeps the one from being heard by the other."""
        self._touched[listener, speaker] = self.schedule.seconds

    def calm_seconds(self, listener: int, speaker: int) -> float:
        """So long nothing has kept the one from hearing the other."""
        both = self.reaches(listener, speaker) and self.reaches(speaker, listener)
        if {listener, speaker} & self.slow or not both:
            return 0.0
        return self.schedule.seconds - self._touched.get((listener, speaker), 0.0)

    def reaches(self, source: int, target: int) -> bool:
        """Packets get from one to the other."""
        return (source, target) not in self._cuts

    def cuts(self) -> list[tuple[int, int]]:
        """The ways that are cut."""
        return sorted(self._cuts)

    def stall(self, pipe: Pipe) -> None:
        """That one waits for its way to be healed."""
        self._stalled.setdefault((pipe.source, pipe.target), {})[pipe] = None

    def delay(self, source: int, target: int) -> float:
        """Seconds for the next packet."""
        chance = self.chance
        seconds = chance.uniform(*self.weather.delay_seconds)
        if chance.random() < self.weather.straggler_rate:
            seconds *= STRAGGLER_FACTOR
        if source in self.slow or target in self.slow:
            seconds += chance.uniform(0.02, 0.3)
        return seconds


class Pipe:
    """One direction of a connection."""

    __slots__ = ("_due", "_last_at", "_network", "_queue", "arrive", "open", "source", "target")

    def __init__(self, network: Network, source: int, target: int) -> None:
        self._network = network
        self.source, self.target = source, target
        self.arrive: Arrival | None = None
        """Who takes what arrives; None while nobody does."""
        self.open = True
        self._queue: deque[Any] = deque()
        self._due = 0
        self._last_at = 0.0

    def send(self, item: Any) -> None:
        """Puts something in."""
        if self.open:
            self._queue.append(item)
            self._plan(self._network.delay(self.source, self.target))

    def lose(self) -> None:
        """What is on its way never arrives."""
        self._queue.clear()

    def shut(self) -> None:
        """Nothing arrives any more."""
        self.open = False
        self._queue.clear()

    def resume(self) -> None:
        """The way is healed: what has waited comes now."""
        for _ in range(len(self._queue) - self._due):
            self._plan(0.0)

    def _plan(self, seconds: float) -> None:
        schedule = self._network.schedule
        at = max(schedule.seconds + seconds, self._last_at)
        self._last_at = at
        self._due += 1
        schedule.after(at - schedule.seconds, self._arrive)

    def _arrive(self) -> None:
        self._due -= 1
        if not self._queue:
            return
        if not self._network.reaches(self.source, self.target):
            self._network.stall(self)
            return
        item = self._queue.popleft()
        if item is BROKEN:
            self.shut()
        if self.arrive is not None:
            self.arrive(item)


class Connection:
    """Two pipes between two nodes. Either end hears of its end once: `BROKEN`."""

    __slots__ = ("_network", "ends")

    def __init__(self, network: Network, one: int, other: int) -> None:
        self._network = network
        self.ends = {one: Pipe(network, other, one), other: Pipe(network, one, other)}
        """node -> the pipe that brings it things."""

    def listen(self, node: int, arrive: Arrival) -> None:
        """That node's end is taken care of from now on."""
        self.ends[node].arrive = arrive

    def send(self, node: int, item: Any) -> None:
        """That node sends."""
        for end, pipe in self.ends.items():
            if end != node:
                pipe.send(item)

    def hang_up(self, node: int) -> None:
        """That node closes its end; the other gets what is on its way, then hears of it."""
        self.send(node, BROKEN)
        self.ends[node].shut()

    def give_up(self, node: int) -> None:
        """That node's own system breaks it off; the other hears nothing of that."""
        pipe = self.ends[node]
        if pipe.open:
            pipe.shut()
            if pipe.arrive is not None:
                pipe.arrive(BROKEN)

    def reset(self, node: int | None = None) -> None:
        """It breaks, and what is on its way is lost; but not `node`, who knows, hears of it.

        Whoever is behind a cut hears of it when that has healed.
        """
        for end, pipe in self.ends.items():
            if pipe.open:
                pipe.lose()
                if end == node:
                    pipe.shut()
                else:
                    pipe.send(BROKEN)
