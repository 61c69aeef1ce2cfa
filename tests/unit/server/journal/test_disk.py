"""The real disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ringchat_server.journal import JournalRefused
from ringchat_server.journal.disk import Disk, FolderDisk
from tests.simulator.disk import FakeDisk


@pytest.fixture(params=["folder", "fake"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    """Both, so that the fake keeps the promises of the real one."""
    disk: Disk = FolderDisk(tmp_path / "a" / "b") if request.param == "folder" else FakeDisk()
    disk.prepare()
    return disk


def content(disk: Disk, name: str) -> bytes:
    file = disk.open(name)
    try:
        return file.read(0, 1 << 20)
    finally:
        file.close()


def test_write_cut_and_read(disk: Disk) -> None:
    disk.create("f")
    disk.append("f", b"hello ")
    disk.append("f", memoryview(b"world"))
    disk.overwrite("f", 1, b"E")
    disk.sync("f")
    assert content(disk, "f") == b"hEllo world"
    disk.truncate("f", 5)
    disk.append("f", b"!")
    disk.sync("f")
    assert content(disk, "f") == b"hEllo!"
    assert disk.size("f") == 6
    file = disk.open("f")
    assert (file.read(4, 100), file.read(6, 5), file.size()) == (b"o!", b"", 6)
    file.close()
    file.close()


def test_an_open_file_is_not_disturbed_by_its_name(disk: Disk) -> None:
    disk.create("old")
    disk.append("old", b"old")
    disk.create("new")
    disk.append("new", b"new")
    file = disk.open("old")
    disk.rename("new", "old")
    disk.sync_folder()
    disk.append("old", b" and more")
    disk.sync("old")
    assert file.read(0, 100) == b"old"
    assert content(disk, "old") == b"new and more"
    assert disk.names() == ["old"]
    kept = disk.open("old")
    disk.create("old")
    assert kept.read(0, 100) == b"new and more"
    assert content(disk, "old") == b""
    disk.remove("old")
    assert disk.names() == []
    file.close()
    kept.close()


def test_what_is_missing_is_an_error(disk: Disk) -> None:
    with pytest.raises(FileNotFoundError):
        disk.open("nothing")
    with pytest.raises(FileNotFoundError):
        disk.append("nothing", b"x")


def test_files_are_for_their_owner_alone_and_descriptors_do_not_pile_up(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(50):
        disk.create(f"f{number}")
        disk.append(f"f{number}", b"x")
        disk.rename(f"f{number}", "f")
    disk.create("g")
    disk.remove("g")
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    disk.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_is_claimed_by_one_process_only(tmp_path: Path) -> None:
    FolderDisk(tmp_path / "data").claim()
    with pytest.raises(JournalRefused, match="in use: does this replica run already"):
        FolderDisk(tmp_path / "data").claim()


def test_what_is_no_folder_cannot_be_claimed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalRefused, match="cannot be used"):
        FolderDisk(tmp_path / "file").claim()
