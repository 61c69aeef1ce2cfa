from __future__ import annotations

import pytest

from ringchat_server.records import Entry
from ringchat_server.replica import log as log_module
from ringchat_server.replica.log import Log, common_prefix
from ringchat_server.replica.values import Run


def entries(*views: int) -> list[Entry]:
    return [Entry(view, 10 * view, b"c", 1, "", b"", ("x",)) for view in views]


def a_log(*views: int, base: int = 0) -> Log:
    log = Log(0, (), entries(*views))
    log.trim(base)
    return log


def test_runs_and_views_survive_the_base_moving_up() -> None:
    log = a_log(1, 1, 4, 4, 4, base=4)
    assert [log.view_at(index) for index in range(7)] == [-1, 1, 1, 4, 4, 4, None]
    assert log.summary(4).runs == (Run(1, 1), Run(3, 4))
    assert log.runs_up_to(2) == (Run(1, 1),)
    assert (log.length, log.base_index, log.last_time_ms) == (5, 4, 40)


def test_truncate_drops_entries_and_their_runs() -> None:
    log = a_log(1, 1, 4, 4)
    assert log.truncate(1) == entries(1, 4, 4)
    assert (log.length, log.summary(1).runs) == (1, (Run(1, 1),))


def test_views_never_go_back() -> None:
    with pytest.raises(AssertionError):
        a_log(4).append(entries(3))


@pytest.mark.parametrize(
    ("one", "other", "prefix"),
    [
        ((), (), 0),
        ((1, 1), (), 0),
        ((1, 1), (1, 1, 1), 2),
        ((1, 1, 2), (1, 1, 3), 2),
        ((1, 2, 2), (1, 1, 3), 1),
        ((2, 2), (1, 1), 0),
        ((1, 1, 4, 4), (1, 1, 2), 2),
    ],
)
def test_where_two_logs_part(one: tuple[int, ...], other: tuple[int, ...], prefix: int) -> None:
    a, b = a_log(*one).summary(0), a_log(*other).summary(0)
    assert common_prefix(a, b) == prefix
    assert common_prefix(b, a) == prefix


def test_a_slice_is_bounded_in_entries_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    log = a_log(*[1] * 10)
    with monkeypatch.context() as small:
        small.setattr(log_module, "GROUP_ENTRIES_MAX", 3)
        assert [log.slice(2).first_index, log.slice(2).last_index] == [3, 5]
    monkeypatch.setattr(log_module, "GROUP_BYTES_MAX", 250)
    assert len(log.slice(0).entries) == 3


def test_old_runs_are_forgotten_but_never_those_of_entries_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_module, "RUNS_MAX", 2)
    log = a_log(1, 2, 3, 4, 5)
    log.trim(1)
    assert [log.view_at(index) for index in range(1, 6)] == [1, 2, 3, 4, 5]
    log.trim(5)
    assert [log.view_at(index) for index in range(1, 6)] == [None, None, None, 4, 5]
    assert common_prefix(log.summary(5), a_log(1).summary(1)) is None
