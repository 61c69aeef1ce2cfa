from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from chaos.plan import AVAILABILITY, CONSISTENCY, KINDS, REPLICAS, Step, plan

SEEDS = range(100)
MODES = pytest.mark.parametrize("prefer", [AVAILABILITY, CONSISTENCY])
CRASHES = {"kill", "stop", "restart"}


def overlaps(steps: list[Step]) -> list[tuple[Step, Step]]:
    """(the one before, the one that may begin while it lasts)."""
    return [(steps[i - 1], step) for i, step in enumerate(steps) if step.overlaps]


@MODES
def test_a_plan_comes_from_its_seed_alone(prefer: str) -> None:
    assert plan(7, 600, prefer) == plan(7, 600, prefer)
    assert plan(7, 600, prefer) != plan(8, 600, prefer)
    assert plan(7, 600, AVAILABILITY) != plan(7, 600, CONSISTENCY)


@MODES
def test_a_shorter_run_is_the_beginning_of_a_longer_one(prefer: str) -> None:
    short, long = plan(7, 120, prefer), plan(7, 600, prefer)
    assert 0 < len(short) < len(long)
    assert short == long[: len(short)]


@MODES
def test_every_kind_comes_once_before_any_comes_twice(prefer: str) -> None:
    for seed in SEEDS:
        outer = [step.kind for step in plan(seed, 900, prefer) if not step.overlaps]
        assert set(outer[: len(KINDS)]) == set(KINDS)
        assert len(outer) > len(KINDS)


@MODES
def test_all_is_undone_in_time_and_in_order(prefer: str) -> None:
    for seed in SEEDS:
        steps = plan(seed, 300, prefer)
        assert [step.at for step in steps] == sorted(step.at for step in steps)
        assert max(step.end for step in steps) <= 300
        for before, after in pairwise(steps):
            assert after.overlaps or after.at >= before.end


@MODES
def test_places_are_replicas_each_once(prefer: str) -> None:
    for seed in SEEDS:
        for step in plan(seed, 300, prefer):
            assert len(step.places) == KINDS[step.kind].targets
            assert len(set(step.places)) == len(step.places)
            assert set(step.places) <= set(range(REPLICAS))


@MODES
def test_what_overlaps_is_done_to_others(prefer: str) -> None:
    pairs = [pair for seed in SEEDS for pair in overlaps(plan(seed, 300, prefer))]
    assert len(pairs) > 100
    for outer, inner in pairs:
        assert outer.at <= inner.at <= outer.end
        assert not set(outer.places) & set(inner.places)
        assert not outer.overlaps, "never three at a time"


def test_only_crashes_overlap_in_availability_and_one_replica_stands() -> None:
    for seed in SEEDS:
        for outer, inner in overlaps(plan(seed, 600, AVAILABILITY)):
            assert {outer.kind, inner.kind} <= CRASHES
            assert len(outer.places) + len(inner.places) < REPLICAS


def test_partitions_overlap_with_pauses_and_crashes_in_consistency() -> None:
    seen = Counter(
        (outer.kind, inner.kind)
        for seed in SEEDS
        for outer, inner in overlaps(plan(seed, 600, CONSISTENCY))
    )
    assert {("cut", "pause"), ("kill", "disconnect"), ("slow", "one-way")} <= seen.keys()


@MODES
def test_a_fault_of_a_disk_is_alone(prefer: str) -> None:
    for seed in SEEDS:
        for outer, inner in overlaps(plan(seed, 600, prefer)):
            assert not KINDS[outer.kind].is_of_disks
            assert not KINDS[inner.kind].is_of_disks
