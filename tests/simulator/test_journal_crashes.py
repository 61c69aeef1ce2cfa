"""A crash, or an error, at every single step of the disk: nothing is lost or invented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from ringchat_server.journal import (
    CompactionAbandoned,
    DiskFailed,
    Journal,
    JournalRefused,
    compact,
)
from ringchat_server.records import (
    Aside,
    HandedOverRecord,
    Meta,
    Record,
    Truncate,
)
from tests.simulator.disk import Crash, FakeDisk
from tests.simulator.journals import ListFold, Model, group, model_of, proposal

REPLICA = 2


@pytest.fixture(autouse=True)
def _small_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cares at which byte the probe is torn."""
    monkeypatch.setattr("ringchat_server.journal.journal.PROBE_BYTES", 16)


STATE = [tuple(entry) for entry in group(1, 9, view=7).entries]


class Step(NamedTuple):
    """Something done to a journal, and what the journal holds after it."""

    do: Callable[[FakeDisk, Journal], None]
    after: Model


def write_step(before: Model, *records: Record) -> Step:
    return Step(lambda _, journal: journal.write(records, 0), before.after(records))


def writes() -> list[Step]:
    """All kinds of records, some together, some alone."""
    frames: list[Sequence[Record]] = [
        (Meta(promised=1),),
        (group(1, 3),),
        (group(4, 2), Meta(promised=2, log_view=1, cluster_id=b"x" * 16)),
        (Aside((proposal(1),)), Truncate(3), group(4, 1, view=2)),
        (group(5, 4, view=2),),
        (Aside((proposal(2),)), Truncate(6)),
        (HandedOverRecord(), group(7, 2, view=3)),
        (),
    ]
    return follow(Model(), frames)


def follow(model: Model, frames: Sequence[Sequence[Record]]) -> list[Step]:
    steps = []
    for records in frames:
        steps.append(write_step(model, *records))
        model = steps[-1].after
    return steps


def compaction(up_to_index: int) -> list[Step]:
    """A compaction with writes between all its steps."""
    steps = writes()

    def add(do: Callable[[FakeDisk, Journal], None]) -> None:
        steps.append(Step(do, steps[-1].after))

    def add_write(*records: Record) -> None:
        steps.append(write_step(steps[-1].after, *records))

    add(lambda disk, _: compact(disk, REPLICA, up_to_index, ListFold))
    add_write(group(9, 2, view=3))
    add(lambda _, journal: check_copied(journal))
    add_write(Meta(promised=5, log_view=3), Aside((proposal(3), proposal(4))))
    add(lambda _, journal: check_copied(journal))
    add_write(Truncate(9), group(10, 3, view=4))
    add(lambda _, journal: journal.switch())
    add_write(group(13, 1, view=4))
    return steps


def check_copied(journal: Journal) -> None:
    assert journal.copy_tail() > 0


def installation() -> list[Step]:
    """A peer's state takes the place of a journal."""
    sender_disk = FakeDisk()
    sender, _ = Journal.open(sender_disk, 0)
    sender.write([Meta(), group(1, 9, view=7)], 9)
    compact(sender_disk, 0, 9, ListFold)
    sender.switch()
    reader = sender.open_state()
    assert reader is not None
    record = reader.read(0, reader.size)
    meta = Meta(promised=8, log_view=7)
    aside = (proposal(5),)
    steps = writes()
    half = len(record) // 2
    steps.append(Step(lambda _, journal: journal.store_chunk(0, record[:half]), steps[-1].after))
    steps.append(Step(lambda _, journal: journal.store_chunk(half, record[half:]), steps[-1].after))
    installed = Model(tuple(STATE), meta, aside)

    def install(_: FakeDisk, journal: Journal) -> None:
        assert journal.install(9, ((1, 7),), meta, aside, ListFold).entries == STATE

    steps.append(Step(install, installed))
    steps.append(write_step(installed, group(10, 2, view=8)))
    return steps


SCENARIOS = {
    "writes": writes,
    "compaction of a middle": lambda: compaction(6),
    "compaction of all": lambda: compaction(8),
    "compaction at a cut": lambda: compaction(3),
    "installation": installation,
}


def run(disk: FakeDisk, steps: list[Step], done: list[Model | None]) -> None:
    """Do the steps; `done` grows with each that returned."""
    journal, _ = Journal.open(disk, REPLICA)
    for step in steps:
        step.do(disk, journal)
        done.append(step.after)


def nothing_done() -> list[Model | None]:
    return [None]


def reopened(disk: FakeDisk) -> Model | None:
    _, opened = Journal.open(disk, REPLICA)
    assert opened.kept_aside is None, opened.note
    leftovers = [name for name in disk.listing() if name != f"replica-{REPLICA}.pickle"]
    assert leftovers == []
    return model_of(opened)


def steps_of(scenario: str) -> int:
    disk = FakeDisk()
    run(disk, SCENARIOS[scenario](), [])
    return disk.steps


def allowed(done: list[Model | None], steps: list[Step]) -> list[Model | None]:
    """What may be found: all that had returned, and perhaps what was under way."""
    finished = len(done) - 1
    return [done[-1], *(step.after for step in steps[finished : finished + 1])]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_a_fault_everything_is_there(scenario: str) -> None:
    disk, steps = FakeDisk(), SCENARIOS[scenario]()
    run(disk, steps, [])
    assert reopened(disk.crashed(next(disk.outcomes()))) == steps[-1].after


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_power_fails_at_every_step(scenario: str) -> None:
    steps = SCENARIOS[scenario]()
    every_bytes = 1 if scenario == "writes" else 11
    tried = 0
    for crash_at in range(1, steps_of(scenario) + 1):
        disk, done = FakeDisk(), nothing_done()
        disk.crash_at = crash_at
        try:
            run(disk, steps, done)
        except Crash:
            tried += 1
        for outcome in disk.outcomes(every_bytes):
            found = reopened(disk.crashed(outcome))
            assert found in allowed(done, steps), (crash_at, disk.log[-1], outcome)
    assert tried > 20


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_read_after_a_kill_survives_the_next_power_failure(scenario: str) -> None:
    steps = SCENARIOS[scenario]()
    for crash_at in range(1, steps_of(scenario) + 1):
        disk, done = FakeDisk(), nothing_done()
        disk.crash_at = crash_at
        try:
            run(disk, steps, done)
        except Crash:
            pass
        survivor = disk.killed()
        found = reopened(survivor)
        assert found in allowed(done, steps), (crash_at, disk.log[-1])
        for outcome in survivor.outcomes(every_bytes=11):
            assert reopened(survivor.crashed(outcome)) == found, (crash_at, outcome)


@pytest.mark.parametrize("partial_bytes", [0, 20])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_disk_refuses_at_every_step(scenario: str, partial_bytes: int) -> None:
    refused = failed = abandoned = 0
    for fail_at in range(1, steps_of(scenario) + 1):
        steps = SCENARIOS[scenario]()
        disk, done = FakeDisk(), nothing_done()
        disk.fail_at, disk.partial_bytes = fail_at, partial_bytes
        try:
            journal, _ = Journal.open(disk, REPLICA)
        except JournalRefused as error:
            assert "/a/fake/disk" in str(error)
            refused += 1
            continue
        given_up = False
        for step in steps:
            try:
                step.do(disk, journal)
            except DiskFailed as error:
                assert f"replica-{REPLICA}.pickle" in str(error)
                check_refuses_everything(disk, journal)
                failed += 1
                break
            except (CompactionAbandoned, OSError):
                # The latter only from `compact`, which runs in a process of its own.
                assert done[-1] == step.after, "only a compaction can be given up"
                abandoned += not given_up
                given_up = True
            done.append(step.after)
        survivor = disk.killed()
        found = reopened(survivor)
        assert found in allowed(done, steps), (fail_at, disk.log[fail_at - 1])
        for outcome in survivor.outcomes(every_bytes=11):
            assert reopened(survivor.crashed(outcome)) == found, (fail_at, outcome)
    assert refused > 3
    assert failed > 5
    assert (abandoned > 10) == ("compaction" in scenario)


def check_refuses_everything(disk: FakeDisk, journal: Journal) -> None:
    steps_before = disk.steps
    calls: list[Callable[[], object]] = [
        lambda: journal.write([Meta(promised=99)], 0),
        journal.reread,
        journal.open_state,
        journal.copy_tail,
        journal.switch,
        lambda: journal.store_chunk(0, b"x"),
        lambda: journal.install(1, ((1, 1),), Meta(), (), ListFold),
    ]
    for call in calls:
        with pytest.raises(DiskFailed):
            call()
    assert disk.steps == steps_before, "the disk is not touched again"


def test_a_crash_while_a_torn_write_is_cut_off() -> None:
    disk, done, steps = FakeDisk(), nothing_done(), writes()
    run(disk, steps[:4], done)
    whole = disk.content(f"replica-{REPLICA}.pickle")
    torn = whole + b"\x80\x05C\x20 and some of a frame"
    for crash_at in range(1, 30):
        again = FakeDisk()
        again.put(f"replica-{REPLICA}.pickle", torn)
        again.crash_at = crash_at
        try:
            Journal.open(again, REPLICA)
        except Crash:
            pass
        for outcome in again.outcomes(every_bytes=3):
            assert reopened(again.crashed(outcome)) == steps[3].after
