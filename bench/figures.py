"""What the samples of a measurement say: percentiles, spread, ratios. Nothing is run here."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

OURS = "ringchat"
"""The engine that the others are compared with."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured, as a row of the table."""

    title: str
    unit: str
    more_is_better: bool = False


Samples = dict[Measure, list[float]]
"""What one engine was measured at in one workload, the rounds one after the other."""
Results = dict[str, dict[str, Samples]]
"""By the workload's name and the engine's."""


class Spread(NamedTuple):
    """Of several samples."""

    median: float
    least: float
    most: float


def spread(samples: Sequence[float]) -> Spread:
    """Their median and their ends; there is one sample at least."""
    return Spread(statistics.median(samples), min(samples), max(samples))


def percentile(samples: Iterable[float], percent: float) -> float:
    """The smallest sample that so many percent of all do not exceed ("nearest rank")."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def longest_gap(times: Iterable[float], within: tuple[float, float]) -> float:
    """The longest time between two events that follow each other and lie, in part, within that.

    Args:
        times: of the events, in order.
        within: from, to. 0.0 if no gap touches it.
    """
    begin, end = within
    gaps = (b - a for a, b in itertools.pairwise(times) if b > begin and a < end)
    return max(gaps, default=0.0)


def rate(times: Iterable[float], within: tuple[float, float]) -> float:
    """Events per second in that stretch of time."""
    begin, end = within
    return sum(begin <= time < end for time in times) / (end - begin)


def add(results: Results, workload: str, engine: str, samples: Samples) -> None:
    """Adds one round to what was measured before."""
    known = results.setdefault(workload, {}).setdefault(engine, {})
    for measure, values in samples.items():
        known.setdefault(measure, []).extend(values)


def measures(engines: Mapping[str, Samples]) -> list[Measure]:
    """Everything that any engine was measured at, in the order of first mention."""
    return list(dict.fromkeys(itertools.chain.from_iterable(engines.values())))


def times_better(measure: Measure, engines: Mapping[str, Samples]) -> float | None:
    """How many times as good as the best peer we are, by the medians; None if alone."""
    medians = {
        name: spread(samples[measure]).median
        for name, samples in engines.items()
        if measure in samples
    }
    ours = medians.pop(OURS, None)
    if ours is None or not medians:
        return None
    best = max(medians.values()) if measure.more_is_better else min(medians.values())
    over, under = (ours, best) if measure.more_is_better else (best, ours)
    return over / under if under else None
