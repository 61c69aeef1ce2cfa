"""A gateway over a fake chat, and a browser that is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from ringchat_client.web.app import gateway
from ringchat_client.web.origins import COOKIE
from tests.unit.client.web.fake_chat import FakeChat
from tests.unit.client.web.sockets import CLIENT_ID, HOST, open_socket


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
def client(chat: FakeChat) -> Iterator[TestClient]:
    """Requests of the gateway's own page, by their Origin; nobody is logged in."""
    app = gateway(chat.open, siblings=(8080, 8081))
    headers = {"origin": f"http://{HOST}", "host": HOST}
    with TestClient(app, base_url=f"http://{HOST}", headers=headers) as client:
        yield client


@pytest.fixture
def ann(chat: FakeChat, client: TestClient) -> TestClient:
    """The same with ann logged in."""
    client.cookies.set(COOKIE, chat.sign_up("ann"))
    chat.sign_up("bob")
    return client


@pytest.fixture
def socket(ann: TestClient) -> Iterator[WebSocketTestSession]:
    """Ann's page, welcomed."""
    with open_socket(ann) as socket:
        socket.send_json({"client_id": CLIENT_ID})
        yield socket
