"""The SDK's conversations, events and exports against real replicas, masters that die included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

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
    NotFound,
    PermissionDenied,
    Typing,
    Unauthenticated,
)
from tests.integration.cluster import LocalCluster
from tests.integration.conftest import MakeCluster
from tests.integration.people import PASSWORD, logged_in

SECONDS = 30.0


@asynccontextmanager
async def people(cluster: LocalCluster) -> AsyncIterator[tuple[Client, Client]]:
    """Ann and bob, once the replicas are there."""
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        yield ann, bob


async def such(events: AsyncGenerator[Event, None], *wanted: type[Event]) -> list[Event]:
    """The next event of each kind, in this order; others between them are passed over."""
    found: list[Event] = []
    async with asyncio.timeout(SECONDS):
        for kind in wanted:
            while not isinstance(event := await anext(events), kind):
                pass
            found.append(event)
    return found


async def test_a_room_from_its_first_day_to_its_last(
    make_cluster: MakeCluster, prefer: str
) -> None:
    cluster = make_cluster(prefer=prefer)
    async with people(cluster) as (ann, bob):
        room = await ann.create_room("dogs", topic="barking", invite=["bob"])
        [invitation] = await bob.conversations()
        assert (invitation.name, invitation.title, invitation.invited_by) == (room, "dogs", "ann")
        for forbidden in (bob.history(room), bob.send_message(room, "x"), bob.mark_read(room, 1)):
            with pytest.raises(PermissionDenied):
                await forbidden
        await bob.join_room(room)
        sent = await asyncio.gather(*(ann.send_message(room, str(i)) for i in range(30)))
        async with aclosing(bob.receive_messages()) as messages:
            async with asyncio.timeout(SECONDS):
                received = [await anext(messages) for _ in range(30)]
        assert [(m.id, m.text) for m in received] == [
            (receipt.message_id, str(i)) for i, receipt in enumerate(sent)
        ]
        assert {(m.conversation, m.sender) for m in received} == {(room, "ann")}
        reply = await bob.send_message(room, "yes", reply_to=sent[3].message_id)
        page = await ann.history(room, limit=10)
        assert ([m.text for m in page.messages], page.more) == (
            [*map(str, range(21, 30)), "yes"],
            True,
        )
        assert page.messages[-1].reply_to == sent[3].message_id
        assert page.messages[-1].sent_at == reply.sent_at
        older = await ann.history(room, before=page.messages[0].id, limit=500)
        assert ([m.text for m in older.messages], older.more) == ([*map(str, range(21))], False)
        behind = await ann.history(room, after=sent[0].message_id, limit=2)
        assert ([m.text for m in behind.messages], behind.more) == (["1", "2"], True)
        members = await ann.members(room)
        assert [m.account for m in members] == ["ann", "bob"]
        assert members[1].read_up_to == reply.message_id, "who answers has read"
        [mine] = await ann.conversations()
        assert (mine.unread, mine.newest) == (1, page.messages[-1])
        await ann.mark_read(room, reply.message_id)
        assert [c.unread for c in await ann.conversations()] == [0]
        await bob.change_room(room, topic="growling")
        with pytest.raises(PermissionDenied):
            await bob.change_room(room, title="cats")
        await ann.change_room(room, title="hounds", owner="bob")
        with pytest.raises(PermissionDenied):
            await ann.remove(room, "bob")
        await bob.remove(room, "ann")
        with pytest.raises(NotFound):
            await ann.history(room)
        await bob.leave_room(room)
        assert await bob.conversations() == []


async def test_messages_to_rooms_and_accounts_at_once(
    make_cluster: MakeCluster, prefer: str
) -> None:
    cluster = make_cluster(prefer=prefer)
    async with people(cluster) as (ann, bob):
        room = await ann.create_room("dogs", public=True)
        other = await ann.create_room("cats", public=True)
        assert [r.id for r in await bob.rooms("DO*")] == [room]
        assert [r.id for r in await bob.rooms(limit=1)] == [room]
        assert await bob.list_accounts(limit=1) == ["ann"]
        await bob.join_room(room)
        targets: list[str | int] = [
            ("bob", room, other, "ann", room)[(i * i + i // 3) % 5] for i in range(1000)
        ]
        receipts = await asyncio.gather(
            *(ann.send_message(to, str(i)) for i, to in enumerate(targets))
        )
        ids = [receipt.message_id for receipt in receipts]
        assert ids == sorted(set(ids))
        for to in ("bob", "ann", room, other):
            texts = [str(i) for i, target in enumerate(targets) if target == to]
            page = await ann.history(to, limit=500)
            assert [m.text for m in page.messages] == texts


async def test_edits_deletions_and_search(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer)
    async with people(cluster) as (ann, bob):
        first = await ann.send_message("bob", "a red dog")
        second = await ann.send_message("bob", "the Red house")
        room = await ann.create_room("secret")
        await ann.send_message(room, "red herring")
        assert [m.text for m in (await bob.search("red")).messages] == [
            "the Red house",
            "a red dog",
        ]
        assert len((await ann.search("red")).messages) == 3
        assert [m.text for m in (await ann.search("red", room)).messages] == ["red herring"]
        page = await bob.search("red", before=second.message_id, limit=1)
        assert [m.id for m in page.messages] == [first.message_id]
        await ann.edit_message("bob", first.message_id, "a blue dog")
        await ann.delete_message("bob", second.message_id)
        with pytest.raises(PermissionDenied):
            await bob.edit_message("ann", first.message_id, "mine")
        edited, deleted = (await bob.history("ann")).messages
        assert edited.text == "a blue dog"
        assert edited.edited_at is not None
        assert deleted.text == ""
        assert deleted.deleted_at is not None
        assert (await bob.search("red")).messages == ()
        assert [m.id for m in (await bob.search("blue dog")).messages] == [first.message_id]


async def test_events(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer)
    async with people(cluster) as (ann, bob):
        async with aclosing(bob.events()) as events:
            await such(events, Attached)
            room = await ann.create_room("dogs", invite=["bob"])
            [invited] = await such(events, ConversationChanged)
            assert isinstance(invited, ConversationChanged)
            assert (invited.conversation.name, invited.conversation.invited_by) == (room, "ann")
            await bob.join_room(room)
            receipt = await ann.send_message(room, "hello @bob")
            [new] = await such(events, NewMessage)
            assert isinstance(new, NewMessage)
            assert (new.message.conversation, new.message.text) == (room, "hello @bob")
            await ann.edit_message(room, receipt.message_id, "good day")
            [changed] = await such(events, MessageChanged)
            assert isinstance(changed, MessageChanged)
            assert changed.message.text == "good day"
            await ann.set_typing(room)
            assert await such(events, Typing) == [Typing(room, "ann")]
            answer = await bob.send_message(room, "and to you")
            await ann.mark_read(room, answer.message_id)
            async with asyncio.timeout(SECONDS):
                async for event in events:
                    if event == Marked("ann", room, 0, answer.message_id):
                        break
            await ann.remove(room, "bob")
            assert await such(events, ConversationGone) == [ConversationGone(room)]


async def test_events_and_receiving_go_on_when_masters_die(
    make_cluster: MakeCluster, prefer: str
) -> None:
    cluster = make_cluster(prefer=prefer)
    async with people(cluster) as (ann, bob):
        room = await ann.create_room("dogs", public=True)
        await bob.join_room(room)
        async with aclosing(bob.events()) as events, aclosing(bob.receive_messages()) as messages:
            await such(events, Attached)
            for lap in range(2):
                master_id = await cluster.master()
                cluster.kill(master_id)
                sends = [ann.send_message(room, f"{lap} {i}") for i in range(50)]
                await asyncio.gather(*sends)
                await such(events, Attached)
                async with asyncio.timeout(SECONDS):
                    received = [await anext(messages) for _ in range(50)]
                assert [m.text for m in received] == [f"{lap} {i}" for i in range(50)]
                await bob.acknowledge(received[-1])
                last = await ann.send_message(room, "seen?")
                [new] = await such(events, NewMessage)
                while isinstance(new, NewMessage) and new.message.id != last.message_id:
                    [new] = await such(events, NewMessage)
                async with asyncio.timeout(SECONDS):
                    assert (await anext(messages)).id == last.message_id
                cluster.start(master_id)
                await cluster.ready()
        page = await bob.history(room, limit=500)
        assert len(page.messages) == len({m.text for m in page.messages}) + 1 == 102


async def test_accounts_and_their_sessions(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer)
    async with people(cluster) as (ann, bob):
        await ann.change_profile("Ann A.")
        await ann.block("bob")
        assert (await ann.profile()).blocked == ("bob",)
        seen = await bob.profile("ann")
        assert (seen.display_name, seen.blocked, seen.gone) == ("Ann A.", (), False)
        with pytest.raises(PermissionDenied):
            await bob.send_message("ann", "hello")
        await ann.unblock("bob")
        await bob.send_message("ann", "hello")
        async with aclosing(ann.events()) as events:
            await such(events, Attached)
            assert (await bob.profile("ann")).presence.attached
        async with logged_in(cluster, "ann", new=False) as other:
            assert [s.current for s in await other.sessions()] == [False, True]
            with pytest.raises(Unauthenticated):
                await ann.change_password("wrong", "new password")
            await ann.change_password(PASSWORD, "new password")
            with pytest.raises(Unauthenticated):
                await other.profile()
            await other.log_in("ann", "new password")
            [first, second] = await other.sessions()
            await other.end_session(first.id)
            with pytest.raises(Unauthenticated):
                await ann.profile()
            assert [s.id for s in await other.sessions()] == [second.id]
            await other.end_other_sessions()
            exported = json.loads(json.dumps(await other.export()))
        assert exported["profile"]["display_name"] == "Ann A."
        [conversation] = exported["conversations"]
        assert (conversation["name"], [m["text"] for m in conversation["messages"]]) == (
            "bob",
            ["hello"],
        )
        await bob.delete_account()
        async with Client(cluster=cluster.file) as again:
            await again.log_in("ann", "new password")
            assert (await again.profile("bob")).gone
            [conversation_left] = await again.conversations()
            assert conversation_left.gone
