"""Events across failovers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from ringchat_client import (
    Attached,
    Client,
    ConversationChanged,
    ConversationGone,
    Event,
    Marked,
    MessageChanged,
    NewMessage,
    Typing,
    Unauthenticated,
)
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.fake_cluster import FakeCluster, until


@pytest.fixture
async def client(cluster: FakeCluster) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as client:
        for name in ("ann", "bob"):
            await client.create_account(name, "p")
        await client.log_in("ann", "p")
        yield client


@pytest.fixture
async def bob(cluster: FakeCluster, client: Client) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as bob:
        await bob.log_in("bob", "p")
        yield bob


async def take(events: AsyncGenerator[Event, None], count: int = 1) -> list[Event]:
    async with asyncio.timeout(10):
        return [await anext(events) for _ in range(count)]


def texts(events: list[Event]) -> list[str]:
    return [event.message.text for event in events if isinstance(event, NewMessage)]


async def test_it_begins_by_saying_that_it_has_begun(client: Client) -> None:
    await client.send_message("bob", "before")
    async with aclosing(client.events()) as events:
        assert await take(events) == [Attached()]
        await client.send_message("bob", "after")
        assert texts(await take(events)) == ["after"]


async def test_it_has_not_begun_before_the_server_has_said_a_word(
    cluster: FakeCluster, client: Client
) -> None:
    replica = cluster.replicas[0]
    replica.echoes = False
    async with aclosing(client.events()) as events:
        first = asyncio.create_task(take(events))
        await until(lambda: len(replica.frames) > 1 and replica.frames[-2].HasField("watch"))
        await asyncio.sleep(0.05)  # a wrong one comes at once
        assert not first.done()
        await client.send_message("bob", "told, so it is watched")
        assert await first == [Attached()]
        assert texts(await take(events)) == ["told, so it is watched"]


async def test_nothing_is_lost_between_reading_and_watching(client: Client, bob: Client) -> None:
    async def talk() -> None:
        for i in range(200):
            await bob.send_message("ann", str(i))

    talking = asyncio.create_task(talk())
    async with aclosing(client.events()) as events:
        await take(events)
        known = [m.text for m in (await client.history("bob", limit=500)).messages]
        while "199" not in known:
            [event] = await take(events)
            assert isinstance(event, NewMessage)
            if event.message.text not in known:
                known.append(event.message.text)
    await talking
    assert known == [str(i) for i in range(200)]


async def test_what_happens_is_told(client: Client, bob: Client) -> None:
    async with aclosing(bob.events()) as events:
        await take(events)
        room = await client.create_room("dogs", invite=["bob"])
        [invited] = await take(events)
        assert isinstance(invited, ConversationChanged)
        assert invited.conversation.invited_by == "ann"
        await bob.join_room(room)
        receipt = await client.send_message(room, "hello")
        await client.edit_message(room, receipt.message_id, "good day")
        await client.mark_read(room, receipt.message_id)
        await client.set_typing(room)
        await client.remove(room, "bob")
        joined, new, changed, marked, typing, gone = await take(events, 6)
        assert isinstance(joined, ConversationChanged)
        assert joined.conversation.room is not None
        assert joined.conversation.room.members == 2
        assert isinstance(new, NewMessage)
        assert (new.message.conversation, new.message.text) == (room, "hello")
        assert isinstance(changed, MessageChanged)
        assert changed.message.text == "good day"
        assert marked == Marked("ann", room, 0, receipt.message_id)
        assert typing == Typing(room, "ann")
        assert gone == ConversationGone(room)


async def test_it_goes_on_after_a_failover_and_says_so(
    cluster: FakeCluster, client: Client
) -> None:
    async with aclosing(client.events()) as events:
        await take(events)
        await client.send_message("bob", "one")
        await take(events)
        await cluster.kill(0)
        assert await take(events) == [Attached()]
        await client.send_message("bob", "two")
        assert texts(await take(events)) == ["two"]
        await cluster.kill(1)
        assert await take(events) == [Attached()]


async def test_a_stream_that_moves_alone_is_opened_again(
    cluster: FakeCluster, client: Client
) -> None:
    async with aclosing(client.events()) as events:
        await take(events)
        cluster.promote(1)
        cluster.replicas[0].move(view=1)
        assert await take(events) == [Attached()]


async def test_what_was_too_much_to_be_told_is_read_again(
    cluster: FakeCluster, client: Client
) -> None:
    async with aclosing(client.events()) as events:
        await take(events)
        cluster.replicas[0].say(pb.ServerFrame(events=[pb.Event(missed=True)]))
        assert await take(events) == [Attached()]


async def test_an_event_of_a_later_version_is_passed_over(
    cluster: FakeCluster, client: Client
) -> None:
    async with aclosing(client.events()) as events:
        await take(events)
        cluster.replicas[0].say(pb.ServerFrame(events=[pb.Event()]))
        await client.send_message("bob", "next")
        assert texts(await take(events)) == ["next"]


async def test_it_ends_when_the_client_is_closed(client: Client) -> None:
    events = client.events()
    await take(events)
    waiting = asyncio.create_task(anext(events, None))
    await asyncio.sleep(0)
    await client.close()
    async with asyncio.timeout(5):
        assert await waiting is None


async def test_without_a_session_there_is_nothing_to_watch(
    cluster: FakeCluster, client: Client
) -> None:
    async with Client(master=cluster.addresses[0], token="forged") as forged:
        with pytest.raises(Unauthenticated):
            await take(forged.events(), 2)
    await client.log_out()
    with pytest.raises(Unauthenticated, match="nobody is logged in"):
        client.events()


async def test_cancelling_a_watcher_cancels_it(client: Client) -> None:
    events = client.events()
    await take(events)
    task = asyncio.create_task(take(events))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
