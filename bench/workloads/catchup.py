"""A replica was down while much was written; it comes back, and the writes go on."""

from __future__ import annotations

import asyncio
import time

from bench.engines.ringchat import LocalRingchat
from bench.figures import Measure, Samples, rate
from bench.load import load
from bench.sizes import Sizes

BEFORE_SECONDS = 5.0
"""The end of the time without it: what the rate is compared with."""


async def measure(engine: LocalRingchat, sizes: Sizes) -> Samples:
    """One round."""
    writer = await engine.connect()
    try:
        backup = engine.handle((await engine.leader_id() + 1) % len(engine.pids()))
        engine.kill(backup)
        away = time.perf_counter()
        async with load(writer.write, sizes.value, sizes.in_flight) as traffic:
            await traffic.more(sizes.behind)
            back = time.perf_counter()
            await asyncio.to_thread(engine.restart_dead)
            await engine.settled()
            done = time.perf_counter()
        before = rate(traffic.confirmed, (max(away, back - BEFORE_SECONDS), back))
        meanwhile = rate(traffic.confirmed, (back, done))
    finally:
        await writer.close()
    behind = f"a replica {sizes.behind:,} messages behind"
    return {
        Measure(f"{behind}: in sync again", "s"): [done - back],
        Measure(f"{behind}: writes meanwhile, of those before", "%", True): [
            100 * meanwhile / before
        ],
    }
