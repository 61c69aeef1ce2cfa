from __future__ import annotations

import io
import tarfile
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from chaos.containers import HELPERS_MAX, PAUSE_TRIES, Replica


class Freezer:
    """An engine whose one container refuses to be paused a few times."""

    def __init__(self, refusals: int, why: str) -> None:
        self.containers = SimpleNamespace(get=lambda name: self)
        self.tries = 0
        self._refusals = refusals
        self._why = why

    def pause(self) -> None:
        self.tries += 1
        if self.tries <= self._refusals:
            raise docker.errors.APIError(self._why)


def replica(engine: Any) -> Replica:
    return Replica(engine, "project", 1)


@pytest.mark.parametrize("refusals", [0, 1, PAUSE_TRIES - 1])
def test_a_pause_that_a_busy_machine_refuses_is_tried_again(refusals: int) -> None:
    engine = Freezer(refusals, "OCI runtime pause failed: unable to freeze: unknown")
    replica(engine).pause()
    assert engine.tries == refusals + 1


@pytest.mark.parametrize(
    ("why", "tries"), [("unable to freeze", PAUSE_TRIES), ("is not running", 1)]
)
def test_but_not_for_ever_and_not_for_another_reason(why: str, tries: int) -> None:
    engine = Freezer(99, why)
    with pytest.raises(docker.errors.APIError):
        replica(engine).pause()
    assert engine.tries == tries


class Mumbler:
    """An engine that loses what the first helpers print."""

    def __init__(self, lost: int) -> None:
        self.helpers = 0
        self._lost = lost
        self.id = "c"
        self.image = SimpleNamespace(id="i")
        self.containers = SimpleNamespace(get=lambda name: self, run=self._run)

    def _run(self, image: str, **_: Any) -> bytes:
        self.helpers += 1
        return b"" if self.helpers <= self._lost else b'{"hidden": [], "slow": ["netem"]}'


@pytest.mark.parametrize("lost", [0, HELPERS_MAX - 1])
def test_what_a_helper_printed_and_the_engine_lost_is_asked_again(lost: int) -> None:
    engine = Mumbler(lost)
    assert replica(engine).network("slow") == {"hidden": [], "slow": ["netem"]}
    assert engine.helpers == lost + 1


def test_but_not_for_ever() -> None:
    engine = Mumbler(99)
    with pytest.raises(RuntimeError, match="project-replica-1: slow was done"):
        replica(engine).network("slow")
    assert engine.helpers == HELPERS_MAX


class Shelf:
    """An engine whose one container, ended, keeps one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.containers = SimpleNamespace(get=lambda name: self)

    def wait(self, timeout: float) -> None:
        pass

    def get_archive(self, path: str) -> tuple[list[bytes], None]:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            member = tarfile.TarInfo(path.rpartition("/")[2])
            member.size = len(self.data)
            archive.addfile(member, io.BytesIO(self.data))
        return [packed.getvalue()], None

    def put_archive(self, folder: str, packed: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            file = archive.extractfile("replica-1.pickle")
            assert file is not None
            self.data = file.read()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"frame.frame.frame.frame.", b"frame.frame"),
        (b"frame.frame.frame.", b"frame.fra"),
        (b"frame.fram...frame.", b"frame.fra"),
    ],
    ids=["between two", "inside", "inside, odd"],
)
def test_a_journal_is_cut_inside_of_a_frame(before: bytes, after: bytes) -> None:
    shelf = Shelf(before)
    one = replica(shelf)
    one.cut_short()
    assert shelf.data == after
    assert one.is_damaged


def test_of_a_journal_one_bit_is_changed() -> None:
    shelf = Shelf(bytes(9))
    one = replica(shelf)
    one.flip_a_bit()
    assert sorted(shelf.data) == [0] * 8 + [0x10]
    assert one.is_damaged
