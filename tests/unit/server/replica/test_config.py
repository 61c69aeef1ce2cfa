from __future__ import annotations

import pytest

from ringchat_server.replica import Config


@pytest.mark.parametrize(
    ("replicas", "majority", "available", "consistent"),
    [(1, 1, 1, 1), (2, 2, 1, 2), (3, 2, 1, 2), (4, 3, 1, 3), (5, 3, 1, 3)],
)
def test_who_may_confirm(replicas: int, majority: int, available: int, consistent: int) -> None:
    config = Config(0, replicas, "availability", 1.0, 1_000)
    assert (config.majority, config.confirmers_min) == (majority, available)
    assert Config(0, replicas, "consistency", 1.0, 1_000).confirmers_min == consistent


def test_the_ring_is_counting_views() -> None:
    config = Config(2, 3, "availability", 1.0, 1_000)
    assert [config.owner(view) for view in range(5)] == [0, 1, 2, 0, 1]
    assert config.heartbeat_seconds <= config.suspect_after_seconds / 3


@pytest.mark.parametrize(("replica", "prefer"), [(3, "availability"), (0, "speed")])
def test_nonsense_is_not_taken(replica: int, prefer: str) -> None:
    with pytest.raises(AssertionError):
        Config(replica, 3, prefer, 1.0, 1_000)
