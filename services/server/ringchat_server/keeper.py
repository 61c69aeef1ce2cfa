"""The journal's thread: groups what is to be written, and compacts when it is worth it.

All disk work of a replica runs on one thread, in order; the event loop goes on
meanwhile. While one group is being synced the next one gathers.
"""

from __future__ import annotations

import asyncio
import logging
import math
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ringchat_server import compactor
from ringchat_server.journal import (
    CompactionAbandoned,
    DiskFailed,
    Journal,
    Opened,
    StateReader,
)
from ringchat_server.records import Meta, Proposal, Record

log = logging.getLogger(__name__)

T = TypeVar("T")

COMPACT_AFTER_BYTES = 16 << 20
"""A journal shorter than this is not worth compacting; beyond it, one twice the state is."""
COMPACTION_PAUSE_SECONDS = 10.0
"""After a compaction that failed, before the next is tried."""
POLL_SECONDS = 0.02
"""How often the compactor is looked after."""
KILLED_SECONDS_MAX = 1.0
"""For the end of a compactor that was killed: while the disk hangs it does not come."""
TAIL_BYTES_SMALL = 64 << 10
"""What is left to copy may be done together with the switch."""


class Keeper:
    """The only user of the journal."""

    def __init__(
        self,
        journal: Journal,
        folder: Path,
        replica_id: int,
        on_synced: Callable[[int], None],
        on_failure: Callable[[str], None],
    ) -> None:
        """
        Args:
            on_synced: told the newest ticket that is durable.
            on_failure: told, in one line, that the disk failed: the process has to end.
        """
        self._journal = journal
        self._folder = folder
        self._replica_id = replica_id
        self._on_synced = on_synced
        self._on_failure = on_failure
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._records: list[Record] = []
        self._ticket = 0
        self._commit_index = 0
        self._busy = False
        self._failed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._compaction: asyncio.Task[None] | None = None
        self._compact_above_bytes = 0
        """A journal that was compacted has to grow again first, from what it was left with: it
        may hold entries that another replica lacks, and be long for that reason."""
        self._compact_not_before = 0.0

    @property
    def busy(self) -> bool:
        """A write is under way: what comes now will be synced with the next."""
        return self._busy

    def write(self, ticket: int, records: tuple[Record, ...], commit_index: int) -> None:
        """Queues records; `on_synced` tells when they are durable."""
        self._records.extend(records)
        self._ticket, self._commit_index = ticket, commit_index
        if not self._busy and not self._failed:
            self._begin()

    def store_chunk(self, offset: int, data: bytes) -> None:
        """Keeps a piece of another replica's state."""
        self._watch(self._thread.submit(self._journal.store_chunk, offset, data))

    def install(
        self,
        index: int,
        runs: tuple[tuple[int, int], ...],
        meta: Meta,
        aside: tuple[Proposal, ...],
        fold_from: Callable[[object | None], T],
    ) -> T:
        """Makes the stored state the journal, behind everything queued; blocks until it is.

        Raises:
            ValueError: if it is not that state, or none for `fold_from`.
            DiskFailed: if the disk refuses.
        """
        if self._records:
            # They belong to the log that is being replaced, but their tickets are waited for.
            self._thread.submit(self._journal.write, self._take(), self._commit_index).result()
            ticket = self._ticket
            asyncio.get_running_loop().call_soon(lambda: self._on_synced(ticket))
        self._compact_above_bytes = 0  # it was of another journal
        install = self._journal.install
        return self._thread.submit(install, index, runs, meta, aside, fold_from).result()

    def reread(self) -> Opened:
        """The journal's state again; blocks."""
        return self._thread.submit(self._journal.reread).result()

    async def open_state(self) -> StateReader | None:
        """The state record, for another replica."""
        return await self._run(self._journal.open_state)

    async def read_state(self, reader: StateReader, offset: int, size: int) -> bytes:
        """A piece of it."""
        return await self._run(lambda: reader.read(offset, size))

    def worth_compacting(self, live_bytes: int) -> bool:
        """The journal has grown enough, and is not being compacted already.

        Args:
            live_bytes: that the state would take by now, roughly and at the least.
        """
        journal = self._journal
        state_bytes = max(journal.state_bytes, live_bytes)
        limit = max(COMPACT_AFTER_BYTES, 2 * state_bytes, self._compact_above_bytes)
        if self._compaction or self._failed or journal.size_bytes <= limit:
            return False
        return time.monotonic() >= self._compact_not_before

    def compact(self, up_to_index: int, on_compacted: Callable[[int], None]) -> None:
        """Begins to replace the entries up to that index by the state after them."""
        self._compaction = asyncio.create_task(self._compact(up_to_index, on_compacted))

    async def close(self) -> None:
        """Waits for everything queued to be written, and lets go of the file.

        Nothing may be queued any more.
        """
        if self._compaction:
            self._compaction.cancel()
            await asyncio.gather(self._compaction, return_exceptions=True)
        await self._idle.wait()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._journal.close)
        self._thread.shutdown()

    # ------------------------------------------------------------------ writing

    def _take(self) -> list[Record]:
        records, self._records = self._records, []
        return records

    def _begin(self) -> None:
        self._busy = True
        self._idle.clear()
        loop = asyncio.get_running_loop()
        ticket = self._ticket
        done = self._thread.submit(self._journal.write, self._take(), self._commit_index)
        done.add_done_callback(
            lambda future: loop.call_soon_threadsafe(self._written, future, ticket)
        )

    def _written(self, future: Future[None], ticket: int) -> None:
        self._busy = False
        error = future.exception()
        if error is not None:
            self._idle.set()
            self._fail(error)
            return
        if self._records:
            self._begin()
        else:
            self._idle.set()
        self._on_synced(ticket)

    def _watch(self, future: Future[None]) -> None:
        loop = asyncio.get_running_loop()

        def done(future: Future[None]) -> None:
            if (error := future.exception()) is not None:
                loop.call_soon_threadsafe(self._fail, error)

        future.add_done_callback(done)

    def _fail(self, error: BaseException) -> None:
        """Rule 13: a failed sync is never repeated."""
        if not self._failed:
            self._failed = True
            self._on_failure(str(error))
            if not isinstance(error, DiskFailed):
                log.error("the journal refused", exc_info=error)

    # --------------------------------------------------------------- compaction

    async def _compact(self, up_to_index: int, on_compacted: Callable[[int], None]) -> None:
        log.info("compaction up to entry %d begins", up_to_index)
        size_before = self._journal.size_bytes
        self._compact_not_before = time.monotonic() + COMPACTION_PAUSE_SECONDS
        process: subprocess.Popen[bytes] | None = None
        try:
            process = compactor.start(self._folder, self._replica_id, up_to_index)
            if (code := await _ended(process, math.inf)) != 0:
                log.warning("compaction abandoned: its process ended with %d", code)
                await self._run(self._journal.abandon_compaction)
                return
            while await self._run(self._journal.copy_tail) > TAIL_BYTES_SMALL:
                pass
            written_bytes = self._journal.size_bytes - size_before
            await self._run(self._journal.switch)
            on_compacted(up_to_index)
            size_bytes = self._journal.size_bytes
            self._compact_not_before = 0.0
            # What was written meanwhile is growth: else a busy journal would stay long at rest.
            self._compact_above_bytes = size_bytes - written_bytes + COMPACT_AFTER_BYTES
            log.info("compaction done: %d bytes instead of %d", size_bytes, size_before)
        except CompactionAbandoned as error:
            log.warning("compaction abandoned: %s", error)
        except OSError as error:
            log.warning("compaction cannot begin: %s", error.strerror)
        except DiskFailed as error:
            self._fail(error)
        finally:
            self._compaction = None
            if process is not None and process.returncode is None:
                process.kill()
                await _ended(process, KILLED_SECONDS_MAX)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _ended(process: subprocess.Popen[bytes], seconds_max: float) -> int | None:
    """The exit code, if it comes in time.

    No thread waits for it: one that did would keep a replica from ending whose disk hangs.
    """
    deadline = time.monotonic() + seconds_max
    while (code := process.poll()) is None and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)
    return code
