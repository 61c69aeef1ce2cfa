"""Confirmed writes per second of one client that has many under way."""

from __future__ import annotations

import itertools
import time

from bench.engines import Engine, Writer
from bench.figures import Measure, Samples
from bench.sizes import Sizes

WARM_UP = 2_000


async def writes_per_second(writer: Writer, sizes: Sizes) -> float:
    """After a warm-up."""
    await writer.write_many(itertools.repeat(sizes.value, WARM_UP), sizes.in_flight)
    began = time.perf_counter()
    values = itertools.repeat(sizes.value, sizes.pipelined_writes)
    await writer.write_many(values, sizes.in_flight)
    return sizes.pipelined_writes / (time.perf_counter() - began)


async def measure(engine: Engine, sizes: Sizes) -> Samples:
    """One round."""
    writer = await engine.connect()
    try:
        title = f"one client, {sizes.in_flight} in flight"
        return {Measure(title, "/s", True): [await writes_per_second(writer, sizes)]}
    finally:
        await writer.close()
