"""The failover as a client sees it: `python -m bench.failover [--kills N]` in the root folder.

One client sends without a pause, one message at a time, another receives. The master is
killed with `kill -9`; what is measured is the time from the signal to the next send that
is confirmed. Then the dead replica is started again, and when all are in sync, and the
clients have been attached for longer than it takes to count as stable, the next one dies.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import time

from bench.runtimes import RUNTIMES, Runtime, runtime
from ringchat_client import Client

PASSWORD = "bench"
IN_SYNC_SECONDS_MAX = 30.0
SETTLE_SECONDS = (1.1, 1.6)
"""Between two kills: not always at the same beat of the heartbeats."""


class Traffic:
    """One who sends and one who receives."""

    def __init__(self, sender: Client, receiver: Client) -> None:
        self._sender = sender
        self._receiver = receiver
        self._stop = False
        self.confirmed: list[tuple[str, float]] = []
        """Each text, with the time of its confirmation."""
        self.received: list[str] = []

    async def send(self) -> None:
        """Sends until told to stop."""
        while not self._stop:
            text = f"text {len(self.confirmed)}"
            await self._sender.send_message("bob", text, timeout=60.0)
            self.confirmed.append((text, time.perf_counter()))

    def stop(self) -> None:
        """After the send that is under way."""
        self._stop = True

    async def receive(self) -> None:
        """Receives and acknowledges."""
        async for message in self._receiver.receive_messages():
            self.received.append(message.text)
            if len(self.received) % 32 == 0:
                await self._receiver.acknowledge(message.id, timeout=60.0)

    async def next_after(self, began: float, killing: asyncio.Task[None]) -> float:
        """Seconds from then to the first confirmation of a send that ended after it.

        A confirmation that was already on its way does not count: it is the longest
        silence from the kill on that is measured.
        """
        await killing
        count = len(self.confirmed)
        while len(self.confirmed) < count + 20:
            await asyncio.sleep(0.001)
        times = [began, *(at for _, at in self.confirmed if at > began)]
        return max(later - earlier for earlier, later in itertools.pairwise(times))


async def _all_in_sync(client: Client) -> None:
    async with asyncio.timeout(IN_SYNC_SECONDS_MAX):
        while not all(replica.in_sync for replica in (await client.status()).replicas):
            await asyncio.sleep(0.01)


async def measure(cluster: Runtime, kills: int) -> None:
    """Prints the table."""
    file = cluster.cluster_file
    async with Client(cluster=file) as ann, Client(cluster=file) as bob:
        for client, name in ((ann, "ann"), (bob, "bob")):
            await client.create_account(name, PASSWORD)
            await client.log_in(name, PASSWORD)
        traffic = Traffic(ann, bob)
        tasks = [asyncio.create_task(traffic.send()), asyncio.create_task(traffic.receive())]
        gaps: list[float] = []
        await _all_in_sync(ann)
        first_view = (await ann.status()).view
        for _ in range(kills):
            await asyncio.sleep(random.uniform(*SETTLE_SECONDS))
            master = (await ann.status()).master_id
            began = time.perf_counter()
            # In a thread: what tells an engine to kill waits for it, and the sends go on.
            killing = asyncio.create_task(asyncio.to_thread(cluster.kill, master))
            gaps.append(await traffic.next_after(began, killing))
            await asyncio.to_thread(cluster.start, master)
            await _all_in_sync(ann)
        views = (await ann.status()).view - first_view
        traffic.stop()
        await tasks[0]
        texts = {text for text, _ in traffic.confirmed}
        deadline = time.monotonic() + 30.0
        while not texts <= set(traffic.received) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(f"kill -9 of the master          {kills}")
    print(f"median to the next confirmed   {statistics.median(gaps) * 1000:.0f} ms")
    print(f"worst                          {max(gaps) * 1000:.0f} ms")
    print(f"views used                     {views}")
    print(f"sends confirmed                {len(texts)}")
    print(f"lost                           {len(texts - set(traffic.received))}")
    print(f"doubled                        {len(traffic.received) - len(set(traffic.received))}")


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--runtime", choices=RUNTIMES, default="local")
    arguments = parser.parse_args()
    with runtime(arguments.runtime) as cluster:
        asyncio.run(measure(cluster, arguments.kills))


if __name__ == "__main__":
    main()
