"""A replica's journal thread, on the schedule: one job at a time, in order, each takes time.

It does what `ringchat_server.keeper` does with a thread and a process of its own:
groups what is to be written, and compacts in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from ringchat_server.chat import Chat
from ringchat_server.compactor import fold_from
from ringchat_server.journal import (
    CompactionAbandoned,
    DiskFailed,
    Journal,
    Opened,
    StateReader,
    compact,
)
from ringchat_server.records import Meta, Proposal, Record
from tests.simulator.disk import FakeDisk

TAIL_BYTES_SMALL = 2_000
STATE_CHUNK_BYTES = 700
HUNG_SECONDS = 0.01
"""How often a disk that hangs is tried."""


class Job(NamedTuple):
    """Something for the thread to do."""

    work: Callable[[], Any]
    done: Callable[[Any], None]
    """Told the result, on the loop."""
    writes: bool = False


class Owner(Protocol):
    """The process whose journal it is."""

    def later(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None:
        """On the process's loop, unless it has died by then."""
        ...

    def job_seconds(self) -> float:
        """How long the next job takes."""
        ...

    @property
    def disk_hangs(self) -> bool:
        """Nothing gets done for the time being."""
        ...

    def written(self, records: list[Record]) -> None:
        """These are durable."""
        ...

    def synced(self, ticket: int) -> None:
        """Everything up to that ticket is durable."""
        ...

    def disk_failed(self, line: str) -> None:
        """The process has to end."""
        ...


class JournalThread:
    """The only user of a journal."""

    def __init__(self, journal: Journal, disk: FakeDisk, replica_id: int, owner: Owner) -> None:
        self.journal = journal
        self.compacting = False
        self._disk = disk
        self._replica_id = replica_id
        self._owner = owner
        self._jobs: deque[Job] = deque()
        self._records: list[Record] = []
        self._ticket = 0
        self._commit_index = 0
        self.busy = False
        """A write is under way or waits for its turn."""

    # ------------------------------------------------------------------- writing

    def write(self, ticket: int, records: tuple[Record, ...], commit_index: int) -> None:
        """Queues records."""
        self._records.extend(records)
        self._ticket, self._commit_index = ticket, commit_index
        if not self.busy:
            self._begin()

    def _begin(self) -> None:
        self.busy = True
        ticket, commit_index = self._ticket, self._commit_index
        records, self._records = self._records, []

        def work() -> None:
            self.journal.write(records, commit_index)
            self._owner.written(records)

        self._submit(work, lambda _: self._written(ticket), writes=True)

    def _written(self, ticket: int) -> None:
        self.busy = False
        if self._records:
            self._begin()
        self._owner.synced(ticket)

    def under_way(self) -> Job | None:
        """What the thread is at."""
        return self._jobs[0] if self._jobs else None

    # -------------------------------------------------------------- what blocks

    def install(
        self,
        index: int,
        runs: tuple[tuple[int, int], ...],
        meta: Meta,
        aside: tuple[Proposal, ...],
    ) -> Chat:
        """Finishes what is queued, then makes the stored state the journal."""
        self._finish()
        if self._records:
            records, self._records = self._records, []
            self.journal.write(records, self._commit_index)
            self._owner.written(records)
            self._owner.later(0.0, self._owner.synced, self._ticket)
        return self.journal.install(index, runs, meta, aside, fold_from)

    def reread(self) -> Opened:
        """What the journal holds, once what is queued was done."""
        self._finish()
        return self.journal.reread()

    def _finish(self) -> None:
        """The loop blocks until the thread has nothing to do; it is told of that later."""
        while self._jobs:
            job = self._jobs.popleft()
            self._owner.later(0.0, job.done, job.work())

    # --------------------------------------------------------------------- jobs

    def _submit(
        self, work: Callable[[], Any], done: Callable[[Any], None], *, writes: bool = False
    ) -> None:
        self._jobs.append(Job(work, done, writes))
        if len(self._jobs) == 1:
            self._owner.later(self._owner.job_seconds(), self._run, self._jobs[0])

    def _run(self, job: Job) -> None:
        if not self._jobs or self._jobs[0] is not job:
            return  # it was finished by somebody who could not wait
        if self._owner.disk_hangs:
            self._owner.later(HUNG_SECONDS, self._run, job)
            return
        try:
            result = job.work()
        except (DiskFailed, OSError) as error:
            self._owner.disk_failed(str(error))
            return
        self._jobs.popleft()
        if self._jobs:
            self._owner.later(self._owner.job_seconds(), self._run, self._jobs[0])
        job.done(result)

    def store_chunk(self, offset: int, data: bytes) -> None:
        """Keeps a piece of another replica's state."""
        self._submit(lambda: self.journal.store_chunk(offset, data), lambda _: None)

    def read_state(
        self, take: Callable[[int, tuple[tuple[int, int], ...], int, bytes, bool], bool]
    ) -> None:
        """Gives `take` the state record piece by piece, as long as it says True.

        `take` gets the index, the runs, and of each piece the offset, the bytes and
        whether it is the last; None in place of a state is the empty one.
        """
        self._submit(self.journal.open_state, lambda reader: self._read_on(reader, 0, take))

    def _read_on(
        self,
        reader: StateReader | None,
        offset: int,
        take: Callable[[int, tuple[tuple[int, int], ...], int, bytes, bool], bool],
    ) -> None:
        if reader is None:
            take(0, (), 0, b"", True)
            return

        def taken(data: bytes) -> None:
            last = offset + len(data) >= reader.size
            if take(reader.index, reader.runs, offset, data, last) and not last:
                self._read_on(reader, offset + len(data), take)
            else:
                reader.close()

        self._submit(lambda: reader.read(offset, STATE_CHUNK_BYTES), taken)

    # --------------------------------------------------------------- compaction

    def compact(self, up_to_index: int, compacted: Callable[[int], None]) -> None:
        """Begins to replace the entries up to that index by the state after them."""
        self.compacting = True
        # Another process folds; it takes its time, and the thread goes on meanwhile.
        self._owner.later(2 * self._owner.job_seconds(), self._fold, up_to_index, compacted)

    def _fold(self, up_to_index: int, compacted: Callable[[int], None]) -> None:
        try:
            compact(self._disk, self._replica_id, up_to_index, fold_from)
        except (CompactionAbandoned, OSError):
            self._submit(self.journal.abandon_compaction, lambda _: self._over())
            return
        self._submit(self._copy, lambda left: self._copied(left, up_to_index, compacted))

    def _copy(self) -> int | None:
        try:
            return self.journal.copy_tail()
        except CompactionAbandoned:
            return None

    def _copied(self, left: int | None, up_to_index: int, compacted: Callable[[int], None]) -> None:
        if left is None:
            self._over()
        elif left > TAIL_BYTES_SMALL:
            self._submit(self._copy, lambda more: self._copied(more, up_to_index, compacted))
        else:
            self._submit(self._switch, lambda done: self._over(up_to_index, compacted, done=done))

    def _switch(self) -> bool:
        try:
            self.journal.switch()
        except CompactionAbandoned:
            return False
        return True

    def _over(
        self,
        index: int = 0,
        compacted: Callable[[int], None] | None = None,
        *,
        done: bool = False,
    ) -> None:
        self.compacting = False
        if done and compacted is not None:
            compacted(index)
