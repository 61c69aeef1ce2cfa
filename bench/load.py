"""Writes without a pause, while something else happens to the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

Write = Callable[[bytes], Awaitable[None]]


class Load:
    """So many writes at a time, one after the other; when each was confirmed is kept."""

    def __init__(self, write: Write, value: bytes) -> None:
        self._write = write
        self._value = value
        self._stopped = False
        self.confirmed: list[float] = []
        """By `time.perf_counter`, in order."""

    async def lane(self) -> None:
        """Writes until told to stop."""
        while not self._stopped:
            await self._write(self._value)
            self.confirmed.append(time.perf_counter())

    def stop(self) -> None:
        """After the writes that are under way."""
        self._stopped = True

    async def more(self, count: int) -> None:
        """Returns when so many more are confirmed."""
        count += len(self.confirmed)
        while len(self.confirmed) < count:
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def load(write: Write, value: bytes, in_flight: int) -> AsyncGenerator[Load, None]:
    """Writes while the body runs; if a write fails, the body is cancelled.

    Raises:
        ExceptionGroup: of what the writes failed with.
    """
    running = Load(write, value)
    async with asyncio.TaskGroup() as lanes:
        for _ in range(in_flight):
            lanes.create_task(running.lane())
        try:
            yield running
        finally:
            running.stop()
