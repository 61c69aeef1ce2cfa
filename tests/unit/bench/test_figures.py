from __future__ import annotations

import pytest

from bench.figures import (
    OURS,
    Measure,
    Results,
    Samples,
    add,
    longest_gap,
    measures,
    percentile,
    rate,
    spread,
    times_better,
)

RATE = Measure("writes", "/s", more_is_better=True)
LATENCY = Measure("latency", "ms")


def test_a_percentile_is_one_of_the_samples() -> None:
    samples = [float(n) for n in range(100, 0, -1)]
    assert [percentile(samples, p) for p in (0, 50, 99, 100)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 50) == 7.0


def test_the_spread_is_the_median_and_the_ends() -> None:
    assert spread([3.0, 1.0, 8.0]) == (3.0, 1.0, 8.0)


@pytest.mark.parametrize(
    ("within", "gap"),
    [
        ((0.0, 10.0), 4.0),
        ((0.0, 2.0), 1.0),
        ((3.0, 3.5), 4.0),  # in the midst of a gap
        ((6.0, 10.0), 1.0),
        ((20.0, 30.0), 0.0),
    ],
)
def test_a_gap_counts_if_it_touches_the_stretch(within: tuple[float, float], gap: float) -> None:
    assert longest_gap([0.0, 1.0, 2.0, 6.0, 7.0], within) == gap


def test_a_rate_counts_what_lies_in_the_stretch() -> None:
    assert rate([0.5, 1.0, 1.5, 2.0, 3.0], (1.0, 3.0)) == 1.5


def test_rounds_are_put_together() -> None:
    results: Results = {}
    add(results, "single", OURS, {LATENCY: [1.0]})
    add(results, "single", OURS, {LATENCY: [2.0, 3.0], RATE: [9.0]})
    assert results == {"single": {OURS: {LATENCY: [1.0, 2.0, 3.0], RATE: [9.0]}}}


def test_measures_stand_in_the_order_of_first_mention() -> None:
    assert measures({"a": {RATE: [1.0]}, "b": {LATENCY: [1.0], RATE: [1.0]}}) == [RATE, LATENCY]


@pytest.mark.parametrize(
    ("measure", "times"),
    [(RATE, 2.0), (LATENCY, 0.5)],
)
def test_we_are_compared_with_the_best_peer(measure: Measure, times: float) -> None:
    best, worse = (100.0, 50.0) if measure.more_is_better else (100.0, 300.0)
    engines: dict[str, Samples] = {
        OURS: {measure: [200.0, 200.0, 1.0]},
        "good": {measure: [best]},
        "bad": {measure: [worse]},
        "other": {Measure("else", "s"): [1.0]},
    }
    assert times_better(measure, engines) == times


def test_alone_there_is_nothing_to_compare_with() -> None:
    assert times_better(RATE, {OURS: {RATE: [1.0]}}) is None
    assert times_better(RATE, {"peer": {RATE: [1.0]}}) is None
    assert times_better(LATENCY, {OURS: {LATENCY: [0.0]}, "peer": {LATENCY: [1.0]}}) is None
