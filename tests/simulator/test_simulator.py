"""Runs of the simulator for every change; `make simulate` makes as many as one likes.

And the simulator itself: that a run is repeated exactly, that its trace can be read.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context

import pytest

from tests.simulator import coverage
from tests.simulator.run import simulate
from tests.simulator.trace import LEGEND

RUNS = 600
RARE = (
    "fault: crash in an installation",
    "fault: crash in create",
    "fault: crash in rename",
    "refusal: replica # belongs to a cluster already",
    "refusal: replica # is empty and waits to be rebuilt",
    "refusal: this replica is empty, and there is a cluster already",
    "rule: 6 a change of another order is refused",
    "rule: 6 an acknowledgement of another order is refused",
)
"""Too rare for so few runs; `make simulate` with 5,000 or more insists on them, too."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_confirmed_is_lost_or_doubled_whatever_happens() -> None:
    counts: coverage.Counts = Counter()
    # Processes of their own: a fork would drag along all that other tests have left in memory.
    quiet = (logging.disable, (logging.CRITICAL,))
    with get_context("spawn").Pool(os.cpu_count(), *quiet) as pool:
        for outcome in pool.imap_unordered(simulate, range(RUNS), chunksize=4):
            counts += outcome.counts
            assert not outcome.error, f"{outcome.error}; make simulate REPLAY={outcome.seed}"
    assert [one for one in coverage.missing(counts) if one not in RARE] == []


def test_a_seed_is_one_run_to_the_last_event() -> None:
    for seed in range(6):
        first, second, traced = simulate(seed), simulate(seed), simulate(seed, traced=True)
        assert (first.events, first.seconds, first.counts) == (
            second.events,
            second.seconds,
            second.counts,
        )
        assert (traced.events, traced.counts) == (first.events, first.counts)


def test_a_trace_has_a_legend_and_a_line_for_each_event() -> None:
    lines = simulate(3, traced=True).trace
    assert list(lines[: len(LEGEND.splitlines())]) == LEGEND.splitlines()
    assert len(lines) > 100
    assert not [line for line in lines if "\n" in line]


def test_seeds_are_of_many_kinds() -> None:
    profiles = [simulate(seed).profile for seed in range(40)]
    assert {profile.prefer for profile in profiles} == {"availability", "consistency"}
    assert {profile.replicas for profile in profiles} == {1, 2, 3, 5}
    assert len({tuple(profile.faults) for profile in profiles}) > 30
