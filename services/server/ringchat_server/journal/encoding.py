"""The records of a journal as pickles, and back, checked field by field."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ringchat_server.journal.frames import checksum
from ringchat_server.pickled import (
    INDEX_MAX,
    VIEW_MAX,
    Unreadable,
    decode,
    decode_next,
    encode,
    encode_group,
    group_of,
    proposal_of,
)
from ringchat_server.records import (
    NO_VIEW,
    Aside,
    Group,
    HandedOverRecord,
    Meta,
    Record,
    Truncate,
)

MAGIC = "ringchat journal"
FORMAT_VERSION = 2
RUNS_MAX = 4_096
"""Runs that a state record remembers, the newest. Each failover makes one."""
LABEL_BYTES_MAX = 1 << 18
"""A state record's label fits into this: it can be read without the state."""

Runs = tuple[tuple[int, int], ...]
"""(first index, view) of each run of entries of one view, oldest first."""


class Founding(NamedTuple):
    """The first record of the file: what it is and whose."""

    version: int
    replica_id: int


@dataclass(frozen=True, slots=True)
class StateLabel:
    """What stands before a state: which one it is."""

    index: int
    """The state is that after this entry; 0: before the first, and the state is `None`."""
    runs: Runs
    """Those of the log up to that entry."""
    state_sum: int
    """Checksum of the state's pickle: it travels to other replicas with it."""


def encode_founding(founding: Founding) -> bytes:
    """The pickle of the file's first record."""
    return encode((MAGIC, *founding))


def decode_founding(data: bytes) -> Founding:
    """The file's first record; only magic, version and id are looked at, whatever the version.

    Raises:
        Unreadable: if it is not the first record of a journal.
    """
    match decode(data):
        case (magic, int() as version, int() as replica_id, *_) if magic == MAGIC:
            return Founding(version, replica_id)
    raise Unreadable("not the beginning of a journal")


def encode_state(index: int, runs: Runs, state: object) -> bytes:
    """A state record: the pickles of its label and of the state, one after the other."""
    data = encode(state)
    return encode(("state", index, runs[-RUNS_MAX:], checksum(data))) + data


def decode_label(stream: io.BytesIO) -> StateLabel:
    """The label at the beginning of a state record; leaves the stream right behind it.

    Raises:
        Unreadable: if none stands there.
    """
    match decode_next(stream):
        case ("state", int() as index, tuple() as rows, int() as state_sum):
            return StateLabel(index, _runs_of(rows, index), state_sum)
    raise Unreadable("not a state record")


def decode_state(data: bytes) -> tuple[StateLabel, object]:
    """A state record's label and state.

    Raises:
        Unreadable: if it is none, or its state is not the one that was labelled.
    """
    stream = io.BytesIO(data)
    label = decode_label(stream)
    if checksum(memoryview(data)[stream.tell() :]) != label.state_sum:
        raise Unreadable("the state does not match its checksum")
    state = decode_next(stream)
    if stream.tell() != len(data):
        raise Unreadable("bytes after the end of the state")
    if (label.index == 0) != (state is None):
        raise Unreadable("a state must be empty at index 0, and nowhere else")
    return label, state


def _runs_of(rows: Sequence[object], index: int) -> Runs:
    runs: list[tuple[int, int]] = []
    for row in rows:
        match row:
            case (int() as first_index, int() as view):
                runs.append((first_index, view))
            case _:
                raise Unreadable("not a run of entries")
    firsts = [0, *(first_index for first_index, _ in runs), index + 1]
    views = [NO_VIEW, *(view for _, view in runs), VIEW_MAX + 1]
    in_order = firsts == sorted(set(firsts)) and views == sorted(set(views))
    if not 0 <= index <= INDEX_MAX or (index > 0) != bool(runs) or not in_order:
        raise Unreadable(f"not the runs of the entries up to {index}")
    return tuple(runs)


def encode_record(record: Record) -> bytes:
    """The pickle of a record."""
    match record:
        case Group():
            return encode_group(record)
        case Meta():
            return encode(("meta", *record))
        case Aside(proposals):
            return encode(("aside", list(map(tuple, proposals))))
        case HandedOverRecord():
            return encode(("handed over",))
        case Truncate(length):
            return encode(("truncate", length))


def decode_records(payload: bytes) -> Iterator[Record]:
    """The records of a frame.

    Raises:
        Unreadable: at the first that is none.
    """
    stream = io.BytesIO(payload)
    while stream.tell() < len(payload):
        yield _record_of(decode_next(stream))


def _record_of(value: object) -> Record:
    match value:
        case ("entries", *_):
            return group_of(value)
        case ("meta", *row):
            return _meta_of(row)
        case ("aside", list() as rows):
            return Aside(tuple(map(proposal_of, rows)))
        case ("handed over",):
            return HandedOverRecord()
        case ("truncate", int() as length):
            return Truncate(length)
    raise Unreadable("not a record of a journal")


def _meta_of(row: list[object]) -> Meta:
    if [type(value) for value in row] == [type(default) for default in Meta()]:
        meta = Meta._make(row)
        views = (meta.promised, meta.log_view, meta.birth_view, *meta.birth_promises)
        if all(isinstance(view, int) for view in meta.birth_promises) and all(
            NO_VIEW <= view <= VIEW_MAX for view in views
        ):
            return meta
    raise Unreadable("not a replica's meta record")
