from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from bench.engines import nodes
from bench.engines.nodes import (
    Process,
    Seen,
    ThreeNodes,
    disk_bytes,
    missing,
    new_keys,
    resident_bytes,
    version_in,
)
from tests.integration.cluster import NotInTime


class Scripted(ThreeNodes):
    """Sees one thing after another, the last one for ever; starts nothing."""

    def __init__(self, *seen: Seen | None) -> None:
        super().__init__()
        self._ahead = list(seen)
        self.folder = Path()

    def _start(self) -> None:
        self.folder = self._processes.folder

    def _seen(self) -> Seen | None:
        return self._ahead.pop(0) if len(self._ahead) > 1 else self._ahead[0]


def all_at(count: int) -> Seen:
    return Seen("a", dict.fromkeys(nodes.NAMES, count))


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(nodes, "WAIT_SECONDS", 0.05)


# -------------------------------------------------------------------- what is installed


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8\n", "3.4.23"),
        ("nats-server: v2.9.10\n", "2.9.10"),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64\n", "7.0.15"),
    ],
)
def test_the_version_is_found_in_what_the_program_says(text: str, version: str) -> None:
    assert version_in(text) == version


def test_a_program_that_tells_no_version_is_an_error() -> None:
    with pytest.raises(ValueError):
        version_in("usage: etcd")


def test_what_is_missing_names_the_package_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "program", lambda name: "/bin/sh" if name == "here" else None)
    assert missing({"here": "x"}) is None
    assert missing({"here": "x", "gone": "brings-it"}) == (
        "no program gone here: apt-get install brings-it"
    )
    assert missing({"here": "x"}, ("json",)) is None
    assert "no_such_module" in (missing({"here": "x"}, ("json", "no_such_module")) or "")


# -------------------------------------------------------------------- who has what


def test_all_have_it_when_all_three_are_there_and_have_come_so_far() -> None:
    assert all_at(7).all_have(7)
    assert not all_at(7).all_have(8)
    assert not Seen("a", {"a": 7, "b": 7}).all_have(7)


def test_keys_are_never_the_same() -> None:
    first, second = (list(itertools.islice(new_keys(), 100)) for _ in range(2))
    assert len({*first, *second}) == 200


async def test_settled_when_all_have_what_the_leader_had_at_first() -> None:
    behind = Seen("a", {"a": 9, "b": 9, "c": 3})
    more_came = Seen("a", {"a": 20, "b": 15, "c": 9})
    engine = Scripted(all_at(1), None, behind, more_came)
    with engine:
        await engine.settled()


async def test_who_does_not_settle_is_told_of() -> None:
    engine = Scripted(all_at(1), Seen("a", {"a": 9, "b": 9, "c": 3}))
    with engine:
        with pytest.raises(NotInTime):
            await engine.settled()


# -------------------------------------------------------------------- the folder


def test_the_folder_goes_with_the_engine() -> None:
    with Scripted(all_at(1)) as engine:
        assert engine.folder.is_dir()
    assert not engine.folder.exists()


def test_the_folder_goes_when_the_engine_does_not_start() -> None:
    engine = Scripted(None)
    with pytest.raises(NotInTime):
        engine.__enter__()
    assert engine.folder != Path()
    assert not engine.folder.exists()


def test_a_process_that_is_not_ours_is_not_killed() -> None:
    with Scripted(all_at(1)) as engine:
        with pytest.raises(ValueError):
            engine.kill(1)


def test_what_never_ran_has_not_failed(tmp_path: Path) -> None:
    process = Process("a", ["none"], tmp_path / "a.log")
    process.kill()
    assert not process.has_failed()


# -------------------------------------------------------------------- what a node takes


def test_memory_is_the_resident_set() -> None:
    assert resident_bytes("Name:\ta\nVmPeak:\t 9 kB\nVmRSS:\t   512 kB\n") == 512 * 1024


def test_a_process_that_has_ended_has_no_memory_to_tell() -> None:
    with pytest.raises(ValueError):
        resident_bytes("Name:\ta\nState:\tZ (zombie)\n")


def test_the_disk_is_that_of_all_files_below(tmp_path: Path) -> None:
    assert disk_bytes(tmp_path) == 0
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(bytes(100_000))
    assert disk_bytes(tmp_path) >= 100_000
