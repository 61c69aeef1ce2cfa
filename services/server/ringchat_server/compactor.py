"""Folds a replica's journal up to an entry, in a process of its own.

So that it takes neither time nor the interpreter's lock from the replica, which
goes on writing meanwhile: `python -m ringchat_server.compactor FOLDER ID INDEX`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ringchat_server.chat import Chat
from ringchat_server.journal import CompactionAbandoned, FolderDisk, compact

NICENESS = 10


def start(folder: Path, replica_id: int, up_to_index: int) -> subprocess.Popen[bytes]:
    """That process, begun; it ends with 0 when the side file stands.

    By `subprocess`, not by the event loop: uvloop forks, and then runs every fork
    handler of this process in the child, those of gRPC too, whose threads are not
    there; now and then it dies of that. `subprocess` calls vfork, which runs none
    and copies no page table either.

    Raises:
        OSError: if there can be no such process.
    """
    words = [sys.executable, "-m", __name__, str(folder), str(replica_id), str(up_to_index)]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)  # noqa: S603 - our own words


def fold_from(state: object | None) -> Chat:
    """The chat in that state; the empty one for `None`."""
    return Chat() if state is None else Chat.load(state)


def main() -> int:
    """Writes the side file; one line on standard error if that cannot be."""
    folder, replica_id, up_to_index = sys.argv[1:]
    os.nice(NICENESS)
    try:
        compact(FolderDisk(Path(folder)), int(replica_id), int(up_to_index), fold_from)
    except (CompactionAbandoned, OSError, ValueError) as error:
        print(f"no compaction: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
