"""Signing up, logging in and out: the cookie, and who may set it."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.testclient import TestClient

from ringchat_client.errors import NotDone
from ringchat_client.web import accounts
from ringchat_client.web.app import gateway
from ringchat_client.web.origins import COOKIE, SECURE_COOKIE
from tests.unit.client.web.fake_chat import FakeChat
from tests.unit.client.web.sockets import HOST, status_of

ANN = {"name": "ann", "password": "a password"}
POSTS = ["/api/signup", "/api/login", "/api/logout"]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: TestClient) -> None:
    answer = client.post("/api/signup", json=ANN)
    assert answer.json() == {"account": "ann"}
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert "secure" not in parts
    assert "token" not in answer.text


def test_over_https_it_is_kept_from_plain_http(client: TestClient) -> None:
    answer = client.post("/api/signup", json=ANN, headers={"origin": "https://localhost:8080"})
    assert "secure" in answer.headers["set-cookie"].lower()


def test_logging_in_and_out(client: TestClient, chat: FakeChat) -> None:
    chat.sign_up("ann")
    assert client.post("/api/login", json={**ANN, "password": "x"}).status_code == 401
    assert client.cookies.get(COOKIE) is None
    assert client.post("/api/login", json=ANN).status_code == 200
    token = client.cookies.get(COOKIE)
    assert token in chat.tokens
    assert client.post("/api/logout", json={}).status_code == 200
    assert token not in chat.tokens
    assert client.cookies.get(COOKIE) is None


def test_logging_out_of_what_has_ended_is_no_error(client: TestClient) -> None:
    client.cookies.set(COOKIE, "ended")
    assert client.post("/api/logout", json={}).status_code == 200


def test_a_name_that_is_taken(client: TestClient, chat: FakeChat) -> None:
    chat.sign_up("ann")
    answer = client.post("/api/signup", json=ANN)
    assert answer.status_code == 409
    assert answer.json()["error"]["kind"] == "AlreadyExists"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://localhost:8081", "http://localhost"]
)
def test_another_sites_page_is_refused(
    client: TestClient, chat: FakeChat, path: str, origin: str
) -> None:
    answer = client.post(path, json=ANN, headers={"origin": origin})
    assert answer.status_code == 403
    assert chat.accounts == {}


@pytest.mark.parametrize("path", POSTS)
def test_what_a_form_could_send_is_refused(client: TestClient, path: str) -> None:
    kinds = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
    for kind in kinds:
        answer = client.post(path, content="{}", headers={"content-type": kind})
        assert answer.status_code == 415
    assert client.get(path).status_code == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"nonsense", 400),
        (b"[]", 400),
        (b'{"name": "ann"}', 400),
        (b'{"name": "ann", "password": 3}', 400),
        (b'{"name": "ann", "password": "x", "more": 1}', 400),
        (b'"\\ud800"', 400),
        (b" " * 20_000, 413),
    ],
)
def test_a_bad_body_is_one_line(client: TestClient, body: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post("/api/login", content=body, headers=headers)
    assert answer.status_code == status
    assert "\n" not in answer.json()["error"]["message"]


def test_no_master_is_said(
    client: TestClient, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.cookies.set(COOKIE, chat.sign_up("ann"))
    chat.errors.append(NotDone("certainly not done"))
    assert client.post("/api/logout", json={}).status_code == 503


def test_there_is_a_limit_to_requests_at_work(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "AT_WORK_MAX", 0)
    assert client.post("/api/login", json=ANN).status_code == 503


@pytest.mark.parametrize("path", POSTS)
async def test_who_sends_no_body_keeps_nobody_out(
    chat: FakeChat, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(accounts, "AT_WORK_MAX", 1)
    monkeypatch.setattr(accounts, "BODY_SECONDS_MAX", 0.2)
    app = gateway(chat.open)
    slow = [asyncio.create_task(status_of(app, path, None)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert await status_of(app, "/api/signup", json.dumps(ANN).encode()) == 200
    assert await asyncio.gather(*slow) == [408] * 3


def test_under_https_the_cookie_is_this_hosts_own(client: TestClient, chat: FakeChat) -> None:
    https = {"origin": f"https://{HOST}"}
    answer = client.post("/api/signup", json=ANN, headers=https)
    assert answer.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
    assert "domain" not in answer.headers["set-cookie"].lower()
    client.cookies.clear()
    client.cookies.set(SECURE_COOKIE, next(iter(chat.tokens)))
    gone = client.post("/api/logout", json={}, headers=https).headers.get_list("set-cookie")
    assert {line.partition("=")[0] for line in gone} == {COOKIE, SECURE_COOKIE}
    assert chat.tokens == {}


def test_the_export_is_a_file(ann: TestClient) -> None:
    answer = ann.get("/api/export")
    assert answer.json()["profile"]["account"] == "ann"
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_export_is_for_who_is_logged_in_and_asks_here(ann: TestClient) -> None:
    assert ann.get("/api/export", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert ann.get("/api/export", headers={"sec-fetch-site": "same-site"}).status_code == 403
    ann.cookies.clear()
    assert ann.get("/api/export").status_code == 401
