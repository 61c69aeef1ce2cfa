"""The pipelined figure as more and more is stored, and what each stored value takes."""

from __future__ import annotations

import itertools

from bench.engines import LocalEngine, Writer
from bench.figures import Measure, Samples
from bench.sizes import Sizes
from bench.workloads.pipelined import WARM_UP, writes_per_second


async def measure(engine: LocalEngine, sizes: Sizes) -> Samples:
    """One round, from empty to full; then the full one against others that are empty."""
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
        samples[ratio] = [
            await _of_empty(engine, writer, sizes, empty_first=number % 2 == 0)
            for number in range(sizes.pairs)
        ]
        samples[Measure("memory per stored value", "bytes")] = [memory]
        samples[Measure("disk per stored value", "bytes")] = [disk]
        return samples
    finally:
        await writer.close()


async def _of_empty(
    engine: LocalEngine, writer: Writer, sizes: Sizes, *, empty_first: bool
) -> float:
    """Percent: both within seconds, since what a machine does changes from minute to minute."""
    with engine.another() as empty:
        other = await empty.connect()
        try:
            turns = (other, writer) if empty_first else (writer, other)
            found = {turn: await writes_per_second(turn, sizes) for turn in turns}
        finally:
            await other.close()
    return 100 * found[writer] / found[other]
