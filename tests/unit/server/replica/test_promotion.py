"""Rule 11: who may ask, and that every question has an end."""

from __future__ import annotations

import pytest

from ringchat_server.replica import promotion
from ringchat_server.replica.values import Answer, Prepare, Probe, Promise, Refusal
from tests.unit.server.replica.bench import Bench, journal

MODES = ("availability", "consistency")


def reasons(bench: Bench) -> dict[int, str]:
    return {asker: no.reason for no in bench.effects(Answer) for asker in no.askers}


def hearing_a_master(prefer: str = "availability", *, leader: int = 0) -> Bench:
    bench = Bench(journal(0, promised=3), me=1, prefer=prefer)
    bench.up(leader, view=3, leading=True)
    bench.up(2, view=3)
    return bench


@pytest.mark.parametrize("prefer", MODES)
def test_11_a_healthy_master_is_not_deposed(prefer: str) -> None:
    bench = hearing_a_master(prefer)
    bench.do("promote", 4, 1)
    (probe,) = bench.sent(Probe, 0)
    assert bench.sent(Prepare) == []
    bench.get(0, Probe(probe.nonce, answer=True, view=3, leading=True))
    assert "replica 0 leads view 3" in reasons(bench)[1]
    assert bench.core.view == 3


@pytest.mark.parametrize("end", ["silence", "broken", "resigned"])
def test_11_a_master_that_is_gone_is_given_up(end: str) -> None:
    bench = hearing_a_master()
    bench.do("promote", 4, 1)
    bench.wait(0.9, 2, view=3)
    assert bench.sent(Prepare) == []
    if end == "silence":
        bench.wait(0.3, 2, view=3)
    elif end == "broken":
        bench.do("link_down", 0)
    else:
        bench.ping(0, view=3)
    assert [p.view for p in bench.sent(Prepare, 2)] == [4]


def test_11_a_replica_that_hears_a_master_refuses_to_promise() -> None:
    bench = hearing_a_master()
    bench.get(2, Prepare(5, birth=False))
    assert bench.sent(Promise) == bench.sent(Refusal) == []
    (probe,) = bench.sent(Probe, 0)
    bench.get(0, Probe(probe.nonce, answer=True, view=3, leading=True))
    (no,) = bench.sent(Refusal, 2)
    assert (no.view, no.hears_master, bench.core.view) == (5, True, 3)


def test_11_a_held_promise_is_given_when_the_master_stays_silent() -> None:
    bench = hearing_a_master()
    bench.get(2, Prepare(5, birth=False))
    bench.wait(1.2, 2, view=3)
    bench.sync()
    assert [p.view for p in bench.sent(Promise, 2)] == [5]


def test_11_a_master_itself_refuses_to_promise() -> None:
    bench = Bench(journal(0))
    bench.lead(3, 1, 2)
    bench.get(1, Prepare(4, birth=False))
    assert bench.sent(Refusal, 1)[0].hears_master
    assert bench.core.leading


@pytest.mark.parametrize("asked", ["promote", "prepare"])
def test_a_question_ends_when_another_master_speaks_up(asked: str) -> None:
    # The master that was asked died with its link standing; a newer one leads for good.
    bench = hearing_a_master()
    if asked == "promote":
        bench.do("promote", 7, 1)
    else:
        bench.get(2, Prepare(8, birth=False))
    bench.append(2, 5, (1, 0), in_sync=(2,))
    if asked == "promote":
        assert "leads view 5" in reasons(bench)[1]
    else:
        # Replica 2 leads by now: its own question no longer waits for replica 0.
        bench.sync()
        assert [promise.view for promise in bench.sent(Promise, 2)] == [8]


def test_a_held_prepare_is_refused_when_its_holder_becomes_the_master() -> None:
    bench = Bench(journal(0, 0), me=0)
    bench.up()
    bench.do("promote", 3, 1)
    bench.sync()
    bench.ping(2, view=2, leading=False)
    bench.promise(2, 3, bench.core.summary(), in_sync=True)
    bench.get(2, Probe(1, answer=False, view=5, leading=True))
    bench.get(1, Prepare(4, birth=False))
    assert bench.sent(Refusal, 1) == []
    bench.get(1, Refusal(3, 3, "no", hears_master=False))
    assert bench.core.leading
    assert [no.view for no in bench.sent(Refusal, 1)] == [4]


def test_a_held_prepare_is_refused_when_its_holder_turns_out_to_be_empty() -> None:
    bench = Bench(None, me=1)
    bench.up(0, view=3, leading=True, cluster=b"")
    bench.up(2, cluster=b"")
    bench.get(2, Prepare(5, birth=True))
    assert len(bench.sent(Probe, 0)) == 1
    bench.ping(0, view=3, leading=False)  # there is a cluster: this disk was replaced
    bench.sync()
    assert bench.sent(Promise) == []
    assert "rebuilding" in bench.sent(Refusal, 2)[0].reason


def test_clients_that_ask_meanwhile_wait_for_the_same_attempt() -> None:
    bench = Bench(journal(0, 0))
    bench.up()
    for asker, view in ((1, 3), (2, 3), (3, 6)):
        bench.do("promote", view, asker)
    bench.do("promote", 0, 4)
    assert list(reasons(bench)) == [4]
    bench.sync()
    for peer in (1, 2):
        bench.promise(peer, 3, bench.core.summary(), in_sync=True)
    bench.sync()
    bench.do("promote", 3, 5)  # it leads, but serves nothing yet
    assert reasons(bench) == {}
    bench.ack(1)
    bench.ack(2)
    assert reasons(bench) == {1: "", 2: "", 3: "", 5: ""}


def test_what_is_asked_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promotion, "ASKERS_MAX", 2)
    bench = Bench(journal(0, 0))
    bench.up()
    for asker in (1, 2, 3):
        bench.do("promote", 3, asker)
    assert list(reasons(bench)) == [3]
    assert "belongs to replica 1" in ask(bench, 4)
    assert "too far" in ask(Bench(journal(0)), 3 << 30)


def ask(bench: Bench, view: int) -> str:
    bench.do("promote", view, 9)
    return reasons(bench)[9]


def test_who_resigns_answers_everybody_who_waits() -> None:
    bench = hearing_a_master()
    bench.do("promote", 4, 1)
    bench.do("resign", "stopping")
    assert reasons(bench) == {1: "stopping"}
    candidate = Bench(journal(0, 0))
    candidate.up()
    candidate.do("promote", 3, 1)
    candidate.do("resign", "stopping")
    assert reasons(candidate) == {1: "stopping"}


def test_9_sole_is_said_again_when_the_promise_is_asked_for_again() -> None:
    bench = Bench(journal(0, 0, promised=3, sole=True))
    bench.up()
    bench.get(1, Prepare(4, birth=False))
    bench.sync()
    assert bench.sent(Promise, 1)[0].sole
    assert not bench.core.meta.sole
    bench.do("link_down", 1)
    bench.up(1)
    bench.get(1, Prepare(4, birth=False))
    assert bench.sent(Promise, 1)[0].sole
    bench.get(2, Prepare(5, birth=False))
    bench.sync()
    assert not bench.sent(Promise, 2)[0].sole


def test_an_operators_word_does_not_outlive_its_attempt() -> None:
    bench = Bench(journal(0, 0))
    bench.up()
    bench.do("link_down", 2)
    assert bench.do("override").startswith("begins view 3")
    bench.sync()
    bench.get(1, Refusal(3, 9, "no", hears_master=False))
    bench.do("link_down", 1)
    bench.do("promote", 6, 1)
    bench.sync()
    assert not bench.core.leading
    assert "missing" in reasons(bench)[1]


def test_an_operator_may_join_those_who_wait_for_an_attempt() -> None:
    bench = Bench(journal(0, 0))
    bench.up()
    bench.do("link_down", 2)
    bench.do("promote", 3, 1)
    bench.do("override")
    bench.sync()
    bench.do("link_down", 1)
    bench.sync()
    assert bench.core.serving
    assert reasons(bench) == {1: ""}


def test_9_an_operator_is_refused_in_consistency_mode() -> None:
    assert Bench(journal(0), prefer="consistency").do("override").startswith("refused")


@pytest.mark.parametrize("prefer", ["availability", "consistency"])
def test_11_who_has_just_started_does_not_take_those_it_has_not_met_for_dead(prefer: str) -> None:
    bench = Bench(journal(0, sole=True), prefer=prefer)
    bench.up(1)
    bench.do("promote", 3, 1)
    assert "not met all others" in reasons(bench)[1], "replica 2 may be a healthy master"
    bench.wait(0.9, 1)
    bench.do("promote", 3, 2)
    assert "not met all others" in reasons(bench)[2]
    bench.wait(0.2, 1)
    bench.do("promote", 3, 3)
    assert bench.core.role_name == "candidate"


def test_11_nor_when_it_has_slept() -> None:
    bench = Bench(journal(0, sole=True))
    bench.up(1)
    bench.seconds += 5.0
    bench.do("promote", 3, 1)
    assert "not met all others" in reasons(bench)[1]


def test_11_one_that_was_met_and_is_gone_is_not_waited_for() -> None:
    bench = Bench(journal(0, sole=True))
    bench.up()
    bench.do("link_down", 2)
    bench.do("promote", 3, 1)
    assert bench.core.role_name == "candidate"


def test_an_operator_is_not_heeded_before_the_others_can_be_heard() -> None:
    bench = Bench(journal(0))
    assert bench.do("override").startswith("refused")
    bench.wait(1.1)
    assert bench.do("override").startswith("begins view 3")
