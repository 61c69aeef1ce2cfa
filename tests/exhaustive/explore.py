"""Breadth first through all states: so the first violation is reached on a shortest path.

How far a state is from the start is counted in events, or in surprises (see there).
"""

from __future__ import annotations

import gc
import time
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from tests.exhaustive.model import Event, Failed, Model
from tests.exhaustive.state import Bounds
from tests.exhaustive.surprises import STATE_MASK, moves


@dataclass(frozen=True, slots=True)
class Row:
    """What was known when all states up to a depth had been visited."""

    depth: int
    states: int
    """Distinct ones, up to this depth."""
    transitions: int
    seconds: float
    """Of processor time: what else the machine does is no business of the table."""


@dataclass
class Result:
    """Of one exploration."""

    prefer: str
    rows: list[Row] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    """How often each kind happened: every transition counts."""
    branches: Counter[str] = field(default_factory=Counter)
    """In how many distinct steps of a single host each of these was seen."""
    exhausted: bool = False
    """Nothing lies beyond the last depth."""
    error: str = ""
    path: list[str] = field(default_factory=list)
    """To the violation, a line for each event."""
    local_states: int = 0
    """Distinct hosts: a core with its disk."""
    local_steps: int = 0
    """How often a real core was run."""


Told = Callable[[Row], None]


class Exploration:
    """One search; every state that was visited is kept, with where it was reached from."""

    def __init__(
        self, prefer: str, bounds: Bounds, told: Told | None = None, states_max: int = 1 << 32
    ) -> None:
        """
        Args:
            told: called after each depth.
            states_max: ends after the depth that reaches so many, for the sake of memory.
        """
        self._model = Model(prefer, bounds)
        self._result = Result(prefer)
        self._told, self._states_max = told, states_max
        self._visited = [self._model.initial]
        self._parents = array("L", [0])
        self._kinds: Counter[Event] = Counter()
        self._place = 0
        """Of the state whose successors are being looked at."""
        self._surprises = False
        self._began = 0.0

    def by_events(self, depth_max: int) -> Result:
        """Visits every state within so many events of the start."""
        return self._run(self._events_up_to, depth_max)

    def by_surprises(self, depth_max: int) -> Result:
        """Visits every state that a run with no more than so many surprises passes through."""
        self._surprises = True
        return self._run(self._surprises_up_to, depth_max)

    def _run(self, search: Callable[[int], None], depth_max: int) -> Result:
        model, result = self._model, self._result
        self._began = time.process_time()
        collected = gc.isenabled()
        gc.disable()  # there are no cycles here, and looking for them in all this takes long
        try:
            search(depth_max)
        except Failed as failed:
            result.error = str(failed)
            result.path = self._path(failed.event)
        finally:
            if collected:
                gc.enable()
        for event, count in self._kinds.items():
            result.events[event.kind] += count
        result.branches = model.branches
        result.local_states, result.local_steps = model.local_states, model.local_steps
        return result

    def _events_up_to(self, depth_max: int) -> None:
        successors, kinds = self._model.successors, self._kinds
        visited, parents = self._visited, self._parents
        seen = set(visited)
        start = 0
        for depth in range(1, depth_max + 1):
            end = len(visited)
            for place in range(start, end):
                self._place = place
                for event, after in successors(visited[place]):
                    kinds[event] += 1
                    if after not in seen:
                        seen.add(after)
                        visited.append(after)
                        parents.append(place)
            start = end
            if self._is_enough(depth, len(visited), len(visited) == end):
                return

    def _surprises_up_to(self, depth_max: int) -> None:
        model, kinds = self._model, self._kinds
        visited, parents = self._visited, self._parents
        seen, place = set(visited), 0
        states = set(visited)
        for depth in range(depth_max + 1):
            later: list[int] = []
            reached_from = array("L")
            while place < len(visited):
                self._place = place
                for event, after, surprises in moves(model, visited[place]):
                    if after in seen:
                        continue
                    kinds[event] += 1
                    if surprises:
                        later.append(after)
                        reached_from.append(place)
                    else:
                        seen.add(after)
                        states.add(after & STATE_MASK)
                        visited.append(after)
                        parents.append(place)
                place += 1
            for after, parent in zip(later, reached_from, strict=True):
                if after not in seen:
                    seen.add(after)
                    states.add(after & STATE_MASK)
                    visited.append(after)
                    parents.append(parent)
            if self._is_enough(depth, len(states), place == len(visited)):
                return

    def _is_enough(self, depth: int, states: int, exhausted: bool) -> bool:
        """Notes how far the search has come; says whether it ends here."""
        seconds = time.process_time() - self._began
        row = Row(depth, states, sum(self._kinds.values()), seconds)
        self._result.rows.append(row)
        self._result.exhausted = exhausted
        if self._told is not None:
            self._told(row)
        return exhausted or states >= self._states_max

    def _path(self, last: Event) -> list[str]:
        """The events from the start to the state that is being looked at, and the last one."""
        places = [self._place]
        while places[-1] != 0:
            places.append(self._parents[places[-1]])
        nodes = [self._visited[place] for place in reversed(places)]
        model, lines = self._model, []
        for before, after in pairwise(nodes):
            event = next(event for event, then in self._onwards(before) if then == after)
            lines.append(model.told(event, before & STATE_MASK))
        return [*lines, model.told(last, nodes[-1] & STATE_MASK)]

    def _onwards(self, node: int) -> list[tuple[Event, int]]:
        if self._surprises:
            return [(event, after) for event, after, _ in moves(self._model, node)]
        return self._model.successors(node)
