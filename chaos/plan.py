"""What is to be done to a cluster, and when: drawn from a seed, and from nothing else.

A plan never asks for more than the mode's promise survives:

- *consistency* survives any partition, pause and crash, so such faults may overlap;
- *availability* survives crashes, of all but one at a time, and partitions, but a crash
  in the middle of a partition may take the only copy of one side out of reach. Only crashes
  overlap there, and never of all three but in `kill-all`, where nothing is lost as all return;
- a damaged or shortened journal is survived in both while the others are there and in sync:
  such a fault waits until all is well, nothing overlaps it, and what follows waits for it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

REPLICAS = 3
AVAILABILITY, CONSISTENCY = "availability", "consistency"


@dataclass(frozen=True, slots=True)
class Kind:
    """How often a kind of fault is called for, and how."""

    weight: float
    targets: int
    """So many replicas; 0 if the fault knows by itself on which."""
    seconds: tuple[float, float]
    """How long it lasts."""
    may_overlap: frozenset[str] = frozenset()
    """The modes in which another of these may begin while it lasts."""
    is_of_disks: bool = False
    """It begins only when all is well, and is over only when all is well again."""


_BOTH = frozenset((AVAILABILITY, CONSISTENCY))
_STRICT = frozenset((CONSISTENCY,))

KINDS: dict[str, Kind] = {
    "kill": Kind(4, 1, (0.2, 5), _BOTH),
    "kill-two": Kind(2, 2, (0.5, 5)),
    "kill-all": Kind(1, 3, (0.2, 3)),
    "hunt": Kind(2, 0, (0, 0)),
    "stop": Kind(2, 1, (0.2, 5), _BOTH),
    "restart": Kind(2, 1, (0, 0), _BOTH),
    "pause": Kind(3, 1, (0.3, 5), _STRICT),
    "pause-two": Kind(2, 2, (0.5, 4)),
    "disconnect": Kind(2, 1, (0.5, 6), _STRICT),
    "cut": Kind(3, 2, (0.5, 6), _STRICT),
    "one-way": Kind(3, 2, (0.5, 6), _STRICT),
    "split": Kind(4, 1, (1, 7)),
    "slow": Kind(2, 1, (2, 7), _STRICT),
    "damage": Kind(2, 1, (0.2, 3), is_of_disks=True),
    "truncate": Kind(2, 1, (0.2, 3), is_of_disks=True),
    "fill": Kind(1, 0, (2, 6)),
}

OVERLAP = 0.3
"""How often a fault that may overlap another has one inside of it."""
SHORT_CALM, LONG_CALM = (0.0, 0.5), (1.0, 5.0)
"""Seconds between two faults: too short to recover in, or not."""


@dataclass(frozen=True, slots=True)
class Step:
    """One fault."""

    at: float
    """Seconds after the beginning, not before."""
    kind: str
    places: tuple[int, ...]
    """On which replicas: 0 is the master (who it was before the first of those that overlap),
    1 the next one of the ring, ..."""
    seconds: float
    overlaps: bool = False
    """It may begin while the one before it lasts; every other one waits until none does."""

    @property
    def end(self) -> float:
        """When it is to be undone."""
        return self.at + self.seconds


def plan(seed: int, seconds: float, prefer: str) -> list[Step]:
    """The faults of a run, in the order of their beginnings, the last one undone in time.

    Every kind comes once before any comes twice, if there is time for so many.
    """
    chance = random.Random(f"{seed} {prefer}")
    kinds = _kinds(chance)
    steps: list[Step] = []
    at = 0.0
    while True:
        at += chance.uniform(*(SHORT_CALM if chance.random() < 0.3 else LONG_CALM))
        step = _step(chance, next(kinds), at)
        if step.end > seconds:
            return steps
        steps.append(step)
        at = step.end
        if prefer in KINDS[step.kind].may_overlap and chance.random() < OVERLAP:
            inner = _inside(chance, step, prefer)
            if inner.end <= seconds:
                steps.append(inner)
                at = max(at, inner.end)


def _kinds(chance: random.Random) -> Iterator[str]:
    names = list(KINDS)
    chance.shuffle(names)
    yield from names
    weights = [KINDS[name].weight for name in names]
    while True:
        yield chance.choices(names, weights)[0]


def _step(chance: random.Random, name: str, at: float) -> Step:
    kind = KINDS[name]
    places = tuple(chance.sample(range(REPLICAS), kind.targets))
    return Step(at, name, places, chance.uniform(*kind.seconds))


def _inside(chance: random.Random, outer: Step, prefer: str) -> Step:
    """A fault on other replicas that begins while that one lasts."""
    names = [
        name
        for name, kind in KINDS.items()
        if prefer in kind.may_overlap and kind.targets + len(outer.places) <= REPLICAS
    ]
    kind = KINDS[name := chance.choice(names)]
    free = [place for place in range(REPLICAS) if place not in outer.places]
    places = tuple(chance.sample(free, kind.targets))
    at = outer.at + chance.random() * outer.seconds
    return Step(at, name, places, chance.uniform(*kind.seconds), overlaps=True)
