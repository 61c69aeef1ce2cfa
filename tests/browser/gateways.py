"""Gateways in this process over a `FakeChat`, each on a port of its own, to be killed at will."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from ringchat_client.web.serve import config_of, listen
from tests.unit.client.web.fake_chat import FakeChat


class QuietServer(uvicorn.Server):
    """One that leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Gateways:
    """Some gateways of one chat that know each other's ports."""

    def __init__(self, chat: FakeChat, count: int = 1) -> None:
        self._listeners = [listen("127.0.0.1", 0) for _ in range(count)]
        self.ports = [listener.getsockname()[1] for listener in self._listeners]
        self.chat = chat
        self._servers: dict[int, tuple[QuietServer, asyncio.Task[None]]] = {}
        for port, listener in zip(self.ports, self._listeners, strict=True):
            self._start(port, [listener])

    def _start(self, port: int, listeners: list[object]) -> None:
        config = config_of(self.chat.open, self.ports)
        server = QuietServer(config)
        task = asyncio.create_task(server.serve(sockets=listeners))  # type: ignore[arg-type]
        self._servers[port] = (server, task)

    def url(self, i: int = 0, path: str = "/") -> str:
        return f"http://localhost:{self.ports[i]}{path}"

    async def kill(self, i: int = 0) -> None:
        """End one; its connections are cut, whoever waits for an answer."""
        server, task = self._servers.pop(self.ports[i])
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        server.should_exit = True
        await task

    def start_again(self, i: int = 0) -> None:
        self._start(self.ports[i], [listen("127.0.0.1", self.ports[i])])

    async def close(self) -> None:
        for i, port in enumerate(self.ports):
            if port in self._servers:
                await self.kill(i)
