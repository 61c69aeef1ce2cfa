"""A session over a context that is a fake: frames are put in and taken out by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answer, Chat, verification
from ringchat_server.records import Entry, Proposal
from ringchat_server.transport import sessions
from ringchat_server.transport.requests import Desk, NotServing, Sink, now_ms
from ringchat_server.transport.secrets import Passwords, token_hash, token_of
from ringchat_server.transport.sessions import Guest, Session

KEY = b"a cluster key"
CLIENT = b"c" * 16
TOKEN = token_of(b"n" * 32, KEY)


class FakeHub:
    """A node of one replica: writes are applied when `apply` is called."""

    def __init__(self) -> None:
        self.chat = Chat()
        self.cluster_key = KEY
        self.guests: list[Guest] = []
        self.watchers: list[tuple[str, Callable[[], None]]] = []
        self.pending: list[tuple[Proposal, str, Sink]] = []
        self.gone = ""
        hashed = token_hash(TOKEN)
        for number, request in enumerate(
            (
                ("create", "ann", "not a hash"),
                ("login", "ann", verification("not a hash"), hashed, b"n" * 32),
            ),
            1,
        ):
            self.enter(Proposal(b"x" * 16, number, "", b"", request))

    def enter(self, proposal: Proposal) -> Answer:
        entry = Entry(0, now_ms(), *proposal)
        return self.chat.apply(self.chat.applied_index + 1, entry)

    def submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        self.pending.append((proposal, kind, sink))

    def apply(self) -> None:
        for proposal, kind, sink in self.pending:
            sink.answered(proposal.number, kind, self.enter(proposal))
        self.pending.clear()
        for _, wake in self.watchers:
            wake()

    def full(self) -> bool:
        return False

    def view_of(self, message_id: int) -> int:
        return 0

    async def confirm_read(self) -> None:
        if self.gone:
            raise NotServing(self.gone)

    def attach(self, guest: Guest) -> None:
        self.guests.append(guest)

    def detach(self, guest: Guest) -> None:
        self.guests.remove(guest)

    def watch(self, account: str, wake: Callable[[], None]) -> None:
        self.watchers.append((account, wake))

    def unwatch(self, account: str, wake: Callable[[], None]) -> None:
        if (account, wake) in self.watchers:
            self.watchers.remove((account, wake))


class FakeContext:
    """What gRPC would give: `put` is the client's side of it."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes | object] = asyncio.Queue()
        self.written: asyncio.Queue[pb.ServerFrame] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.aborted: tuple[grpc.StatusCode, str] | None = None

    async def read(self) -> bytes | object:
        return await self.frames.get()

    async def write(self, data: bytes) -> None:
        await self.reads.wait()
        self.written.put_nowait(pb.ServerFrame.FromString(data))

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        self.aborted = (code, details)
        raise grpc.aio.AbortError(details)

    def put(self, frame: pb.ClientFrame) -> None:
        self.frames.put_nowait(frame.SerializeToString())

    def end(self) -> None:
        self.frames.put_nowait(grpc.aio.EOF)

    async def next(self) -> pb.ServerFrame:
        return await asyncio.wait_for(self.written.get(), 5)


@asynccontextmanager
async def session() -> AsyncIterator[tuple[FakeHub, FakeContext, asyncio.Task[None]]]:
    hub, context = FakeHub(), FakeContext()
    desk = Desk(hub, Passwords())
    task = asyncio.create_task(Session(hub, desk, context).run())  # type: ignore[arg-type]
    try:
        yield hub, context, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert hub.guests == []
    assert hub.watchers == []


def sends(*numbers: int, client_id: bytes = CLIENT) -> pb.ClientFrame:
    frame = pb.ClientFrame(client_id=client_id, token=TOKEN)
    for number in numbers:
        message = pb.SendMessageRequest(to="ann", text=f"text {number}")
        frame.requests.add(number=number, send_message=message)
    return frame


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_many_requests_one_frame_of_answers() -> None:
    async with session() as (hub, context, _):
        context.put(sends(*range(1, 101)))
        await until(lambda: len(hub.pending) == 100)
        hub.apply()
        frame = await context.next()
        assert [response.number for response in frame.responses] == list(range(1, 101))
        ids = [response.send_message.message_id for response in frame.responses]
        assert ids == list(range(3, 103))


async def test_an_empty_frame_is_echoed() -> None:
    async with session() as (_, context, _task):
        context.put(pb.ClientFrame(client_id=CLIENT))
        assert await context.next() == pb.ServerFrame()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff" * 10, grpc.StatusCode.INVALID_ARGUMENT),
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
        (pb.ClientFrame(client_id=b"short").SerializeToString(), grpc.StatusCode.INVALID_ARGUMENT),
        (sends(*range(1, 1026)).SerializeToString(), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_a_bad_frame_ends_the_session(data: bytes, code: grpc.StatusCode) -> None:
    async with session() as (hub, context, task):
        context.frames.put_nowait(data)
        with pytest.raises(grpc.aio.AbortError):
            await asyncio.wait_for(task, 5)
        assert context.aborted is not None and context.aborted[0] is code
        assert hub.pending == []


async def test_the_client_id_cannot_change() -> None:
    async with session() as (_, context, task):
        context.put(sends(1))
        context.put(sends(2, client_id=b"d" * 16))
        with pytest.raises(grpc.aio.AbortError):
            await asyncio.wait_for(task, 5)


async def test_more_in_flight_than_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "IN_FLIGHT_MAX", 3)
    async with session() as (hub, context, _):
        context.put(sends(1, 2, 3, 4, 5))
        frame = await context.next()
        assert [(r.number, r.error.code) for r in frame.responses] == [(4, 8), (5, 8)]
        hub.apply()
        assert [r.number for r in (await context.next()).responses] == [1, 2, 3]


async def test_messages_come_as_they_are_applied_and_not_before_there_is_room() -> None:
    async with session() as (hub, context, _):
        frame = sends(1, 2)
        frame.receive.after_message_id = 0
        context.put(frame)
        await until(lambda: len(hub.pending) == 2)
        context.reads.clear()
        hub.apply()
        for _ in range(5):
            await asyncio.sleep(0)
        context.put(sends(3))
        await until(lambda: bool(hub.pending))
        hub.apply()  # a receiver that does not read holds nothing of this up
        context.reads.set()
        texts: list[str] = []
        while len(texts) < 3:
            texts += [message.text for message in (await context.next()).messages]
        assert texts == ["text 1", "text 2", "text 3"]


async def test_receiving_needs_a_session_and_ends_with_it() -> None:
    async with session() as (hub, context, _):
        opening = pb.ClientFrame(client_id=CLIENT, token="A" * 43)
        opening.receive.after_message_id = 0
        context.put(opening)
        assert (await context.next()).error.code == 16
        again = pb.ClientFrame(token=TOKEN)
        again.receive.after_message_id = 0
        context.put(again)
        await until(lambda: bool(hub.watchers))
        out = Proposal(b"y" * 16, 1, "ann", token_hash(TOKEN) or b"", ("logout",))
        hub.enter(out)
        hub.apply()
        assert (await context.next()).error.code == 16


async def test_moved_is_the_last_word() -> None:
    async with session() as (hub, context, task):
        context.put(sends(1))
        await until(lambda: bool(hub.pending))
        hub.guests[0].moved(7, "a newer view")
        frame = await context.next()
        assert (frame.moved.view, frame.moved.reason) == (7, "a newer view")
        await asyncio.wait_for(task, 5)


async def test_after_the_last_request_the_answers_still_come() -> None:
    async with session() as (hub, context, task):
        context.put(sends(1))
        context.end()
        await until(lambda: bool(hub.pending))
        await asyncio.sleep(0)
        assert not task.done()
        hub.apply()
        assert (await context.next()).responses[0].number == 1
        await asyncio.wait_for(task, 5)


async def test_a_client_that_said_all_hears_that_the_master_moved() -> None:
    async with session() as (hub, context, task):
        context.put(sends(1))
        context.end()
        await until(lambda: bool(hub.pending))
        hub.guests[0].moved(7, "a newer view")
        assert (await context.next()).moved.view == 7
        await asyncio.wait_for(task, 5)
