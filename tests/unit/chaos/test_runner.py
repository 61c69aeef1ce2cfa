from __future__ import annotations

import io
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import runner as module
from chaos.cluster import SMALL_VOLUME_OF
from chaos.faults import FAULTS, Fault
from chaos.history import DONE, READ, SEND, Call
from chaos.people import Record
from chaos.plan import Step
from chaos.runner import DETAILS_MAX, Judge, Progress, Runner


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes between two looks only, however slow the machine is."""

    def __init__(self) -> None:
        self._now = 1_000.0

    def monotonic(self) -> float:
        return self._now

    async def tick(self) -> None:
        self._now += module.TICK_SECONDS


class FakeCluster:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.masters = [1, 2, 0]
        self.replicas = [self._a_replica(id_) for id_ in range(3)]

    def _a_replica(self, id_: int) -> SimpleNamespace:
        def forget_damage() -> None:
            self.done.append(("forget", id_))

        return SimpleNamespace(id=id_, name=f"r{id_}", log=str, forget_damage=forget_damage)

    def master(self, seconds: float) -> int | None:
        return self.masters.pop(0)


def people() -> Any:
    return SimpleNamespace(record=Record())


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Any:
    fake = FakeCluster()

    def noted(what: str, kind: str) -> Any:
        def action(_: Any, replicas: Sequence[Any]) -> None:
            fake.done.append((what, kind, *(replica.id for replica in replicas)))

        return action

    for kind in FAULTS:
        monkeypatch.setitem(FAULTS, kind, Fault(noted("begin", kind), noted("undo", kind)))

    async def settle(self: Runner, *, quiet: bool = False) -> None:
        fake.done.append(("settle",))

    monkeypatch.setattr(Runner, "settle", settle)
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "TICK_SECONDS", 0.001)
    monkeypatch.setattr(Runner, "_tick", clock.tick)
    return fake


async def run(cluster: Any, steps: list[Step], seconds: float = 0.2) -> Runner:
    runner = Runner(cluster, people(), steps, Progress(io.StringIO(), seconds))
    await runner.run(seconds)
    return runner


async def test_each_fault_is_begun_and_undone_on_places_counted_from_the_master(
    cluster: Any,
) -> None:
    steps = [Step(0.0, "kill", (0,), 0.01), Step(0.02, "cut", (0, 1), 0.01)]
    runner = await run(cluster, steps)
    assert cluster.done == [
        ("begin", "kill", 1),
        ("undo", "kill", 1),
        ("begin", "cut", 2, 0),
        ("undo", "cut", 2, 0),
    ]
    assert [(band.kind, band.replicas) for band in runner.bands] == [
        ("kill", (1,)),
        ("cut", (2, 0)),
    ]
    for band in runner.bands:
        assert 0 <= band.begin < band.end


async def test_a_fault_waits_until_the_one_before_is_over(cluster: Any) -> None:
    await run(cluster, [Step(0.0, "kill", (0,), 0.05), Step(0.01, "stop", (0,), 0.0)])
    assert [entry[:2] for entry in cluster.done] == [
        ("begin", "kill"),
        ("undo", "kill"),
        ("begin", "stop"),
        ("undo", "stop"),
    ]


async def test_one_that_overlaps_does_not_and_counts_from_the_same_master(cluster: Any) -> None:
    steps = [Step(0.0, "kill", (0,), 0.08), Step(0.01, "pause", (1,), 0.01, overlaps=True)]
    await run(cluster, steps)
    assert cluster.done == [
        ("begin", "kill", 1),
        ("begin", "pause", 2),
        ("undo", "pause", 2),
        ("undo", "kill", 1),
    ]


async def test_a_fault_of_a_disk_begins_and_ends_when_all_is_well(cluster: Any) -> None:
    await run(cluster, [Step(0.0, "damage", (0,), 0.0)])
    assert cluster.done == [
        ("settle",),
        ("begin", "damage", 1),
        ("undo", "damage", 1),
        ("settle",),
        ("forget", 1),
    ]


async def test_the_small_volume_is_the_one_that_is_filled(cluster: Any) -> None:
    await run(cluster, [Step(0.0, "fill", (), 0.0)])
    assert cluster.done[0] == ("begin", "fill", SMALL_VOLUME_OF)


async def test_when_time_is_over_nothing_begins_and_everything_is_undone(cluster: Any) -> None:
    steps = [Step(0.0, "kill", (0,), 0.1), Step(0.01, "stop", (0,), 0.0)]
    await run(cluster, steps, seconds=0.05)
    assert [entry[:2] for entry in cluster.done] == [("begin", "kill"), ("undo", "kill")]


# ----------------------------------------------------------------------- progress


def test_a_terminal_has_one_line_that_changes() -> None:
    terminal = Terminal()
    progress = Progress(terminal, 60)
    crowd = people()
    progress.show(1.0, "a long name of a fault that takes room", crowd)
    crowd.record.event(1.0, "ann", "connected", 4, 1)
    crowd.record.call(Call("ann", SEND, "bob", 0.0, "hi", 1.0, DONE, 1))
    progress.show(2.0, "kill 1", crowd)
    _, first, second = terminal.getvalue().split("\r")
    assert "master none" in first
    assert "2 of 60 s   kill 1" in second
    assert "master 1 (view 4)" in second
    assert "confirmed 1 " in second
    assert len(second) >= len(first), "nothing of the longer line is left"


def test_elsewhere_there_is_a_line_now_and_then() -> None:
    stream = io.StringIO()
    progress = Progress(stream, 60)
    for tenth in range(301):
        progress.show(tenth / 10, "-", people())
    assert len(stream.getvalue().splitlines()) == 4


# ---------------------------------------------------------------------- judgement


def test_a_verdict_tells_the_first_complaints() -> None:
    judge = Judge()
    judge.find("fine", [], "nothing wrong")
    judge.find("wrong", [f"complaint {i}" for i in range(DETAILS_MAX + 5)], "")
    fine, wrong = judge.verdicts
    assert (fine.passed, fine.detail) == (True, "nothing wrong")
    assert not wrong.passed
    assert wrong.detail.splitlines()[-1] == "and 5 more"
    assert len(wrong.detail.splitlines()) == DETAILS_MAX + 1


def test_what_does_not_come_about_is_a_failed_verdict() -> None:
    judge = Judge()
    with judge.expecting("in sync", "yes"):
        pass
    with judge.expecting("in sync", "yes"):
        raise TimeoutError("the replicas do not settle")
    assert [verdict.passed for verdict in judge.verdicts] == [True, False]
    assert "do not settle" in judge.verdicts[1].detail


def test_a_lost_message_fails_in_either_mode_and_an_impossible_order_in_one() -> None:
    crowd = people()
    crowd.record.call(Call("ann", SEND, "bob", 0.0, "hi", 1.0, DONE, 5))
    stale = Call("bob", READ, "bob", 2.0, None, 3.0, DONE, ())
    crowd.record.call(stale)
    for prefer, names in (
        ("availability", ["nothing lost, nothing doubled"]),
        ("consistency", ["nothing lost, nothing doubled", "linearizable"]),
    ):
        judge = Judge()
        judge.judge_history(crowd, {}, prefer)
        assert [verdict.name for verdict in judge.verdicts] == names
        assert not any(verdict.passed for verdict in judge.verdicts)
        assert judge.complaints


def test_without_last_reads_nothing_is_said_of_losses() -> None:
    judge = Judge()
    judge.judge_history(people(), None, "availability")
    assert judge.verdicts == []


@pytest.mark.parametrize(
    ("died", "said", "passed"),
    [
        ([("r0", 137), ("r1", 0)], "", True),
        ([("r2", 4), ("r2", 3)], "", True),
        ([("r1", 4)], "", False),
        ([("r0", 1)], "", False),
        ([("r0", 2)], "", True),  # runc's, not the replica's own
        ([("r1", 2)], "ringchat-server: no cluster.yaml in /config", False),
        ([("r2", 2)], "ringchat-server: no cluster.yaml in /config", True),  # r1 says so
        ([], "ERROR a request failed: this is a bug\nTraceback (most recent call last):", False),
    ],
)
def test_a_replica_that_ends_by_itself_is_noticed(
    cluster: Any, died: list[tuple[str, int]], said: str, passed: bool
) -> None:
    cluster.replicas[1].log = lambda: said
    judge = Judge()
    judge.judge_exits(cluster, died, [])
    assert judge.verdicts[0].passed is passed


def test_who_did_not_listen_cannot_say_that_no_replica_ended(cluster: Any) -> None:
    judge = Judge()
    judge.judge_exits(cluster, [], ["the engine's events were not heard to the end"])
    assert not judge.verdicts[0].passed
    assert "not heard" in judge.verdicts[0].detail
