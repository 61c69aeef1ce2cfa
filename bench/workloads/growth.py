"""The pipelined figure as more and more is stored, and what each stored value takes."""

from __future__ import annotations

import itertools

from bench.engines import LocalEngine
from bench.figures import Measure, Samples
from bench.sizes import Sizes
from bench.workloads.pipelined import WARM_UP, writes_per_second


async def measure(engine: LocalEngine, sizes: Sizes) -> Samples:
    """One round, from empty to full."""
    samples: Samples = {}
    stored = 0
    writer = await engine.connect()
    try:
        before = engine.usage()
        for target in (0, *sizes.stored):
            missing = max(0, target - stored)
            await writer.write_many(itertools.repeat(sizes.value, missing), sizes.in_flight)
            stored += missing
            if target == max(sizes.stored):
                await engine.settled()
                after = engine.usage()
                memory = (after.memory_bytes - before.memory_bytes) / stored
                disk = (after.disk_bytes - before.disk_bytes) / stored
            measure = Measure(
                f"{target:,} stored: one client, {sizes.in_flight} in flight", "/s", True
            )
            samples[measure] = [await writes_per_second(writer, sizes)]
            stored += WARM_UP + sizes.pipelined_writes
        samples[Measure("memory per stored value", "bytes")] = [memory]
        samples[Measure("disk per stored value", "bytes")] = [disk]
        return samples
    finally:
        await writer.close()
