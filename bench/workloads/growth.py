"""The pipelined figure as more and more is stored, and what each stored value takes."""

from __future__ import annotations

import itertools
import time

from bench.engines import LocalEngine, Writer
from bench.figures import Measure, Samples
from bench.sizes import Sizes
from bench.workloads.pipelined import WARM_UP, writes_per_second


async def measure(engine: LocalEngine, sizes: Sizes) -> Samples:
    """One round, from empty to full; then the full one against another that is empty."""
    samples: Samples = {}
    stored = 0
    full = max(sizes.stored)
    writer = await engine.connect()
    try:
        before = engine.usage()
        for target in (0, *sizes.stored):
            missing = max(0, target - stored)
            await writer.write_many(itertools.repeat(sizes.value, missing), sizes.in_flight)
            stored += missing
            if target == full:
                await engine.settled()
                after = engine.usage()
                memory = (after.memory_bytes - before.memory_bytes) / stored
                disk = (after.disk_bytes - before.disk_bytes) / stored
            measure = Measure(
                f"{target:,} stored: one client, {sizes.in_flight} in flight", "/s", True
            )
            samples[measure] = [await writes_per_second(writer, sizes)]
            stored += WARM_UP + sizes.pipelined_writes
        ratio = Measure(f"{full:,} stored, of what an empty one does beside it", "%", True)
        samples[ratio] = [await _of_empty(engine, writer, sizes)]
        samples[Measure("memory per stored value", "bytes")] = [memory]
        samples[Measure("disk per stored value", "bytes")] = [disk]
        return samples
    finally:
        await writer.close()


async def _of_empty(engine: LocalEngine, writer: Writer, sizes: Sizes) -> float:
    """Percent. By turns of a tenth of a second: what a machine does changes all the while."""
    with engine.another() as empty:
        other = await empty.connect()
        try:
            await other.write_many(itertools.repeat(sizes.value, WARM_UP), sizes.in_flight)
            seconds = {writer: 0.0, other: 0.0}
            for turn in range(sizes.turns):
                for one in (writer, other) if turn % 2 else (other, writer):
                    values = itertools.repeat(sizes.value, sizes.turn_writes)
                    began = time.perf_counter()
                    await one.write_many(values, sizes.in_flight)
                    seconds[one] += time.perf_counter() - began
        finally:
            await other.close()
    return 100 * seconds[other] / seconds[writer]
