"""The longest gap between two confirmations under load, with and without a compaction."""

from __future__ import annotations

import asyncio
import time

from bench.engines.ringchat import ACCOUNT, TIMEOUT_SECONDS, LocalRingchat
from bench.figures import Measure, Samples, longest_gap
from bench.load import load
from bench.sizes import Sizes
from ringchat_client import Client

BEGINS = "compaction up to entry"
ENDS = "compaction done"
COMPACTION_SECONDS_MAX = 180.0
WARM_UP = 5_000
POLL_SECONDS = 0.02
EDIT_EVERY = 250
"""Messages. What is sent stays, and a journal of nothing else is not worth a compaction: so one
long note is written over and over, and takes more of it than the messages do."""
NOTE = "x" * 60_000


class _Diarist:
    """Sends to itself, and keeps a note."""

    def __init__(self, client: Client, note_id: int) -> None:
        self._client = client
        self._note_id = note_id
        self._sent = 0

    @classmethod
    async def with_note(cls, client: Client) -> _Diarist:
        return cls(client, (await client.send_message(ACCOUNT, NOTE)).message_id)

    async def write(self, value: bytes) -> None:
        client = self._client
        self._sent += 1
        if self._sent % EDIT_EVERY == 0:
            await client.edit_message(ACCOUNT, self._note_id, NOTE, timeout=TIMEOUT_SECONDS)
        await client.send_message(ACCOUNT, value.decode(), timeout=TIMEOUT_SECONDS)


async def _until_said(engine: LocalRingchat, text: str, times: int) -> float:
    """When the replicas have said that so often."""
    while await asyncio.to_thread(engine.said, text) < times:
        await asyncio.sleep(POLL_SECONDS)
    return time.perf_counter()


async def measure(engine: LocalRingchat, sizes: Sizes) -> Samples:
    """One round: from the first replica that begins to the last that is done."""
    client = await engine.client()
    try:
        diarist = await _Diarist.with_note(client)
        async with load(diarist.write, sizes.value, sizes.in_flight) as traffic:
            async with asyncio.timeout(COMPACTION_SECONDS_MAX):
                await traffic.more(WARM_UP)
                quiet = time.perf_counter()
                begun = await _until_said(engine, BEGINS, 1) - 2 * POLL_SECONDS
                done = await _until_said(engine, ENDS, len(engine.pids()))
    finally:
        await client.close()
    return {
        Measure("longest gap between confirmations, compaction", "ms"): [
            longest_gap(traffic.confirmed, (begun, done)) * 1e3
        ],
        Measure("the same, no compaction", "ms"): [
            longest_gap(traffic.confirmed, (quiet, begun)) * 1e3
        ],
        Measure("duration of the compaction, first to last replica", "s"): [done - begun],
    }
