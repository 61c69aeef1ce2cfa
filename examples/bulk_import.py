"""Sends the messages of a file, many at a time: bulk_import.py CLUSTER.YAML NAME FILE.

Each line is `{"to": "bob", "text": "hello"}`; `to` may also be the number of a room. Within a
run no message is sent twice, whatever dies. FILE.done holds how many lines are done with: after
an interruption the next run begins there, and repeats at most what was under way.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import deque
from itertools import islice
from pathlib import Path

from ringchat_client import Client, InvalidArgument, NotFound, PermissionDenied, ResourceExhausted

IN_FLIGHT = 512
REFUSALS = (InvalidArgument, NotFound, PermissionDenied, ResourceExhausted)


async def send(client: Client, number: int, line: str) -> bool:
    """Send one line; False, and a word on standard error, if it is refused."""
    try:
        message = json.loads(line)
        to, text = message["to"], message["text"]
        if not isinstance(text, str):
            raise TypeError("the text is no text")
        # Without a timeout it waits until it is confirmed, and that is once.
        await client.send_message(to, text, timeout=float("inf"))
    except (ValueError, TypeError, KeyError):
        print(f'line {number}: not {{"to": ..., "text": ...}}', file=sys.stderr)
    except REFUSALS as error:
        print(f"line {number}: {error}", file=sys.stderr)
    else:
        return True
    return False


async def run(client: Client, path: Path) -> int:
    """Send the lines that are not done with, in their order; returns how many were sent."""
    done_file = path.with_name(path.name + ".done")
    done = int(done_file.read_text()) if done_file.exists() else 0
    sent = 0
    sends: deque[asyncio.Task[bool]] = deque()

    async def make_room() -> None:
        """Wait for the oldest, and take those behind it that are done with too."""
        nonlocal done, sent
        await sends[0]
        while sends and sends[0].done():
            sent += sends.popleft().result()
            done += 1
        done_file.write_text(str(done))

    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in islice(enumerate(lines, 1), done, None):
                sends.append(asyncio.create_task(send(client, number, line)))
                if len(sends) == IN_FLIGHT:
                    await make_room()
        while sends:
            await make_room()
    finally:
        for task in sends:
            task.cancel()
    return sent


async def main(cluster: Path, name: str, path: Path) -> None:
    """Log in with the password in RINGCHAT_PASSWORD, send, and say how fast that was."""
    async with Client(cluster) as client:
        await client.log_in(name, os.environ["RINGCHAT_PASSWORD"])
        began = time.monotonic()
        sent = await run(client, path)
        seconds = time.monotonic() - began
    print(f"{sent} messages in {seconds:.1f} s: {sent / max(seconds, 1e-9):.0f}/s")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
