from __future__ import annotations

import math

import pytest

from chaos.history import DONE, READ, REFUSED, SEND, UNKNOWN, Call
from chaos.people import Event
from chaos.run import Band, Gap, Reign
from chaos.story import SLOW_CALLS_MAX, gaps, reigns, slowest, tell

ORIGIN = 1000.0


def connected(at: float, view: int, client: str = "ann") -> Event:
    return Event(ORIGIN + at, client, "connected", view, view % 3)


def a_send(begin: float, end: float, outcome: str = DONE) -> Call:
    return Call("ann", SEND, "bob", ORIGIN + begin, f"{begin}", ORIGIN + end, outcome, 1)


def test_a_reign_begins_when_the_first_client_is_attached() -> None:
    events = [
        connected(-3.0, 0),
        connected(5.2, 4, "bob"),
        connected(5.0, 4),
        Event(ORIGIN + 4.0, "ann", "lost", -1, -1),
        connected(9.0, 5),
    ]
    assert reigns(events, ORIGIN) == [Reign(0.0, 0, 0), Reign(5.0, 4, 1), Reign(9.0, 5, 2)]


def test_an_older_view_on_the_other_side_of_a_partition_does_not_count() -> None:
    events = [connected(1.0, 1), connected(2.0, 3), connected(3.0, 1, "bob")]
    assert [reign.view for reign in reigns(events, ORIGIN)] == [1, 3]


def test_a_gap_is_the_longest_stretch_around_the_loss_of_a_master() -> None:
    confirmed = [0.0, 1.0, 4.0, 10.0, 10.1, 12.5, 12.6, 30.0]
    views = [Reign(0.0, 0, 0), Reign(12.4, 1, 1)]
    bands = [Band("slow", (2,), 3.0, 6.0), Band("kill", (0,), 10.05, 15.0)]
    assert gaps(confirmed, views, bands, 20.0)[-2:] == [
        Gap(10.1, 12.5, "kill 0"),
        Gap(12.6, 30.0, "kill 0", is_failover=False),
    ]


def test_the_stretch_in_which_the_fault_began_counts() -> None:
    views = [Reign(0.0, 0, 0), Reign(6.0, 1, 1)]
    bands = [Band("pause", (0,), 3.0, 8.0)]
    assert gaps([2.0, 6.5, 6.6], views, bands, 9.0) == [Gap(2.0, 6.5, "pause 0")]


def test_masters_that_follow_each_other_without_a_confirmation_leave_one_gap() -> None:
    views = [Reign(0.0, 0, 0), Reign(3.0, 1, 1), Reign(3.5, 2, 2), Reign(20.0, 5, 2)]
    bands = [Band("hunt", (), 2.5, 6.0)]
    assert gaps([2.0, 4.0, 4.4], views, bands, 30.0) == [Gap(2.0, 4.0, "hunt")]


def test_nothing_confirmed_is_no_gap() -> None:
    assert gaps([], [Reign(0.0, 0, 0), Reign(1.0, 1, 1)], [], 9.0) == []


def test_a_new_view_of_the_same_master_is_a_failover_too() -> None:
    views = [Reign(0.0, 0, 0), Reign(3.0, 3, 0)]
    assert gaps([1.0, 3.1], views, [], 9.0) == [Gap(1.0, 3.1, "unknown")]


def test_a_long_gap_under_the_same_master_is_told_with_the_fault_of_that_time() -> None:
    bands = [Band("kill", (0,), 1.0, 2.0), Band("pause", (2,), 5.1, 8.0)]
    confirmed = [0.9, 1.3, 4.9, 6.0, 6.4, 7.9, 11.0, 12.9]
    assert gaps(confirmed, [Reign(0.0, 0, 0)], bands, 10.0) == [
        Gap(1.3, 4.9, "kill 0", is_failover=False),
        Gap(4.9, 6.0, "pause 2", is_failover=False),
        Gap(6.4, 7.9, "pause 2", is_failover=False),
        Gap(7.9, 11.0, "pause 2", is_failover=False),
    ]


def test_a_gap_that_no_fault_explains_says_so() -> None:
    bands = [Band("kill", (0,), 1.0, 2.0)]
    assert gaps([4.0, 5.0], [], bands, 9.0) == [Gap(4.0, 5.0, "unknown", is_failover=False)]


def test_the_slowest_calls_come_first_and_only_those_that_were_answered() -> None:
    calls = [a_send(i, i + i / 10) for i in range(SLOW_CALLS_MAX + 5)]
    calls.append(Call("ann", SEND, "bob", ORIGIN, "never"))
    found = slowest(calls, ORIGIN)
    assert len(found) == SLOW_CALLS_MAX
    assert found[0].begin == SLOW_CALLS_MAX + 4
    assert all(call.end < math.inf for call in found)
    lengths = [call.end - call.begin for call in found]
    assert lengths == sorted(lengths, reverse=True)


def test_a_run_counts_what_was_asked_and_found() -> None:
    calls = [
        a_send(2.0, 2.1),
        a_send(1.0, 1.1),
        a_send(3.0, 3.1, REFUSED),
        Call("ann", SEND, "bob", ORIGIN + 4, "never", outcome=UNKNOWN),
        Call("bob", READ, "bob", ORIGIN + 5, None, ORIGIN + 6, DONE, ()),
    ]
    run = tell(
        seed=7,
        prefer="consistency",
        replicas=3,
        origin=ORIGIN,
        seconds=60.0,
        bands=[Band("kill", (1,), 9.0, 10.0), Band("stop", (0,), 3.0, 4.0)],
        calls=calls,
        events=[connected(0.0, 0)],
        verdicts=[],
        complaints=["lost: a message", "doubled: one", "doubled: another", "invented: a third"],
        environment={},
        logs=[
            """INFO compaction up to entry 9 begins
            INFO compaction done: 5 bytes instead of 9
            INFO the state after entry 9 is installed
            INFO compaction done: 6 bytes instead of 8""",
            """WARNING compaction abandoned: there is no side file
            INFO compaction done: 5 bytes instead of 7""",
            "",
        ],
    )
    assert run.confirmed == pytest.approx([1.1, 2.1])
    assert [band.kind for band in run.faults] == ["stop", "kill"]
    assert run.counts == {
        "faults": 2,
        "masters": 1,
        "calls": 5,
        "sends": 4,
        "confirmed": 2,
        "unknown": 1,
        "reads": 1,
        "lost": 1,
        "doubled": 2,
        "compactions": 3,
        "states": 1,
    }
