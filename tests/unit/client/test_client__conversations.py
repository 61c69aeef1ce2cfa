"""Rooms, direct conversations and accounts, as users of the SDK see them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from ringchat_client import (
    Client,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    NotKnown,
    PermissionDenied,
    Receipt,
    Unauthenticated,
)
from tests.unit.client.fake_cluster import FakeCluster


@pytest.fixture
async def client(cluster: FakeCluster) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as client:
        for name in ("ann", "bob", "carl"):
            await client.create_account(name, "p")
        await client.log_in("ann", "p")
        yield client


@pytest.fixture
async def bob(cluster: FakeCluster, client: Client) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as bob:
        await bob.log_in("bob", "p")
        yield bob


async def test_a_room_from_its_first_day_to_its_last(client: Client, bob: Client) -> None:
    room = await client.create_room("dogs", topic="barking", invite=["bob"])
    with pytest.raises(PermissionDenied, match="join the room first"):
        await bob.history(room)
    [invitation] = await bob.conversations()
    assert (invitation.name, invitation.title, invitation.invited_by) == (room, "dogs", "ann")
    await bob.join_room(room)
    await client.invite(room, "carl")
    await client.invite(room, "bob")  # who is there already: nothing to do
    members = await bob.members(room)
    assert [(m.account, m.invited) for m in members] == [
        ("ann", False),
        ("bob", False),
        ("carl", True),
    ]
    receipt = await client.send_message(room, "hello")
    message = await anext(bob.receive_messages())
    assert (message.id, message.conversation, message.text) == (receipt.message_id, room, "hello")
    await bob.change_room(room, topic="growling")
    with pytest.raises(PermissionDenied):
        await bob.change_room(room, title="cats")
    with pytest.raises(PermissionDenied):
        await bob.remove(room, "ann")
    await client.change_room(room, title="hounds", owner="bob")
    [conversation] = await client.conversations()
    assert conversation.room is not None
    assert (conversation.room.title, conversation.room.topic) == ("hounds", "growling")
    assert (conversation.room.owner, conversation.room.members) == ("bob", 2)
    await bob.remove(room, "carl")
    await client.leave_room(room)
    with pytest.raises(NotFound):
        await client.send_message(room, "anybody?")


async def test_public_rooms_are_found_and_entered(client: Client, bob: Client) -> None:
    rooms = [await client.create_room(f"Dogs {i}", public=True) for i in range(5)]
    hidden = await client.create_room("Dogs in private")
    assert [room.id for room in await bob.rooms("dogs*")] == rooms, "pages are joined"
    assert await bob.rooms("cats") == []
    assert [room.id for room in await bob.rooms("dogs*", limit=3)] == rooms[:3]
    await bob.join_room(rooms[3])
    with pytest.raises(NotFound):
        await bob.join_room(hidden)


async def test_pages_of_conversations_and_members_are_joined(client: Client) -> None:
    rooms = [await client.create_room(f"r{i}") for i in range(5)]
    for room in rooms:
        await client.send_message(room, "x")
    assert [c.name for c in await client.conversations()] == rooms[::-1]
    await client.invite(rooms[0], "bob")
    await client.invite(rooms[0], "carl")
    assert [m.account for m in await client.members(rooms[0])] == ["ann", "bob", "carl"]


async def test_history_goes_back_and_forth_in_pages(client: Client) -> None:
    ids = [(await client.send_message("bob", str(i))).message_id for i in range(10)]
    newest = await client.history("bob", limit=4)
    assert [m.text for m in newest.messages] == ["6", "7", "8", "9"]
    assert newest.more
    older = await client.history("bob", before=ids[6], limit=100)
    assert [m.text for m in older.messages] == ["0", "1", "2", "3", "4", "5"]
    assert not older.more
    behind = await client.history("bob", after=ids[1], limit=3)
    assert [m.text for m in behind.messages] == ["2", "3", "4"]
    assert behind.more
    with pytest.raises(NotFound):
        await client.history("carl")  # to whom nothing was ever said
    with pytest.raises(InvalidArgument, match="not both"):
        await client.history("bob", before=1, after=2)


async def test_search_finds_what_one_may_see(client: Client, bob: Client) -> None:
    room = await client.create_room("dogs")
    first = await client.send_message(room, "a red dog")
    second = await client.send_message("bob", "the Red house")
    page = await client.search("red")
    assert [m.id for m in page.messages] == [second.message_id, first.message_id]
    assert [m.conversation for m in page.messages] == ["bob", room]
    assert [m.text for m in (await client.search("red", room)).messages] == ["a red dog"]
    assert [m.id for m in (await bob.search("red")).messages] == [second.message_id]
    page = await client.search("red", before=second.message_id, limit=1)
    assert ([m.id for m in page.messages], page.more) == ([first.message_id], False)


async def test_a_reply_names_what_it_answers(client: Client, bob: Client) -> None:
    room = await client.create_room("dogs", invite=["bob"])
    await bob.join_room(room)
    for conversation in ("bob", room):
        question = await client.send_message(conversation, "who?")
        back = "ann" if conversation == "bob" else room
        answer = await bob.send_message(back, "me", reply_to=question.message_id)
        assert isinstance(answer, Receipt)
        newest = (await client.history(conversation)).messages[-1]
        assert (newest.id, newest.reply_to) == (answer.message_id, question.message_id)
        assert newest.sent_at == answer.sent_at
        with pytest.raises(NotFound):
            await bob.send_message(back, "me", reply_to=10_000)


async def test_a_reply_can_be_sent_again(cluster: FakeCluster, client: Client) -> None:
    question = await client.send_message("bob", "who?")
    cluster.replicas[0].mute = True
    with pytest.raises(NotKnown) as caught:
        await client.send_message("bob", "me", reply_to=question.message_id, timeout=0.05)
    cluster.replicas[0].mute = False
    receipt = await caught.value.send_again()
    assert isinstance(receipt, Receipt)
    assert [m.id for m in (await client.history("bob")).messages][1:] == [receipt.message_id]


async def test_messages_are_edited_deleted_and_read(client: Client, bob: Client) -> None:
    receipt = await client.send_message("bob", "helo")
    await client.edit_message("bob", receipt.message_id, "hello")
    [message] = (await bob.history("ann")).messages
    assert message.text == "hello"
    assert message.edited_at is not None
    with pytest.raises(PermissionDenied):
        await bob.edit_message("ann", receipt.message_id, "mine")
    with pytest.raises(PermissionDenied):
        await bob.delete_message("ann", receipt.message_id)
    [conversation] = await bob.conversations()
    assert (conversation.unread, conversation.newest) == (1, message)
    await bob.mark_read("ann", receipt.message_id)
    [conversation] = await bob.conversations()
    assert (conversation.unread, conversation.read_up_to) == (0, receipt.message_id)
    await client.delete_message("bob", receipt.message_id)
    [message] = (await bob.history("ann")).messages
    assert message.text == ""
    assert message.deleted_at is not None


async def test_a_message_is_not_taken_for_what_stands_in_its_place_now(client: Client) -> None:
    await client.send_message("bob", "helo")
    [message] = (await client.history("bob")).messages
    moved = replace(message, view=message.view + 1)
    for call in (
        client.edit_message("bob", moved, "hello"),
        client.delete_message("bob", moved),
    ):
        with pytest.raises(FailedPrecondition):
            await call
    await client.edit_message("bob", message, "hello")
    assert [one.text for one in (await client.history("bob")).messages] == ["hello"]


async def test_mixed_receivers_keep_their_order_within_each(
    cluster: FakeCluster, client: Client
) -> None:
    one, two = await client.create_room("one"), await client.create_room("two")
    receivers: list[str | int] = [
        ("bob", one, two, "carl", one)[(i * i + i // 3) % 5] for i in range(500)
    ]
    receipts = await asyncio.gather(
        *(client.send_message(to, str(i)) for i, to in enumerate(receivers))
    )
    assert [r.message_id for r in receipts] == sorted(r.message_id for r in receipts)
    for to in ("bob", "carl", one, two):
        sent = [str(i) for i, receiver in enumerate(receivers) if receiver == to]
        page = await client.history(to, limit=500)
        assert [m.text for m in page.messages] == sent


async def test_a_failover_sends_messages_to_rooms_once(
    cluster: FakeCluster, client: Client
) -> None:
    room = await client.create_room("dogs")
    sends = [asyncio.create_task(client.send_message(room, str(i))) for i in range(300)]
    await asyncio.sleep(0)
    await cluster.kill(0)
    await asyncio.gather(*sends)
    page = await client.history(room, limit=500)
    assert [m.text for m in page.messages] == [str(i) for i in range(300)]


# ------------------------------------------------------------------ accounts


async def test_profiles(client: Client, bob: Client) -> None:
    await client.change_profile("Ann A.")
    await client.block("bob")
    mine, seen = await client.profile(), await bob.profile("ann")
    assert (mine.account, mine.display_name, mine.blocked) == ("ann", "Ann A.", ("bob",))
    assert (seen.display_name, seen.blocked, seen.gone) == ("Ann A.", (), False)
    with pytest.raises(PermissionDenied):
        await bob.send_message("ann", "hello")
    await client.unblock("bob")
    await bob.send_message("ann", "hello")
    with pytest.raises(NotFound):
        await client.profile("nobody")


async def test_a_new_password_ends_the_other_sessions(cluster: FakeCluster, client: Client) -> None:
    async with Client(master=cluster.addresses[1]) as other:
        await other.log_in("ann", "p")
        with pytest.raises(Unauthenticated, match="wrong password"):
            await client.change_password("wrong", "new")
        await client.change_password("p", "new")
        with pytest.raises(Unauthenticated):
            await other.profile()
        await other.log_in("ann", "new")
    assert (await client.profile()).account == "ann"


async def test_sessions_are_listed_and_ended(cluster: FakeCluster, client: Client) -> None:
    async with Client(master=cluster.addresses[1]) as other:
        for _ in range(3):
            await other.log_in("ann", "p")
        sessions = await client.sessions()
        assert [s.current for s in sessions] == [True, False, False, False]
        await client.end_session(sessions[3].id)
        with pytest.raises(Unauthenticated):
            await other.profile()
        with pytest.raises(NotFound):
            await client.end_session(sessions[3].id)
        await client.end_other_sessions()
        assert [s.current for s in await client.sessions()] == [True]


async def test_what_needs_a_login_says_so(cluster: FakeCluster) -> None:
    async with Client(master=cluster.addresses[0]) as client:
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            client.conversations,
            client.rooms,
            client.profile,
            client.sessions,
            client.export,
            client.end_other_sessions,
            lambda: client.members("bob"),
            lambda: client.history("bob"),
            lambda: client.search("x"),
            lambda: client.create_room("x"),
            lambda: client.join_room(1),
            lambda: client.set_typing("bob"),
        )
        for call in calls:
            with pytest.raises(Unauthenticated, match="nobody is logged in"):
                await call()


# -------------------------------------------------------------------- typing


async def test_typing_is_told_and_says_what_is_wrong(cluster: FakeCluster, client: Client) -> None:
    with pytest.raises(NotFound):
        await client.set_typing("bob")  # they have not spoken yet
    await client.send_message("bob", "hello")
    cluster.state.told.clear()
    await client.set_typing("bob")
    [(people, event)] = cluster.state.told
    assert (people, event.typing.account) == (frozenset(("bob",)), "ann")
    with pytest.raises(NotFound):
        await client.set_typing("nobody")


async def test_typing_is_not_kept_for_a_connection_that_is_lost(
    cluster: FakeCluster, client: Client
) -> None:
    await client.send_message("bob", "hello")
    cluster.state.told.clear()
    cluster.replicas[0].swallow = True
    await client.set_typing("bob", timeout=0.02)
    for replica_id in range(3):
        await cluster.kill(replica_id)
    started = time.monotonic()
    await client.set_typing("bob", timeout=1.0)
    await client.set_typing("bob", timeout=1.0)
    assert time.monotonic() - started < 1.9, "at most the first has not yet heard of it"
    cluster.replicas[1].swallow = False
    await cluster.start(1)
    cluster.promote(1)
    await client.profile()
    assert cluster.state.told == []
