"""Posts what is appended to a log file: log_to_room.py CLUSTER.YAML NAME ROOM FILE.

Like `tail -F`, it begins at the end of the file, and goes on with a new file of that name.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from ringchat_client import Client

POLL_SECONDS = 0.5
POST_BYTES_MAX = 8 << 10
"""One may be nearly twice as long, and three times that if none of it is UTF-8."""


async def appended(path: Path, poll_seconds: float = POLL_SECONDS) -> AsyncIterator[str]:
    """Whole lines as they are appended, as many at a time as there are, up to a size."""
    file = _opened(path)
    if file is not None:
        file.seek(0, os.SEEK_END)
    rest = b""
    while True:
        over = file is None or _is_another(path, file)  # asked before the last of it is read
        data = file.read(POST_BYTES_MAX) if file is not None else b""
        lines, _, rest = (rest + data).rpartition(b"\n")
        if len(rest) >= POST_BYTES_MAX or (over and not data):
            lines, rest = rest, b""  # a line of that length is posted in pieces
        if lines:
            yield lines.decode(errors="replace")
        if not data:
            await asyncio.sleep(poll_seconds)
            if over:
                if file is not None:
                    file.close()
                file = _opened(path)


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _is_another(path: Path, file: BinaryIO) -> bool:
    """Whether the name stands for another file now, or the file was cut off."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    then = os.fstat(file.fileno())
    return (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino) or now.st_size < file.tell()


async def run(client: Client, room: int, texts: AsyncIterator[str]) -> None:
    """Post texts, one after another: in a failover they wait, and none is lost or doubled."""
    async for text in texts:
        await client.send_message(room, text, timeout=float("inf"))


async def main(cluster: Path, name: str, room: int, path: Path) -> None:
    """Log in with the password in RINGCHAT_PASSWORD, and follow the file."""
    async with Client(cluster) as client:
        await client.log_in(name, os.environ["RINGCHAT_PASSWORD"])
        await run(client, room, appended(path))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
