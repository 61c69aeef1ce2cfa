"""Runs the gateway with uvicorn, until it is told to end."""

from __future__ import annotations

import socket
from collections.abc import Collection

import uvicorn

from ringchat_client.errors import FailedPrecondition
from ringchat_client.web.app import gateway
from ringchat_client.web.socket import OpenClient

__all__ = ["config_of", "listen", "serve"]

MESSAGE_BYTES_MAX = 512 << 10
"""A text of 64 KiB in its longest form of JSON, and what is around it."""
PING_SECONDS = 20.0
END_SECONDS_MAX = 3
BACKLOG = 256


async def serve(open_client: OpenClient, host: str, port: int, siblings: Collection[int]) -> None:
    """Serve pages there. Prints the address once it listens.

    Raises:
        FailedPrecondition: the address cannot be listened on.
    """
    listener = listen(host, port)
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104
    print(f"http://{shown}:{listener.getsockname()[1]}/", flush=True)
    await uvicorn.Server(config_of(open_client, siblings)).serve(sockets=[listener])


def config_of(open_client: OpenClient, siblings: Collection[int]) -> uvicorn.Config:
    """How uvicorn runs the gateway: its limits, and no log but of what goes wrong."""
    return uvicorn.Config(
        gateway(open_client, siblings),
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=END_SECONDS_MAX,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises FailedPrecondition."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise FailedPrecondition(f"cannot listen on {host}:{port}: {reason}") from None
    return listener
