"""What a page says and hears, for tests."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager
from typing import Any

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
