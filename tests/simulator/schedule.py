"""Simulated time: what is to happen, and when. No thread, no sleep, no real clock."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

EVENTS_MAX = 1_000_000
"""A run has some thousands. Where each event makes more than one, it never ends otherwise."""


class Endless(AssertionError):
    """Events beget events, and time stands still."""


class Schedule:
    """Events in the order of their time; those of one time in the order they were planned in."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Now."""
        self.events = 0
        """So many have happened."""
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = count()

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None:
        """Plans an event."""
        heappush(self._heap, (self.seconds + seconds, next(self._order), action, arguments))

    def run(self, until: float, done: Callable[[], bool] | None = None) -> None:
        """Lets time pass until a moment, or until `done` after some event."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.seconds, _, action, arguments = heappop(heap)
            self.events += 1
            if self.events > EVENTS_MAX:
                raise Endless(f"more than {EVENTS_MAX:,} events, and it is {self.seconds:g} s")
            action(*arguments)
            if done is not None and done():
                return
        self.seconds = max(self.seconds, until)
