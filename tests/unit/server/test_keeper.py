from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

from ringchat_server import compactor
from ringchat_server import keeper as keeper_module
from ringchat_server.journal import DiskFailed, FolderDisk, Journal
from ringchat_server.keeper import Keeper
from ringchat_server.records import Entry, Group, Meta

AT_FORK: dict[str, Callable[[], object]] = {"child": lambda: None}


def _at_fork() -> None:
    AT_FORK["child"]()


os.register_at_fork(after_in_child=_at_fork)  # for good: it cannot be undone


def _group(first_index: int) -> Group:
    entry = Entry(0, 1, b"c" * 16, first_index, "", b"", ("noop",))
    return Group(first_index, [entry])


class Told:
    """What the keeper has told its owner."""

    def __init__(self) -> None:
        self.synced: list[int] = []
        self.failures: list[str] = []

    async def has(self, ticket: int) -> None:
        async with asyncio.timeout(10):
            while not (self.synced and self.synced[-1] >= ticket) and not self.failures:
                await asyncio.sleep(0.001)


def _keeper(folder: Path) -> tuple[Keeper, Journal, Told]:
    journal, _ = Journal.open(FolderDisk(folder), 0)
    told = Told()
    return Keeper(journal, folder, 0, told.synced.append, told.failures.append), journal, told


async def test_what_was_queued_is_synced_in_order_and_grouped(tmp_path: Path) -> None:
    keeper, _, told = _keeper(tmp_path)
    keeper.write(1, (Meta(promised=0),), 0)
    assert keeper.busy
    for ticket in range(2, 100):
        keeper.write(ticket, (_group(ticket - 1),), 0)
    await told.has(99)
    # What came during the first write went with the second: one sync for ninety-eight.
    assert told.synced == [1, 99]
    await keeper.close()
    _, opened = Journal.open(FolderDisk(tmp_path), 0)
    assert opened.recovered is not None
    assert len(opened.recovered.entries) == 98


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    keeper, _, told = _keeper(tmp_path)
    keeper.write(1, (Meta(promised=0),), 0)
    keeper.write(2, (_group(1),), 0)
    await keeper.close()
    assert told.failures == []
    _, opened = Journal.open(FolderDisk(tmp_path), 0)
    assert opened.recovered is not None
    assert len(opened.recovered.entries) == 1


async def test_a_disk_that_fails_is_told_once_and_never_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, journal, told = _keeper(tmp_path)
    writes: list[int] = []

    def fail(records: Any, commit_index: int) -> None:
        writes.append(len(records))
        raise DiskFailed("no space left")

    monkeypatch.setattr(journal, "write", fail)
    keeper.write(1, (Meta(promised=0),), 0)
    keeper.write(2, (_group(1),), 0)
    await told.has(1)
    await asyncio.sleep(0)
    keeper.write(3, (_group(2),), 0)  # the replica does not know yet
    assert not keeper.busy
    assert told.failures == ["no space left"]
    assert told.synced == []
    assert writes == [1]
    assert not keeper.worth_compacting(0)


async def _grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Keeper, Journal, Told]:
    monkeypatch.setattr(keeper_module, "COMPACT_AFTER_BYTES", 2_000)
    keeper, journal, told = _keeper(tmp_path)
    keeper.write(1, (Meta(promised=0),), 0)
    for ticket in range(2, 102):
        keeper.write(ticket, (_group(ticket - 1),), 100)
    await told.has(101)
    return keeper, journal, told


async def test_a_compaction_goes_beside_the_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, journal, told = await _grown(tmp_path, monkeypatch)
    assert keeper.worth_compacting(0)
    compacted: list[int] = []
    keeper.compact(50, compacted.append)
    assert not keeper.worth_compacting(0)  # one at a time
    ticket = 101
    async with asyncio.timeout(20):
        while not compacted:
            ticket += 1
            keeper.write(ticket, (_group(ticket - 1),), 100)
            await told.has(ticket)
    assert compacted == [50]
    assert journal.base_index == 50
    keeper.write(ticket + 1, (_group(ticket),), 100)
    await keeper.close()
    _, opened = Journal.open(FolderDisk(tmp_path), 0)
    assert opened.recovered is not None
    assert opened.recovered.base_index == 50
    assert len(opened.recovered.entries) == ticket - 50
    assert told.failures == []


async def test_what_the_chat_still_needs_is_not_worth_compacting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, journal, _ = await _grown(tmp_path, monkeypatch)
    assert keeper.worth_compacting(journal.size_bytes // 2 - 1)
    assert not keeper.worth_compacting(journal.size_bytes // 2 + 1)
    await keeper.close()


async def test_a_journal_that_stays_long_is_not_compacted_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, _, _ = await _grown(tmp_path, monkeypatch)
    compacted: list[int] = []
    keeper.compact(1, compacted.append)  # all but one entry have to stay
    async with asyncio.timeout(20):
        while not compacted:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert not keeper.worth_compacting(0)
    await keeper.close()


async def test_a_journal_taken_from_another_replica_is_compacted_by_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, journal, _ = await _grown(tmp_path, monkeypatch)
    compacted: list[int] = []
    keeper.compact(1, compacted.append)
    async with asyncio.timeout(20):
        while keeper._compaction:
            await asyncio.sleep(0.01)
    assert not keeper.worth_compacting(0)
    monkeypatch.setattr(journal, "install", lambda *_: None)
    keeper.install(1, (), Meta(promised=0), (), lambda _: None)
    assert keeper.worth_compacting(0)
    await keeper.close()


async def test_what_is_written_during_a_compaction_makes_the_next_one_worth_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, journal, told = await _grown(tmp_path, monkeypatch)
    written = asyncio.Event()
    ended = keeper_module._ended

    async def ended_later(process: subprocess.Popen[bytes], seconds_max: float) -> int | None:
        await written.wait()
        return await ended(process, seconds_max)

    monkeypatch.setattr(keeper_module, "_ended", ended_later)
    compacted: list[int] = []
    keeper.compact(100, compacted.append)
    ticket, long = 101, journal.size_bytes + 5_000
    while journal.size_bytes < long:
        ticket += 1
        keeper.write(ticket, (_group(ticket - 1),), ticket - 1)
        await told.has(ticket)
    written.set()
    async with asyncio.timeout(20):
        while keeper._compaction:
            await asyncio.sleep(0.01)
        assert keeper.worth_compacting(0)
        keeper.compact(ticket - 1, compacted.append)
        while keeper._compaction:
            await asyncio.sleep(0.01)
    assert compacted == [100, ticket - 1]
    assert journal.size_bytes < 2_000
    assert not keeper.worth_compacting(0)
    await keeper.close()


def test_the_compactor_is_no_fork_of_the_replica(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forked child runs the handlers of libraries whose threads it lacks, and dies of it.

    Those of Python are looked at: uvloop calls them. `subprocess` does not, and uses vfork,
    which calls none.
    """
    forked = tmp_path / "forked"
    monkeypatch.setitem(AT_FORK, "child", forked.touch)

    async def compaction() -> int:
        keeper, journal, _ = await _grown(tmp_path, monkeypatch)
        keeper.compact(50, lambda _: None)
        assert keeper._compaction is not None
        await keeper._compaction
        await keeper.close()
        return journal.base_index

    assert uvloop.run(compaction()) == 50  # the loop that replicas run on
    assert not forked.exists()


async def test_a_compactor_that_cannot_be_killed_keeps_nobody_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a disk hangs, a process that writes to it is in its hands."""
    keeper, _, _ = await _grown(tmp_path, monkeypatch)
    monkeypatch.setattr(keeper_module, "KILLED_SECONDS_MAX", 0.05)
    stuck = SimpleNamespace(returncode=None, poll=lambda: None, kill=lambda: None)
    monkeypatch.setattr(compactor, "start", lambda *_: stuck)
    keeper.compact(50, lambda _: None)
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await keeper.close()


async def test_a_compaction_that_fails_is_not_tried_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keeper, journal, told = await _grown(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    keeper.compact(50, told.synced.append)
    task = keeper._compaction
    assert task is not None
    await task
    assert "its process ended with 1" in caplog.text
    assert not keeper.worth_compacting(0)
    monkeypatch.setattr(keeper_module, "COMPACTION_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    keeper.compact(50, told.synced.append)
    task = keeper._compaction
    assert task is not None
    await task
    assert keeper.worth_compacting(0)
    assert told.failures == []
    assert journal.base_index == 0
    await keeper.close()


async def test_a_write_never_runs_on_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, journal, told = _keeper(tmp_path)
    threads: list[threading.Thread] = []
    write = journal.write

    def spy(records: Any, commit_index: int) -> None:
        threads.append(threading.current_thread())
        write(records, commit_index)

    monkeypatch.setattr(journal, "write", spy)
    keeper.write(1, (Meta(promised=0),), 0)
    await told.has(1)
    assert threading.main_thread() not in threads
    await keeper.close()
