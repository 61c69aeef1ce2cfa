"""One page's WebSocket."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from ringchat_client.errors import NotDone, ResourceExhausted
from ringchat_client.values import Message
from ringchat_client.web import seats
from ringchat_client.web import socket as socket_module
from ringchat_client.web.origins import COOKIE, SECURE_COOKIE
from ringchat_client.web.socket import EARLIER_CLIENTS_MAX
from tests.unit.client.web.fake_chat import FakeChat
from tests.unit.client.web.sockets import CLIENT_ID, HOST, ask, event, open_socket, request, write

EARLIER = "ff" * 16
SEEN = {"message": {"id": 1, "view": 0}}


def code_of(socket: WebSocketTestSession) -> int:
    """How the gateway ends it."""
    with pytest.raises(WebSocketDisconnect) as closed:
        event(socket, "what never comes")
    return closed.value.code


# ------------------------------------------------------------------ who may come


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:9999",
        "http://localhost",
        "null",
        "",
        "http://localhost:8080.evil.example",
        "http://evil@localhost:8080",
        "file://localhost:8080",
    ],
)
def test_a_page_of_another_origin_is_refused(ann: TestClient, origin: str) -> None:
    with pytest.raises(WebSocketDisconnect), open_socket(ann, origin=origin):
        pass


@pytest.mark.parametrize("origin", [f"http://{HOST}", f"https://{HOST}", "http://localhost:8081"])
def test_its_own_and_a_siblings_page_may_come(ann: TestClient, origin: str) -> None:
    if origin.startswith("https"):
        ann.cookies.set(SECURE_COOKIE, "token-0-of-ann")
    with open_socket(ann, origin=origin) as socket:
        socket.send_json({"client_id": CLIENT_ID})
        assert event(socket, "Welcome")["account"] == "ann"


def test_under_https_a_cookie_that_came_without_it_is_nobodys(ann: TestClient) -> None:
    with open_socket(ann, origin=f"https://{HOST}") as socket:
        assert code_of(socket) == 4401


def test_who_is_not_logged_in_is_told_so(client: TestClient) -> None:
    with open_socket(client) as socket:
        assert code_of(socket) == 4401


def test_a_session_that_ended_is_told_so(client: TestClient) -> None:
    client.cookies.set(COOKIE, "no token of anybody")
    with open_socket(client) as socket:
        socket.send_json({"client_id": CLIENT_ID})
        assert code_of(socket) == 4401


@pytest.mark.parametrize("hello", ["{}", "[]", "nonsense", '{"client_id": "12"}', "[" * 10_000])
def test_a_page_that_does_not_say_who_it_is(ann: TestClient, hello: str) -> None:
    with open_socket(ann) as socket:
        socket.send_text(hello)
        assert code_of(socket) == 4400


def test_a_page_that_says_nothing(ann: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "HELLO_SECONDS_MAX", 0.01)
    with open_socket(ann) as socket:
        assert code_of(socket) == 4400


def test_there_is_a_limit_to_pages(ann: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "PAGES_MAX", 1)
    with open_socket(ann):
        with pytest.raises(WebSocketDisconnect), open_socket(ann):
            pass


def test_one_login_does_not_take_the_seats_of_all(
    ann: TestClient, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "PAGES_OF_ONE_MAX", 1)
    with open_socket(ann):
        with pytest.raises(WebSocketDisconnect), open_socket(ann):
            pass
        ann.cookies.set(COOKIE, "token-1-of-bob")
        with open_socket(ann):
            pass
    with open_socket(ann):  # the seats of those that left are free
        pass


def test_who_is_not_welcomed_yet_has_few_seats(
    ann: TestClient, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "UNKNOWN_MAX", 1)
    with open_socket(ann) as silent:
        with pytest.raises(WebSocketDisconnect), open_socket(ann):
            pass
        silent.send_json({"client_id": CLIENT_ID})
        event(silent, "Welcome")
        with open_socket(ann):
            pass


# ------------------------------------------------------------------------ asking


def test_messages_are_sent_and_read(socket: WebSocketTestSession) -> None:
    receipt = write(socket, 1, "send_message", to="bob", text="<b>hello</b>\n@you")
    page = ask(socket, "history", conversation="bob")
    message = page["messages"][0]
    assert message["id"] == receipt["message_id"]
    assert message["text"] == "<b>hello</b>\n@you"
    assert message["sent_at"] == receipt["sent_at"] > 1_500_000_000_000
    assert (message["conversation"], message["deleted_at"]) == ("bob", None)
    assert ask(socket, "conversations")[0]["title"] == "bob"


def test_events_are_pushed(socket: WebSocketTestSession, chat: FakeChat) -> None:
    event(socket, "Attached")
    chat.post("bob", "ann", "hi")
    assert event(socket, "NewMessage")["message"]["text"] == "hi"
    assert event(socket, "ConversationChanged")["conversation"]["name"] == "bob"


def test_the_walk_to_a_master_is_pushed(socket: WebSocketTestSession) -> None:
    assert event(socket, "Connected")["replica_id"] == 0


def test_it_waits_for_a_master_before_it_welcomes(ann: TestClient, chat: FakeChat) -> None:
    chat.errors += [NotDone("no master"), NotDone("no master")]
    with open_socket(ann) as socket:
        socket.send_json({"client_id": CLIENT_ID})
        assert event(socket, "Welcome")["account"] == "ann"


def test_what_the_cluster_has_no_room_for_ends_the_socket(ann: TestClient, chat: FakeChat) -> None:
    chat.errors.append(ResourceExhausted("too many watch"))
    with open_socket(ann) as socket:
        socket.send_json({"client_id": CLIENT_ID})
        assert code_of(socket) == 4503


def test_an_error_has_its_kind_and_its_line(socket: WebSocketTestSession) -> None:
    error = write(socket, 1, "send_message", to="nobody", text="x")
    assert error == {"kind": "NotFound", "message": "no conversation 'nobody' of yours"}


@pytest.mark.parametrize(
    "message",
    [
        {"method": "close"},
        {"method": "__init__"},
        {"method": "log_in", "params": {"name": "ann", "password": "x"}},
        {"method": ["history"]},
        {"method": "history"},
        {"method": "history", "params": {"conversation": 1.5}},
        {"method": "history", "params": {"conversation": "bob", "limit": 101}},
        {"method": "history", "params": {"conversation": "bob", "timeout": 5}},
        {"method": "history", "params": []},
        {"method": "ping", "params": {"x": 1}},
        {"method": "watch_ring", "params": {"on": 1}},
        {"method": "send_message", "params": {"to": "bob", "text": "no number"}},
        {"method": "send_message", "params": {"to": "bob", "text": "x"}, "number": 0},
        {"method": "send_message", "params": {"to": "bob", "text": "x"}, "number": True},
        {"method": "send_message", "params": {"to": "bob", "text": "\ud800"}, "number": 1},
        {"method": "send_message", "params": {"to": "bob", "text": "x" * 70_000}, "number": 1},
        {"method": "send_message", "params": {"to": "bob", "text": ["x"]}, "number": 1},
        {"method": "acknowledge", "params": {"message": 1}, "number": 1},
        {"method": "acknowledge", "params": SEEN, "number": 1, "client_id": "x"},
        {"method": "create_room", "params": {"title": "t", "invite": "ann"}, "number": 1},
    ],
)
def test_what_is_not_in_the_table_is_refused(
    socket: WebSocketTestSession, chat: FakeChat, message: dict[str, object]
) -> None:
    assert request(socket, message)["kind"] == "InvalidArgument"
    assert chat.answers == {}
    assert ask(socket, "ping") == {}


@pytest.mark.parametrize("text", ["nonsense", "[]", "3", "[" * 10_000])
def test_what_is_no_request_ends_the_socket(socket: WebSocketTestSession, text: str) -> None:
    socket.send_text(text)
    assert code_of(socket) == 4400


def test_a_failure_of_ours_is_told_and_the_page_goes_on(
    socket: WebSocketTestSession, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "place_of", lambda *_: 1 / 0)
    error = ask(socket, "history", conversation="bob")
    assert error == {"kind": "Internal", "message": "the gateway failed: ZeroDivisionError"}
    assert ask(socket, "ping") == {}


# -------------------------------------------------------------------------- once


def test_a_write_sent_again_by_another_socket_happens_once(
    ann: TestClient, socket: WebSocketTestSession, chat: FakeChat
) -> None:
    first = write(socket, 7, "send_message", to="bob", text="once")
    with open_socket(ann) as other:
        other.send_json({"client_id": CLIENT_ID})
        assert write(other, 7, "send_message", to="bob", text="once") == first
    assert [m.text for place in chat.places for m in place.messages] == ["once"]


def test_a_write_of_an_earlier_page_is_repeated_under_its_name(
    socket: WebSocketTestSession, chat: FakeChat
) -> None:
    message = {"method": "send_message", "params": {"to": "bob", "text": "x"}, "number": 1}
    first = request(socket, {**message, "client_id": EARLIER})
    assert request(socket, {**message, "client_id": EARLIER}) == first
    assert request(socket, message) != first
    assert set(chat.answers) == {(bytes.fromhex(EARLIER), 1), (bytes.fromhex(CLIENT_ID), 1)}


def test_an_earlier_page_that_is_done_makes_room_for_the_next(
    socket: WebSocketTestSession, chat: FakeChat
) -> None:
    message = {"method": "acknowledge", "params": SEEN, "number": 1}
    answers = [request(socket, {**message, "client_id": f"{i:032x}"}) for i in range(40)]
    assert answers == [None] * 40
    assert len(chat.clients) == 1 + EARLIER_CLIENTS_MAX


def test_with_all_of_them_at_work_one_is_asked_to_come_again(
    socket: WebSocketTestSession, chat: FakeChat
) -> None:
    message = {"method": "acknowledge", "params": SEEN, "number": 1}
    with chat.holding():
        for i in range(EARLIER_CLIENTS_MAX):
            socket.send_json({"id": -i - 1, **message, "client_id": f"{i:032x}"})
        late = {**message, "client_id": EARLIER}
        assert request(socket, late)["kind"] == "Unavailable"
    assert request(socket, late) is None


def test_one_name_is_under_way_once(socket: WebSocketTestSession, chat: FakeChat) -> None:
    with chat.holding():
        message = {"method": "send_message", "params": {"to": "bob", "text": "x"}, "number": 1}
        for tag in (-1, -2):
            socket.send_text(json.dumps({"id": tag, **message}))
        while (answer := socket.receive_json()).get("id") != -2:
            pass
        assert answer["error"] == {
            "kind": "Unavailable",
            "message": "number 1 is under way already",
        }


def test_an_acknowledgement_goes_with_its_view(
    socket: WebSocketTestSession, chat: FakeChat
) -> None:
    write(socket, 1, "acknowledge", message={"id": 7, "view": 3})
    (message,) = chat.acknowledged
    assert isinstance(message, Message)
    assert (message.id, message.view) == (7, 3)


@pytest.mark.parametrize("method", ["list_accounts", "rooms"])
def test_names_are_asked_for_by_the_page(
    socket: WebSocketTestSession, chat: FakeChat, method: str
) -> None:
    ask(socket, method, pattern="*", limit=50)
    assert chat.limits == [50]
    assert ask(socket, method, pattern="*", limit=101)["kind"] == "InvalidArgument"


# ---------------------------------------------------------------------- the ring


def test_the_ring_is_pushed_while_somebody_looks(
    socket: WebSocketTestSession, chat: FakeChat
) -> None:
    assert ask(socket, "watch_ring", on=True) is None
    ring = event(socket, "Ring")
    assert [one["role"] for one in ring["replicas"]] == ["master", "backup", "backup"]
    chat.down.add(2)
    assert event(socket, "Ring")["replicas"][2]["role"] == "unreachable"
    assert ask(socket, "watch_ring", on=False) is None
