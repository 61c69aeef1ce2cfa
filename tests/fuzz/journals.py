"""Journals as the product writes them, and the frames that they are made of."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ringchat_server.journal import Journal, compact
from ringchat_server.journal.frames import Head, decode_head, encode_frame
from ringchat_server.records import Aside, Group, HandedOverRecord, Meta, Proposal, Truncate
from tests.simulator.disk import FakeDisk
from tests.simulator.journals import ListFold, Model, entry, model_of

NAME = "replica-0.pickle"
CLUSTER = b"i" * 16


class Whole(NamedTuple):
    """A journal, and what it holds after each of its frames."""

    data: bytes
    ends: tuple[int, ...]
    """Where each frame ends; the first three are the founding part."""
    models: tuple[Model, ...]
    """What a journal holds that ends there; of the founding part only the last counts."""


def proposal(number: int) -> Proposal:
    """A request that was put aside."""
    return Proposal(b"c" * 16, number, "ann", b"", ("send", ("bob",), (f"aside {number}",)))


def _entries(first: int, count: int, view: int) -> Group:
    return Group(first, [entry(index, view) for index in range(first, first + count)])


def _long(first: int, view: int, characters: int) -> Group:
    """A group that covers several sectors."""
    short = entry(first, view)
    return Group(first, [short._replace(request=("send", ("bob",), ("x" * characters,)))])


@cache
def journals() -> tuple[Whole, ...]:
    """A short one, one with everything in it, and one that was compacted."""
    return (_short(), _varied(), _compacted())


def _short() -> Whole:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    meta = Meta(promised=0, log_view=0, cluster_id=CLUSTER, birth_view=0)
    journal.write([meta, _entries(1, 2, 0)], 0)
    journal.write([_entries(3, 1, 0)], 2)
    return _whole(disk)


def _varied() -> Whole:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    meta = Meta(promised=1, log_view=1, cluster_id=CLUSTER, birth_view=0, birth_promises=(0, 1))
    journal.write([meta, _entries(1, 1, 0), _entries(2, 2, 1)], 0)
    journal.write([_long(4, 1, 1_100)], 3)
    journal.write([Aside((proposal(1), proposal(2))), Truncate(3)], 3)
    journal.write([meta._replace(promised=4, log_view=4), _entries(4, 3, 4)], 4)
    journal.write([HandedOverRecord()], 6)
    journal.write([_long(7, 4, 700)], 6)
    return _whole(disk)


def _compacted() -> Whole:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    meta = Meta(promised=2, log_view=2, cluster_id=CLUSTER, birth_view=0)
    journal.write([meta, _entries(1, 2, 0), _entries(3, 2, 2)], 4)
    compact(disk, 0, 3, ListFold)
    while journal.copy_tail():
        pass
    journal.switch()
    journal.write([_entries(5, 2, 2)], 5)
    journal.write([meta._replace(sole=True)], 6)
    return _whole(disk)


def _whole(disk: FakeDisk) -> Whole:
    data = disk.content(NAME)
    ends = tuple(head.end for head in heads(data))
    models = []
    for end in ends[2:]:
        cut = FakeDisk()
        cut.put(NAME, data[:end])
        model = model_of(Journal.open(cut, 0)[1])
        assert model is not None, "a journal cut between two frames is a journal"
        models.append(model)
    return Whole(data, ends, (models[0], models[0], *models))


def heads(data: bytes) -> list[Head]:
    """The heads of the frames that stand one after another from the beginning on."""
    found: list[Head] = []
    at = 0
    while (head := decode_head(data[at:])) is not None and head.offset == at:
        found.append(head)
        at = head.end
    return found


def frames_of(data: bytes) -> list[tuple[bytes, int]]:
    """(payload, commit index) of those frames."""
    return [(data[one.payload_at : one.end - 2], one.commit_index) for one in heads(data)]


def joined(frames: list[tuple[bytes, int]]) -> bytes:
    """A file of these frames, each with its place and its checksums right."""
    out = b""
    for payload, commit_index in frames:
        out += encode_frame(len(out), payload, commit_index % (1 << 64))
    return out
