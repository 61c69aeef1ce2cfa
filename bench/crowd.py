"""Many clients that wait for messages, in processes of their own: `python -m bench.crowd FILE`.

The first line of its input is a JSON list of tokens; a client is attached with each. It says
"attached" when all are. For each further line it says, as JSON, the seconds that each message
since the last one took from being sent to being received: its text begins with the time.
It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from ringchat_client import Client, Connected, ConnectionEvent

ROOT = Path(__file__).resolve().parent.parent
PER_PROCESS = 1_000
AT_ONCE = 20
"""Attached at the same time: a rush of all would make a busy master look dead."""
ATTACH_SECONDS_MAX = 120.0
LINE_BYTES_MAX = 64 << 20


def stamped(value: bytes) -> str:
    """A message that tells when it was sent, by a clock that all processes share."""
    return f"{time.monotonic_ns()} {value.decode()}"


def seconds_since(text: str) -> float:
    """How long ago it was."""
    return (time.monotonic_ns() - int(text.partition(" ")[0])) / 1e9


# ------------------------------------------------------------------ the process


async def _attach(file: str, tokens: Sequence[str], stack: AsyncExitStack) -> list[float]:
    """Attaches a client with each token, and receives; returns the list that grows."""
    seconds: list[float] = []

    async def receive(client: Client) -> None:
        async for message in client.receive_messages():
            taken = seconds_since(message.text)
            seconds.append(taken)

    async def attach(token: str) -> None:
        attached = asyncio.Event()

        def on_connection(event: ConnectionEvent) -> None:
            if isinstance(event, Connected):
                attached.set()

        client = Client(file, token=token, on_connection=on_connection)
        # Left before the group is: closing a client ends its receiver.
        await stack.enter_async_context(client)
        await attached.wait()
        receivers.create_task(receive(client))

    receivers = await stack.enter_async_context(asyncio.TaskGroup())
    async with asyncio.timeout(ATTACH_SECONDS_MAX):
        for i in range(0, len(tokens), AT_ONCE):
            await asyncio.gather(*map(attach, tokens[i : i + AT_ONCE]))
    return seconds


async def _run(file: str) -> None:
    tokens = json.loads(sys.stdin.readline())
    async with AsyncExitStack() as stack:
        seconds = await _attach(file, tokens, stack)
        print("attached", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            said, seconds[:] = json.dumps(seconds), []
            print(said, flush=True)


# ------------------------------------------------------------------ from outside


class Crowd:
    """The processes of a crowd."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def received(self) -> list[float]:
        """Seconds from sent to received, of each message since this was asked last."""
        seconds: list[float] = []
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            seconds += json.loads(await _line(process))
        return seconds


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("a process of the crowd has ended; why, it said above")
    return line


@asynccontextmanager
async def crowd(file: Path, tokens: Sequence[str]) -> AsyncGenerator[Crowd, None]:
    """A client for each token, attached while the body runs."""
    parts = [tokens[i : i + PER_PROCESS] for i in range(0, len(tokens), PER_PROCESS)]
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.crowd", str(file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            limit=LINE_BYTES_MAX,
        )
        for _ in parts
    ]
    try:
        for process, part in zip(processes, parts, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(part).encode() + b"\n")
            await _line(process)
        yield Crowd(processes)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            await process.wait()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
