"""The journal of one replica: opened once, written by group, replaced by a shorter one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from ringchat_server.journal.compaction import (
    TailCopy,
    journal_name,
    side_name,
    start_file,
    unfinished_name,
)
from ringchat_server.journal.disk import Disk
from ringchat_server.journal.encoding import encode_record, encode_state
from ringchat_server.journal.errors import (
    CompactionAbandoned,
    Damaged,
    DiskFailed,
    JournalRefused,
)
from ringchat_server.journal.frames import encode_frame
from ringchat_server.journal.installation import (
    Reception,
    StateReader,
    install_name,
    received_name,
    write_installed,
)
from ringchat_server.journal.ledger import Ledger, Marks
from ringchat_server.journal.recovery import Contents, StatePlace, read_contents
from ringchat_server.pickled import Unreadable
from ringchat_server.records import Meta, Proposal, Record, Recovered, Truncate

T = TypeVar("T")

PROBE_BYTES = 1 << 16
"""Written at start, to find a full disk then and not at the first promise."""


class Opened(NamedTuple):
    """What a journal gave back."""

    recovered: Recovered | None
    """`None`: there is no journal, or it was damaged."""
    state: object | None
    """The state at `recovered.base_index`, for the chat; `None` for the empty one."""
    kept_aside: str | None
    """The name of a damaged journal of this replica, if that is why there is none."""
    note: str
    """One line for the operator."""


class Journal:
    """Of one replica. To be used by one thread at a time.

    After `DiskFailed` it refuses everything: what a failed sync has left of the
    data nobody can know, so nothing may be built on it (rule 13).
    """

    def __init__(self, disk: Disk, replica_id: int) -> None:
        """Not for callers: see `open`."""
        self._disk = disk
        self._replica_id = replica_id
        self._name = journal_name(replica_id)
        self._failure: str | None = None
        self._ledger = Ledger(0, (), 0)
        self._marks = Marks()
        self.state_place = StatePlace(0, 0, 0)
        """Where in the file the state record stands."""
        self._size = 0
        self._tail: TailCopy | None = None
        self._reception: Reception | None = None

    @classmethod
    def open(cls, disk: Disk, replica_id: int) -> tuple[Journal, Opened]:
        """Read the replica's journal in that folder, and make it fit to be written.

        Raises:
            JournalRefused: if the replica must not start with it, in one clear line.
        """
        journal = cls(disk, replica_id)
        try:
            return journal, journal._open()
        except OSError as error:
            raise JournalRefused(
                f"the data folder {disk.place} cannot be used: {_reason(error)}; "
                f"it must be a folder that this user may write to, with space left"
            ) from error

    @property
    def size_bytes(self) -> int:
        """The size of the file; 0 if there is none yet."""
        return self._size

    @property
    def state_bytes(self) -> int:
        """The size of its state record."""
        return self.state_place.size

    @property
    def base_index(self) -> int:
        """The state record is that after this entry; the entries behind it are held."""
        return self._ledger.base_index

    @property
    def base_view(self) -> int:
        """The view of that entry; `NO_VIEW` for the empty state."""
        return self._ledger.base_view

    def write(self, records: Sequence[Record], commit_index: int) -> None:
        """Make these records durable: one frame, one write, one sync.

        Costs what the records cost, whatever the journal holds already.

        Raises:
            DiskFailed: if the disk refuses.
            ValueError: if a record cannot follow those before it; nothing is written.
        """
        self._check_usable()
        if self._size == 0 and not any(isinstance(record, Meta) for record in records):
            records = [Meta(), *records]  # every founding part has one
        ledger = self._ledger.after(records, commit_index)
        payload = b"".join(map(encode_record, records))
        with self._dying("written to"):
            if self._size == 0:
                offset, end = self._found(payload, commit_index)
            else:
                offset = self._size
                frame = encode_frame(offset, payload, commit_index)
                self._disk.append(self._name, frame)
                self._disk.sync(self._name)
                end = offset + len(frame)
        self._marks.note(offset, self._ledger.length, records)
        self._ledger = ledger
        self._size = end
        cuts = [record.length for record in records if isinstance(record, Truncate)]
        if self._tail is not None and cuts and min(cuts) < self._tail.index:
            self._tail.stale = True

    def reread(self) -> Opened:
        """The journal's contents again, to build the chat anew (rule 6).

        Raises:
            DiskFailed: if it does not read back.
        """
        self._check_usable()
        if self._size == 0:
            return Opened(None, None, None, "no journal yet")
        try:
            with self._dying("read"):
                contents = read_contents(self._disk, self._name, self._replica_id)
        except (Damaged, JournalRefused) as error:
            raise self._failed(f"the journal does not read back: {error}") from error
        if contents.ledger != self._ledger or contents.good_bytes != self._size:
            raise self._failed("the journal does not read back as it was written")
        return Opened(contents.recovered(), contents.state, None, _summary(contents))

    def open_state(self) -> StateReader | None:
        """The state record, to be sent to another replica; `None` if it is of the empty state.

        Raises:
            DiskFailed: if the disk refuses.
        """
        self._check_usable()
        if self.base_index == 0:
            return None
        with self._dying("opened"):
            file = self._disk.open(self._name)
        return StateReader(file, self.state_place, self.base_index, self._ledger.base_runs)

    # ----------------------------------------------------------- compaction

    def copy_tail(self) -> int:
        """Copy to the side file a piece of what this journal holds since its state, synced.

        To be called after `compact` has ended well, between writes, until it returns
        little; then `switch`. Returns the bytes copied by this call.

        Raises:
            CompactionAbandoned: if the side file cannot become the journal; it is removed.
        """
        self._check_usable()
        with self._compacting():
            if self._tail is None:
                self._tail = TailCopy(self._disk, self._replica_id, self._ledger, self._marks)
            return self._tail.copy(self._size, self._ledger)

    def switch(self) -> None:
        """Copy what is left, and go on with the side file as the journal.

        Raises:
            CompactionAbandoned: as `copy_tail`; the journal is the old one.
            DiskFailed: if the disk refuses the last step.
        """
        self._check_usable()
        with self._compacting():
            if self._tail is None:
                self._tail = TailCopy(self._disk, self._replica_id, self._ledger, self._marks)
            self._tail.copy(self._size, self._ledger)
            while self._tail.left(self._size) > 0:
                self._tail.copy(self._size, self._ledger)
        tail, self._tail = self._tail, None
        assert tail is not None
        tail.close()
        with self._dying("replaced"):
            self._disk.rename(side_name(self._replica_id), self._name)
            # Not before this may a write to the new file count as durable.
            self._disk.sync_folder()
        self._ledger.base_index = tail.index
        self._ledger.base_runs = tail.runs
        self._marks = tail.marks
        self.state_place = tail.state_place
        self._size = tail.size

    def abandon_compaction(self) -> None:
        """Throw the side file away, whatever there is of it.

        The process that runs `compact` must have ended. Raises `DiskFailed`.
        """
        self._check_usable()
        if self._tail is not None:
            self._tail.close()
            self._tail = None
        with self._dying("tidied"):
            self._remove(unfinished_name(self._replica_id))
            self._remove(side_name(self._replica_id))

    # --------------------------------------------------------- installation

    def store_chunk(self, offset: int, data: bytes) -> None:
        """Keep the next piece of another replica's state record; offset 0 begins anew.

        Raises:
            Unreadable: if it is not the next piece; what came before is kept.
            DiskFailed: if the disk refuses.
        """
        self._check_usable()
        with self._dying("given a state"):
            if offset == 0:
                self._reception = Reception(self._disk, self._replica_id)
            if self._reception is None:
                raise Unreadable(f"a piece of a state from byte {offset} on, and none before")
            self._reception.store(offset, data)

    def install(
        self,
        index: int,
        runs: Sequence[tuple[int, int]],
        meta: Meta,
        aside: tuple[Proposal, ...],
        fold_from: Callable[[object | None], T],
    ) -> T:
        """Begin the journal anew with the state record that was stored; returns it folded.

        All entries held so far are gone, `meta` and `aside` are as given. The record has
        to be that of `index` and `runs`, as the sender's `StateReader` named them, and one
        that `fold_from` takes: the next start has to take it, too.

        Raises:
            ValueError: if the pieces are not the state record of that entry, or it is none
                for `fold_from`; they are thrown away, and the journal is as before.
            DiskFailed: if the disk refuses.
        """
        self._check_usable()
        reception, self._reception = self._reception, None
        if reception is None:
            raise Unreadable("no state to install")
        self.abandon_compaction()  # its state belongs to the log that ends here
        with self._dying("replaced by a state"):
            try:
                contents = write_installed(
                    self._disk,
                    self._replica_id,
                    reception.record(),
                    (index, tuple((first, view) for first, view in runs)),
                    meta,
                    aside,
                )
                folded = fold_from(contents.state)
            except ValueError:
                self._remove(install_name(self._replica_id))
                raise
            finally:
                self._remove(received_name(self._replica_id))
            self._disk.rename(install_name(self._replica_id), self._name)
            self._disk.sync_folder()
        self._adopt(contents)
        return folded

    def close(self) -> None:
        """Let go of what is held open for reading; again is harmless."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    # -------------------------------------------------------------- opening

    def _open(self) -> Opened:
        self._disk.prepare()
        for side in self._side_names():
            self._remove(side)
        if self._name not in self._disk.names():
            self._probe()
            return self._opened_empty()
        try:
            contents = read_contents(self._disk, self._name, self._replica_id)
        except Damaged as error:
            kept = self._keep_aside()
            self._probe()
            note = f"{self._name} is damaged ({error}): kept as {kept}"
            return Opened(None, None, kept, note)
        self._settle(contents)
        self._probe()
        self._adopt(contents)
        return Opened(contents.recovered(), contents.state, None, _summary(contents))

    def _opened_empty(self) -> Opened:
        kept = _newest(self._damaged_names())
        if kept is None:
            return Opened(None, None, None, f"no {self._name} in {self._disk.place}: a new replica")
        # It was put aside at an earlier start, and nothing has been written since:
        # this replica is not new, it has lost its journal.
        note = f"no {self._name} in {self._disk.place}: the damaged one is kept as {kept}"
        return Opened(None, None, kept, note)

    def _settle(self, contents: Contents) -> None:
        """Cut a torn last write off, and make durable whatever could be read.

        An earlier process may have been killed between its write and its sync, or
        have ended after a sync that failed: then the last frame was read from memory,
        and a sync alone would not write it, for the system has given those pages up.
        Writing the same bytes over it makes it try again, and harms nothing.
        """
        if contents.torn_bytes:
            self._disk.truncate(self._name, contents.good_bytes)
        if contents.last_head is not None:
            offset = contents.last_head.offset
            file = self._disk.open(self._name)
            try:
                frame = file.read(offset, contents.good_bytes - offset)
            finally:
                file.close()
            self._disk.overwrite(self._name, offset, frame)
        self._disk.sync(self._name)
        # Also the last rename may not be durable yet: else a crash could bring the
        # file before it back, without what will be written to this one.
        self._disk.sync_folder()

    def _keep_aside(self) -> str:
        taken = self._damaged_names()
        number = 1
        while f"{self._name}.damaged-{number}" in taken:
            number += 1
        kept = f"{self._name}.damaged-{number}"
        self._disk.rename(self._name, kept)
        self._disk.sync_folder()
        return kept

    def _damaged_names(self) -> list[str]:
        prefix = f"{self._name}.damaged-"
        return [name for name in self._disk.names() if name.startswith(prefix)]

    def _probe(self) -> None:
        probe = f"{self._name}.probe"
        try:
            self._disk.create(probe)
            self._disk.append(probe, bytes(PROBE_BYTES))
            self._disk.sync(probe)
        finally:
            self._remove(probe)

    def _side_names(self) -> list[str]:
        return [
            f"{self._name}.new",
            f"{self._name}.probe",
            side_name(self._replica_id),
            unfinished_name(self._replica_id),
            received_name(self._replica_id),
            install_name(self._replica_id),
        ]

    # --------------------------------------------------------------- helpers

    def _found(self, payload: bytes, commit_index: int) -> tuple[int, int]:
        """Make the file, with a first frame of that payload; the frame's offset and end."""
        new = f"{self._name}.new"
        state = encode_state(0, (), None)
        state_head = start_file(self._disk, new, self._replica_id, 0, state)
        frame = encode_frame(state_head.end, payload, commit_index)
        self._disk.append(new, frame)
        self._disk.sync(new)
        self._disk.rename(new, self._name)
        self._disk.sync_folder()
        self.state_place = StatePlace.under(state_head)
        return state_head.end, state_head.end + len(frame)

    def _adopt(self, contents: Contents) -> None:
        self._ledger = contents.ledger
        self._marks = contents.marks
        self.state_place = contents.state_place
        self._size = contents.good_bytes

    def _remove(self, name: str) -> None:
        if name in self._disk.names():
            self._disk.remove(name)

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise DiskFailed(self._failure)

    def _failed(self, line: str) -> DiskFailed:
        self._failure = line
        return DiskFailed(line)

    @contextmanager
    def _dying(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            line = f"{self._name} in {self._disk.place} cannot be {what}: {_reason(error)}"
            raise self._failed(line) from error

    @contextmanager
    def _compacting(self) -> Iterator[None]:
        """The side file is no loss: if it fails, the journal goes on without."""
        try:
            yield
        except CompactionAbandoned:
            self.abandon_compaction()
            raise
        except OSError as error:
            self.abandon_compaction()
            raise CompactionAbandoned(f"the side file: {_reason(error)}") from error


def _newest(damaged: list[str]) -> str | None:
    return max(damaged, key=lambda name: (len(name), name), default=None)


def _summary(contents: Contents) -> str:
    ledger = contents.ledger
    line = f"a journal of {contents.good_bytes} bytes, entries {ledger.base_index + 1} to "
    line += f"{ledger.length}"
    if contents.torn_bytes:
        line += f"; {contents.torn_bytes} bytes of an unfinished last write were cut off"
    return line


def _reason(error: OSError) -> str:
    if error.errno is None:
        return str(error)
    return os.strerror(error.errno)
