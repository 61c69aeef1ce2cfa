"""Rules 4, 5, 9: from the question to the first entry of a view."""

from __future__ import annotations

from typing import Any

import pytest

from ringchat_server.records import Group, Meta, Truncate
from ringchat_server.replica.values import (
    NEEDS_STATE,
    Answer,
    Append,
    Fetch,
    Fetched,
    Promise,
    Refusal,
    StateChunk,
)
from tests.unit.server.replica.bench import Bench, entries, journal, summary

MODES = ("availability", "consistency")


def standing(*views: int, n: int = 3, prefer: str = "availability", **more: Any) -> Bench:
    """Replica 0 has asked everyone for view n, and promised it itself, durably."""
    bench = Bench(journal(*views, promised=0, **more), n=n, prefer=prefer)
    bench.up()
    bench.do("promote", n, 1)
    bench.sync()
    return bench


def refuse(bench: Bench, *peers: int) -> None:
    for peer in peers:
        bench.get(peer, Refusal(bench.core.view, 0, "rebuilding", hears_master=False))


@pytest.mark.parametrize("prefer", MODES)
@pytest.mark.parametrize("n", [2, 3, 5])
def test_4_a_view_begins_with_everyone_who_promised(prefer: str, n: int) -> None:
    bench = standing(0, 0, n=n, prefer=prefer)
    promisers = range(1, n // 2 + 1) if prefer == "consistency" else range(1, n)
    for peer in promisers:
        assert not bench.core.leading
        bench.promise(peer, n, summary(0, 0))  # behind: in the set all the same
    assert bench.core.in_sync_set == (0, *promisers)
    bench.sync()
    assert not bench.core.serving


@pytest.mark.parametrize("prefer", MODES)
def test_1_a_candidate_begins_when_its_own_promise_is_durable(prefer: str) -> None:
    bench = Bench(journal(0), prefer=prefer)
    bench.up()
    bench.do("promote", 3, 1)
    for peer in (1, 2):
        bench.promise(peer, 3, summary(0, 0), in_sync=True)
    assert not bench.core.leading
    bench.sync()
    assert bench.core.leading


@pytest.mark.parametrize(
    ("theirs", "fetched"),
    [
        (summary(0, 0, 0, 0), True),  # longer
        (summary(1, 0, 1), True),  # newer, though not longer
        (summary(0, 0), False),
        (summary(-1, 0, 0, 0, 0), False),  # longer, but older
    ],
)
def test_5_the_best_log_wins(theirs: object, *, fetched: bool) -> None:
    bench = standing(0, 0, prefer="consistency")
    bench.promise(1, 3, theirs)  # type: ignore[arg-type]
    assert bool(bench.sent(Fetch, 1)) == fetched
    assert bench.core.leading != fetched


def test_5_log_view_moves_when_the_whole_log_is_durable() -> None:
    bench = standing(0, 0, 0)
    bench.promise(1, 3, summary(1, 0, 1, 1, 1), in_sync=True)
    refuse(bench, 2)
    # What is not in the best log is dropped, and in availability mode put aside first.
    assert [type(r).__name__ for r in bench.written()[-2:]] == ["Aside", "Truncate"]
    assert Truncate(1) in bench.written()
    assert [f.after_index for f in bench.sent(Fetch, 1)] == [1]
    bench.get(1, Fetched(3, Group(2, entries(0, 1, 1)[1:]), 4))
    bench.sync()
    assert [f.after_index for f in bench.sent(Fetch, 1)] == [3]
    bench.get(1, Fetched(3, Group(4, entries(0, 1, 1, 1)[3:]), 4))
    assert not bench.core.leading
    assert bench.core.meta.log_view == 0
    bench.sync()
    assert bench.core.leading
    assert bench.core.meta.log_view == 3
    assert bench.core.log.length == 4 + 1 + 2  # the no-op, and what had been aside


def test_5_a_longer_log_of_its_own_is_no_substitute_for_a_state_that_is_awaited() -> None:
    # The best log is shorter than this one and begins with a state record.
    bench = Bench(journal(*[0] * 9), prefer="consistency")
    bench.up()
    bench.do("promote", 3, 1)
    bench.sync()
    bench.promise(1, 3, summary(1, 0, 0, 1, 1, 1, base=4))
    (fetch,) = bench.sent(Fetch, 1)
    assert (fetch.after_index, fetch.common_index) == (NEEDS_STATE, 2)
    bench.do("tick")
    assert not bench.core.leading
    bench.get(1, StateChunk(3, 4, summary(1, 0, 0, 1, 1).runs, 2, 0, b"state", last=True))
    bench.do("state_installed", 4, summary(1, 0, 0, 1, 1).runs, 0)
    assert [f.after_index for f in bench.sent(Fetch, 1)] == [4]
    bench.get(1, Fetched(3, Group(5, entries(0, 0, 1, 1, 1)[4:]), 5))
    bench.sync()
    assert bench.core.leading
    assert [bench.core.log.view_at(i) for i in range(1, 7)] == [0, 0, 1, 1, 1, 3]


def test_5_who_steps_down_takes_no_more_of_that_state() -> None:
    bench = Bench(journal(*[0] * 9), prefer="consistency")
    bench.up()
    bench.do("promote", 3, 1)
    bench.sync()
    bench.promise(1, 3, summary(1, 0, 0, 1, 1, base=4))
    refuse(bench, 1)
    bench.get(1, StateChunk(3, 4, summary(1, 0, 0, 1, 1).runs, 2, 0, b"state", last=True))
    assert not [e for e in bench.done if type(e).__name__ == "StoreChunk"]


@pytest.mark.parametrize("end", ["broken", "silent", "refusal"])
def test_a_fetch_that_ends_nowhere_ends_the_attempt(end: str) -> None:
    bench = standing(0)
    bench.promise(1, 3, summary(1, 0, 1), in_sync=True)
    refuse(bench, 2)
    assert bench.sent(Fetch, 1)
    if end == "broken":
        bench.do("link_down", 1)
    elif end == "silent":
        bench.wait(1.2, 2)
    else:
        bench.get(1, Refusal(3, 4, "a newer view is promised", hears_master=False))
    assert [a.askers for a in bench.effects(Answer)] == [(1,)]


@pytest.mark.parametrize(
    ("who", "begins"), [("none", False), ("peer in sync", True), ("peer sole", True)]
)
def test_9_some_promiser_has_to_know_that_it_has_everything(who: str, *, begins: bool) -> None:
    bench = standing(0)
    bench.promise(1, 3, summary(0, 0), in_sync=who == "peer in sync", sole=who == "peer sole")
    assert not bench.core.leading  # replica 2 may still answer
    bench.do("link_down", 2)
    assert bench.core.leading == begins
    if not begins:
        (answer,) = bench.effects(Answer)
        assert "replica 2" in answer.reason


def test_9_sole_by_its_own_journal_is_enough() -> None:
    bench = standing(0, sole=True)
    bench.wait(1.2)
    assert bench.core.leading


def test_9_nobody_hears_that_he_is_in_the_set_before_the_disk_forgets_who_was_alone() -> None:
    bench = standing(0, n=2, sole=True)
    bench.promise(1, 2, summary(0, 0))
    assert not bench.core.leading
    assert bench.sent(Append) == []
    bench.sync()
    assert bench.core.leading
    assert not bench.core.durable.meta.sole
    assert [message.in_sync for message in bench.sent(Append)] == [(0, 1)]


def test_9_who_was_alone_may_begin_though_the_other_is_lost_again_meanwhile() -> None:
    bench = standing(0, n=2, sole=True)
    bench.promise(1, 2, summary(0, 0))
    bench.do("link_down", 1)
    bench.sync()
    assert bench.core.leading
    assert bench.core.meta.sole, "alone again"


def test_9_all_promises_are_enough() -> None:
    bench = standing(0)
    bench.promise(1, 3, summary(0, 0))
    bench.promise(2, 3, summary(0, 0))
    assert bench.core.leading


@pytest.mark.parametrize(("n", "needed"), [(2, 1), (3, 1), (5, 2)])
def test_9_consistency_needs_a_majority_of_promises(n: int, needed: int) -> None:
    bench = standing(0, n=n, prefer="consistency", sole=True)
    for peer in range(1, needed):
        bench.promise(peer, n, summary(0, 0), in_sync=True)
    for peer in range(needed, n):
        assert not bench.core.leading
        bench.do("link_down", peer)
    assert not bench.core.leading
    assert "majority" in bench.effects(Answer)[0].reason


def test_9_the_operator_may_force_it() -> None:
    bench = Bench(journal(0))
    bench.up()
    bench.do("link_down", 2)
    bench.do("override")
    bench.sync()
    bench.promise(1, 3, summary(0, 0))
    assert bench.core.leading


def test_refused_for_a_newer_view_it_steps_down() -> None:
    bench = standing(0)
    bench.get(1, Refusal(3, 8, "a newer view is promised", hears_master=False))
    assert "refused" in bench.effects(Answer)[0].reason
    assert bench.core.role_name == "backup"


def test_a_peer_that_comes_back_is_asked_again_and_its_old_promise_is_void() -> None:
    bench = standing(0)
    bench.promise(1, 3, summary(0, 0), in_sync=True)
    bench.do("link_down", 1)
    bench.up(1)
    bench.do("link_down", 2)
    assert not bench.core.leading
    bench.promise(1, 3, summary(0, 0), in_sync=True)
    assert bench.core.in_sync_set == (0, 1)
    assert bench.sent(Append, 1)
    assert bench.sent(Promise) == []
    assert any(isinstance(r, Meta) and r.log_view == 3 for r in bench.written())


@pytest.mark.parametrize("prefer", MODES)
def test_15_the_first_view_needs_every_promise(prefer: str) -> None:
    bench = Bench(None, prefer=prefer)
    bench.up(cluster=b"", view=-1)
    bench.do("promote", 0, 1)
    bench.sync()
    bench.get(1, Promise(0, summary(-1), in_sync_since=True, sole=True, birth=True))
    assert not bench.core.leading
    bench.do("link_down", 2)
    assert not bench.core.leading
    assert "every replica" in bench.effects(Answer)[0].reason
