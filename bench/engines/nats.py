"""NATS JetStream: a Raft log per stream, here one stream of files on three servers (R3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from bench.engines.nodes import (
    ATTEMPT_SECONDS,
    HOST,
    NAMES,
    PAUSE_SECONDS,
    WAIT_SECONDS,
    Seen,
    ThreeNodes,
    asked_version,
    http_json,
    new_keys,
)
from bench.engines.nodes import missing as missing_of
from tests.integration.cluster import free_ports

STREAM = "bench"
SUBJECT = "bench"
STATUS = "/jsz?accounts=true&streams=true"
PING_SECONDS = 1
"""Two without an answer end a connection; the client's own two minutes hide any election."""
ONCE = "Nats-Msg-Id"
"""The header by which a server knows a message that it already has."""


def missing() -> str | None:
    """Why it cannot run here, in one line; None if it can."""
    return missing_of({"nats-server": "nats-server"}, ("nats",))


def config(
    name: str, clients: Mapping[str, int], routes: Mapping[str, int], status: Mapping[str, int]
) -> str:
    """The text of a server's file: defaults, but for the addresses and the folder.

    Args:
        clients: port for clients by the server's name.
        routes: port for the other servers by the server's name.
        status: port for questions over HTTP by the server's name.
    """
    urls = ", ".join(f'"nats://{HOST}:{port}"' for port in routes.values())
    return f"""\
server_name: "{name}"
listen: "{HOST}:{clients[name]}"
http: "{HOST}:{status[name]}"
jetstream {{ store_dir: "{name}.data" }}
cluster {{ name: "ringchat-bench", listen: "{HOST}:{routes[name]}", routes: [{urls}] }}
"""


def _stream(status: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What a server says of the stream."""
    for account in (status or {}).get("account_details") or ():
        for stream in account.get("stream_detail") or ():
            if stream.get("name") == STREAM and stream.get("cluster"):
                found: Mapping[str, Any] = stream
                return found
    return None


def seen(statuses: Mapping[str, Mapping[str, Any] | None]) -> Seen | None:
    """Who leads the stream, and the last message that each server has stored.

    A server leads if it says so itself: the others may not know yet of an election. A
    server that the leader does not find current is left out.

    Args:
        statuses: by the server's name, what it says of itself; None if nothing.
    """
    streams = {name: _stream(status) for name, status in statuses.items()}
    for leader, stream in streams.items():
        if stream is None or stream["cluster"].get("leader") != leader:
            continue
        current = {leader}
        for replica in stream["cluster"].get("replicas") or ():
            if replica.get("current") and not replica.get("offline"):
                current.add(replica["name"])
        return Seen(
            leader,
            {
                name: int(stream["state"]["last_seq"])
                for name, stream in streams.items()
                if stream is not None and name in current
            },
        )
    return None


def seen_without_stream(statuses: Mapping[str, Mapping[str, Any] | None]) -> Seen | None:
    """Who leads the cluster as a whole; of the others, whom that server finds current."""
    for leader, status in statuses.items():
        cluster = (status or {}).get("meta_cluster") or {}
        if cluster.get("leader") == leader:
            replicas = cluster.get("replicas") or ()
            current = [replica["name"] for replica in replicas if replica.get("current")]
            return Seen(leader, dict.fromkeys([leader, *current], 0))
    return None


async def _quiet(_error: Exception) -> None:
    """A connection that breaks is what is measured."""


class NatsWriter:
    """One connection."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._stream: Any = client.jetstream(timeout=ATTEMPT_SECONDS)
        self._error: Any = import_module("nats.errors").Error
        self._ids = new_keys()

    async def write(self, value: bytes) -> None:
        """Publishes a value; the server knows one that is repeated by its id."""
        headers = {ONCE: next(self._ids)}
        while True:
            try:
                await self._stream.publish(SUBJECT, value, headers=headers)
                return
            except self._error:  # nobody there, too late, no connection
                await asyncio.sleep(PAUSE_SECONDS)

    async def write_many(self, values: Iterable[bytes], in_flight: int) -> None:
        """Publishes them without waiting; the client itself lets so many through.

        Raises:
            TimeoutError: what the server has lost is never answered.
        """
        stream = self._client.jetstream(publish_async_max_pending=in_flight)
        async with asyncio.timeout(WAIT_SECONDS):
            answers = [await stream.publish_async(SUBJECT, value) for value in values]
            await asyncio.gather(*answers)

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.close()


class Nats(ThreeNodes):
    """Three servers with the defaults: elections after 4 to 9 s, which no setting changes."""

    name = "nats"
    durability = (
        "handed to the kernel by 2 of 3 servers, not synced: a timer does that minutes later, "
        "so that it survives the death of processes, not a power cut of the machines"
    )
    tool_durability = ""  # Debian has the server without its command-line tool

    def __init__(self) -> None:
        super().__init__()
        self._clients: dict[str, int] = {}
        self._status: dict[str, int] = {}
        self._has_stream = False

    @property
    def version(self) -> str:
        """As the program says it."""
        return asked_version("nats-server")

    def _start(self) -> None:
        count = len(NAMES)
        ports = free_ports(3 * count)
        self._has_stream = False
        self._clients = dict(zip(NAMES, ports[:count], strict=True))
        self._status = dict(zip(NAMES, ports[count : 2 * count], strict=True))
        routes = dict(zip(NAMES, ports[2 * count :], strict=True))
        for name in NAMES:
            file = self._processes.folder / f"{name}.conf"
            file.write_text(config(name, self._clients, routes, self._status))
            self._processes.start(name, "nats-server", "--config", file.name)

    def _seen(self) -> Seen | None:
        statuses = {name: http_json(port, STATUS) for name, port in self._status.items()}
        return seen(statuses) if self._has_stream else seen_without_stream(statuses)

    async def connect(self) -> NatsWriter:
        """A client attached to the server that leads the stream now.

        The first one makes the stream; that it has no leader before is why `leader_pid`
        is asked after it.
        """
        if not self._has_stream:
            client = await self._client(NAMES)
            await client.jetstream().add_stream(
                name=STREAM, subjects=[SUBJECT], num_replicas=len(NAMES)
            )
            await client.close()
            self._has_stream = True
            await self.settled()
        leader = await self._leader()
        return NatsWriter(await self._client(sorted(NAMES, key=lambda name: name != leader)))

    async def _client(self, names: Iterable[str]) -> Any:
        """A client of the package nats-py, connected to the first of these."""
        return await import_module("nats").connect(
            servers=[f"nats://{HOST}:{self._clients[name]}" for name in names],
            dont_randomize=True,
            connect_timeout=ATTEMPT_SECONDS,
            reconnect_time_wait=PAUSE_SECONDS,
            max_reconnect_attempts=-1,
            ping_interval=PING_SECONDS,
            error_cb=_quiet,
        )
