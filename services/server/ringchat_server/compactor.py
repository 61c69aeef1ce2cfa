"""Folds a replica's journal up to an entry, in a process of its own.

So that it takes neither time nor the interpreter's lock from the replica, which
goes on writing meanwhile: `python -m ringchat_server.compactor FOLDER ID INDEX PARENT`.
It ends with the replica, which is process PARENT, however that ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

from ringchat_server.chat import Chat
from ringchat_server.journal import CompactionAbandoned, FolderDisk, compact

NICENESS = 10
_PR_SET_PDEATHSIG = 1


def start(folder: Path, replica_id: int, up_to_index: int) -> subprocess.Popen[bytes]:
    """That process, begun; it ends with 0 when the side file stands.

    By `subprocess`, not by the event loop: uvloop forks, and then runs every fork
    handler of this process in the child, those of gRPC too, whose threads are not
    there; now and then it dies of that. `subprocess` calls vfork, which runs none
    and copies no page table either.

    Raises:
        OSError: if there can be no such process.
    """
    words = map(str, (folder, replica_id, up_to_index, os.getpid()))
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", __name__, *words], stdin=subprocess.DEVNULL
    )


def fold_from(state: object | None) -> Chat:
    """The chat in that state; the empty one for `None`."""
    return Chat() if state is None else Chat.load(state)


def _end_with(parent: int) -> None:
    """A replica that is killed must not find, started again, another one's side file growing."""
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit("no compaction: the kernel would not end it with the replica")
    if os.getppid() != parent:
        sys.exit("no compaction: the replica has ended")


def main() -> int:
    """Writes the side file; one line on standard error if that cannot be."""
    folder, replica_id, up_to_index, parent = sys.argv[1:]
    _end_with(int(parent))
    os.nice(NICENESS)
    try:
        compact(FolderDisk(Path(folder)), int(replica_id), int(up_to_index), fold_from)
    except (CompactionAbandoned, OSError, ValueError) as error:
        print(f"no compaction: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
