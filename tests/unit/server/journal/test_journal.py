"""The journal as its user sees it."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

from ringchat_server.journal import DiskFailed, FolderDisk, Journal, JournalRefused, compact
from ringchat_server.records import NO_VIEW, Aside, Entry, Group, Meta, Record, Truncate
from tests.simulator.disk import FakeDisk
from tests.simulator.journals import ListFold, Model, group, model_of, proposal

NAME = "replica-0.pickle"


def test_nothing_is_written_before_the_first_write() -> None:
    disk = FakeDisk()
    journal, opened = Journal.open(disk, 0)
    assert (opened.recovered, opened.state, opened.kept_aside) == (None, None, None)
    assert "\n" not in opened.note
    assert disk.listing() == []
    assert (journal.size_bytes, journal.base_index, journal.base_view) == (0, 0, NO_VIEW)
    assert journal.open_state() is None
    assert journal.reread().recovered is None


def test_a_real_folder_holds_one_file_and_gives_everything_back(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    disk = FolderDisk(folder)
    journal, _ = Journal.open(disk, 0)
    records: list[Record] = [
        Meta(promised=3, cluster_id=b"c" * 16),
        group(1, 2),
        Aside((proposal(1),)),
    ]
    journal.write(records, 0)
    journal.write([group(3, 1, view=4)], 2)
    disk.close()
    assert [path.name for path in folder.iterdir()] == [NAME]
    again, opened = Journal.open(FolderDisk(folder), 0)
    assert model_of(opened) == Model().after([*records, group(3, 1, view=4)])
    assert opened.recovered is not None
    assert opened.recovered.commit_index == 2
    assert all(type(entry) is Entry for entry in opened.recovered.entries)
    assert again.size_bytes == journal.size_bytes == (folder / NAME).stat().st_size


def test_the_file_is_a_pickle_stream_that_anybody_can_read(tmp_path: Path) -> None:
    journal, _ = Journal.open(FolderDisk(tmp_path), 0)
    journal.write([Meta()], 0)
    journal.write([group(1, 2)], 0)
    frames = []
    with (tmp_path / NAME).open("rb") as stream:
        while stream.peek(1):
            frames.append(pickle.load(stream))
    assert pickle.loads(frames[0][1]) == ("ringchat journal", 2, 0)
    assert pickle.loads(frames[3][1])[:2] == ("entries", 1)
    assert len(frames) == 4


def test_a_write_is_one_append_and_one_sync_however_long_the_journal() -> None:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(), group(1, 1)], 0)
    grown = set()
    for index in range(2, 400):
        steps, size = disk.steps, journal.size_bytes
        journal.write([Group(index, group(300, 1).entries), Meta(promised=300)], 300)
        assert disk.log[steps:] == ["append", "sync"]
        grown.add(journal.size_bytes - size)
    assert max(grown) - min(grown) <= 3, "the file grows by what is written"


def test_a_record_that_cannot_follow_is_not_written() -> None:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(), group(1, 3)], 0)
    size = journal.size_bytes
    for wrong in (group(3, 1), group(5, 1), Truncate(4), Truncate(-1)):
        with pytest.raises(ValueError, match="entr"):
            journal.write([Meta(promised=9), wrong], 0)
    assert journal.size_bytes == size
    journal.write([group(4, 1)], 0)
    assert model_of(journal.reread()) == Model().after([group(1, 4)])


def test_commit_index_is_the_newest_known_and_never_beyond_the_log() -> None:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    for records, commit_index, expected in (
        ([group(1, 5)], 0, 0),
        ([], 4, 4),
        ([Truncate(2)], 4, 2),
        ([group(3, 3, view=2)], 2, 2),
    ):
        journal.write(records, commit_index)
        recovered = Journal.open(disk, 0)[1].recovered
        assert recovered is not None and recovered.commit_index == expected


def test_a_disk_that_is_full_ends_the_journal_and_loses_nothing() -> None:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(), group(1, 3)], 0)
    disk.capacity_bytes = journal.size_bytes + 100
    with pytest.raises(DiskFailed, match="No space left"):
        journal.write([group(4, 50)], 0)
    disk.capacity_bytes = None
    with pytest.raises(DiskFailed, match="No space left"):
        journal.write([group(4, 1)], 0)
    _, opened = Journal.open(disk, 0)
    assert model_of(opened) == Model().after([group(1, 3)])
    assert "100 bytes" in opened.note and "cut off" in opened.note


def test_reread_gives_the_same_as_opening_and_finds_damage() -> None:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(promised=1), group(1, 4)], 3)
    journal.write([Aside((proposal(1),)), Truncate(2)], 2)
    compact(disk, 0, 1, ListFold)
    journal.switch()
    assert journal.reread() == Journal.open(disk, 0)[1]
    disk.overwrite(NAME, journal.size_bytes - 10, b"?")
    with pytest.raises(DiskFailed, match="does not read back"):
        journal.reread()
    with pytest.raises(DiskFailed):
        journal.write([Meta()], 0)


@pytest.mark.parametrize("leftover", ["new", "compact", "compact.new", "received", "install"])
def test_leftovers_are_removed_and_those_of_others_are_not(leftover: str) -> None:
    disk = FakeDisk()
    for name in (f"{NAME}.{leftover}", f"replica-1.pickle.{leftover}", "replica-1.pickle"):
        disk.put(name, b"something")
    _, opened = Journal.open(disk, 0)
    assert opened.recovered is None
    assert disk.listing() == ["replica-1.pickle", f"replica-1.pickle.{leftover}"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_real_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(JournalRefused, match="Permission denied"):
        Journal.open(FolderDisk(tmp_path), 0)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(JournalRefused) as caught:
        Journal.open(FolderDisk(path), 0)
    assert str(path) in str(caught.value)
    assert os.strerror(errno.EEXIST) in str(caught.value)
