"""Reading a journal back: what it holds, where its good part ends, and what is damage.

Which is which (the essay in the package's docstring has the argument):

* the *founding* part, the first three frames, was synced before the file had its
  name: anything wrong in it is damage;
* a frame that cannot be read, with nothing written behind it and something of its
  own missing, is a torn last write: nobody was told that it was done, it is cut off;
  if all of it is there, it is damage: it may have been synced and told of;
* a frame that cannot be read with anything written behind it is damage, for the
  next frame is only written when the one before is durable;
* a frame whose checksums are right but whose records make no sense is damage.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from ringchat_server.journal.disk import Disk
from ringchat_server.journal.encoding import (
    FORMAT_VERSION,
    StateLabel,
    decode_founding,
    decode_records,
    decode_state,
)
from ringchat_server.journal.errors import Damaged, JournalRefused
from ringchat_server.journal.frames import HEAD_BYTES, FrameReader, Head
from ringchat_server.journal.ledger import Ledger, Marks
from ringchat_server.pickled import Unreadable
from ringchat_server.records import Entry, Group, Recovered, Truncate

FOUNDING_FRAMES = 3
"""The file's label, the state record, and the first records: never torn."""

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""


class StatePlace(NamedTuple):
    """Where in the file the state record stands."""

    offset: int
    size: int
    """Bytes."""
    checksum: int

    @classmethod
    def under(cls, head: Head) -> StatePlace:
        """The payload under that head."""
        return cls(head.payload_at, head.payload_bytes, head.payload_sum)


@dataclass(slots=True)
class Contents:
    """All that a journal holds."""

    ledger: Ledger
    state: object | None
    state_place: StatePlace
    entries: list[Entry] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)
    good_bytes: int = 0
    """The size without a torn last write."""
    torn_bytes: int = 0
    """How much of a torn last write there is."""
    last_head: Head | None = None
    """The last good frame, if it stands behind the founding part."""

    def recovered(self) -> Recovered:
        """The values that the rules start with. The entries are shared, not copied."""
        ledger = self.ledger
        commit_index = max(ledger.base_index, min(ledger.commit_index, ledger.length))
        return Recovered(
            meta=ledger.meta,
            base_index=ledger.base_index,
            runs=ledger.base_runs,
            entries=self.entries,
            commit_index=commit_index,
            aside=ledger.aside,
        )


def read_contents(disk: Disk, name: str, replica_id: int) -> Contents:
    """All that the file holds, up to the size that it has now.

    Raises:
        Damaged: if it is not whole but for a torn last write.
        JournalRefused: if it is another replica's, or of another format version.
        OSError: if the disk cannot read it.
    """
    file = disk.open(name)
    try:
        reader = FrameReader(file, file.size())
        with _collector_paused():
            return _replay(reader, name, replica_id)
    finally:
        file.close()


def read_founding(reader: FrameReader, name: str, replica_id: int) -> Head:
    """Check the first frame and return its head; errors as `read_contents`."""
    head, payload = _founding_frame(reader, 0)
    try:
        founding = decode_founding(payload)
    except Unreadable as error:
        raise Damaged(0, str(error)) from error
    if founding.version != FORMAT_VERSION:
        raise JournalRefused(
            f"{name} has format version {founding.version}, this program reads version "
            f"{FORMAT_VERSION}: start the version of ringchat-server that wrote it"
        )
    if founding.replica_id != replica_id:
        raise JournalRefused(
            f"{name} is the journal of replica {founding.replica_id}, this is replica "
            f"{replica_id}: start it with its own data folder"
        )
    return head


def _replay(reader: FrameReader, name: str, replica_id: int) -> Contents:
    head = read_founding(reader, name, replica_id)
    state_head, payload = _founding_frame(reader, head.end)
    try:
        label, state = decode_state(payload)
    except Unreadable as error:
        raise Damaged(state_head.offset, str(error)) from error
    contents = _empty_contents(label, state, state_head)
    del payload
    head, payload = _founding_frame(reader, state_head.end)
    _take(contents, head, payload)
    for later_head, later_payload in _later_frames(reader, head.end):
        _take(contents, later_head, later_payload)
        contents.last_head = later_head
    contents.torn_bytes = reader.size - contents.good_bytes
    return contents


def _empty_contents(label: StateLabel, state: object | None, head: Head) -> Contents:
    ledger = Ledger(label.index, label.runs, label.index, commit_index=head.commit_index)
    return Contents(ledger, state, StatePlace.under(head))


def _founding_frame(reader: FrameReader, offset: int) -> tuple[Head, bytes]:
    head = reader.head(offset)
    payload = None if head is None else reader.payload(head)
    if head is None or payload is None:
        raise Damaged(offset, "the beginning of the file cannot be read")
    return head, payload


def _later_frames(reader: FrameReader, offset: int) -> Iterator[tuple[Head, bytes]]:
    while offset < reader.size:
        head = reader.head(offset)
        if head is None:
            behind = reader.next_head_at(offset + 1)
            if behind is not None:
                raise Damaged(offset, f"cannot be read, though a frame follows at {behind}")
            if reader.size - offset >= HEAD_BYTES and not _has_gap(reader, offset):
                raise Damaged(offset, "the head of the last frame is all there, and wrong")
            return
        payload = reader.payload(head)
        if payload is None:
            if head.end < reader.size:
                raise Damaged(offset, "the frame does not match its checksum")
            if head.end == reader.size and not _has_gap(reader, offset):
                raise Damaged(offset, "the last frame is all there, and is not what was written")
            return
        yield head, payload
        offset = head.end


def _has_gap(reader: FrameReader, offset: int) -> bool:
    """Whether some sector of the last frame was never written.

    A write that was cut short leaves the file short, or sectors of zeros where the end of
    the file was moved before they were written. Anything else is damage to what had been
    written, and acknowledged perhaps: that must not be taken for a torn write (Alagappan
    et al., section 3.3.3, on crash and corruption). No frame holds a sector of zeros of its own:
    its only long bytes are texts, and a text has no NUL.
    """
    while offset < reader.size:
        end = min(offset - offset % SECTOR_BYTES + SECTOR_BYTES, reader.size)
        if not any(reader.piece(offset, end - offset)):
            return True
        offset = end
    return False


def _take(contents: Contents, head: Head, payload: bytes) -> None:
    ledger = contents.ledger
    length_before = ledger.length
    records = []
    try:
        for record in decode_records(payload):
            ledger.take(record)
            if isinstance(record, Group):
                last_view = contents.entries[-1].view if contents.entries else ledger.base_view
                if record.entries and record.entries[0].view < last_view:
                    raise ValueError(f"an entry of view {record.entries[0].view} after {last_view}")
                contents.entries.extend(record.entries)
            else:
                records.append(record)
                if isinstance(record, Truncate):
                    del contents.entries[record.length - ledger.base_index :]
    except ValueError as error:  # Unreadable, or a record that cannot follow the others
        raise Damaged(head.offset, str(error)) from error
    ledger.commit_index = head.commit_index
    contents.marks.note(head.offset, length_before, records)
    contents.good_bytes = head.end


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Millions of tuples are made and none is dropped: looking for garbage would cost
    as much as reading."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
