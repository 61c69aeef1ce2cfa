"""A session over a context that is a fake: frames are put in and taken out by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answers, verification
from ringchat_server.newsroom import Newsroom, Wake
from ringchat_server.records import SENDS_MAX, Entry, Proposal, message_id
from ringchat_server.search import Hit
from ringchat_server.transport import sessions
from ringchat_server.transport.delivery import Guest
from ringchat_server.transport.gate import NotServing, Sink, now_ms
from ringchat_server.transport.requests import Desk
from ringchat_server.transport.secrets import Passwords, token_hash, token_of
from ringchat_server.transport.sessions import Session
from tests.unit.server.transport.fake_host import empty_chat

KEY = b"a cluster key"
CLIENT = b"c" * 16
TOKEN = token_of(b"n" * 32, KEY)


class FakeHub:
    """A node of one replica: writes are applied when `apply` is called."""

    def __init__(self) -> None:
        self.chat = empty_chat()
        self.newsroom = Newsroom(now_ms)
        self.cluster_key = KEY
        self.guests: list[Guest] = []
        self.watchers: list[tuple[str, Wake]] = []
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

    def enter(self, proposal: Proposal) -> Answers:
        entry = Entry(0, now_ms(), *proposal)
        answers = self.chat.apply(self.chat.applied_index + 1, entry)
        self.newsroom.tell(self.chat, self.chat.take_news())
        return answers

    def submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        self.pending.append((proposal, kind, sink))

    def apply(self) -> None:
        for proposal, kind, sink in self.pending:
            sink.answered(kind, self.enter(proposal))
        self.pending.clear()

    def full(self) -> bool:
        return False

    def view_of(self, message_id: int) -> int:
        return 0

    async def find(
        self, words: str, conversation_ids: Sequence[int], before_id: int, limit: int
    ) -> list[Hit]:
        return []

    async def confirm_read(self) -> None:
        if self.gone:
            raise NotServing(self.gone)

    def attach(self, guest: Guest) -> None:
        self.guests.append(guest)

    def detach(self, guest: Guest) -> None:
        self.guests.remove(guest)

    def watch(self, account: str, wake: Wake) -> None:
        self.watchers.append((account, wake))
        self.newsroom.receive(self.chat, account, wake)

    def unwatch(self, account: str, wake: Wake) -> None:
        self.watchers.remove((account, wake))
        self.newsroom.receive_no_more(self.chat, account, wake)


class FakeContext:
    """What gRPC would give: `put` is the client's side of it."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes | object] = asyncio.Queue()
        self.written: asyncio.Queue[pb.ServerFrame] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.waiting = False
        self.aborted: tuple[grpc.StatusCode, str] | None = None

    async def read(self) -> bytes | object:
        return await self.frames.get()

    async def write(self, data: bytes) -> None:
        self.waiting = not self.reads.is_set()
        await self.reads.wait()
        self.waiting = False
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


def columns(number: int, to: list[str], text: list[str]) -> pb.ClientFrame:
    """The same in columns."""
    sends = pb.Sends(number=number, to=to, text=text)
    return pb.ClientFrame(client_id=CLIENT, token=TOKEN, sends=sends)


def receipts_of(frame: pb.ServerFrame) -> list[tuple[int, int, int]]:
    """(first number, how many, first id); all of them dated."""
    assert all(one.sent_at_ms > 1_700_000_000_000 for one in frame.receipts)
    return [(one.number, one.count, one.message_id) for one in frame.receipts]


def errors_of(frame: pb.ServerFrame) -> list[tuple[int, int]]:
    """(number, status code) of what was refused; nothing else may be among the responses."""
    assert all(response.HasField("error") for response in frame.responses)
    return [(response.number, response.error.code) for response in frame.responses]


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
        assert ids == [message_id(index, 0) for index in range(3, 103)]
        assert not frame.receipts


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


# ------------------------------------------------------------------- messages in columns


async def test_columns_for_one_receiver_are_one_write_and_one_receipt() -> None:
    async with session() as (hub, context, _):
        context.put(columns(1, ["ann"], [f"text {number}" for number in range(1, 101)]))
        await until(lambda: bool(hub.pending))
        [(proposal, kind, _sink)] = hub.pending
        assert (proposal.number, kind) == (1, "sends")
        hub.apply()
        frame = await context.next()
        assert receipts_of(frame) == [(1, 100, message_id(3, 0))]
        assert errors_of(frame) == []
        found = hub.chat.undelivered("ann", 0, 200, 10_000)
        assert [message.text for message in found] == [f"text {n}" for n in range(1, 101)]
        assert frame.receipts[0].sent_at_ms == found[0].sent_at_ms


async def test_columns_for_one_receiver_each_have_receipts_as_runs() -> None:
    async with session() as (hub, context, _):
        context.put(columns(7, ["ann", "ann", "nobody", "ann", "nobody", "nobody"], list("abcdef")))
        await until(lambda: bool(hub.pending))
        hub.apply()
        frame = await context.next()
        assert receipts_of(frame) == [(7, 2, message_id(3, 0)), (10, 1, message_id(3, 3))]
        assert errors_of(frame) == [(9, 5), (11, 5), (12, 5)]


async def test_a_bad_one_in_the_columns_is_refused_alone() -> None:
    async with session() as (hub, context, _):
        context.put(columns(1, ["ann"], ["one", "", "three"]))
        context.put(columns(4, ["ann", "a*", "ann"], ["four", "five", "six"]))
        await until(lambda: len(hub.pending) == 4)
        hub.apply()
        errors: list[tuple[int, int]] = []
        receipts: list[tuple[int, int, int]] = []
        while len(errors) + len(receipts) < 6:
            frame = await context.next()
            errors += errors_of(frame)
            receipts += receipts_of(frame)
        assert errors == [(2, 3), (5, 3)]
        numbers = (1, 3, 4, 6)
        assert receipts == [(n, 1, message_id(i, 0)) for i, n in enumerate(numbers, 3)]
        texts = [message.text for message in hub.chat.undelivered("ann", 0, 9, 99)]
        assert texts == ["one", "three", "four", "six"]


async def test_columns_again_are_answered_from_memory() -> None:
    async with session() as (hub, context, _):
        context.put(columns(1, ["ann", "nobody", "ann"], ["one", "two", "three"]))
        await until(lambda: bool(hub.pending))
        hub.apply()
        first = await context.next()
        context.put(columns(1, ["ann", "nobody", "ann"], ["one", "two", "three"]))
        again = await context.next()
        assert hub.pending == []
        assert receipts_of(again) == receipts_of(first)
        assert again.responses == first.responses
        # With other borders: what is known is answered at once, the rest goes to the log.
        context.put(columns(3, ["ann"], ["three", "four"]))
        assert receipts_of(await context.next()) == receipts_of(first)[-1:]
        await until(lambda: bool(hub.pending))
        hub.apply()
        assert receipts_of(await context.next()) == [(4, 1, message_id(4, 0))]


async def test_more_columns_in_flight_than_allowed_are_refused_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "IN_FLIGHT_MAX", 5)
    async with session() as (hub, context, _):
        context.put(columns(1, ["ann"], list("abc")))
        context.put(columns(4, ["ann"], list("def")))
        assert errors_of(await context.next()) == [(4, 8), (5, 8), (6, 8)]
        context.put(columns(4, ["ann"], list("de")))  # as many as there is room for
        context.put(sends(6))
        assert errors_of(await context.next()) == [(6, 8)]
        assert len(hub.pending) == 2
        hub.apply()
        frame = await context.next()
        assert receipts_of(frame) == [(1, 3, message_id(3, 0)), (4, 2, message_id(4, 0))]
        # All are answered, so there is room for as many again, and no more.
        context.put(columns(6, ["ann", "nobody", "ann", "ann", "ann"], list("fghij")))
        await until(lambda: bool(hub.pending))
        context.put(sends(11))
        assert errors_of(await context.next()) == [(11, 8)]
        hub.apply()
        frame = await context.next()
        assert [(one.number, one.count) for one in frame.receipts] == [(6, 1), (8, 3)]
        assert errors_of(frame) == [(7, 5)]
        context.put(columns(11, ["ann"], list("klmno")))
        await until(lambda: bool(hub.pending))


async def test_as_many_as_columns_may_hold() -> None:
    async with session() as (hub, context, _):
        context.put(columns(1, ["ann"], ["x"] * SENDS_MAX))
        await until(lambda: bool(hub.pending))
        hub.apply()
        assert receipts_of(await context.next()) == [(1, SENDS_MAX, message_id(3, 0))]


@pytest.mark.parametrize(
    ("number", "to", "text"),
    [
        (1, ["ann"], []),
        (1, [], ["one"]),
        (1, [], []),
        (1, ["ann", "ann"], ["one"]),
        (1, ["ann", "ann"], ["one", "two", "three"]),
        (1, ["ann"] * 4, ["one", "two", "three"]),
        (1, ["ann"], ["x"] * (SENDS_MAX + 1)),
        (1, ["ann"] * (SENDS_MAX + 1), ["x"] * (SENDS_MAX + 1)),
        (2**64 - 1, ["ann"], ["one", "two"]),  # the second would have no number
    ],
)
async def test_wrong_columns_end_the_stream(number: int, to: list[str], text: list[str]) -> None:
    async with session() as (hub, context, task):
        context.put(columns(number, to, text))
        with pytest.raises(grpc.aio.AbortError):
            await asyncio.wait_for(task, 5)
        assert context.aborted is not None
        assert context.aborted[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert hub.pending == []


async def test_the_greatest_numbers_there_are_get_an_answer() -> None:
    async with session() as (hub, context, _):
        context.put(columns(2**64 - 2, ["ann"], ["one", "two"]))
        assert errors_of(await context.next()) == [(2**64 - 2, 3), (2**64 - 1, 3)]
        assert hub.pending == []


async def test_columns_are_taken_before_the_requests_of_their_frame() -> None:
    async with session() as (hub, context, _):
        frame = columns(1, ["ann"], ["one", "two"])
        frame.requests.add(number=3, send_message=pb.SendMessageRequest(to="ann", text="three"))
        frame.requests.add(number=4, update_message=pb.UpdateMessageRequest(up_to_message_id=1))
        context.put(frame)
        await until(lambda: len(hub.pending) == 3)
        assert [proposal.number for proposal, _, _ in hub.pending] == [1, 3, 4]
        hub.apply()
        answer = await context.next()
        assert receipts_of(answer) == [(1, 2, message_id(3, 0))]
        one, other = answer.responses
        assert (one.number, one.send_message.message_id) == (3, message_id(4, 0))
        assert (other.number, other.WhichOneof("kind")) == (4, "update_message")
        # The same message, asked for again in the other way: the receipt is that of its first.
        context.put(columns(2, ["ann"], ["two", "three"]))
        assert receipts_of(await context.next()) == [
            (2, 1, message_id(3, 1)),
            (3, 1, message_id(4, 0)),
        ]
        context.put(sends(1))
        [again] = (await context.next()).responses
        assert again.send_message.message_id == message_id(3, 0)


async def test_a_number_of_columns_that_belongs_to_another_request_is_told() -> None:
    async with session() as (hub, context, _):
        frame = pb.ClientFrame(client_id=CLIENT, token=TOKEN)
        frame.requests.add(number=2, update_message=pb.UpdateMessageRequest())
        context.put(frame)
        await until(lambda: bool(hub.pending))
        hub.apply()
        await context.next()
        context.put(columns(2, ["ann"], ["two", "three"]))
        frame_ = await context.next()
        assert errors_of(frame_) == [(2, 3)]
        assert "another request" in frame_.responses[0].error.message
        await until(lambda: bool(hub.pending))


async def test_a_frame_of_columns_is_not_echoed() -> None:
    async with session() as (hub, context, _):
        context.put(columns(1, ["ann"], ["one"]))
        await until(lambda: bool(hub.pending))
        for _ in range(5):
            await asyncio.sleep(0)
        assert context.written.empty()


async def test_after_the_last_columns_the_answers_still_come() -> None:
    async with session() as (hub, context, task):
        context.put(columns(1, ["ann", "nobody", "ann"], ["one", "two", ""]))
        context.put(columns(4, ["ann"], ["four", "five"]))
        context.end()
        await until(lambda: len(hub.pending) == 3)
        assert errors_of(await context.next()) == [(3, 3)]
        assert not task.done()
        hub.apply()
        frame = await context.next()
        assert [(one.number, one.count) for one in frame.receipts] == [(1, 1), (4, 2)]
        assert errors_of(frame) == [(2, 5)]
        await asyncio.wait_for(task, 5)


async def test_without_a_token_each_of_the_columns_is_refused() -> None:
    async with session() as (hub, context, _):
        frame = columns(1, ["ann"], ["one", "two"])
        frame.ClearField("token")
        context.put(frame)
        assert errors_of(await context.next()) == [(1, 16), (2, 16)]
        assert hub.pending == []


async def test_receipts_that_are_not_read_stop_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "UNREAD_RESPONSES_MAX", 2)
    async with session() as (hub, context, _):
        context.reads.clear()
        # One is on its way out, three wait: more than may, before the session reads no more.
        for number in (1, 3, 5, 7):
            context.put(columns(number, ["ann"], ["x", "y"]))
            await until(lambda: bool(hub.pending))
            hub.apply()
            for _ in range(5):
                await asyncio.sleep(0)
        context.put(columns(9, ["ann"], ["x", "y"]))  # it was reading already
        context.put(columns(11, ["ann"], ["x", "y"]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert [proposal.number for proposal, _, _ in hub.pending] == [9]
        context.reads.set()
        await until(lambda: [proposal.number for proposal, _, _ in hub.pending] == [9, 11])
