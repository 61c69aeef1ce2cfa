from __future__ import annotations

import pytest

from bench.workloads.delivery import is_bent


@pytest.mark.parametrize(
    ("seconds", "done", "bent"),
    [
        ([0.001, 0.002, 9.0], 1.0, False),  # a tail alone does not count
        ([0.004, 0.006, 0.008], 1.0, True),
        ([0.001, 0.001, 0.001], 0.8, True),
    ],
)
def test_it_bends_when_the_median_runs_away_or_the_rate_is_not_reached(
    seconds: list[float], done: float, bent: bool
) -> None:
    assert is_bent(seconds, [0.001], done) == bent
