"""Folds a replica's journal up to an entry, in a process of its own.

So that it takes neither time nor the interpreter's lock from the replica, which
goes on writing meanwhile: `python -m ringchat_server.compactor FOLDER ID INDEX`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ringchat_server.chat import Chat
from ringchat_server.journal import CompactionAbandoned, FolderDisk, compact

NICENESS = 10


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
