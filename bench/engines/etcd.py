"""etcd: a Raft log of key-value pairs.

No client of PyPI is used. Of those that work with today's grpcio and protobuf, those in
Python (aetcd, etcd3aio) make the same call and add objects around it, and take one
address or try again in their own rhythm; one that wraps a Rust client lets a single call
through at a time. So the one call that is needed, `KV.Put`, is made with grpcio itself,
and its message, two fields of bytes, is put together here: the fastest of all in Python.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import grpc
import grpc.aio

from bench.engines.nodes import (
    ATTEMPT_SECONDS,
    HOST,
    NAMES,
    PAUSE_SECONDS,
    Seen,
    ThreeNodes,
    asked_version,
    http_json,
    new_keys,
    program,
)
from bench.engines.nodes import missing as missing_of
from tests.integration.cluster import free_ports

OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)
PUT = "/etcdserverpb.KV/Put"
TOOL_LOAD = "etcdctl check perf (Go), 500 clients, 1 KiB values, 8,000/s offered"
TRY_AGAIN = frozenset(
    (
        grpc.StatusCode.UNAVAILABLE,  # the node is dead, or knows no leader
        grpc.StatusCode.DEADLINE_EXCEEDED,  # it asked one that was dying
        grpc.StatusCode.UNKNOWN,  # "raft proposal dropped": an election is on
    )
)


def missing() -> str | None:
    """Why it cannot run here, in one line; None if it can."""
    return missing_of({"etcd": "etcd-server"})


def _field(number: int, data: bytes) -> bytes:
    """A field of bytes as protobuf writes it."""
    length = len(data)
    head = [number << 3 | 2]
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + data


def put_request(key: bytes, value: bytes) -> bytes:
    """`etcdserverpb.PutRequest` with nothing but a key and a value."""
    return _field(1, key) + _field(2, value)


def command(name: str, clients: Mapping[str, int], peers: Mapping[str, int]) -> list[str]:
    """The command of a node: defaults, but for the addresses and a name for the cluster.

    Args:
        clients: port for clients by the node's name.
        peers: port for the other nodes by the node's name.
    """
    options = {
        "name": name,
        "data-dir": f"{name}.data",
        "listen-client-urls": f"http://{HOST}:{clients[name]}",
        "advertise-client-urls": f"http://{HOST}:{clients[name]}",
        "listen-peer-urls": f"http://{HOST}:{peers[name]}",
        "initial-advertise-peer-urls": f"http://{HOST}:{peers[name]}",
        "initial-cluster": ",".join(f"{peer}=http://{HOST}:{peers[peer]}" for peer in peers),
        "initial-cluster-token": "ringchat-bench",
        "logger": "zap",
        "log-outputs": "stderr",
    }
    return ["etcd", *(f"--{option}={value}" for option, value in options.items())]


def rate_in(text: str) -> float:
    """Writes per second in what `etcdctl check perf` prints, whether it passed or not.

    Raises:
        ValueError: it prints something else.
    """
    found = re.search(r"(\d+) writes/s", text)
    if found is None:
        raise ValueError(f"no figures in {text[-200:]!r}")
    return float(found[1])


def seen(statuses: Mapping[str, Mapping[str, Any] | None]) -> Seen | None:
    """Who leads, and how far each has applied the log.

    Args:
        statuses: by the node's name, what it says of itself, as JSON; None if nothing.

    Returns:
        None if none of those that answer leads. Numbers are text in that JSON, and what
        is zero is left out.
    """
    known = {name: status for name, status in statuses.items() if status and "header" in status}
    leading = [
        name
        for name, status in known.items()
        if status.get("leader", "0") == status["header"].get("member_id")
    ]
    if not leading:
        return None
    leader = max(leading, key=lambda name: int(known[name].get("raftTerm", 0)))
    member = known[leader]["leader"]
    return Seen(
        leader,
        {
            name: int(status.get("raftAppliedIndex", 0))
            for name, status in known.items()
            if status.get("leader") == member
        },
    )


class EtcdWriter:
    """One gRPC channel to each node; one of them is used, until it fails."""

    def __init__(self, ports: Iterable[int]) -> None:
        self._channels = [
            grpc.aio.insecure_channel(f"{HOST}:{port}", options=OPTIONS) for port in ports
        ]
        # Bytes in, bytes out: a Put is confirmed by its status alone.
        self._puts: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = [
            channel.unary_unary(PUT) for channel in self._channels
        ]
        self._at = 0
        self._keys = new_keys()

    async def write(self, value: bytes) -> None:
        """Puts a value under a new key; tries the next node, with the same key, after a failure."""
        request = put_request(next(self._keys).encode(), value)
        while True:
            try:
                await self._puts[self._at](request, timeout=ATTEMPT_SECONDS)
                return
            except grpc.aio.AioRpcError as error:
                if error.code() not in TRY_AGAIN:
                    raise
            self._at = (self._at + 1) % len(self._puts)
            await asyncio.sleep(PAUSE_SECONDS)

    async def write_many(self, values: Iterable[bytes], in_flight: int) -> None:
        """Puts each under a new key, by so many calls of one channel at the same time."""
        ahead = iter(values)
        put = self._puts[self._at]

        async def lane() -> None:
            for value in ahead:
                await put(put_request(next(self._keys).encode(), value))

        async with asyncio.TaskGroup() as lanes:
            for _ in range(in_flight):
                lanes.create_task(lane())

    async def close(self) -> None:
        """Ends the connections."""
        for channel in self._channels:
            await channel.close()


class Etcd(ThreeNodes):
    """Three members, with the defaults: heartbeats of 100 ms, elections after 1 s."""

    name = "etcd"
    durability = "synced (fdatasync) in the log of 2 of 3 nodes"
    tool_durability = durability

    def __init__(self) -> None:
        super().__init__()
        self._clients: dict[str, int] = {}

    @property
    def version(self) -> str:
        """As the program says it."""
        return asked_version("etcd")

    def _start(self) -> None:
        ports = free_ports(2 * len(NAMES))
        self._clients = dict(zip(NAMES, ports, strict=False))
        peers = dict(zip(NAMES, ports[len(NAMES) :], strict=True))
        for name in NAMES:
            self._processes.start(name, *command(name, self._clients, peers))

    def _seen(self) -> Seen | None:
        return seen(
            {
                name: http_json(port, "/v3/maintenance/status", {})
                for name, port in self._clients.items()
            }
        )

    def tool_figures(self) -> dict[str, float]:
        """What `etcdctl check perf` finds, if it is there, in the minute that it takes.

        It is no load tool by its purpose: it offers so much, and says whether that passed.
        Where the offer is too much, what was done of it is the most that can be done.
        """
        tool = program("etcdctl")
        if tool is None:
            return {}
        endpoints = ",".join(f"http://{HOST}:{port}" for port in self._clients.values())
        words = [tool, f"--endpoints={endpoints}", "check", "perf", "--load=l"]
        # It fails if the throughput or a latency is not what it wants.
        found = subprocess.run(words, capture_output=True, text=True, check=False)
        return {TOOL_LOAD: rate_in(found.stdout)}

    async def connect(self) -> EtcdWriter:
        """A client that begins with the node that leads now."""
        leader = await self._leader()
        first = sorted(NAMES, key=lambda name: name != leader)
        return EtcdWriter(self._clients[name] for name in first)
