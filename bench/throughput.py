"""First figures without a failure: `python -m bench.throughput` in the root folder.

Confirmed sends per second from one client with 256 in flight, the median of a single
confirmed send with nothing else under way, and the memory of an idle replica.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

from bench.runtimes import RUNTIMES, Runtime, runtime
from ringchat_client import Client

PASSWORD = "bench"
IN_FLIGHT = 256
TEXT = "x" * 100
SINGLE_SENDS = 300


async def _single_sends(client: Client) -> float:
    """Median seconds of one send."""
    seconds = []
    for _ in range(SINGLE_SENDS):
        began = time.perf_counter()
        await client.send_message("ann", TEXT)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


async def _sends_per_second(client: Client, sends: int) -> float:
    left = sends

    async def one_lane() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            receipt = await client.send_message("ann", TEXT)
            if receipt.message_id % 8_192 == 0:  # or the queue of the account would fill
                await client.acknowledge(receipt.message_id)

    began = time.perf_counter()
    await asyncio.gather(*(one_lane() for _ in range(IN_FLIGHT)))
    return sends / (time.perf_counter() - began)


async def measure(cluster: Runtime, sends: int) -> None:
    """Prints the table."""
    async with Client(cluster=cluster.cluster_file) as client:
        await client.create_account("ann", PASSWORD)
        idle = [cluster.memory_bytes(replica_id) for replica_id in range(3)]
        await client.log_in("ann", PASSWORD)
        single = await _single_sends(client)
        rate = await _sends_per_second(client, sends)
    print(f"confirmed sends/s, {IN_FLIGHT} in flight   {rate:.0f}")
    print(f"median of a single send           {single * 1000:.2f} ms")
    print(f"memory of an idle replica         {statistics.median(idle) / (1 << 20):.0f} MiB")


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sends", type=int, default=30_000)
    parser.add_argument("--runtime", choices=RUNTIMES, default="local")
    arguments = parser.parse_args()
    with runtime(arguments.runtime) as cluster:
        asyncio.run(measure(cluster, arguments.sends))


if __name__ == "__main__":
    main()
