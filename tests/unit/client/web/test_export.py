"""The export, piece by piece."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from ringchat_client.errors import NotDone, NotFound
from ringchat_client.exporting import PAGE, everything
from ringchat_client.web import accounts, export
from tests.unit.client.web.fake_chat import FakeChat, FakeClient


def with_bob(chat: FakeChat, count: int) -> None:
    chat.next_id = 1024  # as in a cluster, where accounts take numbers, too
    for i in range(count):
        chat.post("bob", "ann", f"message {i}")
    chat.make_room("ann", "Empty")
    place = chat.make_room("bob", "Attic")
    place.invited["ann"] = "bob"
    assert place.room is not None
    chat.post("bob", place.room.id, "not for ann yet")
    del place.members["bob"]


async def test_it_is_what_the_sdk_exports(chat: FakeChat, ann: TestClient) -> None:
    with_bob(chat, 500)
    whole = ann.get("/api/export").json()
    client = chat.open(token="token-0-of-ann")
    expected = await everything(client, 60)
    assert whole["conversations"] == json.loads(json.dumps(expected["conversations"]))
    assert whole.keys() == expected.keys()
    assert [len(one["messages"]) for one in whole["conversations"]] == [500, 0, 0]


async def test_no_piece_is_more_than_a_page(chat: FakeChat, ann: TestClient) -> None:
    with_bob(chat, 500)
    client = chat.open(token="token-0-of-ann")
    made = [piece async for piece in export.pieces(client)]
    assert max(piece.count("message ") for piece in made) == PAGE


def test_what_one_was_put_out_of_meanwhile_is_left_out(
    chat: FakeChat, ann: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_bob(chat, 1)
    real = FakeClient.history

    async def history(client: FakeClient, name: str, **more: int) -> object:
        if name == "bob":
            raise NotFound("not any more")
        return await real(client, name, **more)

    monkeypatch.setattr(FakeClient, "history", history)
    whole = ann.get("/api/export").json()
    assert [one["room"]["title"] for one in whole["conversations"]] == ["Empty", "Attic"]


def test_what_goes_wrong_first_is_told_with_a_status(chat: FakeChat, ann: TestClient) -> None:
    chat.errors.append(NotDone("no master"))
    answer = ann.get("/api/export")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "no master")
    assert ann.get("/api/export").status_code == 200


def test_what_goes_wrong_later_cuts_it_off_and_frees_its_place(
    chat: FakeChat, ann: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_bob(chat, 1)

    async def history(*_: object, **__: object) -> None:
        raise NotDone("no master any more")

    with monkeypatch.context() as patched:
        patched.setattr(FakeClient, "history", history)
        with pytest.raises(ValueError, match="Expecting"):
            ann.get("/api/export").json()
    assert chat.clients == set()
    assert len(ann.get("/api/export").json()["conversations"]) == 3


def test_few_are_made_at_once(ann: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "AT_WORK_MAX", 0)
    assert ann.get("/api/export").status_code == 200  # it has places of its own
    monkeypatch.setattr(accounts, "EXPORTS_MAX", 0)
    assert ann.get("/api/export").status_code == 503
