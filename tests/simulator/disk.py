"""A disk in memory, as cruel as POSIX allows, for tests and simulations.

What was written is lost at a crash unless it was synced; the first write that is
lost may be torn at any byte, or leave a hole; names are lost until the folder is
synced; any step may fail, and a sync that fails gives its pages up while reads
still show them.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

SECTOR_BYTES = 512
NEWEST_BYTES = 400
"""About the last frame of a journal: what is most easily taken for a torn write."""


class Crash(BaseException):
    """The process was killed in a step of the disk. Not an `Exception`: nobody may catch it."""


class Write(NamedTuple):
    """Bytes on their way to a file."""

    offset: int
    data: bytes


class Cut(NamedTuple):
    """A new size on its way to a file."""

    size: int


@dataclass(slots=True)
class Inode:
    """A file: what reads show, what would survive, and what is in between."""

    cache: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Cut] = field(default_factory=list)


class Outcome(NamedTuple):
    """What a crash has left of that which was not synced."""

    folder_steps: int
    """So many changes of names, the oldest, are kept."""
    writes: int
    """So many writes and cuts of each file, the oldest, are kept."""
    torn_bytes: int
    """And so many bytes of the next write."""
    hole: bool
    """The next write's bytes *before* these, to the end of their sector, are zeros; its
    later ones are kept."""


class FakeDisk:
    """A `Disk`. Set `crash_at` or `fail_at` to the number of a step, counted from 1."""

    place = "/a/fake/disk"

    def __init__(self) -> None:
        self.steps = 0
        """Steps done so far."""
        self.log: list[str] = []
        """Their names."""
        self.crash_at: int | None = None
        self.fail_at: int | None = None
        self.failure = errno.EIO
        self.partial_bytes = 0
        """How much of an append that fails is written."""
        self.capacity_bytes: int | None = None
        """Size of the disk; what does not fit fails with «no space left»."""
        self.read_only = False
        self._names: dict[str, Inode] = {}
        self._durable_names: dict[str, Inode] = {}
        self._pending_names: list[tuple[tuple[str, Inode | None], ...]] = []

    # ------------------------------------------------------------------ Disk

    def prepare(self) -> None:
        self._step("prepare")

    def names(self) -> list[str]:
        self._step("names")
        return sorted(self._names)

    def create(self, name: str) -> None:
        self._change("create")
        self._name(name, Inode())
        self._after()

    def append(self, name: str, data: bytes | memoryview) -> None:
        data = bytes(data)
        inode = self._names[name] if name in self._names else self._missing(name)
        room = len(data)
        if self.capacity_bytes is not None:
            used = sum(len(file.cache) for file in self._names.values())
            room = min(room, max(0, self.capacity_bytes - used))
        try:
            self._change("append")
        except OSError:
            self._write(inode, len(inode.cache), data[: self.partial_bytes])
            raise
        self._write(inode, len(inode.cache), data[:room])
        if room < len(data):
            raise OSError(errno.ENOSPC, "no space left")
        self._after()

    def overwrite(self, name: str, offset: int, data: bytes | memoryview) -> None:
        self._change("overwrite")
        inode = self._names[name]
        assert offset + len(data) <= len(inode.cache), "beyond the end of the file"
        self._write(inode, offset, bytes(data))
        self._after()

    def truncate(self, name: str, size: int) -> None:
        self._change("truncate")
        inode = self._names[name]
        assert size <= len(inode.cache)
        del inode.cache[size:]
        inode.pending.append(Cut(size))
        self._after()

    def open(self, name: str) -> FakeFile:
        self._step("open")
        return FakeFile(self, self._names[name] if name in self._names else self._missing(name))

    def size(self, name: str) -> int:
        self._step("size")
        return len(self._names[name].cache)

    def sync(self, name: str) -> None:
        inode = self._names[name]
        try:
            self._step("sync")
        except OSError:
            inode.pending.clear()  # given up: a later sync has nothing to do and succeeds
            raise
        self._after()  # a crash in a sync: some, all or nothing of it is done
        for step in inode.pending:
            _persist(inode.durable, step)
        inode.pending.clear()

    def rename(self, old: str, new: str) -> None:
        self._change("rename")
        inode = self._names.pop(old)
        self._names[new] = inode
        # One change: a file system gives the new name and takes the old away at once.
        self._pending_names.append(((old, None), (new, inode)))
        self._after()

    def remove(self, name: str) -> None:
        self._change("remove")
        self._name(name, None)
        self._after()

    def sync_folder(self) -> None:
        self._step("sync_folder")
        self._after()
        self._durable_names = dict(self._names)
        self._pending_names.clear()

    # ------------------------------------------------------------- for tests

    def content(self, name: str) -> bytes:
        """What a read of the file shows. Not a step."""
        return bytes(self._names[name].cache)

    def put(self, name: str, data: bytes) -> None:
        """Place a file, durable. Not a step."""
        inode = Inode(bytearray(data), bytearray(data))
        self._names[name] = inode
        self._durable_names[name] = inode

    def listing(self) -> list[str]:
        """The names. Not a step."""
        return sorted(self._names)

    def outcomes(self, every_bytes: int = 1) -> Iterator[Outcome]:
        """All that a crash now can leave; writes torn at each `every_bytes`-th byte."""
        files = [inode for inode in self._all_inodes() if inode.pending]
        longest = max((len(inode.pending) for inode in files), default=0)
        for folder_steps in range(len(self._pending_names) + 1):
            for writes in range(longest + 1):
                torn_max = 0
                for inode in files:
                    if writes < len(inode.pending):
                        step = inode.pending[writes]
                        torn_max = max(torn_max, len(step.data) if isinstance(step, Write) else 0)
                yield Outcome(folder_steps, writes, 0, False)
                for torn_bytes in range(1, torn_max, every_bytes):
                    yield Outcome(folder_steps, writes, torn_bytes, False)
                    yield Outcome(folder_steps, writes, torn_bytes, True)

    def random_outcome(self, chance: random.Random) -> Outcome:
        """One of them."""
        files = [inode for inode in self._all_inodes() if inode.pending]
        longest = max((len(inode.pending) for inode in files), default=0)
        writes = chance.randrange(longest + 1)
        next_bytes = max(
            (
                len(step.data)
                for inode in files
                for step in inode.pending[writes : writes + 1]
                if isinstance(step, Write)
            ),
            default=0,
        )
        torn_bytes = chance.randrange(next_bytes) if next_bytes else 0
        folder_steps = chance.randrange(len(self._pending_names) + 1)
        return Outcome(folder_steps, writes, torn_bytes, chance.random() < 0.5 and torn_bytes > 0)

    def used_bytes(self) -> int:
        """The size of all files. Not a step."""
        return sum(len(inode.cache) for inode in self._names.values())

    def is_durable(self, name: str) -> bool:
        """A crash now would leave that file as reads show it. Not a step."""
        inode = self._names.get(name)
        known = inode is not None and self._durable_names.get(name) is inode
        return known and inode is not None and inode.cache == inode.durable

    def rot(self, chance: random.Random) -> bool:
        """Flip a bit that is on the disk already; False if there is none. Not a step."""
        files = [inode for inode in self._names.values() if inode.durable and not inode.pending]
        if not files:
            return False
        inode = chance.choice(files)
        size, bit = len(inode.durable), 1 << chance.randrange(8)
        at = chance.randrange(max(0, size - NEWEST_BYTES) if chance.random() < 0.3 else 0, size)
        _flip(inode, at, bit)
        return True

    def flip(self, name: str, at: int) -> None:
        """Change that byte of a file, on the disk. Not a step."""
        _flip(self._names[name], at, 1)

    def killed(self) -> FakeDisk:
        """The disk after the process alone was killed: the system still has all it was given."""
        disk = FakeDisk()
        disk.capacity_bytes = self.capacity_bytes
        disk._names = dict(self._names)
        disk._durable_names = dict(self._durable_names)
        disk._pending_names = list(self._pending_names)
        return disk

    def crashed(self, outcome: Outcome) -> FakeDisk:
        """The disk after the power failed with that outcome. This one is left as it is."""
        disk = FakeDisk()
        names = dict(self._durable_names)
        for change in self._pending_names[: outcome.folder_steps]:
            for name, inode in change:
                if inode is None:
                    names.pop(name, None)
                else:
                    names[name] = inode
        for name, inode in names.items():
            disk.put(name, _survivor(inode, outcome))
        disk.capacity_bytes = self.capacity_bytes
        return disk

    # --------------------------------------------------------------- helpers

    def _all_inodes(self) -> list[Inode]:
        found = [*self._names.values(), *self._durable_names.values()]
        for change in self._pending_names:
            found += [inode for _, inode in change if inode is not None]
        return list({id(inode): inode for inode in found}.values())

    def _step(self, what: str) -> None:
        self.steps += 1
        self.log.append(what)
        if self.fail_at == self.steps:
            raise OSError(self.failure, "a fault of the test")

    def _change(self, what: str) -> None:
        self._step(what)
        if self.read_only:
            raise OSError(errno.EACCES, "read-only")

    def _after(self) -> None:
        """The step has been given to the system. A crash comes here, before anyone knows."""
        if self.crash_at == self.steps:
            raise Crash(f"step {self.steps}: {self.log[-1]}")

    def _name(self, name: str, inode: Inode | None) -> None:
        if inode is None:
            del self._names[name]
        else:
            self._names[name] = inode
        self._pending_names.append(((name, inode),))

    def _write(self, inode: Inode, offset: int, data: bytes) -> None:
        if data:
            _persist(inode.cache, Write(offset, data))
            inode.pending.append(Write(offset, data))

    def _missing(self, name: str) -> Inode:
        raise FileNotFoundError(errno.ENOENT, "no such file", name)

    def read(self, inode: Inode, offset: int, size: int) -> bytes:
        """A step of an open file."""
        self._step("read")
        return bytes(inode.cache[offset : offset + size])


class FakeFile:
    """An `OpenFile` of a `FakeDisk`."""

    def __init__(self, disk: FakeDisk, inode: Inode) -> None:
        self._disk = disk
        self._inode: Inode | None = inode

    def read(self, offset: int, size: int) -> bytes:
        assert self._inode is not None, "the file is closed"
        return self._disk.read(self._inode, offset, size)

    def size(self) -> int:
        assert self._inode is not None, "the file is closed"
        return len(self._inode.cache)

    def close(self) -> None:
        self._inode = None


def _flip(inode: Inode, at: int, bits: int) -> None:
    inode.durable[at] ^= bits
    inode.cache[at] ^= bits


def _persist(content: bytearray, step: Write | Cut) -> None:
    if isinstance(step, Cut):
        del content[step.size :]
        return
    missing = step.offset - len(content)
    if missing > 0:
        content.extend(bytes(missing))
    content[step.offset : step.offset + len(step.data)] = step.data


def _survivor(inode: Inode, outcome: Outcome) -> bytes:
    content = bytearray(inode.durable)
    for step in inode.pending[: outcome.writes]:
        _persist(content, step)
    rest = inode.pending[outcome.writes : outcome.writes + 1]
    if rest and isinstance(rest[0], Write) and outcome.torn_bytes:
        offset, data = rest[0]
        if outcome.hole:
            behind = offset + outcome.torn_bytes
            at = min(behind - behind % -SECTOR_BYTES - offset, len(data))
            _persist(content, Write(offset + at, data[at:]))
        else:
            _persist(content, Write(offset, data[: outcome.torn_bytes]))
    return bytes(content)
