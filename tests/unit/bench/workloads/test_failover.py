from __future__ import annotations

import pytest

from bench.workloads.failover import longest_silence


@pytest.mark.parametrize(
    ("confirmed", "silence"),
    [
        ([10.5, 10.6], 0.5),  # nothing was on its way
        ([10.125, 12.125, 12.25], 2.0),  # one was
        ([1.0, 9.0, 10.25, 10.5], 0.25),  # what was before does not count
        ([], 0.0),
    ],
)
def test_the_longest_silence_counts_from_the_death_on(
    confirmed: list[float], silence: float
) -> None:
    assert longest_silence(10.0, confirmed) == silence
