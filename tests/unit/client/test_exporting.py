"""Everything of an account, for JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ringchat_client import Client, NotDone
from ringchat_client.exporting import PAGE, export_pages, json_ready
from ringchat_client.values import Conversation, Message, Page
from tests.unit.client.fake_cluster import FakeCluster


@pytest.fixture
async def client(cluster: FakeCluster) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as client:
        for name in ("ann", "bob"):
            await client.create_account(name, "p")
        await client.log_in("ann", "p")
        yield client


async def test_an_account_with_all_its_messages(client: Client) -> None:
    room = await client.create_room("dogs", topic="t")
    count = 2 * PAGE + 3
    for i in range(count):
        await client.send_message("bob", str(i))
    receipt = await client.send_message(room, "hello")
    exported = json.loads(json.dumps(await client.export()))
    assert exported["profile"]["account"] == "ann"
    assert [session["current"] for session in exported["sessions"]] == [True]
    dogs, bob = exported["conversations"]
    assert (dogs["name"], dogs["room"]["title"]) == (room, "dogs")
    [message] = dogs["messages"]
    assert message["id"] == receipt.message_id
    assert datetime.fromisoformat(message["sent_at"]) == receipt.sent_at
    assert message["deleted_at"] is None
    assert (bob["name"], bob["room"]) == ("bob", None)
    assert [message["text"] for message in bob["messages"]] == [str(i) for i in range(count)]


async def test_an_invitation_is_exported_without_messages(
    cluster: FakeCluster, client: Client
) -> None:
    async with Client(master=cluster.addresses[0]) as bob:
        await bob.log_in("bob", "p")
        room = await bob.create_room("dogs", invite=["ann"])
        await bob.send_message(room, "for members")
    [conversation] = (await client.export())["conversations"]
    assert (conversation["invited_by"], conversation["messages"]) == ("bob", [])


async def test_page_by_page_oldest_first(client: Client) -> None:
    room = await client.create_room("empty")
    count = PAGE + 3
    for i in range(count):
        await client.send_message("bob", str(i))
    pages = [page async for page in export_pages(client, lambda: 30.0)]
    bobs = [messages for conversation, messages in pages if conversation.name == "bob"]
    assert [len(messages) for messages in bobs] == [PAGE, 3]
    assert [m.text for messages in bobs for m in messages] == [str(i) for i in range(count)]
    assert [messages for conversation, messages in pages if conversation.name == room] == [()]


async def test_a_conversation_that_is_lost_on_the_way_ends_with_the_page_before(
    client: Client,
) -> None:
    room = await client.create_room("dogs")
    for i in range(PAGE + 1):
        await client.send_message(room, str(i))
    lengths = []
    async for _, messages in export_pages(client, lambda: 30.0):
        lengths.append(len(messages))
        await client.leave_room(room)
    assert lengths == [PAGE]


class Outdated(Client):
    """It shows the conversations of an earlier time."""

    known: list[Conversation]

    async def conversations(self, *, timeout: float = 30.0) -> list[Conversation]:
        return self.known


class Promising(Client):
    """There is always more of a conversation, and nothing in it."""

    async def history(self, *_: Any, **__: Any) -> Page:
        return Page((), True)


async def test_a_room_that_one_is_put_out_of_meanwhile_is_left_out(
    cluster: FakeCluster, client: Client
) -> None:
    rooms = [await client.create_room(f"r{i}") for i in range(2)]
    async with Outdated(master=cluster.addresses[0], token=client.token) as outdated:
        outdated.known = await client.conversations()
        await client.leave_room(rooms[0])
        exported = await outdated.export()
    assert [c["name"] for c in exported["conversations"]] == [rooms[1]]


async def test_a_page_that_promises_more_and_holds_nothing_is_the_last(
    cluster: FakeCluster, client: Client
) -> None:
    await client.send_message("bob", "hello")
    async with Promising(master=cluster.addresses[0], token=client.token) as promising:
        [conversation] = (await promising.export())["conversations"]
    assert conversation["messages"] == []


async def test_its_timeout_is_that_of_the_whole(cluster: FakeCluster, client: Client) -> None:
    cluster.replicas[0].swallow = True
    with pytest.raises(NotDone):
        await client.export(timeout=0.05)


def test_values_become_built_in_ones() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert json_ready(Page((Message(1, "ann", "x", at, 12),), False)) == {
        "messages": [
            {
                "id": 1,
                "sender": "ann",
                "text": "x",
                "sent_at": "2026-01-02T03:04:05+00:00",
                "conversation": 12,
                "reply_to": 0,
                "edited_at": None,
                "deleted_at": None,
                "view": -1,
            }
        ],
        "more": False,
    }
