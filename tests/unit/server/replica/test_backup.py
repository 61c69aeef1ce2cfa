"""Rules 5, 6, 13: following, divergence, rebuilding."""

from __future__ import annotations

from typing import Any

import pytest

from ringchat_server.records import Aside, HandedOverRecord, Proposal, Truncate
from ringchat_server.replica import backup as backup_module
from ringchat_server.replica.values import (
    NEEDS_STATE,
    Ack,
    Apply,
    Fetch,
    Fetched,
    HandedOver,
    HandOver,
    Mismatch,
    Prepare,
    Promise,
    Rebuild,
    Refusal,
    SendState,
    StateChunk,
    StoreChunk,
)
from tests.unit.server.replica.bench import Bench, entries, journal, request, summary


def backup(*views: int, **more: Any) -> Bench:
    bench = Bench(journal(*views), me=2, **more)
    bench.up()
    return bench


def test_3_what_is_durable_is_acknowledged_and_what_is_committed_is_applied() -> None:
    bench = backup(0)
    bench.append(0, 3, (1, 0), *entries(0, 3, 3)[1:], commit=2, start=2)
    assert bench.sent(Ack) == []
    assert bench.effects(Apply) == [Apply(2)]
    bench.sync()
    assert bench.sent(Ack, 0) == [Ack(3, 3, 0)]
    bench.append(0, 3, (3, 3), commit=9, start=2, round_=5)
    assert bench.effects(Apply) == [Apply(3)]  # not beyond what is known to match
    assert bench.sent(Ack, 0) == [Ack(3, 3, 5)]


def test_5_log_view_moves_with_the_whole_of_the_views_first_log() -> None:
    bench = backup(0)
    bench.append(0, 3, (1, 0), *entries(0, 0)[1:], start=4, in_sync=(0, 1, 2))
    assert (bench.core.meta.log_view, bench.core.in_sync) == (0, False)
    bench.append(0, 3, (2, 0), *entries(0, 0, 0, 3)[2:], start=4, in_sync=(0, 1, 2))
    assert (bench.core.meta.log_view, bench.core.in_sync) == (3, True)
    bench.append(0, 3, (4, 3), start=4, in_sync=(0, 1))
    assert bench.core.in_sync is False


def test_an_append_that_does_not_follow_is_answered_with_what_is_here() -> None:
    bench = backup(0)
    bench.append(0, 3, (5, 3), start=5)
    bench.sync()
    assert bench.sent(Mismatch, 0) == [Mismatch(3, summary(0, 0))]


@pytest.mark.parametrize("prefer", ["availability", "consistency"])
def test_6_what_diverges_is_dropped_and_in_availability_mode_put_aside_first(prefer: str) -> None:
    bench = backup(0, 1, 1, prefer=prefer)
    bench.append(0, 3, (1, 0), *entries(0, 3)[1:], start=2)
    records = bench.written()[1:3]
    assert Truncate(1) in records
    assert isinstance(records[0], Aside) == (prefer == "availability")
    assert bench.core.log.length == 2
    assert [p.number for p in bench.core.aside] == ([2, 3] if prefer == "availability" else [])


def test_6_entries_that_are_here_already_are_neither_dropped_nor_doubled() -> None:
    bench = backup(0, 3, 3)
    bench.append(0, 3, (0, -1), *entries(0, 3), start=2)
    assert bench.core.log.length == 3
    bench.append(0, 3, (1, 0), *entries(0, 3, 3, 3)[1:], start=2)
    assert bench.core.log.length == 4


def test_6_who_drops_what_it_applied_rebuilds_its_state() -> None:
    bench = Bench(journal(0, 1, 1, commit_index=3), me=2)
    bench.up()
    bench.append(0, 3, (1, 0), *entries(0, 3)[1:], start=2, commit=2)
    assert bench.effects(Rebuild) == [Rebuild(1)]
    assert bench.effects(Apply) == [Apply(2)]


def test_6_what_is_aside_is_handed_over_in_pieces_and_kept_until_the_master_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backup_module, "HAND_OVER_PIECE", 2)
    aside = tuple(map(request, range(3)))
    bench = Bench(journal(0, aside=aside), me=2)
    bench.up()
    bench.append(0, 3, (1, 0), *entries(0, 3)[1:], start=2)
    assert bench.sent(HandOver) == []
    bench.sync()
    assert bench.sent(HandOver, 0) == [HandOver(3, aside[:2])]
    bench.do("link_down", 0)
    bench.up(0, view=3, leading=True)
    bench.append(0, 3, (2, 3), start=2)
    assert bench.sent(HandOver, 0) == [HandOver(3, aside[:2])]
    bench.get(0, HandedOver(3))
    assert bench.sent(HandOver, 0) == [HandOver(3, aside[2:])]
    assert bench.core.aside == aside
    bench.get(0, HandedOver(3))
    assert bench.core.aside == ()
    assert isinstance(bench.written()[-1], HandedOverRecord)


def test_6_long_proposals_are_handed_over_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_module, "GROUP_BYTES_MAX", 1_000)
    texts = ("x" * 450, "x" * 450, "x" * 2_000, "x")
    aside = tuple(Proposal(b"c", n, "ann", b"", ("x", text)) for n, text in enumerate(texts))
    first = [0]
    while piece := backup_module.piece_of(aside, first[-1]):
        first.append(first[-1] + len(piece))
    assert first == [0, 2, 3, 4]


def test_a_candidate_fetches_from_a_backup() -> None:
    bench = Bench(journal(*[0] * 5, base=2), me=2)
    bench.up()
    bench.get(0, Prepare(3, birth=False))
    bench.sync()
    bench.get(0, Fetch(3, 3, 3))
    (piece,) = bench.sent(Fetched, 0)
    assert (piece.group.first_index, piece.group.last_index, piece.length) == (4, 5, 5)
    for after in (1, NEEDS_STATE):
        bench.get(0, Fetch(3, after, 1))
        assert bench.effects(SendState) == [SendState(0, 3, 1)]


def install(bench: Bench, peer: int, view: int, *views: int) -> None:
    runs = summary(0, *views).runs
    bench.get(peer, StateChunk(view, len(views), runs, 1, 0, b"state", last=True))
    bench.do("state_installed", len(views), runs, 0)


def test_6_a_state_replaces_the_log_and_what_it_lacks_is_put_aside() -> None:
    bench = backup(0, 1, 1)
    bench.append(0, 3, (9, 3), start=9)
    install(bench, 0, 3, 0, 0, 0, 0, 3)
    (stored,) = bench.effects(StoreChunk)
    assert [p.number for p in stored.aside] == [2, 3]
    assert (bench.core.log.length, bench.core.commit_index) == (5, 5)
    bench.sync()
    # No acknowledgement: log_view has not moved.
    assert bench.sent(Ack) == []
    assert bench.sent(Mismatch, 0)[-1].summary.length == 5


def test_a_state_that_is_behind_or_not_the_masters_is_not_taken() -> None:
    bench = backup(0, 3, 3)
    bench.append(0, 3, (3, 3), start=2)
    for peer, view, views in ((0, 3, (0, 3)), (1, 3, (0, 3, 3, 3)), (1, 4, (0, 3, 3, 4))):
        runs = summary(0, *views).runs
        bench.get(peer, StateChunk(view, len(views), runs, 1, 0, b"state", last=True))
    assert bench.effects(StoreChunk) == []


# ------------------------------------------------------------------ rule 13


def damaged(n: int = 3, prefer: str = "availability") -> Bench:
    return Bench(None, me=n - 1, n=n, prefer=prefer, damaged=True)


def offer(bench: Bench, peer: int, view: int) -> None:
    bench.append(peer, view, (9, view), start=4, commit=8)
    bench.sync()


def test_13_a_rebuilding_replica_promises_and_leads_nothing() -> None:
    bench = damaged()
    bench.up()
    bench.get(0, Prepare(3, birth=False))
    bench.do("promote", 2, 1)
    bench.sync()
    assert bench.sent(Promise) == []
    assert bench.core.role_name == "rebuilding"


@pytest.mark.parametrize(
    ("n", "prefer", "needed"),
    [(2, "availability", 1), (3, "availability", 2), (5, "availability", 4),
     (3, "consistency", 2), (5, "consistency", 3)],
)  # fmt: skip
def test_13_it_waits_for_enough_answers(n: int, prefer: str, needed: int) -> None:
    bench = damaged(n, prefer)
    bench.up(0, view=n, leading=True)
    offer(bench, 0, n)
    for peer in range(1, needed):
        assert bench.sent(Mismatch) == []
        bench.up(peer, view=n)
        bench.ping(peer, view=n)
        bench.sync()
    assert bench.sent(Mismatch, 0) == [Mismatch(n, summary(-1))]


def test_13_among_them_the_master_of_the_newest_view() -> None:
    bench = damaged()
    bench.up(0, view=3, leading=True)
    bench.up(1, view=4)
    offer(bench, 0, 3)
    assert bench.sent(Mismatch) == []
    bench.ping(1, view=4, leading=True)
    offer(bench, 1, 4)
    assert [m.view for m in bench.sent(Mismatch, 1)] == [4]


def test_13_an_older_masters_offer_does_not_hide_the_newest() -> None:
    bench = damaged()
    bench.up(1, view=4, leading=True)
    offer(bench, 1, 4)
    bench.up(0, view=3, leading=True)
    offer(bench, 0, 3)
    bench.ping(0, view=4)
    bench.sync()
    assert [m.view for m in bench.sent(Mismatch, 1)] == [4]


def test_13_the_operator_may_rebuild_without_the_others() -> None:
    bench = damaged()
    bench.up(0, view=3, leading=True)
    offer(bench, 0, 3)
    assert bench.sent(Mismatch) == []
    assert bench.do("override").startswith("will rebuild")
    bench.sync()
    assert len(bench.sent(Mismatch, 0)) == 1


def test_13_it_counts_again_when_it_has_all_that_it_may_have_acknowledged() -> None:
    bench = damaged()
    bench.up(1, view=3)
    bench.up(0, view=3, leading=True)
    offer(bench, 0, 3)
    bench.append(0, 3, (0, -1), *entries(0, 0, 0, 3, 3, 3), start=4, commit=8)
    bench.sync()
    assert bench.core.meta.rebuilding  # up to the view's first entry: not enough
    bench.append(0, 3, (6, 3), *entries(0, 0, 0, 3, 3, 3, 3, 3)[6:], start=4, commit=8)
    bench.sync()
    assert not bench.core.meta.rebuilding
    assert (bench.core.meta.log_view, bench.core.meta.cluster_id) == (3, b"the cluster's id")


def test_13_rebuilt_by_an_older_master_it_answers_the_newer_one_that_waited() -> None:
    bench = damaged()
    bench.up(0, view=3, leading=True)
    bench.up(1, view=3)
    offer(bench, 0, 3)
    bench.ping(0, view=5)
    bench.append(1, 4, (9, 4), start=9)
    bench.sync()
    assert bench.sent(Mismatch, 1) == []
    bench.do("link_down", 0)
    bench.up(0, view=3, leading=True)
    bench.append(0, 3, (0, -1), *entries(0, 0, 0, 3), start=4, commit=4)
    bench.sync()
    assert [m.view for m in bench.sent(Mismatch, 1)] == [4]


def test_13_a_rebuild_goes_on_after_a_restart() -> None:
    bench = Bench(journal(0, 0, log_view=-1, promised=3, rebuilding=True), me=2)
    bench.up()
    bench.get(1, Prepare(4, birth=False))
    bench.sync()
    assert bench.sent(Promise) == []
    bench.append(0, 3, (2, 0), *entries(0, 0, 3)[2:], start=3, commit=3)
    assert not bench.core.meta.rebuilding


def test_9_who_has_not_met_all_others_says_so_and_promises_nothing() -> None:
    bench = Bench(journal(0), me=1)
    bench.up(0, leading=True)
    bench.append(0, 0, (1, 0), commit=1, in_sync=(0,))
    bench.sync()
    assert bench.sent(Ack) == [Ack(0, 1, 0, settled=False)], "replica 2 may be at work"
    bench.do("link_down", 0)
    bench.up(0)
    bench.get(0, Prepare(3, birth=False))
    assert "not met all others" in bench.sent(Refusal)[0].reason
    bench.up(2)
    bench.get(0, Prepare(3, birth=False))
    bench.sync()
    assert len(bench.sent(Promise)) == 1


def test_9_who_hears_that_the_set_is_another_one_is_not_in_sync_whatever_it_has() -> None:
    bench = Bench(journal(0), me=1)
    bench.up()
    bench.append(0, 0, (1, 0), in_sync=(0, 1))
    assert bench.core.in_sync
    bench.append(0, 0, (3, 0), in_sync=(0, 1))  # it may be behind, and catch up
    assert bench.core.in_sync
    bench.append(0, 0, (3, 0), in_sync=(0, 2))
    assert not bench.core.in_sync
    bench.append(0, 0, (1, 0), in_sync=(0, 1))
    assert bench.core.in_sync
    bench.append(0, 3, (3, 3), in_sync=(0, 2), start=2)
    assert not bench.core.in_sync


def test_9_in_consistency_mode_it_may_join_all_the_same() -> None:
    bench = Bench(journal(0), me=1, prefer="consistency")
    bench.up(0, leading=True)
    bench.append(0, 0, (1, 0), commit=1, in_sync=(0, 2))
    bench.sync()
    assert bench.sent(Ack) == [Ack(0, 1, 0, settled=True)]


def test_6_what_was_compacted_since_it_told_where_its_log_parts_is_not_taken_for_the_masters() -> (
    None
):
    bench = Bench(journal(0, 2, 2, 2, 2, commit_index=5), me=1)
    bench.up(0, view=3, leading=True)
    bench.append(0, 3, (6, 3), in_sync=(0,), start=2)
    bench.sync()
    assert [message.summary.base for message in bench.sent(Mismatch, 0)] == [0]
    bench.core.compacted(3)
    bench.append(0, 3, (1, 0), *entries(0, 3, 3, 3, 3, 3)[1:], commit=6, in_sync=(0,), start=2)
    bench.sync()
    assert bench.sent(Ack) == []
    assert [message.summary.base for message in bench.sent(Mismatch, 0)] == [3], "a state, please"
    assert [bench.core.log.view_at(index) for index in range(1, 6)] == [0, 2, 2, 2, 2]
