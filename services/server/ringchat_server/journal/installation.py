"""A state record on its way from one replica's journal to another's.

The sender reads it from its file in pieces (`StateReader`), the receiver keeps the
pieces in a file of their own and makes a new journal of them (`write_installed`), which
replaces its old one by a rename like any other. The record's own checksum travels with it,
and the sender compares it before the last piece leaves: a rotten disk does not spread, and
it is the one with that disk who finds out.
"""

from __future__ import annotations

import errno

from ringchat_server.journal.compaction import founding_records, journal_name, start_file
from ringchat_server.journal.disk import Disk, OpenFile
from ringchat_server.journal.encoding import Runs, decode_state, encode_record
from ringchat_server.journal.frames import PAYLOAD_BYTES_MAX, checksum, encode_frame
from ringchat_server.journal.ledger import Ledger, Marks
from ringchat_server.journal.recovery import Contents, StatePlace
from ringchat_server.pickled import Unreadable
from ringchat_server.records import Meta, Proposal


def received_name(replica_id: int) -> str:
    """The name of the file that keeps the pieces."""
    return f"{journal_name(replica_id)}.received"


def install_name(replica_id: int) -> str:
    """The name that the new journal has before it replaces the old one."""
    return f"{journal_name(replica_id)}.install"


class StateReader:
    """A journal's state record, to be sent. `read` may be called from any thread.

    It goes on giving the same bytes when the journal is compacted meanwhile.
    """

    def __init__(self, file: OpenFile, place: StatePlace, index: int, runs: Runs) -> None:
        self._file = file
        self._place = place
        self.index = index
        """The state is that after this entry."""
        self.runs = runs
        """Those of the log up to that entry."""
        self.size = place.size
        """Bytes of the record."""
        self._read_up_to = 0
        self._sum = 0
        """Checksum of what was read in order, up to there."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes of the record from `offset`; fewer only at its end.

        Raises:
            OSError: if the disk cannot read them; with the last piece, if all of them, read
                in order, are not what was written.
        """
        assert 0 <= offset <= self.size, "outside of the record"
        wanted = min(size, self.size - offset)
        data = self._file.read(self._place.offset + offset, wanted)
        if len(data) < wanted:
            raise OSError(errno.EIO, "it ends before its end")
        if data and offset == self._read_up_to:
            self._read_up_to += len(data)
            self._sum = checksum(data, self._sum)
            if self._read_up_to == self.size and self._sum != self._place.checksum:
                raise OSError(errno.EIO, "it has changed since it was written")
        return data

    def close(self) -> None:
        """Let go of the file; again is harmless."""
        self._file.close()


class Reception:
    """The pieces of a state record as they come in."""

    def __init__(self, disk: Disk, replica_id: int) -> None:
        """Begin with no piece.

        Raises:
            OSError: if the disk refuses.
        """
        self._disk = disk
        self._name = received_name(replica_id)
        self.size = 0
        """Bytes so far."""
        disk.create(self._name)

    def store(self, offset: int, data: bytes) -> None:
        """Keep the next piece.

        Raises:
            Unreadable: if it is not the next, or makes the record too long.
            OSError: if the disk refuses.
        """
        if offset != self.size:
            raise Unreadable(f"a piece of a state from byte {offset} on, after {self.size} bytes")
        if offset + len(data) > PAYLOAD_BYTES_MAX:
            raise Unreadable(f"a state record of more than {PAYLOAD_BYTES_MAX} bytes")
        self._disk.append(self._name, data)
        self.size += len(data)

    def record(self) -> bytes:
        """All of it. Raises `OSError` if the disk cannot read it."""
        file = self._disk.open(self._name)
        try:
            return file.read(0, self.size)
        finally:
            file.close()


def write_installed(
    disk: Disk,
    replica_id: int,
    record: bytes,
    expected: tuple[int, Runs],
    meta: Meta,
    aside: tuple[Proposal, ...],
) -> Contents:
    """Write the file that becomes the journal, synced, and return what it holds.

    `expected` is the index of the entry after which the state must be, and the runs up
    to it.

    Raises:
        Unreadable: if the record is not that state record.
        OSError: if the disk refuses.
    """
    label, state = decode_state(record)
    if (label.index, label.runs) != expected:
        raise Unreadable(f"the state after entry {label.index}, not the one after {expected[0]}")
    name = install_name(replica_id)
    state_head = start_file(disk, name, replica_id, label.index, record)
    records = founding_records(meta, aside)
    payload = b"".join(map(encode_record, records))
    frame = encode_frame(state_head.end, payload, label.index)
    disk.append(name, frame)
    disk.sync(name)
    # The sum that reading gives, too: what is aside may have been given twice.
    ledger = Ledger(label.index, label.runs, label.index).after(records, label.index)
    marks = Marks()
    marks.note(state_head.end, label.index, records)
    place = StatePlace.under(state_head)
    return Contents(ledger, state, place, [], marks, state_head.end + len(frame))
