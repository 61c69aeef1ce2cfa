"""Rules 1, 8, 15 and what all roles share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ringchat_server.records import Meta
from ringchat_server.replica.values import (
    Ack,
    Fetch,
    Ping,
    Prepare,
    Promise,
    Refusal,
    StateChunk,
    StoreChunk,
)
from tests.unit.server.replica.bench import Bench, entries, journal, request
from tests.unit.server.replica.ring import Ring

MODES = ("availability", "consistency")


@pytest.mark.parametrize("prefer", MODES)
def test_1_a_promise_is_stored_before_it_is_answered(prefer: str) -> None:
    bench = Bench(journal(0, 0), prefer=prefer)
    bench.up()
    bench.get(1, Prepare(4, birth=False))
    assert bench.sent(Promise) == []
    assert [r.promised for r in bench.written() if isinstance(r, Meta)] == [4]
    bench.sync()
    (promise,) = bench.sent(Promise, 1)
    assert (promise.view, promise.summary.length) == (4, 2)


@pytest.mark.parametrize(
    "message",
    [
        Prepare(4, birth=False),
        Fetch(4, 0, 0),
        StateChunk(4, 0, (), 0, 0, b"", last=True),
    ],
)
def test_1_what_is_of_a_lower_view_is_refused_with_the_promised_one(message: Prepare) -> None:
    bench = Bench(journal(0, promised=5))
    bench.up()
    bench.get(1, message)
    assert [(no.view, no.promised) for no in bench.sent(Refusal, 1)] == [(4, 5)]
    assert bench.written() == []
    bench.append(1, 4, (1, 0))
    assert [(no.view, no.promised) for no in bench.sent(Refusal, 1)] == [(4, 5)]


def test_1_only_the_owner_of_a_view_is_obeyed_in_it() -> None:
    bench = Bench(journal(0, 0))
    bench.up()
    for message in (Prepare(5, birth=False), Fetch(5, 0, 0)):
        bench.get(1, message)
    bench.append(1, 5, (2, 0), *entries(5))
    assert len(bench.sent(Refusal, 1)) == 3
    assert (bench.core.view, bench.core.log.length) == (0, 2)


def test_8_what_waits_for_the_disk_is_not_sent_on_a_newer_link() -> None:
    bench = Bench(journal(0))
    bench.up()
    bench.append(1, 1, (1, 0), *entries(1, 1)[1:], start=2)
    bench.do("link_down", 1)
    bench.up(1)
    bench.sync()
    assert bench.sent(Ack) == []


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("prefer", MODES)
def test_8_a_replica_that_restarts_is_a_backup(prefer: str, n: int) -> None:
    ring = Ring(n, prefer, 1)
    ring.settle(seconds=1)
    old = ring.master()
    ring.crash(old.me)
    ring.start(old.me)
    ring.settle(seconds=1, promote=False)
    core = ring.hosts[old.me].core
    assert core is not None
    assert (core.leading, core.view) == (False, old.view)
    ring.promote(old.me, old.view, 7)
    assert "promised already" in ring.answers[7]


def test_8_hellos_that_cannot_be() -> None:
    bench = Bench(journal(0))
    other = replace(Bench(journal(0), me=1).core.hello())
    assert bench.core.check_hello(other) is None
    assert bench.core.check_hello(replace(other, cluster_id=b"")) is None
    for wrong in (
        {"cluster_id": b"another"},
        {"replicas": 5},
        {"prefer": "consistency"},
        {"protocol": 1},
        {"replica_id": 0},
        {"replica_id": 3},
    ):
        assert bench.core.check_hello(replace(other, **wrong)), wrong


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("prefer", MODES)
def test_15_a_cluster_is_born_when_all_say_that_they_are_new(prefer: str, n: int) -> None:
    ring = Ring(n, prefer, 1)
    if n > 1:
        ring.crash(n - 1)
    for one in range(n - 1):
        for other in range(one):
            ring.connect(other, one)
    ring.drain()
    if n > 1:
        ring.promote(0, 0, asker=1)
        ring.drain()
        assert "every replica" in ring.answers[1]
        ring.start(n - 1)
    ring.settle(seconds=1)
    assert ring.master().in_sync_set == tuple(range(n))
    ids = {host.core.meta.cluster_id for host in ring.hosts if host.core}
    assert len(ids) == 1
    assert ids != {b""}


def test_15_a_replaced_disk_cannot_promise_the_birth_of_its_own_cluster_again() -> None:
    # Replica 0 began the cluster in view 0 and acknowledged; then its disk was replaced,
    # and a new client asks it for view 0 before it has met anybody.
    bench = Bench(None, me=0)
    bench.do("promote", 0, 1)
    bench.sync()
    bench.up(1, 2, view=7)
    assert bench.core.meta.rebuilding
    bench.get(1, Prepare(7, birth=False))
    assert bench.sent(Promise) == []


def test_15_one_that_promised_the_birth_and_missed_it_has_lost_nothing() -> None:
    bench = Bench(None, me=2)
    bench.up(0, 1, cluster=b"", view=-1)
    bench.get(0, Prepare(0, birth=True))
    bench.sync()
    assert bench.sent(Promise)[0].birth
    bench.get(1, Ping(0, leading=False, cluster_id=b"born", birth_view=0))
    assert not bench.core.meta.rebuilding
    assert bench.core.meta.cluster_id == b"born"


def test_15_an_empty_replica_and_an_old_one_promise_each_other_nothing() -> None:
    new, old = Bench(None, me=2), Bench(journal(0), me=2)
    new.up(cluster=b"", view=-1)
    old.up()
    new.get(1, Prepare(1, birth=False))
    old.get(1, Prepare(1, birth=True))
    assert "empty" in new.sent(Refusal)[0].reason
    assert "already" in old.sent(Refusal)[0].reason


@pytest.mark.parametrize("compacted", [False, True])
def test_the_time_never_goes_back(*, compacted: bool) -> None:
    bench = Bench(journal(0), me=1)
    bench.up()
    ahead = [entry._replace(time_ms=9_000_000) for entry in entries(3, 3)[1:]]
    bench.append(0, 3, (1, 0), *ahead, start=2, commit=2)
    bench.sync()
    if compacted:
        bench.core.compacted(2)
    bench.lead(4, 0, 2)
    assert bench.core.log.entries(2, 3)[0].time_ms == 9_000_000


def test_who_slept_does_not_take_others_for_silent() -> None:
    bench = Bench(journal(0, 0), me=2, prefer="consistency")
    bench.up(0, view=3, leading=True)
    bench.up(1)
    bench.seconds += 30.0
    bench.ping(1)
    bench.do("tick")
    assert bench.core.heard_master() == 0


def test_pieces_of_a_state_that_was_given_up_are_not_mixed_in() -> None:
    bench = Bench(journal(0))
    bench.up()
    bench.append(1, 4, (9, 4))
    bench.get(1, StateChunk(4, 9, (), 0, 0, b"aa", last=False))
    bench.get(1, StateChunk(4, 9, (), 0, 0, b"aa", last=False))
    bench.get(1, StateChunk(4, 9, (), 0, 2, b"bb", last=False))
    bench.get(1, StateChunk(4, 9, (), 0, 2, b"bb", last=False))
    bench.get(1, StateChunk(4, 9, (), 0, 4, b"cc", last=True))
    bench.get(1, StateChunk(4, 9, (), 0, 4, b"cc", last=True))
    stored = [effect.chunk.offset for effect in bench.effects(StoreChunk)]
    assert stored == [0, 0, 2, 4]


def test_compaction_keeps_what_some_replica_lacks_within_a_bound() -> None:
    bench = Bench(journal(*[0] * 300))
    bench.lead(3, 1, 2)
    core = bench.core
    assert core.compactable()[0] == 301
    bench.ack(1, 301)
    bench.do("link_down", 2)
    for number in range(150):
        bench.do("propose", [request(number)])
    bench.sync()
    bench.ack(1)
    assert core.commit_index == 451
    assert core.compactable()[0] == 351  # 100 are kept for replica 2, no more


def test_time_is_due_with_each_heartbeat_and_when_a_peer_falls_silent() -> None:
    bench = Bench(journal(0))
    bench.up()
    bench.do("tick")
    bench.seconds = 1.1
    bench.ping(1)
    ticks, beats = [], []
    while bench.core.hears(1):
        bench.seconds = bench.core.due_at
        bench.do("tick")
        ticks.append(bench.seconds)
        beats.append(len(bench.sent(Ping, 2)))
    assert ticks == pytest.approx([1.25, 1.5, 1.75, 2.0, 2.1])
    assert beats == [2, 1, 1, 1, 0]  # with the one of the first tick
    assert not bench.core.hears(2)


def test_a_replica_that_met_nobody_is_due_when_it_counts_as_settled() -> None:
    bench = Bench(journal(0))
    bench.seconds = 1.1
    bench.do("promote", 3, 1)
    while not bench.core.settled:
        bench.seconds = bench.core.due_at
        bench.do("tick")
        assert bench.seconds <= 2.1
    assert bench.seconds == pytest.approx(2.1)
