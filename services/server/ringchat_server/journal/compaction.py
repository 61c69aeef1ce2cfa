"""A shorter journal, made beside the one in use.

Two programs work on it. Another process folds the entries up to an index into the
state and writes the *side file* (`compact`): that is the long part. Then the
replica copies behind it what its journal holds since that index, a piece at a
time between its writes (`TailCopy.copy`), and when nothing is left renames it over
the journal. Until that rename the journal in use is the journal, and a side file
that is found at start is thrown away.

A replica may drop entries (rule 6) while that goes on, even such as the other
process has folded. So the side file's state is accepted only if the journal still
has the entry at its index in the same view: by the log-matching property (Ongaro
and Ousterhout, section 5.3) everything before is then the same too.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Protocol

from ringchat_server.journal.disk import Disk, OpenFile
from ringchat_server.journal.encoding import (
    FORMAT_VERSION,
    LABEL_BYTES_MAX,
    Founding,
    Runs,
    StateLabel,
    decode_label,
    decode_records,
    decode_state,
    encode_founding,
    encode_record,
    encode_state,
)
from ringchat_server.journal.errors import CompactionAbandoned, Damaged, JournalRefused
from ringchat_server.journal.frames import (
    FOOT,
    FrameReader,
    Head,
    checksum,
    encode_frame,
    encode_head,
)
from ringchat_server.journal.ledger import Ledger, Marks
from ringchat_server.journal.recovery import StatePlace, read_contents, read_founding
from ringchat_server.pickled import Unreadable
from ringchat_server.records import Aside, Entry, Group, Meta, Proposal, Record, Truncate

COPY_BYTES_MAX = 1 << 20
"""One call copies no more than this and a frame, so a write waits no longer than for a sync."""

UNSYNCED_BYTES_MAX = 4 << 20
"""Of a long record. A file system may write all that is waiting before it answers anybody's
sync: many megabytes at once would hold up the journal in use, and its neighbours' on that disk."""


class Fold(Protocol):
    """What folds entries into a state: the chat."""

    def apply(self, index: int, entry: Entry) -> object:
        """Take the next entry."""
        ...

    def export(self) -> object:
        """The state, as built-in values."""
        ...


def journal_name(replica_id: int) -> str:
    """The name of that replica's journal in the data folder."""
    return f"replica-{replica_id}.pickle"


def side_name(replica_id: int) -> str:
    """The name of the side file of a compaction, once its state is whole and synced."""
    return f"{journal_name(replica_id)}.compact"


def unfinished_name(replica_id: int) -> str:
    """The name that the side file has before."""
    return f"{side_name(replica_id)}.new"


def compact(
    disk: Disk,
    replica_id: int,
    up_to_index: int,
    fold_from: Callable[[object | None], Fold],
) -> None:
    """Write the side file: the state after entry `up_to_index`, and nothing else, synced.

    Meant for another process than the one that writes the journal, which may go on
    writing. `fold_from` is given the journal's state, `None` for the empty one.

    Raises:
        CompactionAbandoned: if the journal cannot be read, or does not hold that entry,
            or the side file does not read back.
        OSError: if the disk refuses; there is no side file then.
    """
    try:
        contents = read_contents(disk, journal_name(replica_id), replica_id)
    except (Damaged, JournalRefused) as error:
        raise CompactionAbandoned(f"the journal cannot be read: {error}") from error
    base_index = contents.ledger.base_index
    if not base_index < up_to_index <= contents.ledger.length:
        raise CompactionAbandoned(
            f"entry {up_to_index} is not among {base_index + 1} to {contents.ledger.length}"
        )
    fold = fold_from(contents.state)
    contents.state = None
    entries = contents.entries[: up_to_index - base_index]
    for index, entry in enumerate(entries, base_index + 1):
        fold.apply(index, entry)
    runs = _runs_through(contents.ledger.base_runs, base_index, entries)
    record = encode_state(up_to_index, runs, fold.export())
    unfinished = unfinished_name(replica_id)
    start_file(disk, unfinished, replica_id, up_to_index, record)
    disk.sync(unfinished)
    _check_side_file(disk, unfinished, replica_id)
    # Should this process die before, the replica finds no side file instead of half a one.
    disk.rename(unfinished, side_name(replica_id))


def _runs_through(runs: Runs, base_index: int, entries: Sequence[Entry]) -> Runs:
    """The runs up to the last of the entries, which follow the base that `runs` reach to."""
    added = list(runs)
    for index, entry in enumerate(entries, base_index + 1):
        if not added or added[-1][1] != entry.view:
            added.append((index, entry.view))
    return tuple(added)


def start_file(disk: Disk, name: str, replica_id: int, index: int, record: bytes) -> Head:
    """A new file of the label and the state record of that index; the state's head.

    Its end is not synced.

    Raises:
        OSError: if the disk refuses.
    """
    disk.create(name)
    label = encode_frame(0, encode_founding(Founding(FORMAT_VERSION, replica_id)), 0)
    head = Head(len(label), len(record), index, checksum(record))
    disk.append(name, label + encode_head(head))
    view = memoryview(record)  # not joined with the rest: it may be large
    for at in range(0, len(view), UNSYNCED_BYTES_MAX):
        if at:
            disk.sync(name)
        disk.append(name, view[at : at + UNSYNCED_BYTES_MAX])
    disk.append(name, FOOT)
    return head


def _check_side_file(disk: Disk, side: str, replica_id: int) -> None:
    """Before it replaces a journal it must read back as what was written."""
    file = disk.open(side)
    try:
        reader = FrameReader(file, file.size())
        head = reader.head(read_founding(reader, side, replica_id).end)
        payload = None if head is None else reader.payload(head)
        if payload is None:
            raise CompactionAbandoned("the side file does not read back")
        decode_state(payload)
    except (Damaged, JournalRefused, Unreadable) as error:
        raise CompactionAbandoned(f"the side file does not read back: {error}") from error
    finally:
        file.close()


class TailCopy:
    """Copies what the journal holds since the side file's state behind that state."""

    def __init__(self, disk: Disk, replica_id: int, ledger: Ledger, marks: Marks) -> None:
        """Open the side file and find in the journal where its tail begins.

        Raises:
            CompactionAbandoned: if there is no whole side file of this journal.
            OSError: if the disk refuses.
        """
        self._disk = disk
        self._side = side_name(replica_id)
        self._old_marks = marks
        self.marks = Marks()
        """Those of the side file."""
        self.stale = False
        """Set when an entry is dropped that the side file's state contains."""
        label, head = self._open_side(replica_id)
        if not ledger.base_index < label.index <= ledger.length:
            raise CompactionAbandoned(f"the journal does not hold entry {label.index}")
        self.index = label.index
        """The side file's state is that after this entry."""
        self.runs = label.runs
        self.state_place = StatePlace.under(head)
        self.size = head.end
        """Bytes of the side file so far."""
        self._position = marks.before_entry(self.index)
        self._founded = False
        self._file: OpenFile | None = disk.open(journal_name(replica_id))

    def _open_side(self, replica_id: int) -> tuple[StateLabel, Head]:
        if self._side not in self._disk.names():
            raise CompactionAbandoned("there is no side file")
        file = self._disk.open(self._side)
        try:
            reader = FrameReader(file, file.size())
            head = reader.head(read_founding(reader, self._side, replica_id).end)
            if head is None or head.end != reader.size:
                raise CompactionAbandoned("the side file is not whole")
            # Not the state itself: `compact` has checked that, and reading it takes long.
            label_data = reader.piece(head.payload_at, LABEL_BYTES_MAX)
            return decode_label(io.BytesIO(label_data)), head
        except (Damaged, JournalRefused, Unreadable) as error:
            raise CompactionAbandoned(f"the side file cannot be read: {error}") from error
        finally:
            file.close()

    def left(self, journal_bytes: int) -> int:
        """Bytes of the journal that are still to be copied."""
        return journal_bytes - self._position

    def copy(self, journal_bytes: int, ledger: Ledger) -> int:
        """Copy a piece and sync it; the bytes that the side file has grown by.

        `ledger` is the journal's now, `journal_bytes` its size now.

        Raises:
            CompactionAbandoned: if the side file's state is not of this log any more,
                or the journal does not read back.
            OSError: if the disk refuses.
        """
        if self.stale:
            raise CompactionAbandoned(f"entries before {self.index + 1} were dropped meanwhile")
        assert self._file is not None, "the copy is closed"
        reader = FrameReader(self._file, journal_bytes)
        size_before = self.size
        pieces = [] if self._founded else [self._found(reader, ledger)]
        copied = sum(map(len, pieces))
        while self._position < journal_bytes and copied < COPY_BYTES_MAX:
            head, payload = _good_frame(reader, self._position)
            length = self._old_marks.length_at(head.offset)
            if length is not None:
                self.marks.add(self.size, length)
            pieces += self._framed(payload, head.commit_index, head.payload_sum)
            copied += len(payload)
            self._position = head.end
        if pieces:
            self._disk.append(self._side, b"".join(pieces))
            self._disk.sync(self._side)
        return self.size - size_before

    def close(self) -> None:
        """Let go of the journal; again is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _found(self, reader: FrameReader, ledger: Ledger) -> bytes:
        """The third frame of the founding part: what else holds, and the first entries."""
        entries = self._clip(reader)
        # Meta and aside as they are *now*. The frames copied after may repeat older
        # ones, but end with these again.
        records: list[Record] = [ledger.meta]
        if ledger.aside:
            records.append(Aside(ledger.aside))
        if entries:
            records.append(Group(self.index + 1, entries))
        payload = b"".join(map(encode_record, records))
        self._founded = True
        self.marks.add(self.size, self.index)
        return b"".join(self._framed(payload, ledger.commit_index, checksum(payload)))

    def _clip(self, reader: FrameReader) -> list[Entry]:
        """The entries behind the state's, up to the end of the frame where the log first
        reaches it; moves the position behind that frame."""
        view_at_index: int | None = None
        entries: list[Entry] = []
        length = -1
        while length < self.index:
            if self._position >= reader.size:
                raise CompactionAbandoned(f"the journal does not hold entry {self.index}")
            head, payload = _good_frame(reader, self._position)
            for record in _records(head, payload):
                if isinstance(record, Group):
                    length = record.last_index
                    at = self.index - record.first_index
                    if 0 <= at < len(record.entries):
                        view_at_index = record.entries[at].view
                    entries.extend(record.entries[max(0, at + 1) :])
                elif isinstance(record, Truncate):
                    length = record.length
                    del entries[max(0, length - self.index) :]
            self._position = head.end
        if view_at_index != self.runs[-1][1]:
            raise CompactionAbandoned(f"entry {self.index} has been replaced meanwhile")
        return entries

    def _framed(self, payload: bytes, commit_index: int, payload_sum: int) -> list[bytes]:
        # A head says where its frame stands, so it is made anew.
        head = Head(self.size, len(payload), commit_index, payload_sum)
        self.size = head.end
        return [encode_head(head), payload, FOOT]


def _good_frame(reader: FrameReader, offset: int) -> tuple[Head, bytes]:
    head = reader.head(offset)
    payload = None if head is None else reader.payload(head)
    if head is None or payload is None:
        raise CompactionAbandoned(f"byte {offset} of the journal does not read back")
    return head, payload


def _records(head: Head, payload: bytes) -> list[Record]:
    try:
        return list(decode_records(payload))
    except Unreadable as error:
        raise CompactionAbandoned(f"byte {head.offset} of the journal: {error}") from error


def founding_records(meta: Meta, aside: tuple[Proposal, ...]) -> list[Record]:
    """The records that every new file begins with."""
    return [meta, Aside(aside)] if aside else [meta]
