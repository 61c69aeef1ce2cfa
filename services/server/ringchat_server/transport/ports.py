"""The two servers of a replica: for clients, and for the other replicas."""

from __future__ import annotations

import socket

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ringchat_proto import chat_pb2
from ringchat_server.transport.links import MESSAGE_BYTES_MAX, Links
from ringchat_server.transport.service import ChatService
from ringchat_server.transport.weather import calm_grpc

FRAME_BYTES_MAX = 4 << 20
CALLS_MAX = 20_000
"""Calls and sessions at once on the client port; beyond it: RESOURCE_EXHAUSTED."""
CHAT = "ringchat.chat.v1.Chat"

_COMMON = (
    # Otherwise a second replica could quietly share the port of the first.
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
)


# Who has gone without a word, its machine asleep, say, is there no more after that.
_GONE = (("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000))


class PortInUse(Exception):
    """An address cannot be bound; the text is one line."""


class Ports:
    """Both servers, started and stopped together."""

    def __init__(self, chat: ChatService, links: Links) -> None:
        calm_grpc()
        self._health = health.aio.HealthServicer()
        self._client = grpc.aio.server(
            options=(*_COMMON, *_GONE, ("grpc.max_receive_message_length", FRAME_BYTES_MAX)),
            maximum_concurrent_rpcs=CALLS_MAX,
        )
        self._client.add_generic_rpc_handlers((chat.handlers(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._client)
        names = (
            chat_pb2.DESCRIPTOR.services_by_name["Chat"].full_name,
            health.SERVICE_NAME,
            reflection.SERVICE_NAME,
        )
        reflection.enable_server_reflection(names, self._client)
        self._peer = grpc.aio.server(
            options=(
                *_COMMON,
                ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
            )
        )
        self._peer.add_generic_rpc_handlers((links.handlers(),))

    async def start(self, client_address: str, peer_address: str) -> None:
        """Binds and serves both.

        Raises:
            PortInUse: if an address cannot be bound.
        """
        for server, address in ((self._client, client_address), (self._peer, peer_address)):
            _check_free(address)
            try:
                if server.add_insecure_port(address) == 0:
                    raise PortInUse(f"cannot listen on {address}: is the port in use?")
            except RuntimeError as error:
                raise PortInUse(f"cannot listen on {address}: is the port in use?") from error
        await self._peer.start()
        await self._client.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        await self.set_chat_health(serving=False)

    async def set_chat_health(self, *, serving: bool) -> None:
        """Whether the service `Chat` can be used through this replica."""
        status = health_pb2.HealthCheckResponse
        await self._health.set(CHAT, status.SERVING if serving else status.NOT_SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """Stops both; calls still open get that long to end."""
        await self._health.enter_graceful_shutdown()
        await self._client.stop(grace_seconds)
        await self._peer.stop(0)


def _check_free(address: str) -> None:
    """Asks the system for the reason before gRPC logs a page about it."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise PortInUse(f"cannot listen on {address}: {error.strerror or error}") from error
