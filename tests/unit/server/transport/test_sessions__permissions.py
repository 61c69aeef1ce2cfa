"""Who may say and hear what on a stream: columns, messages and events, by every relation.

As in test_requests__permissions.py, where the relations and what there is are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
import grpc.aio
import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_proto import chat_pb2_grpc
from ringchat_server.newsroom import Told
from ringchat_server.transport.sessions import Session
from tests.unit.server.transport.crew import Crew, code_of, in_room, token_for
from tests.unit.server.transport.fake_host import served, until
from tests.unit.server.transport.test_requests__permissions import (
    PEOPLE,
    RELATIONS,
    SECRET,
    WITHOUT_SESSION,
    Place,
    furnished,
)
from tests.unit.server.transport.test_sessions import CLIENT, FakeContext

END = "the end"
INSIDE = ("member", "owner")


def test_every_part_of_a_frame_is_looked_at() -> None:
    """Requests have a table of their own."""
    parts = set(pb.ClientFrame.DESCRIPTOR.fields_by_name) - {"client_id", "token", "requests"}
    assert parts == {"sends", "receive", "watch"}


def token_of(relation: str) -> str | None:
    """What is shown; None for nothing."""
    if relation == "not logged in":
        return None
    return "forged" if relation == "forged" else token_for(relation)


class Line(NamedTuple):
    """A session, and the place it may be about."""

    crew: Crew
    place: Place
    context: FakeContext


@asynccontextmanager
async def line(relation: str) -> AsyncIterator[Line]:
    """A session of somebody of that relation, who has shown what token he has."""
    crew, context = Crew(*PEOPLE), FakeContext()
    place, token = await furnished(crew), token_of(relation)
    task = asyncio.create_task(Session(crew, crew.desk, context).run())  # type: ignore[arg-type]
    try:
        context.put(pb.ClientFrame(client_id=CLIENT, token=token))
        assert await context.next() == pb.ServerFrame()
        yield Line(crew, place, context)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        crew.search.close()
    assert crew.watchers == []
    assert crew.guests == []


# ------------------------------------------------------------------------ columns

Codes = dict[str, tuple[int, ...]]


class Columns(NamedTuple):
    sends: Callable[[Place], pb.Sends]
    expected: Codes


def each(*codes: int, **others: tuple[int, ...]) -> Codes:
    """Of each text; nobody sends without a session."""
    nothing = dict.fromkeys(WITHOUT_SESSION, (16,) * len(codes))
    return {**dict.fromkeys(RELATIONS, codes), **nothing, **others}


COLUMNS: dict[str, Columns] = {
    "to the room": Columns(
        lambda place: pb.Sends(room=place.room, text=["x", "y"]),
        each(5, 5, invited=(7, 7), member=(0, 0), owner=(0, 0)),
    ),
    "one to the room": Columns(
        lambda place: pb.Sends(room=place.room, text=["x"]),
        each(5, invited=(7,), member=(0,), owner=(0,)),
    ),
    "to a public room": Columns(
        lambda place: pb.Sends(room=place.open, text=["x", "y"]), each(7, 7, owner=(0, 0))
    ),
    "to no room": Columns(lambda place: pb.Sends(room=place.open + 1, text=["x", "y"]), each(5, 5)),
    "to the owner": Columns(
        lambda _: pb.Sends(to=["owner"], text=["x", "y"]), each(0, 0, blocked=(7, 7))
    ),
    "to several": Columns(
        lambda _: pb.Sends(to=["eve", "owner", "deleted", "eve"], text=["x", "y", "z", "x"]),
        each(0, 0, 5, 0, blocked=(0, 7, 5, 0)),
    ),
}


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("what", COLUMNS)
async def test_each_of_the_columns_is_answered_as_its_sender_stands(
    what: str, relation: str
) -> None:
    columns = COLUMNS[what]
    expected = columns.expected[relation]
    async with line(relation) as (crew, place, context):
        before = crew.chat.export()
        sends = columns.sends(place)
        sends.number = 1
        context.put(pb.ClientFrame(sends=sends))
        found: dict[int, int] = {}
        while len(found) < len(expected):
            frame = await context.next()
            found.update((one.number, code_of(one)) for one in frame.responses)
            for one in frame.receipts:
                found.update((one.number + at, 0) for at in range(one.count))
        assert tuple(found[number] for number in sorted(found)) == expected
        if all(expected):
            assert crew.chat.export()[7:] == before[7:], "a refused one changes nothing"


# ----------------------------------------------------------------------- messages

ONCE = ["once"] * 3
"""Of those who are or were there, one's own left out."""
HEARD: dict[str, list[str]] = {
    "member": [*ONCE, f"it is {SECRET}", f"{SECRET} again"],
    "owner": [*ONCE, f"it is {SECRET}", "before it was blocked", f"{SECRET} again"],
}
"""What is received, of all that was said and is said; nothing by the others."""


async def go_on(crew: Crew, place: Place, relation: str) -> None:
    """All kinds of things happen; the last of them concerns that one for sure."""
    await crew.sends("author", place.room, f"{SECRET} again")
    edit = pb.EditMessageRequest(
        conversation=in_room(place.room), message_id=place.message, text=f"it was {SECRET}"
    )
    await crew.says("author", "edit_message", edit)
    typing = pb.SetTypingRequest(conversation=in_room(place.room))
    await crew.says("author", "set_typing", typing)
    mark = pb.MarkReadRequest(conversation=in_room(place.room), up_to_message_id=place.message)
    await crew.says("member", "mark_read", mark)
    if relation != "owner":
        await crew.sends("owner", place.open, f"{SECRET} for those who have joined")
        crew.newsroom.watch(crew.chat, "owner", Deaf())
    change = pb.ChangeRoomRequest(room=place.room, topic=f"about {SECRET}")
    await crew.says("owner", "change_room", change)
    await crew.sends("eve", relation, END)


class Deaf:
    """Is there, and hears nothing."""

    def told(self, news: Told) -> None:
        pass


@pytest.mark.parametrize("after_id", [0, 1])
@pytest.mark.parametrize("relation", RELATIONS)
async def test_a_session_receives_what_its_account_may_read(relation: str, after_id: int) -> None:
    async with line(relation) as (crew, place, context):
        receive = pb.ReceiveMessagesRequest(after_message_id=after_id)
        context.put(pb.ClientFrame(receive=receive))
        if relation in WITHOUT_SESSION:
            frame = await context.next()
            assert (frame.error.code, len(frame.messages)) == (16, 0)
            assert crew.watchers == []
            return
        texts: list[str] = []
        await until(lambda: bool(crew.watchers))
        going_on = asyncio.create_task(go_on(crew, place, relation))
        while END not in texts:
            texts += (one.text for one in (await context.next()).messages)
        await going_on
        assert texts == [*HEARD.get(relation, []), END]


@pytest.mark.parametrize("relation", RELATIONS)
async def test_receive_messages_gives_what_its_account_may_read(relation: str) -> None:
    crew = Crew(*PEOPLE)
    place = await furnished(crew)
    token = token_of(relation)
    metadata = None if token is None else (("authorization", f"Bearer {token}"),)
    async with served(crew) as address, grpc.aio.insecure_channel(address) as channel:
        stub: Any = chat_pb2_grpc.ChatStub(channel)
        call = stub.ReceiveMessages(pb.ReceiveMessagesRequest(), metadata=metadata)
        if relation in WITHOUT_SESSION:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await asyncio.wait_for(call.read(), 10)
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        else:
            texts: list[str] = []
            await until(lambda: bool(crew.watchers))
            going_on = asyncio.create_task(go_on(crew, place, relation))
            while END not in texts:
                texts.append((await asyncio.wait_for(call.read(), 10)).text)
            await going_on
            assert texts == [*HEARD.get(relation, []), END]
            call.cancel()
    crew.search.close()


# ------------------------------------------------------------------------- events

EVENTS: dict[str, set[str]] = {
    "member": {"message", "changed", "typing", "mark", "presence", "conversation"},
    "owner": {"message", "changed", "typing", "mark", "conversation"},
}
"""Kinds of what is told of all that `go_on` does, but for the end; to the others nothing is.

That the owner has come he is not told himself.
"""


@pytest.mark.parametrize("relation", RELATIONS)
async def test_who_watches_is_told_what_he_may_see(relation: str) -> None:
    async with line(relation) as (crew, place, context):
        context.put(pb.ClientFrame(watch=pb.WatchRequest()))
        frame = await context.next()
        if relation in WITHOUT_SESSION:
            assert (frame.error.code, len(frame.events)) == (16, 0)
            assert not crew.newsroom.wants_news
            return
        going_on = asyncio.create_task(go_on(crew, place, relation))
        events: list[pb.Event] = []
        while not any(event.message.text == END for event in events):
            events += (await context.next()).events
        await going_on
        about = [event for event in events if "eve" not in str(event)]
        assert {event.WhichOneof("kind") or "" for event in about} == EVENTS.get(relation, set())
        if relation not in INSIDE:
            assert SECRET not in str(about)


@pytest.mark.parametrize("how", ["removed", "left"])
async def test_who_goes_while_he_hears_is_told_no_more(how: str) -> None:
    async with line("member") as (crew, place, context):
        receive = pb.ReceiveMessagesRequest()
        context.put(pb.ClientFrame(receive=receive, watch=pb.WatchRequest()))
        frames = [await context.next()]
        if how == "removed":
            put_out = pb.RemoveFromRoomRequest(room=place.room, account="member")
            await crew.says("owner", "remove_from_room", put_out)
        else:
            await crew.says("member", "leave_room", pb.LeaveRoomRequest(room=place.room))
        await crew.sends("author", place.room, f"{SECRET} again")
        await crew.sends("eve", "member", END)
        while not any(one.text == END for one in frames[-1].messages):
            frames.append(await context.next())
        assert f"{SECRET} again" not in str(frames)
        gone = [event.gone.room for frame in frames for event in frame.events if event.gone.room]
        assert gone == [place.room]
