"""What a page says and hears, for tests."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AbstractContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession

HOST = "localhost:8080"
CLIENT_ID = "00112233445566778899aabbccddeeff"
_tags = itertools.count(1)


def open_socket(client: TestClient, **headers: str) -> AbstractContextManager[WebSocketTestSession]:
    return client.websocket_connect("/api/socket", headers=headers)


def ask(socket: WebSocketTestSession, method: str, **params: Any) -> Any:
    """The answer, whatever is pushed before it."""
    return request(socket, {"method": method, "params": params})


def write(socket: WebSocketTestSession, number: int, method: str, **params: Any) -> Any:
    return request(socket, {"method": method, "params": params, "number": number})


def request(socket: WebSocketTestSession, message: dict[str, Any]) -> Any:
    tag = next(_tags)
    socket.send_json({"id": tag, **message})
    while (answer := socket.receive_json()).get("id") != tag:
        pass
    return answer.get("error") or answer["result"]


def event(socket: WebSocketTestSession, kind: str) -> Any:
    """The next push of that kind."""
    while (message := socket.receive_json()).get("event") != kind:
        pass
    return message


async def status_of(app: Starlette, path: str, body: bytes | None) -> int:
    """What the page's POST is answered with; with None as its body, that never comes."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        if body is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    headers = {"origin": f"http://{HOST}", "host": HOST, "content-type": "application/json"}
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "scheme": "http"}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    await app(scope, receive, send)
    return statuses[0]
