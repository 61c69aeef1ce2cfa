"""What clients cost that are attached and wait for messages that do not come."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bench.crowd import crowd
from bench.engines.nodes import memory_bytes
from bench.engines.ringchat import LocalRingchat
from bench.figures import Measure, Samples
from bench.sizes import Sizes

CALM_SECONDS = 3.0
"""After they have attached."""


def cpu_ticks(stat: str) -> int:
    """Ticks of a processor that a process has had, from the text of `/proc/PID/stat`."""
    # The second field is a name in parentheses that may hold anything.
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _ticks(pid: int) -> int:
    return cpu_ticks(Path(f"/proc/{pid}/stat").read_text())


async def _cpu_percent(pid: int, seconds: float) -> float:
    """Of one core, over that time."""
    before = _ticks(pid)
    await asyncio.sleep(seconds)
    return 100 * (_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / seconds


async def measure(engine: LocalRingchat, sizes: Sizes) -> Samples:
    """One round; of the replica that leads, to which all of them are attached.

    Raises:
        RuntimeError: another one leads in the end.
    """
    samples: Samples = {}
    one = await engine.client()
    try:
        leader = await engine.leader_pid()
        empty = memory_bytes(leader)
        samples[Measure("CPU of the leader, 1 idle client", "% of a core")] = [
            await _cpu_percent(leader, sizes.idle_seconds)
        ]
        for count in sizes.idle_clients:
            async with crowd(engine.cluster_file, [one.token] * count):
                await asyncio.sleep(CALM_SECONDS)
                percent = await _cpu_percent(leader, sizes.idle_seconds)
                memory = (memory_bytes(leader) - empty) / count / 1024
            clients = f"{count:,} idle clients"
            samples[Measure(f"CPU of the leader, {clients}", "% of a core")] = [percent]
            samples[Measure(f"memory of the leader per client, {clients}", "KiB")] = [memory]
            if await engine.leader_pid() != leader:
                raise RuntimeError(f"with {clients} the leader has changed")
        return samples
    finally:
        await one.close()
