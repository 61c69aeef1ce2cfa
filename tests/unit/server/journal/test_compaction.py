"""A shorter journal beside the one in use. Crashes of it are in tests/simulator."""

from __future__ import annotations

import errno
from itertools import pairwise

import pytest

from ringchat_server.journal import CompactionAbandoned, Journal, compact, compaction, side_name
from ringchat_server.journal.compaction import COPY_BYTES_MAX, unfinished_name
from ringchat_server.journal.encoding import RUNS_MAX
from ringchat_server.journal.frames import FOOT
from ringchat_server.records import Aside, Entry, Group, HandedOverRecord, Meta, Record, Truncate
from tests.simulator.disk import FakeDisk
from tests.simulator.journals import ListFold, Model, group, model_of, proposal

NAME = "replica-0.pickle"


def filled(count: int = 10) -> tuple[FakeDisk, Journal]:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(promised=1, cluster_id=b"c" * 16)], 0)
    for index in range(1, count + 1):
        journal.write([group(index, 1)], index)
    return disk, journal


def big(first_index: int) -> Group:
    """About 64 KiB."""
    return Group(first_index, [Entry(1, 1, b"", 1, "ann", b"", ("send", "bob", "x" * (1 << 16)))])


@pytest.mark.parametrize("up_to_index", range(1, 11))
def test_the_journal_holds_the_same_and_begins_later(up_to_index: int) -> None:
    disk, journal = filled()
    before = model_of(journal.reread())
    compact(disk, 0, up_to_index, ListFold)
    assert journal.copy_tail() > 0
    assert journal.copy_tail() == 0
    journal.switch()
    assert disk.listing() == [NAME]
    assert (journal.base_index, journal.base_view) == (up_to_index, 1)
    assert journal.size_bytes == len(disk.content(NAME))
    assert model_of(journal.reread()) == before
    _, opened = Journal.open(disk, 0)
    assert model_of(opened) == before
    assert opened.recovered is not None
    assert opened.recovered.runs == ((1, 1),)
    assert len(opened.recovered.entries) == 10 - up_to_index


def test_a_long_state_is_synced_by_the_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "UNSYNCED_BYTES_MAX", 16)
    disk, journal = filled()
    before = model_of(journal.reread())
    pieces: list[int] = []
    sync = disk.sync

    def watched(name: str) -> None:
        if name == unfinished_name(0):
            pieces.append(disk.size(name))
        sync(name)

    monkeypatch.setattr(disk, "sync", watched)
    compact(disk, 0, 7, ListFold)
    grown = [longer - shorter for shorter, longer in pairwise(pieces)]
    assert len(grown) > 5
    assert max(grown) <= 16 + len(FOOT)
    assert journal.copy_tail() > 0
    journal.switch()
    assert model_of(journal.reread()) == before


def test_again_and_again() -> None:
    disk, journal = filled(1)
    model = Model().after([Meta(promised=1, cluster_id=b"c" * 16), group(1, 1)])
    for view in range(2, 12):
        first = journal.base_index + 2 if view > 2 else 2
        journal.write([group(first, 3, view)], 0)
        model = model.after([group(first, 3, view)])
        compact(disk, 0, first + 2 - (view % 2), ListFold)
        journal.switch()
        if view % 2:
            journal.write([Truncate(first + 1)], 0)
            model = model.after([Truncate(first + 1)])
        assert model_of(journal.reread()) == model
        journal, opened = Journal.open(disk, 0)
        assert model_of(opened) == model
        journal.write([group(len(model.entries) + 1, 1, view)], 0)
        model = model.after([group(len(model.entries) + 1, 1, view)])
        if journal.base_index + 1 != len(model.entries):
            journal.write([Truncate(journal.base_index + 1)], 0)
            model = model.after([Truncate(journal.base_index + 1)])
    opened = journal.reread()
    assert opened.recovered is not None
    assert [view for _, view in opened.recovered.runs] == list(range(1, 12))


def test_old_runs_are_forgotten_beyond_the_limit() -> None:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    entries = [entry._replace(view=i) for i, entry in enumerate(group(1, RUNS_MAX + 9).entries)]
    journal.write([Group(1, entries)], 0)
    compact(disk, 0, RUNS_MAX + 9, ListFold)
    journal.switch()
    opened = Journal.open(disk, 0)[1]
    assert opened.recovered is not None
    assert len(opened.recovered.runs) == RUNS_MAX
    assert opened.recovered.runs[-1] == (RUNS_MAX + 9, RUNS_MAX + 8)


def test_a_long_tail_is_copied_in_bounded_pieces_with_writes_in_between() -> None:
    disk, journal = filled(3)
    model = model_of(journal.reread())
    assert model is not None
    for index in range(4, 68):
        journal.write([big(index)], 0)
        model = model.after([big(index)])
    compact(disk, 0, 5, ListFold)
    copied, calls, index = 1, 0, 68
    while copied:
        copied = journal.copy_tail()
        assert copied < COPY_BYTES_MAX + (1 << 18), "a piece and little more"
        calls += 1
        if calls < 4:
            journal.write([big(index)], 0)
            model = model.after([big(index)])
            index += 1
    assert calls >= 4
    journal.switch()
    assert model_of(journal.reread()) == model
    # Its marks are right too: the next one does not begin at the beginning.
    compact(disk, 0, 60, ListFold)
    steps = disk.steps
    journal.switch()
    assert disk.log[steps:].count("read") < 8
    assert model_of(journal.reread()) == model


def test_what_is_put_aside_or_handed_over_meanwhile_ends_right() -> None:
    disk, journal = filled()
    journal.write([Aside((proposal(1),))], 0)
    compact(disk, 0, 8, ListFold)
    journal.write([HandedOverRecord(), Aside((proposal(2),))], 0)
    journal.copy_tail()
    journal.write([Aside((proposal(3),)), Meta(promised=7)], 0)
    journal.switch()
    recovered = journal.reread().recovered
    assert recovered is not None
    assert recovered.aside == (proposal(2), proposal(3))
    assert recovered.meta.promised == 7


def test_what_was_put_aside_long_before_is_kept() -> None:
    disk, journal = filled(2)
    journal.write([Aside((proposal(1),))], 0)
    journal.write([group(3, 4)], 0)
    compact(disk, 0, 5, ListFold)
    journal.switch()
    recovered = journal.reread().recovered
    assert recovered is not None
    assert recovered.aside == (proposal(1),)


@pytest.mark.parametrize("up_to_index", [6, 7, 8, 9])
def test_a_cut_inside_the_frame_where_the_tail_begins(up_to_index: int) -> None:
    disk, journal = filled(4)
    cut: list[Record] = [
        group(5, 6),
        Truncate(7),
        group(8, 3, view=2),
        Truncate(9),
        group(10, 1, view=3),
    ]
    journal.write(cut, 0)
    before = model_of(journal.reread())
    compact(disk, 0, up_to_index, ListFold)
    journal.switch()
    assert model_of(journal.reread()) == before


def test_a_cut_in_the_copied_tail_is_found_by_the_next_compaction() -> None:
    disk, journal = filled()
    compact(disk, 0, 2, ListFold)
    journal.copy_tail()
    journal.write([Truncate(4)], 0)
    journal.write([group(5, 9, view=2)], 0)
    before = model_of(journal.reread())
    journal.switch()
    compact(disk, 0, 8, ListFold)
    journal.switch()
    assert journal.base_view == 2
    assert model_of(journal.reread()) == before


@pytest.mark.parametrize("copied_before", [True, False])
def test_a_state_of_dropped_entries_is_not_taken(copied_before: bool) -> None:
    disk, journal = filled()
    compact(disk, 0, 8, ListFold)
    if copied_before:
        journal.copy_tail()
    journal.write([Truncate(6), group(7, 5, view=2)], 0)
    before = model_of(journal.reread())
    with pytest.raises(CompactionAbandoned):
        journal.switch()
    assert disk.listing() == [NAME]
    assert model_of(journal.reread()) == before
    compact(disk, 0, 8, ListFold)
    journal.switch()
    assert model_of(journal.reread()) == before


def test_a_state_beyond_the_log_or_before_it_is_not_taken() -> None:
    disk, journal = filled()
    compact(disk, 0, 8, ListFold)
    journal.write([Truncate(7)], 0)
    with pytest.raises(CompactionAbandoned, match="does not hold entry 8"):
        journal.copy_tail()
    compact(disk, 0, 5, ListFold)
    old = disk.content(side_name(0))
    journal.switch()
    disk.put(side_name(0), old)
    with pytest.raises(CompactionAbandoned, match="does not hold entry 5"):
        journal.copy_tail()


@pytest.mark.parametrize("up_to_index", [0, 11, 4])
def test_only_an_entry_that_is_held_can_be_compacted_to(up_to_index: int) -> None:
    disk, journal = filled()
    compact(disk, 0, 4, ListFold)
    journal.switch()
    with pytest.raises(CompactionAbandoned, match=f"entry {up_to_index} is not among 5 to 10"):
        compact(disk, 0, up_to_index, ListFold)


def test_without_a_whole_side_file_it_is_given_up_and_the_journal_goes_on() -> None:
    disk, journal = filled()
    with pytest.raises(CompactionAbandoned, match="no side file"):
        journal.copy_tail()
    compact(disk, 0, 8, ListFold)
    whole = disk.content(side_name(0))
    for wrong in (b"", whole[:-1], whole + b"x", b"garbage" * 20, whole[:60]):
        disk.put(side_name(0), wrong)
        with pytest.raises(CompactionAbandoned):
            journal.switch()
        assert disk.listing() == [NAME]
    journal.write([group(11, 1)], 0)
    assert model_of(Journal.open(disk, 0)[1]) == model_of(journal.reread())


def test_a_disk_too_full_for_the_side_file_harms_nothing() -> None:
    disk, journal = filled()
    disk.capacity_bytes = journal.size_bytes + 500
    with pytest.raises(OSError, match="no space"):
        compact(disk, 0, 10, ListFold)
    journal.abandon_compaction()
    disk.capacity_bytes = None
    compact(disk, 0, 4, ListFold)
    disk.capacity_bytes = journal.size_bytes + len(disk.content(side_name(0))) + 50
    with pytest.raises(CompactionAbandoned, match="No space left"):
        journal.copy_tail()
    journal.write([], 10)
    assert disk.listing() == [NAME]


def test_the_process_that_folds_may_meet_a_write_under_way() -> None:
    disk, journal = filled()
    disk.append(NAME, b"\x80\x05C\x20 the beginning of a frame")
    compact(disk, 0, 10, ListFold)
    disk.truncate(NAME, journal.size_bytes)
    journal.write([group(11, 2)], 0)
    before = model_of(journal.reread())
    journal.switch()
    assert model_of(journal.reread()) == before


def test_a_journal_that_does_not_read_back_is_not_compacted() -> None:
    disk, journal = filled()
    disk.overwrite(NAME, 400, b"????")
    with pytest.raises(CompactionAbandoned, match="cannot be read"):
        compact(disk, 0, 5, ListFold)
    disk, journal = filled()
    compact(disk, 0, 5, ListFold)
    disk.overwrite(NAME, journal.size_bytes - 9, b"????")
    with pytest.raises(CompactionAbandoned, match="does not read back"):
        journal.switch()


def test_a_side_file_that_does_not_read_back_never_gets_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk, _ = filled()
    real = disk.sync

    def rotten(name: str) -> None:
        real(name)
        disk.failure = errno.EIO
        disk.overwrite(name, disk.size(name) - 40, b"\x00\x01\x02")

    monkeypatch.setattr(disk, "sync", rotten)
    with pytest.raises(CompactionAbandoned, match="does not read back"):
        compact(disk, 0, 5, ListFold)
    assert side_name(0) not in disk.listing()
