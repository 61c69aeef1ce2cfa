"""Rules 2, 3, 7, 9, 12, 14: what the master of a view does."""

from __future__ import annotations

import pytest

from ringchat_server.records import HandedOverRecord, Proposal
from ringchat_server.replica import backup as backup_module
from ringchat_server.replica import master as master_module
from ringchat_server.replica.values import (
    Append,
    Apply,
    HandedOver,
    HandOver,
    Mismatch,
    ReadReady,
    Refusal,
    SendState,
    Serving,
)
from tests.unit.server.replica.bench import Bench, journal, request, summary

MODES = ("availability", "consistency")


def leading(n: int = 3, prefer: str = "availability", *views: int) -> Bench:
    bench = Bench(journal(*(views or (0, 0))), n=n, prefer=prefer)
    bench.lead(n, *range(1, n))
    bench.done.clear()
    return bench


def write(bench: Bench, number: int = 1) -> int:
    bench.do("propose", [request(number)])
    return int(bench.core.log.length)


@pytest.mark.parametrize("prefer", MODES)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_3_committed_when_durable_on_every_member(prefer: str, n: int) -> None:
    bench = leading(n, prefer)
    index = write(bench)
    for peer in range(1, n):
        bench.ack(peer)
        assert bench.effects(Apply) == []
    bench.sync()
    assert bench.effects(Apply) == [Apply(index)]
    index = write(bench)
    bench.sync()
    for peer in range(1, n):
        assert bench.effects(Apply) == []
        bench.ack(peer)
    assert bench.effects(Apply) == [Apply(index)]


def test_2_a_write_goes_out_at_once_and_once() -> None:
    bench = leading()
    index = write(bench)
    for peer in (1, 2):
        (append,) = bench.sent(Append, peer)
        assert (append.previous_index, append.group.last_index) == (index - 1, index)
    bench.ack(1)
    bench.sync()
    assert not [a for a in bench.sent(Append) if a.group.entries]


def test_3_older_entries_are_confirmed_by_the_views_first() -> None:
    bench = Bench(journal(0, 0), prefer="consistency")
    bench.up()
    bench.do("promote", 3, 1)
    bench.sync()
    bench.promise(1, 3, summary(0, 0, 0))
    bench.sync()
    bench.ack(1, 2)
    assert bench.effects(Apply) == []
    assert not bench.core.serving
    bench.ack(1, 3)
    assert bench.effects(Apply) == [Apply(3)]
    assert bench.effects(Serving) == [Serving(True, 3, "")]


@pytest.mark.parametrize("how", ["broken", "silent"])
@pytest.mark.parametrize("prefer", MODES)
def test_7_a_backup_that_is_gone_is_dropped_while_enough_remain(prefer: str, how: str) -> None:
    bench = leading(5, prefer)
    index = write(bench)
    bench.sync()
    for gone in (4, 3, 2):
        others = tuple(range(1, gone))
        if how == "broken":
            bench.do("link_down", gone)
        else:
            bench.wait(1.2, *others, view=5)
        for peer in others:
            bench.ack(peer)
        if prefer == "consistency" and gone == 2:
            assert not bench.core.leading
            assert bench.effects(Serving)[0].serving is False
            return
        assert bench.core.in_sync_set == (0, *others)
    assert bench.effects(Apply) == [Apply(index)]


def test_7_who_has_everything_confirmed_joins() -> None:
    bench = leading(3, "consistency")
    bench.do("link_down", 2)
    write(bench, 1)
    write(bench, 2)
    bench.ack(1)
    bench.sync()
    bench.up(2)
    bench.ack(2, bench.core.commit_index - 1)
    assert bench.core.in_sync_set == (0, 1)
    bench.ack(2)
    assert bench.core.in_sync_set == (0, 1, 2)
    assert bench.sent(Append, 2)[-1].in_sync == (0, 1, 2)


def test_7_a_member_kept_for_want_of_another_goes_when_one_joins() -> None:
    bench = leading(3, "consistency")
    bench.do("link_down", 2)
    bench.up(2)
    bench.do("link_down", 1)
    assert bench.core.in_sync_set == (0, 1)
    bench.ack(2)
    assert bench.core.in_sync_set == (0, 2)


def test_9_sole_is_durable_before_anything_is_confirmed_alone_and_cleared_before_a_join() -> None:
    bench = leading(2)
    index = write(bench)
    bench.sync()
    bench.do("link_down", 1)
    assert bench.core.meta.sole
    assert bench.effects(Apply) == []
    bench.sync()
    assert bench.effects(Apply) == [Apply(index)]
    bench.up(1)
    bench.ack(1)
    assert not bench.core.meta.sole
    assert bench.core.in_sync_set == (0,)
    write(bench)
    bench.sync()
    assert bench.core.in_sync_set == (0, 1)
    assert bench.effects(Apply) == []


def sync_one(bench: Bench) -> None:
    """The oldest write that is under way, and no other."""
    bench.do("persisted", bench.core._durable_ticket + 1)


def test_9_nobody_joins_while_it_is_being_written_that_this_one_is_alone() -> None:
    bench = leading(2)
    bench.do("link_down", 1)
    bench.up(1)
    bench.ack(1)  # back before the mark is durable: a crash now may leave it on the disk
    assert not bench.core.meta.sole
    assert bench.core.in_sync_set == (0,)
    sync_one(bench)
    assert bench.core.durable.meta.sole
    assert bench.core.in_sync_set == (0,)
    sync_one(bench)
    assert bench.core.in_sync_set == (0, 1)


def test_9_nothing_is_confirmed_alone_while_the_mark_is_being_cleared_and_set_again() -> None:
    bench = leading(2)
    bench.do("link_down", 1)
    bench.sync()
    bench.effects(Apply)
    index = write(bench)
    bench.up(1)
    bench.ack(1)  # it may join as soon as the mark is cleared
    bench.do("link_down", 1)
    assert bench.core.meta.sole
    sync_one(bench)  # the write; the mark on the disk is about to be cleared
    assert bench.core.durable.meta.sole
    assert bench.effects(Apply) == []
    bench.sync()
    assert bench.effects(Apply) == [Apply(index)]


def test_13_who_lost_its_disk_counts_for_nothing_it_had_acknowledged() -> None:
    bench = leading(3, "consistency")
    bench.do("link_down", 2)
    bench.up(2)
    index = write(bench)
    bench.ack(1)  # and then its disk is lost, before this master has synced
    bench.do("link_down", 1)
    bench.up(1, view=-1, cluster=b"")
    bench.get(1, Mismatch(3, summary(-1)))
    bench.sync()
    bench.ack(1, 1)
    assert bench.core.in_sync_set == (0, 1)
    assert bench.effects(Apply) == []
    bench.ack(1)
    assert bench.effects(Apply) == [Apply(index)]


def test_13_who_lost_its_disk_does_not_join_by_what_it_had_acknowledged() -> None:
    bench = leading(3)
    bench.do("link_down", 1)
    bench.up(1, view=-1, cluster=b"")
    bench.get(1, Mismatch(3, summary(-1)))
    assert bench.core.in_sync_set == (0, 2)


@pytest.mark.parametrize(("n", "others"), [(1, 0), (3, 1), (5, 2)])
def test_12_a_read_waits_for_a_majority_that_answers_after_it(n: int, others: int) -> None:
    bench = leading(n, "consistency")
    bench.do("read", 1)
    for peer in range(1, others + 1):
        bench.ack(peer)  # of an older round
    assert [r.ticket for r in bench.effects(ReadReady)] == ([1] if n == 1 else [])
    for peer in range(1, others + 1):
        assert bench.effects(ReadReady) == []
        assert bench.sent(Append, peer)[-1].round == 1
        bench.ack(peer, round_=1)
    if n > 1:
        assert bench.effects(ReadReady) == [ReadReady(1)]


def test_12_in_availability_mode_the_master_answers_at_once() -> None:
    bench = leading()
    bench.do("read", 1)
    assert bench.effects(ReadReady) == [ReadReady(1)]


def test_1_a_master_refused_for_a_newer_view_lets_go() -> None:
    bench = leading()
    bench.get(1, Refusal(3, 4, "a newer view is promised", hears_master=False))
    assert not bench.core.leading
    assert not bench.effects(Serving)[0].serving


def test_6_what_is_handed_over_is_proposed_under_its_name_and_reported_when_committed() -> None:
    bench = leading()
    proposal = request(7)
    bench.get(1, HandOver(3, (proposal,)))
    entry = bench.core.log.entries(bench.core.log.length - 1, bench.core.log.length)[0]
    assert (entry[2:], entry.view) == (proposal, 3)
    bench.sync()
    bench.ack(1)
    assert bench.sent(HandedOver) == []
    bench.ack(2)
    assert bench.sent(HandedOver, 1) == [HandedOver(3)]
    length = bench.core.log.length
    bench.get(1, HandOver(3, ()))
    assert bench.core.log.length == length


def test_6_its_own_aside_goes_into_the_log_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_module, "HAND_OVER_PIECE", 2)
    aside: tuple[Proposal, ...] = tuple(map(request, range(5)))
    bench = Bench(journal(0, aside=aside))
    bench.lead(3, 1, 2)
    assert [e.number for e in bench.core.log.entries(2, 7)] == [0, 1, 2, 3, 4]
    assert [len(a.group.entries) for a in bench.sent(Append, 1) if a.group.entries] == [1, 2, 2, 1]
    assert isinstance(bench.written()[-1], HandedOverRecord)


def test_one_state_at_a_time_on_a_link() -> None:
    bench = Bench(journal(*[0] * 9, base=6))
    bench.up()
    bench.do("promote", 3, 1)
    bench.sync()
    bench.promise(1, 3, summary(0, 0, 0), in_sync=True)
    bench.promise(2, 3, bench.core.summary(), in_sync=True)
    assert bench.effects(SendState) == [SendState(1, 3, 2)]
    assert bench.sent(Append, 1) == []  # a probe would be answered, and ask for another
    bench.ack(1, 2)
    bench.wait(0.3, 1, 2, view=3)
    assert bench.effects(SendState) == bench.sent(Append, 1) == []
    bench.sync()
    bench.ack(2)
    bench.get(1, Mismatch(3, summary(0, *[0] * 6, base=6)))
    appends = bench.sent(Append, 1)
    assert [a.group.last_index for a in appends if a.group.entries] == [10]
    assert bench.core.commit_index == 6
    bench.ack(1)
    assert bench.core.commit_index == 10


def test_5_a_state_alone_is_no_acknowledgement() -> None:
    bench = leading(3, "consistency")
    bench.do("link_down", 2)
    for number in range(4):
        write(bench, number)
    bench.ack(1)
    bench.sync()
    bench.core.compacted(6)
    bench.up(2)
    bench.get(2, Mismatch(3, summary(0, 0, 0)))
    assert bench.effects(SendState) == [SendState(2, 3, 2)]
    bench.get(2, Mismatch(3, summary(0, *[0, 0, 3, 3, 3, 3, 3][:6], base=6)))
    bench.get(2, Mismatch(3, summary(0, 0, 0, 3, 3, 3, 3, 3, base=6)))
    assert bench.core.in_sync_set == (0, 1)
    bench.ack(2)
    assert bench.core.in_sync_set == (0, 1, 2)


def test_a_long_log_does_not_fill_the_window_of_a_new_view(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(master_module, "WINDOW_GROUPS", 3)
    bench = Bench(journal(*[0] * 9))
    bench.up()
    bench.do("promote", 3, 1)
    bench.sync()
    for peer in (1, 2):
        bench.promise(peer, 3, bench.core.summary(), in_sync=True)
    assert [a.group.last_index for a in bench.sent(Append, 1)] == [10]


def test_the_window_bounds_what_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master_module, "WINDOW_GROUPS", 3)
    bench = leading()
    for number in range(9):
        write(bench, number)
    assert len(bench.sent(Append, 1)) == 3
    bench.ack(1, 6)
    assert bench.sent(Append, 1)[-1].group.last_index == 12


def test_14_what_is_compacted_under_a_slow_backup_comes_as_a_state_from_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(master_module, "WINDOW_GROUPS", 1)
    bench = leading()
    bench.do("link_down", 2)
    bench.up(2)
    bench.ack(2, 3)
    for number in range(4):
        write(bench, number)
    bench.ack(1)
    bench.sync()
    bench.core.compacted(6)
    bench.ack(2, 4)
    assert bench.effects(SendState) == [SendState(2, 3, 4)]
