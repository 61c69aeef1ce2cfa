"""Latency of a write when nothing else is under way."""

from __future__ import annotations

import time

from bench.engines import Engine
from bench.figures import Measure, Samples, percentile
from bench.sizes import Sizes

WARM_UP = 100
PERCENTS = {"median": 50, "90 %": 90, "99 %": 99, "worst": 100}


async def measure(engine: Engine, sizes: Sizes) -> Samples:
    """One round."""
    writer = await engine.connect()
    seconds: list[float] = []
    try:
        for _ in range(WARM_UP + sizes.single_writes):
            began = time.perf_counter()
            await writer.write(sizes.value)
            seconds.append(time.perf_counter() - began)
    finally:
        await writer.close()
    del seconds[:WARM_UP]
    return {
        Measure(f"one client, one at a time: {name}", "ms"): [percentile(seconds, percent) * 1e3]
        for name, percent in PERCENTS.items()
    }
