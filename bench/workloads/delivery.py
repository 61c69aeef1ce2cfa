"""From sent to received, a thousand receivers attached, as the rate grows until it bends.

Each receiver has an account of its own and gets its share in turn. Nobody acknowledges:
that is a write like another, and those are measured elsewhere.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence

from bench.crowd import Crowd, crowd, stamped
from bench.engines.ringchat import TIMEOUT_SECONDS, LocalRingchat
from bench.figures import Measure, Samples, percentile
from bench.sizes import Sizes
from ringchat_client import Client

TICK_SECONDS = 0.001
BEND_TIMES = 5.0
"""A median so many times that of the lowest rate counts as bent."""
BEND_DONE = 0.9
"""So does a rate of which less than this is reached."""
ARRIVE_SECONDS_MAX = 30.0
POLL_SECONDS = 0.2


def is_bent(seconds: Sequence[float], first: Sequence[float], done: float) -> bool:
    """Whether a rate is too much.

    Args:
        seconds: from sent to received, at this rate.
        first: the same at the lowest rate.
        done: the part of the rate that was reached.
    """
    return done < BEND_DONE or percentile(seconds, 50) > BEND_TIMES * percentile(first, 50)


async def _send(client: Client, names: Iterator[str], rate: int, sizes: Sizes) -> tuple[int, float]:
    """Sends at that rate, whatever becomes of it; how many, and the seconds until confirmed."""
    began = time.perf_counter()
    sends: list[asyncio.Task[object]] = []
    while (passed := time.perf_counter() - began) < sizes.delivery_seconds:
        for _ in range(int(passed * rate) - len(sends)):
            text = stamped(sizes.value)
            send = client.send_message(next(names), text, timeout=TIMEOUT_SECONDS)
            sends.append(asyncio.create_task(send))
        await asyncio.sleep(TICK_SECONDS)
    await asyncio.gather(*sends)
    return len(sends), time.perf_counter() - began


async def _received(receivers: Crowd, count: int) -> list[float]:
    """The seconds of so many messages."""
    seconds: list[float] = []
    async with asyncio.timeout(ARRIVE_SECONDS_MAX):
        while len(seconds) < count:
            await asyncio.sleep(POLL_SECONDS)
            seconds += await receivers.received()
    return seconds


async def measure(engine: LocalRingchat, sizes: Sizes) -> Samples:
    """One round."""
    samples: Samples = {}
    sender = await engine.client()
    try:
        tokens = await engine.tokens(f"receiver-{n}" for n in range(sizes.receivers))
        async with crowd(engine.cluster_file, list(tokens.values())) as receivers:
            for name in tokens:
                await sender.send_message(name, stamped(sizes.value))
            await _received(receivers, len(tokens))  # all are there
            names = itertools.cycle(tokens)
            first: list[float] = []
            unbent = 0
            for rate in sizes.delivery_rates:
                count, lasted = await _send(sender, names, rate, sizes)
                seconds = await _received(receivers, count)
                first = first or seconds
                for percent in (50, 99):
                    measure = Measure(f"sent to received, {rate:,}/s: {percent} %", "ms")
                    samples[measure] = [percentile(seconds, percent) * 1e3]
                if is_bent(seconds, first, count / lasted / rate):
                    break
                unbent = rate
        title = f"the most before it bends, {sizes.receivers:,} receivers"
        samples[Measure(title, "/s", True)] = [unbent]
        return samples
    finally:
        await sender.close()
