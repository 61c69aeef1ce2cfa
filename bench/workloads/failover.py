"""The failover as a client sees it: from the death of the leader to the next confirmed write.

One client writes without a pause, one at a time. What is measured is its longest silence
from the signal on: a confirmation that was already on its way does not count, nor what an
engine of containers takes to deliver the signal. Then the dead node is started again, and
when all are in sync, and the client has been attached for longer than it takes us to call
it stable, the next one dies.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time
from collections.abc import Iterable

from bench.engines import Engine
from bench.engines.ringchat import DockerRingchat, Ringchat
from bench.figures import Measure, Samples
from bench.load import Load, load
from bench.sizes import Sizes

SILENCE_SECONDS_MAX = 120.0
SETTLE_SECONDS = (1.1, 1.6)
"""Between two: not always at the same beat of the heartbeats."""
CONFIRMED_AFTER = 20
"""So many writes after the death tell that the silence is over."""
KINDS = {
    "kill -9": signal.SIGKILL,
    "hang (SIGSTOP)": signal.SIGSTOP,
    "orderly stop (SIGTERM)": signal.SIGTERM,
}


def longest_silence(began: float, confirmed: Iterable[float]) -> float:
    """The longest time without a confirmation from then on."""
    times = [began, *(at for at in confirmed if at > began)]
    return max((b - a for a, b in itertools.pairwise(times)), default=0.0)


async def _silence(engine: Engine, traffic: Load, how: signal.Signals) -> float:
    """Seconds of one failover; all are in sync again when it returns."""
    await asyncio.sleep(random.uniform(*SETTLE_SECONDS))
    leader = await engine.leader_pid()
    first = len(traffic.confirmed)
    began = time.perf_counter()
    async with asyncio.timeout(SILENCE_SECONDS_MAX):
        # In a thread: what tells an engine of containers waits for it, and the writes go on.
        await asyncio.to_thread(engine.kill, leader, how)
        # One that ends in order may confirm many more before it does.
        await asyncio.to_thread(engine.wait_for_dead)
        await traffic.more(CONFIRMED_AFTER)
    silence = longest_silence(began, traffic.confirmed[first:])
    if how is signal.SIGSTOP:
        engine.kill(leader, signal.SIGCONT)
    else:
        await asyncio.to_thread(engine.restart_dead)
    await engine.settled()
    return silence


async def measure(engine: Engine, sizes: Sizes) -> Samples:
    """One round: each kind some times."""
    kinds = {"docker kill": signal.SIGKILL} if isinstance(engine, DockerRingchat) else KINDS
    ours = isinstance(engine, Ringchat)
    count = sizes.each_round(sizes.failovers if ours else sizes.failovers_peers)
    writer = await engine.connect()
    try:
        async with load(writer.write, sizes.value, 1) as traffic:
            await engine.settled()
            return {
                Measure(f"leader: {name}, next confirmed write", "ms"): [
                    await _silence(engine, traffic, how) * 1e3 for _ in range(count)
                ]
                for name, how in kinds.items()
            }
    finally:
        await writer.close()
