"""Hands the connection's events to whoever listens at the moment: a line, later the app."""

from __future__ import annotations

from collections.abc import Callable

from ringchat_client.values import Connected, ConnectionEvent

__all__ = ["Listener", "Relay"]

Listener = Callable[[ConnectionEvent], None]


class Relay:
    """Is the `on_connection` of a client, which takes one when it is made and no other later."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._connected: Connected | None = None

    def __call__(self, event: ConnectionEvent) -> None:
        """Pass it on."""
        self._connected = event if isinstance(event, Connected) else None
        self._listener(event)

    def listen(self, listener: Listener) -> None:
        """From now on pass everything on to that one; it is told who is connected now."""
        self._listener = listener
        if self._connected is not None:
            listener(self._connected)
