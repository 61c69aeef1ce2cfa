"""Confirmed writes per second of many clients, each of which waits for one before the next."""

from __future__ import annotations

import asyncio
import contextlib
import time

from bench.engines import Engine, Writer
from bench.figures import Measure, Samples
from bench.sizes import Sizes


async def _lane(writer: Writer, value: bytes, deadline: float) -> int:
    """How many are confirmed until then."""
    count = 0
    while True:
        await writer.write(value)
        if time.perf_counter() > deadline:
            return count
        count += 1


async def measure(engine: Engine, sizes: Sizes) -> Samples:
    """One round, and what the engine's own load tool says."""
    async with contextlib.AsyncExitStack() as stack:
        writers: list[Writer] = []
        for _ in range(sizes.many_clients):
            writers.append(await engine.connect())
            stack.push_async_callback(writers[-1].close)
        for writer in writers:  # a connection may be made by the first write
            await writer.write(sizes.value)
        deadline = time.perf_counter() + sizes.many_seconds
        counts = await asyncio.gather(*(_lane(each, sizes.value, deadline) for each in writers))
    title = f"{sizes.many_clients} clients, one at a time"
    samples = {Measure(title, "/s", True): [sum(counts) / sizes.many_seconds]}
    if sizes.tools:
        for what, rate in (await asyncio.to_thread(engine.tool_figures)).items():
            samples[Measure(f"its own tool: {what}", "/s", True)] = [rate]
    return samples
