"""All that a journal asks of a disk: one folder, files by name.

The protocol promises no more than POSIX does, so a simulator can be as cruel:
what was appended may be lost until `sync` returns, and torn at any byte; which
name means which file may be lost until `sync_folder` returns; any step may raise
`OSError`.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol

from ringchat_server.journal.errors import JournalRefused

FILE_MODE = 0o600
"""Password hashes and messages stand in the file: nobody else's business."""


class OpenFile(Protocol):
    """A file held open for reading: renaming or removing its name does not disturb it."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only at the end of the file."""
        ...

    def size(self) -> int:
        """Its size in bytes, now."""
        ...

    def close(self) -> None:
        """Let go of it; again is harmless."""
        ...


class Disk(Protocol):
    """One folder. Every method may raise `OSError`."""

    @property
    def place(self) -> str:
        """Where it is, for messages to the operator."""
        ...

    def prepare(self) -> None:
        """Make the folder if it is not there."""
        ...

    def names(self) -> list[str]:
        """The names in the folder, sorted."""
        ...

    def create(self, name: str) -> None:
        """A new, empty file of that name. A file that had the name loses it, but lives on
        for those who hold it open."""
        ...

    def append(self, name: str, data: bytes | memoryview) -> None:
        """Add to the end of the file. After an error any part of it may be there."""
        ...

    def overwrite(self, name: str, offset: int, data: bytes | memoryview) -> None:
        """Write over bytes that the file has."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def open(self, name: str) -> OpenFile:
        """Hold the file open for reading."""
        ...

    def size(self, name: str) -> int:
        """The file's size in bytes."""
        ...

    def sync(self, name: str) -> None:
        """Return when the file's bytes and size are durable. Never call again after an error."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give the file another name, at once for every reader; who had that name loses it."""
        ...

    def remove(self, name: str) -> None:
        """Take the name away."""
        ...

    def sync_folder(self) -> None:
        """Return when all names made, changed and removed so far are durable."""
        ...


class _FolderFile:
    """An `OpenFile` of a `FolderDisk`. `read` may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = os.open(path, os.O_RDONLY)

    def read(self, offset: int, size: int) -> bytes:
        assert self._descriptor is not None, "the file is closed"
        pieces: list[bytes] = []
        while size > 0:
            piece = os.pread(self._descriptor, size, offset)  # Linux gives 2 GiB at most
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def size(self) -> int:
        assert self._descriptor is not None, "the file is closed"
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class FolderDisk:
    """The real `Disk`: a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A file stays open from its first write to its last sync: Linux tells of a
        # failed write-back on the descriptors that were open then, and on no others
        # with certainty.
        self._descriptors: dict[str, int] = {}

    @property
    def place(self) -> str:
        return str(self._folder)

    def claim(self) -> None:
        """Keep every other replica off this folder until this process ends.

        Raises:
            JournalRefused: if another process has claimed it, or there can be no such folder.
        """
        try:
            self.prepare()
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise JournalRefused(
                f"the data folder {self._folder} cannot be used: {error.strerror or error}"
            ) from error
        try:
            # Held by the open descriptor, so it ends with the process, however that ends.
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(folder)
            raise JournalRefused(
                f"the data folder {self._folder} is in use: does this replica run already?"
            ) from error

    def prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        return sorted(os.listdir(self._folder))

    def create(self, name: str) -> None:
        self._forget(name)
        path = self._folder / name
        path.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        self._descriptors[name] = os.open(path, flags, FILE_MODE)

    def append(self, name: str, data: bytes | memoryview) -> None:
        descriptor = self._descriptor(name)
        os.lseek(descriptor, 0, os.SEEK_END)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def overwrite(self, name: str, offset: int, data: bytes | memoryview) -> None:
        descriptor = self._descriptor(name)
        assert offset + len(data) <= os.fstat(descriptor).st_size, "beyond the end of the file"
        rest = memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest = rest[written:]
            offset += written

    def truncate(self, name: str, size: int) -> None:
        os.ftruncate(self._descriptor(name), size)

    def open(self, name: str) -> OpenFile:
        return _FolderFile(self._folder / name)

    def size(self, name: str) -> int:
        return os.stat(self._folder / name).st_size

    def sync(self, name: str) -> None:
        os.fsync(self._descriptor(name))

    def rename(self, old: str, new: str) -> None:
        os.rename(self._folder / old, self._folder / new)
        self._forget(new)
        if old in self._descriptors:
            self._descriptors[new] = self._descriptors.pop(old)

    def remove(self, name: str) -> None:
        self._forget(name)
        os.unlink(self._folder / name)

    def sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close every file that is open for writing."""
        for name in list(self._descriptors):
            self._forget(name)

    def _descriptor(self, name: str) -> int:
        if name not in self._descriptors:
            self._descriptors[name] = os.open(self._folder / name, os.O_RDWR)
        return self._descriptors[name]

    def _forget(self, name: str) -> None:
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)
