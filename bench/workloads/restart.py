"""From the start of all replicas, with much stored, until all are in sync."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time

from bench.engines.ringchat import LocalRingchat
from bench.figures import Measure, Samples
from bench.sizes import Sizes


async def measure(engine: LocalRingchat, sizes: Sizes) -> Samples:
    """One round."""
    writer = await engine.connect()
    try:
        await writer.write_many(itertools.repeat(sizes.value, sizes.behind), sizes.in_flight)
        await engine.settled()
    finally:
        await writer.close()
    for pid in engine.pids():
        engine.kill(pid, signal.SIGTERM)
    await asyncio.to_thread(engine.wait_for_dead)
    began = time.perf_counter()
    engine.restart_dead()
    await engine.settled()
    seconds = time.perf_counter() - began
    return {Measure(f"restart with {sizes.behind:,} stored", "s"): [seconds]}
