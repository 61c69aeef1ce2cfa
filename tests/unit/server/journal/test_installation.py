"""A state record from one journal to another. Crashes of it are in tests/simulator."""

from __future__ import annotations

import pytest

from ringchat_server.journal import (
    EMPTY_STATE,
    CompactionAbandoned,
    DiskFailed,
    Journal,
    StateReader,
    compact,
)
from ringchat_server.pickled import Unreadable
from ringchat_server.records import Meta
from tests.simulator.disk import FakeDisk
from tests.simulator.journals import ListFold, Model, group, model_of, proposal

RUNS = ((1, 1), (5, 3))


def sender() -> tuple[FakeDisk, Journal, StateReader]:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 1)
    journal.write([Meta(), group(1, 4), group(5, 4, view=3)], 8)
    compact(disk, 1, 7, ListFold)
    journal.switch()
    reader = journal.open_state()
    assert reader is not None
    return disk, journal, reader


def receiver() -> tuple[FakeDisk, Journal]:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(promised=1), group(1, 2)], 2)
    return disk, journal


def send(reader: StateReader, journal: Journal, piece_bytes: int = 100) -> None:
    for offset in range(0, reader.size, piece_bytes):
        journal.store_chunk(offset, reader.read(offset, piece_bytes))


def test_the_receiver_holds_the_same_record() -> None:
    _, source, reader = sender()
    disk, journal = receiver()
    assert (reader.index, reader.runs, reader.size) == (7, RUNS, source.state_bytes)
    send(reader, journal)
    meta, aside = Meta(promised=5, log_view=2), (proposal(1),)
    again_and_again = (*aside, *aside)
    fold = journal.install(7, RUNS, meta, again_and_again, ListFold)
    read_back = journal.reread().recovered
    assert read_back is not None and read_back.aside == aside
    assert len(fold.entries) == 7
    assert disk.listing() == ["replica-0.pickle"]
    assert (journal.base_index, journal.base_view) == (7, 3)
    again = journal.open_state()
    assert again is not None
    assert again.read(0, again.size) == reader.read(0, reader.size)
    journal.write([group(8, 2, view=3)], 7)
    _, opened = Journal.open(disk, 0)
    assert opened.recovered is not None
    assert opened.recovered[:3] == (meta, 7, RUNS)
    assert opened.recovered.aside == aside
    assert model_of(opened) == model_of(journal.reread())
    assert ListFold(opened.state).entries == fold.entries


def test_a_replica_without_a_journal_can_begin_with_a_state() -> None:
    _, _, reader = sender()
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    send(reader, journal, 1 << 20)
    journal.install(7, RUNS, Meta(rebuilding=True), (), ListFold)
    assert model_of(Journal.open(disk, 0)[1]) == model_of(journal.reread())


def test_the_reader_outlives_a_compaction_and_an_installation() -> None:
    disk, journal, reader = sender()
    before = reader.read(0, reader.size)
    compact(disk, 1, 8, ListFold)
    journal.switch()
    assert reader.read(0, reader.size) == before
    newer = journal.open_state()
    assert newer is not None and newer.index == 8
    reader.close()
    reader.close()


def test_a_reader_stays_within_the_record() -> None:
    _, _, reader = sender()
    assert reader.read(reader.size - 3, 100) == reader.read(0, reader.size)[-3:]
    assert reader.read(reader.size, 100) == b""


def test_a_record_changed_on_the_way_is_refused_and_the_journal_is_as_before() -> None:
    _, _, reader = sender()
    record = reader.read(0, reader.size)
    disk, journal = receiver()
    before = model_of(journal.reread())
    wrong = [record[:-1], record + b"x", b"", b"garbage"]
    wrong += [record.replace(b"hello 3", b"HELLO 3")]
    for data in wrong:
        journal.store_chunk(0, data)
        with pytest.raises(Unreadable):
            journal.install(7, RUNS, Meta(promised=9), (), ListFold)
        assert disk.listing() == ["replica-0.pickle"]
    for index, runs in ((6, RUNS), (7, ((1, 1), (5, 2))), (7, ((1, 3),))):
        journal.store_chunk(0, record)
        with pytest.raises(Unreadable, match="not the one"):
            journal.install(index, runs, Meta(promised=9), (), ListFold)
    assert model_of(journal.reread()) == before
    assert model_of(Journal.open(disk, 0)[1]) == before


def test_a_state_that_nobody_can_fold_is_refused_and_the_journal_is_as_before() -> None:
    _, _, reader = sender()
    disk, journal = receiver()
    before = model_of(journal.reread())

    def refuse(state: object) -> object:
        raise ValueError("the state of a chat in an unknown format")

    send(reader, journal)
    with pytest.raises(ValueError, match="unknown format"):
        journal.install(7, RUNS, Meta(promised=9), (), refuse)
    assert disk.listing() == ["replica-0.pickle"]
    assert model_of(journal.reread()) == before
    assert model_of(Journal.open(disk, 0)[1]) == before


def test_pieces_come_in_order_and_the_first_begins_anew() -> None:
    _, _, reader = sender()
    _, journal = receiver()
    with pytest.raises(Unreadable, match="none before"):
        journal.store_chunk(10, b"x")
    with pytest.raises(Unreadable, match="no state"):
        journal.install(7, RUNS, Meta(), (), ListFold)
    journal.store_chunk(0, b"something else")
    send(reader, journal)
    for offset in (reader.size - 1, reader.size + 1):
        with pytest.raises(Unreadable, match="a piece of a state"):
            journal.store_chunk(offset, b"x")
    assert len(journal.install(7, RUNS, Meta(), (), ListFold).entries) == 7
    with pytest.raises(Unreadable, match="no state"):
        journal.install(7, RUNS, Meta(), (), ListFold)


def test_an_installation_ends_a_compaction() -> None:
    _, _, reader = sender()
    disk, journal = receiver()
    compact(disk, 0, 1, ListFold)
    journal.copy_tail()
    send(reader, journal)
    journal.install(7, RUNS, Meta(), (), ListFold)
    with pytest.raises(CompactionAbandoned, match="no side file"):
        journal.switch()


def test_a_replica_can_begin_anew_with_the_empty_state() -> None:
    disk, journal = receiver()
    journal.store_chunk(0, EMPTY_STATE)
    assert not journal.install(0, (), Meta(promised=4), (), ListFold).entries
    journal.write([group(1, 2, view=9)], 0)
    assert model_of(Journal.open(disk, 0)[1]) == Model().after([Meta(promised=4), group(1, 2, 9)])


def test_a_full_disk_ends_the_journal() -> None:
    _, _, reader = sender()
    disk, journal = receiver()
    before = model_of(journal.reread())
    disk.capacity_bytes = journal.size_bytes + 50
    with pytest.raises(DiskFailed, match="No space left"):
        send(reader, journal)
    disk.capacity_bytes = None
    assert model_of(Journal.open(disk, 0)[1]) == before


def test_a_record_that_has_changed_on_the_senders_disk_is_not_sent_to_its_end() -> None:
    disk, source, reader = sender()
    changed = bytearray(disk.content("replica-1.pickle"))
    at = changed.index(reader.read(0, reader.size)) + reader.size // 2
    changed[at] ^= 1
    disk.put("replica-1.pickle", bytes(changed))
    again = source.open_state()
    assert again is not None
    assert again.read(0, 10), "the beginning is as it was"
    with pytest.raises(OSError, match="has changed since it was written"):
        again.read(10, again.size)


def test_a_record_that_ends_early_is_not_sent_either() -> None:
    disk, source, reader = sender()
    content = disk.content("replica-1.pickle")
    record = reader.read(0, reader.size)
    disk.put("replica-1.pickle", content[: content.index(record) + reader.size - 3])
    again = source.open_state()
    assert again is not None
    with pytest.raises(OSError, match="ends before its end"):
        again.read(0, again.size)
