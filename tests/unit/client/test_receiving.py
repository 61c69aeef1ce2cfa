"""Messages across failovers: each whole message once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from ringchat_client import Client, Message, Unauthenticated
from ringchat_client.receiving import SEEN_MAX, Seen
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.fake_cluster import FakeCluster


@pytest.fixture
async def client(cluster: FakeCluster) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as client:
        await client.create_account("ann", "p")
        await client.log_in("ann", "p")
        yield client


async def take(messages: AsyncGenerator[Message, None], count: int) -> list[Message]:
    async with asyncio.timeout(10):
        return [await anext(messages) for _ in range(count)]


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def change_mailbox(cluster: FakeCluster, messages: list[pb.Message]) -> None:
    cluster.state.mailboxes["ann"] = messages
    changed, cluster.state.changed = cluster.state.changed, asyncio.Event()
    changed.set()


async def test_waiting_messages_first_then_those_that_arrive(client: Client) -> None:
    await client.send_message("ann", "waited")
    messages = client.receive_messages()
    assert texts(await take(messages, 1)) == ["waited"]
    arriving = asyncio.create_task(take(messages, 1))
    await client.send_message("ann", "arrived")
    assert texts(await arriving) == ["arrived"]


async def test_a_failover_repeats_nothing_and_leaves_nothing_out(
    cluster: FakeCluster, client: Client
) -> None:
    for i in range(10):
        await client.send_message("ann", str(i))
    messages = client.receive_messages()
    first = await take(messages, 6)
    await client.acknowledge(first[3].id)  # two were yielded and are not acknowledged
    await cluster.kill(0)
    await client.send_message("ann", "after")
    assert texts(await take(messages, 5)) == ["6", "7", "8", "9", "after"]


async def test_not_acknowledged_they_come_again_from_the_next_call(client: Client) -> None:
    await client.send_message("ann", "x")
    for _ in range(2):
        messages = client.receive_messages()
        assert texts(await take(messages, 1)) == ["x"]
        await messages.aclose()


async def test_after_a_healed_partition_an_id_may_name_another_message(
    cluster: FakeCluster, client: Client
) -> None:
    for i in range(3):
        await client.send_message("ann", str(i))
    messages = client.receive_messages()
    had = await take(messages, 3)
    await client.acknowledge(had[1].id)
    other_side = pb.Message(id=had[2].id, sender="bob", text="other side", sent_at_ms=7)
    older = pb.Message(id=had[0].id - 1, sender="bob", text="smaller id", sent_at_ms=6)
    change_mailbox(cluster, [older, other_side])
    await cluster.kill(0)
    assert texts(await take(messages, 2)) == ["smaller id", "other side"]


async def test_a_stream_that_moves_alone_is_opened_again(
    cluster: FakeCluster, client: Client
) -> None:
    await client.send_message("ann", "one")
    messages = client.receive_messages()
    await take(messages, 1)
    cluster.promote(1)
    cluster.replicas[0].move(view=1)
    await client.send_message("ann", "two")
    assert texts(await take(messages, 1)) == ["two"]


async def test_a_reader_that_is_slow_does_not_hold_back_its_own_acknowledgements(
    client: Client,
) -> None:
    text = "x" * 60_000
    await asyncio.gather(*(client.send_message("ann", text) for _ in range(100)))
    count = 0
    async with asyncio.timeout(20):
        async for message in client.receive_messages():
            await client.acknowledge(message.id)  # behind 6 MB of messages on one stream
            count += 1
            if count == 100:
                break


async def test_it_ends_when_the_client_is_closed(client: Client) -> None:
    messages = client.receive_messages()
    waiting = asyncio.create_task(anext(messages, None))
    await asyncio.sleep(0.02)
    await client.close()
    async with asyncio.timeout(5):
        assert await waiting is None


async def test_a_forged_token_is_an_error(cluster: FakeCluster) -> None:
    async with Client(master=cluster.addresses[0], token="forged") as client:
        with pytest.raises(Unauthenticated):
            await take(client.receive_messages(), 1)


async def test_cancelling_a_reader_cancels_it(client: Client) -> None:
    task = asyncio.create_task(take(client.receive_messages(), 1))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def message(message_id: int, text: str = "x", sender: str = "bob", at: int = 5) -> pb.Message:
    return pb.Message(id=message_id, sender=sender, text=text, sent_at_ms=at)


def test_seen_compares_the_whole_message() -> None:
    seen = Seen()
    assert seen.add(message(1))
    assert not seen.add(message(1))
    assert seen.add(message(2))
    assert seen.add(message(1, text="y"))
    assert seen.add(message(1, sender="eve"))
    assert seen.add(message(1, at=6))


def test_seen_does_not_confuse_where_the_sender_ends() -> None:
    seen = Seen()
    assert seen.add(message(1, sender="ab", text="c"))
    assert seen.add(message(1, sender="a", text="bc"))


def test_seen_forgets_what_is_acknowledged_and_is_bounded() -> None:
    seen = Seen()
    for i in range(1, SEEN_MAX + 11):
        seen.add(message(i))
    assert len(seen) == SEEN_MAX
    seen.acknowledged(SEEN_MAX)
    assert len(seen) == 10
    assert not seen.add(message(SEEN_MAX + 1))
    assert seen.add(message(SEEN_MAX))
