"""Posts what is appended to a log file: log_to_room.py CLUSTER.YAML NAME ROOM FILE.

Like `tail -F`, it begins at the end of the file, and goes on with a new file of that name.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from ringchat_client import Client

POST_BYTES_MAX = 8 << 10  # one may be nearly twice as long; as text, if it is no UTF-8, six times


async def appended(path: Path, poll_seconds: float = 0.5) -> AsyncIterator[str]:
    """Whole lines as they are appended, as many at a time as there are, up to a size."""
    file, rest = opened(path), b""
    file.seek(0, os.SEEK_END)
    while True:
        over, data = is_over(file, path), file.read(POST_BYTES_MAX)  # the last of it is read after
        lines, _, rest = (rest + data).rpartition(b"\n")
        if len(rest) >= POST_BYTES_MAX or (over and not data):
            lines, rest = rest, b""  # a line of that length is posted in pieces
        if lines:
            yield lines.decode(errors="replace")
        await asyncio.sleep(0 if data else poll_seconds)
        if over and not data:
            file.close()
            file = opened(path)


def opened(path: Path) -> BinaryIO:
    """The file, or an empty one until it is there."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return Path(os.devnull).open("rb")


def is_over(file: BinaryIO, path: Path) -> bool:
    """Whether the name stands for another file now, or the file was cut off."""
    with opened(path) as now:
        same = os.path.sameopenfile(now.fileno(), file.fileno()) or now.name == os.devnull
    return not same or os.fstat(file.fileno()).st_size < file.tell()


async def main(cluster: Path, name: str, room: int, path: Path) -> None:
    """Log in with the password in RINGCHAT_PASSWORD, and post one text after another."""
    async with Client(cluster) as client:
        await client.log_in(name, os.environ["RINGCHAT_PASSWORD"])
        async for text in appended(path):  # in a failover they wait; none is lost or doubled
            await client.send_message(room, text, timeout=float("inf"))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
