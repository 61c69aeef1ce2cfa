"""Sends the messages of a file, many at a time: bulk_import.py CLUSTER.YAML NAME FILE.

Each line is `{"to": "bob", "text": "hello"}`; `to` may also be the number of a room. Within a
run no message is sent twice, whatever dies. FILE.done holds how many lines are done with: after
an interruption the next run begins there, and repeats at most what was under way.
"""

import asyncio
import json
import os
import sys
import time
from itertools import islice
from pathlib import Path

from ringchat_client import Client, InvalidArgument, NotFound, PermissionDenied, ResourceExhausted

IN_FLIGHT = 1024


async def send(client: Client, number: int, line: str) -> bool:
    """Send one line; False, and a word on standard error, if it is refused."""
    try:
        message = json.loads(line)
        # Without a timeout it waits until it is confirmed, and that is once.
        await client.send_message(message["to"], message["text"], timeout=float("inf"))
    except (ValueError, TypeError, KeyError):
        print(f'line {number}: not {{"to": ..., "text": ...}}', file=sys.stderr)
    except (InvalidArgument, NotFound, PermissionDenied, ResourceExhausted) as error:
        print(f"line {number}: {error}", file=sys.stderr)
    else:
        return True
    return False


async def run(client: Client, path: Path) -> int:
    """Send the lines that are not done with, in their order; returns how many were sent."""
    done_file, sent = path.with_name(path.name + ".done"), 0
    done = int(done_file.read_text()) if done_file.exists() else 0
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = islice(enumerate(file, 1), done, None)
        while batch := list(islice(lines, IN_FLIGHT)):
            sent += sum(await asyncio.gather(*(send(client, *line) for line in batch)))
            done_file.write_text(str(batch[-1][0]))
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
