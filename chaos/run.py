"""One chaos run as it is written down: what was done to the cluster, and what came of it.

All times are seconds since the run began.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

COMPACTIONS, STATES = "compactions", "states"
UNTRIED = {
    COMPACTIONS: "no journal was compacted in this run",
    STATES: "no replica was sent a state in this run",
}
"""Count -> what to say of a 0."""
UNTRIED_FROM_SECONDS = 300.0
"""A shorter run cannot be expected to write so much."""


@dataclass(frozen=True, slots=True)
class Band:
    """A fault while it lasted."""

    kind: str
    replicas: tuple[int, ...]
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Reign:
    """From here on a replica was the master, by what the cluster's members said."""

    begin: float
    view: int
    master: int


@dataclass(frozen=True, slots=True)
class Slow:
    """One of the calls that took longest."""

    begin: float
    end: float
    kind: str
    client: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without a confirmation."""

    begin: float
    end: float
    cause: str
    is_failover: bool = True
    """A new view began in it, or by it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was promised, and whether it was kept; `detail` is for a person."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run, and all that its report shows."""

    seed: int
    prefer: str
    replicas: int
    seconds: float
    faults: list[Band]
    views: list[Reign]
    confirmed: list[float]
    """When each confirmed send was confirmed, in order."""
    calls: list[Slow]
    """The slowest ones, slowest first."""
    gaps: list[Gap]
    verdicts: list[Verdict]
    counts: dict[str, int]
    environment: dict[str, str]

    @property
    def passed(self) -> bool:
        """Every promise was kept."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def ends_at(self) -> float:
        """When the last fault and the last gap were over, which may be after `seconds`."""
        ends = (*(band.end for band in self.faults), *(gap.end for gap in self.gaps))
        return max(self.seconds, *ends) if ends else self.seconds

    @property
    def untried(self) -> list[str]:
        """What a run of this length should have come to and did not, a line each."""
        if self.seconds < UNTRIED_FROM_SECONDS:
            return []
        return [
            f"{line}: of that it proves nothing"
            for name, line in UNTRIED.items()
            if self.counts.get(name) == 0
        ]

    def to_json(self) -> str:
        """The run as one JSON object; `from_json` undoes it."""
        return json.dumps(dataclasses.asdict(self))


def from_json(text: str) -> Run:
    """Reads what `Run.to_json` has written.

    Raises:
        ValueError, KeyError, TypeError: if it is not that.
    """
    fields: dict[str, Any] = json.loads(text)
    bands = [Band(**{**band, "replicas": tuple(band["replicas"])}) for band in fields["faults"]]
    return Run(
        **{
            **fields,
            "faults": bands,
            "views": [Reign(**reign) for reign in fields["views"]],
            "calls": [Slow(**slow) for slow in fields["calls"]],
            "gaps": [Gap(**gap) for gap in fields["gaps"]],
            "verdicts": [Verdict(**verdict) for verdict in fields["verdicts"]],
        }
    )
