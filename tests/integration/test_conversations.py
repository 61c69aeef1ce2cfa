"""Rooms, search and events over three real processes, before and after a failover.

On the wire itself: what a client of another language would see.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from ringchat_proto import chat_pb2 as pb
from tests.integration.cluster import LocalCluster
from tests.integration.conftest import MakeCluster
from tests.integration.people import PASSWORD, bearer, raw


async def _token(cluster: LocalCluster, replica_id: int, name: str) -> str:
    async with raw(cluster, replica_id) as stub:
        await stub.CreateAccount(pb.CreateAccountRequest(name=name, password=PASSWORD))
        login = await stub.LogIn(pb.LogInRequest(name=name, password=PASSWORD))
        return str(login.token)


async def _event(call: Any, kind: str) -> pb.Event:
    """The next event of that kind."""
    async with asyncio.timeout(10):
        while True:
            frame = await call.read()
            assert isinstance(frame, pb.ServerFrame)
            for event in frame.events:
                if event.WhichOneof("kind") == kind:
                    return event


async def _watch(stub: Any, token: str) -> Any:
    call = stub.Session()
    frame = pb.ClientFrame(client_id=os.urandom(16), token=token, watch=pb.WatchRequest())
    await call.write(frame)
    assert await call.read() == pb.ServerFrame()
    return call


async def test_a_room_before_and_after_a_failover(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer)
    cluster.start()
    await cluster.ready()
    master, heir, backup = 0, 1, 2
    await cluster.promote(master)
    await cluster.linked()
    ann, bob = [await _token(cluster, backup, name) for name in ("ann", "bob")]
    async with raw(cluster, backup) as near, raw(cluster, master) as there:
        create = pb.CreateRoomRequest(title="Hall", invite=["bob"])
        room = (await near.CreateRoom(create, metadata=bearer(ann))).room
        await there.JoinRoom(pb.JoinRoomRequest(room=room), metadata=bearer(bob))
        watching = await _watch(near, bob)  # through a backup
        profile = pb.GetProfileRequest(account="bob")
        seen = await there.GetProfile(profile, metadata=bearer(ann))
        assert seen.presence.attached
        message = pb.SendMessageRequest(room=room, text="apples, @bob")
        one = (await near.SendMessage(message, metadata=bearer(ann))).message_id
        event = await _event(watching, "message")
        assert (event.message.id, event.message.conversation.room) == (one, room)
        search = pb.SearchMessagesRequest(query="apple")
        found = await near.SearchMessages(search, metadata=bearer(bob))
        assert [found.id for found in found.messages] == [one]
        watching.cancel()
    cluster.kill(master)
    await cluster.promote(heir)
    async with raw(cluster, heir) as stub:
        found = await stub.SearchMessages(search, metadata=bearer(bob), wait_for_ready=True)
        assert [found.id for found in found.messages] == [one]
        watching = await _watch(stub, ann)
        reply = pb.SendMessageRequest(room=room, text="thanks", reply_to=one)
        two = (await stub.SendMessage(reply, metadata=bearer(bob))).message_id
        assert (await _event(watching, "message")).message.reply_to == one
        history = pb.ReadHistoryRequest(conversation=pb.Conversation(room=room))
        page = await stub.ReadHistory(history, metadata=bearer(ann))
        assert [message.id for message in page.messages] == [one, two]
        states = pb.ListConversationsRequest()
        [state] = (await stub.ListConversations(states, metadata=bearer(ann))).conversations
        assert (state.unread, state.read_up_to) == (1, one)
        watching.cancel()
