"""A session that goes to rooms, watches, and is given large answers."""

from __future__ import annotations

import asyncio

import grpc.aio
import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.records import message_id
from ringchat_server.transport import sessions
from tests.unit.server.transport.test_sessions import (
    CLIENT,
    TOKEN,
    columns,
    errors_of,
    receipts_of,
    sends,
    session,
    until,
)


async def test_columns_for_a_room_are_one_write() -> None:
    async with session() as (hub, context, _):
        context.put(pb.ClientFrame(client_id=CLIENT, token=TOKEN, requests=[a_room(1)]))
        await until(lambda: bool(hub.pending))
        hub.apply()
        room = (await context.next()).responses[0].create_room.room
        columns = pb.Sends(number=2, room=room, text=["one", "two"])
        context.put(pb.ClientFrame(sends=columns))
        context.put(pb.ClientFrame(sends=pb.Sends(number=4, room=7, text=["three", "four"])))
        await until(lambda: len(hub.pending) == 2)
        assert hub.pending[0][0].request == ("post", room, ("one", "two"), 0)
        hub.apply()
        frame = await context.next()
        assert receipts_of(frame) == [(2, 2, message_id(4, 0))]
        assert errors_of(frame) == [(4, 5), (5, 5)]
        bad = pb.Sends(number=6, room=room, text=["five", "", "six"])
        context.put(pb.ClientFrame(sends=bad))
        await until(lambda: len(hub.pending) == 2)
        assert [proposal.number for proposal, _, _ in hub.pending] == [6, 8]
        assert errors_of(await context.next()) == [(7, 3)]


async def test_columns_go_to_a_room_or_to_accounts() -> None:
    async with session() as (_, context, task):
        sends = pb.Sends(number=1, room=5, to=["ann"], text=["one"])
        context.put(pb.ClientFrame(client_id=CLIENT, token=TOKEN, sends=sends))
        with pytest.raises(grpc.aio.AbortError):
            await asyncio.wait_for(task, 5)


def a_room(number: int) -> pb.Request:
    return pb.Request(number=number, create_room=pb.CreateRoomRequest(title="Hall"))


# ------------------------------------------------------------------- events, large answers


async def test_who_watches_is_told_from_the_frame_on() -> None:
    async with session() as (hub, context, _):
        watch = pb.ClientFrame(client_id=CLIENT, token=TOKEN, watch=pb.WatchRequest())
        context.put(watch)
        assert await context.next() == pb.ServerFrame(), "it is heard"
        assert hub.newsroom.presence("ann").attached
        context.put(sends(1))
        await until(lambda: bool(hub.pending))
        hub.apply()
        frame = await context.next()
        kinds = [event.WhichOneof("kind") for event in frame.events]
        assert kinds == ["conversation", "message"]
        context.put(watch)  # again, harmlessly
        await context.next()
        request = pb.Request(number=2, log_out=pb.LogOutRequest())
        context.put(pb.ClientFrame(requests=[request]))
        await until(lambda: bool(hub.pending))
        hub.apply()
        frame = await context.next()
        assert frame.error.code == 16
        assert not hub.newsroom.presence("ann").attached
    assert not hub.newsroom.wants_news


async def test_watching_needs_a_session() -> None:
    async with session() as (hub, context, _):
        context.put(pb.ClientFrame(client_id=CLIENT, watch=pb.WatchRequest()))
        assert (await context.next()).error.code == 16
        assert not hub.newsroom.wants_news


async def test_no_ghost_stays_when_the_stream_breaks() -> None:
    async with session() as (hub, context, task):
        watch = pb.ClientFrame(client_id=CLIENT, token=TOKEN, watch=pb.WatchRequest())
        watch.receive.after_message_id = 0
        context.put(watch)
        await until(lambda: hub.newsroom.presence("ann").attached)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not hub.newsroom.presence("ann").attached
        assert hub.newsroom.presence("ann").last_seen_ms > 0


async def test_a_large_answer_has_a_frame_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "READS_MAX", 2)
    async with session() as (hub, context, _):
        context.put(columns(1, ["ann"], ["x" * 2_000]))
        await until(lambda: bool(hub.pending))
        hub.apply()
        await context.next()
        context.reads.clear()
        frame = pb.ClientFrame()
        for number in range(2, 8):
            read = pb.ReadHistoryRequest(conversation=pb.Conversation(account="ann"))
            frame.requests.add(number=number, read_history=read)
        context.put(frame)
        context.put(pb.ClientFrame(requests=[a_room(9)]))
        await until(lambda: context.waiting)
        assert hub.pending == [], "what comes behind waits until the answers are read"
        context.reads.set()
        numbers: list[int] = []
        while len(numbers) < 6:
            answers = (await context.next()).responses
            assert len(answers) == 1
            numbers += [answer.number for answer in answers]
        assert sorted(numbers) == list(range(2, 8))
        await until(lambda: bool(hub.pending))
