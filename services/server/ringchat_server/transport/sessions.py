"""The pipelined session: frames of requests in, frames of answers and messages out.

A session has one coroutine that reads and one that writes, whatever the number
of requests in it. Messages are not queued for a receiver: it has a place in its
mailbox and reads on from there when its stream has room, so one that is slow
holds nothing up and costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answers, Message
from ringchat_server.records import SENDS_MAX
from ringchat_server.transport.requests import (
    BAD_TOKEN,
    CLIENT_ID_BYTES,
    NOBODY,
    RESOURCE_EXHAUSTED,
    SENDS,
    Author,
    Desk,
    Gate,
    NotServing,
    author_of,
    error_response,
    now_ms,
    response_of,
)

IN_FLIGHT_MAX = 1_024
"""Requests of one session without an answer."""
FRAME_REQUESTS_MAX = 1_024
NUMBERS = 1 << 64
"""Those that a response can name; the log takes fewer."""
UNREAD_RESPONSES_MAX = 4_096
"""Answers that a client may leave unread before its requests are no longer read."""
DELIVERY_MESSAGES_MAX = 256
DELIVERY_BYTES_MAX = 1 << 20


class Hub(Gate, Protocol):
    """A gate that also tells of new messages and of the end."""

    def attach(self, guest: Guest) -> None:
        """That guest will be told when this replica stops leading."""
        ...

    def detach(self, guest: Guest) -> None:
        """No longer."""
        ...

    def watch(self, account: str, wake: Callable[[], None]) -> None:
        """Calls `wake` whenever that account has a new message."""
        ...

    def unwatch(self, account: str, wake: Callable[[], None]) -> None:
        """No longer."""
        ...


class Guest(Protocol):
    """Who is served as long as this replica leads."""

    def moved(self, view: int, reason: str) -> None:
        """It does no longer."""
        ...


class Mailbag:
    """One receiver's place in its account's mailbox."""

    def __init__(self, hub: Hub, author: Author, after_id: int, wake: Callable[[], None]) -> None:
        self._hub = hub
        self._author = author
        self._after_id = after_id
        self._wake = wake
        hub.watch(author.account, wake)

    def close(self) -> None:
        """No more messages."""
        self._hub.unwatch(self._author.account, self._wake)

    def ended(self) -> bool:
        """The session has been logged out or has expired."""
        return self._hub.chat.account_of(self._author.session, now_ms()) != self._author.account

    def next(self) -> list[pb.Message]:
        """The messages that come next, as many as fit in a frame."""
        messages = self._hub.chat.undelivered(
            self._author.account, self._after_id, DELIVERY_MESSAGES_MAX, DELIVERY_BYTES_MAX
        )
        if messages:
            self._after_id = messages[-1].id
        return [message_of(message, self._hub.view_of(message.id)) for message in messages]


def message_of(message: Message, view: int) -> pb.Message:
    """A message for its receiver; `view` is the one that ordered it."""
    return pb.Message(
        id=message.id,
        sender=message.sender,
        text=message.text,
        sent_at_ms=message.sent_at_ms,
        view=view,
    )


class Session:
    """One client's stream."""

    def __init__(
        self, hub: Hub, desk: Desk, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> None:
        self._hub = hub
        self._desk = desk
        self._context = context
        self._client = b""
        self._author: Author | None = NOBODY
        self._in_flight = 0
        self._out: list[pb.Response] = []
        self._receipts: list[pb.Receipts] = []
        self._echo = False
        self._error: pb.Error | None = None
        self._moved: pb.Moved | None = None
        self._no_more_requests = False
        self._mailbag: Mailbag | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Serves the stream until the client ends it or this replica stops leading."""
        self._hub.attach(self)
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and not writer.done():
                reader.result()
                self._no_more_requests = True
                self._wake.set()
            # It ends with the last answer, with `moved`, or with the stream.
            await writer
        finally:
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            self._hub.detach(self)
            if self._mailbag:
                self._mailbag.close()

    # ------------------------------------------------------------------ reading

    async def _read(self) -> None:
        while isinstance(data := await self._context.read(), bytes):
            try:
                frame = pb.ClientFrame.FromString(data)
            except DecodeError:
                bad = "not a frame: it cannot be read, or holds text that is not UTF-8"
                await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad)
            await self._take_frame(frame)
            while len(self._out) + len(self._receipts) > UNREAD_RESPONSES_MAX:
                self._room.clear()
                await self._room.wait()

    async def _take_frame(self, frame: pb.ClientFrame) -> None:
        context = self._context
        if frame.client_id and frame.client_id != self._client:
            if self._client or len(frame.client_id) != CLIENT_ID_BYTES:
                bad = f"client_id is {CLIENT_ID_BYTES} bytes, given once, in the first frame"
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad)
            self._client = frame.client_id
        if not self._client:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "the first frame has to carry a client_id"
            )
        if len(frame.requests) > FRAME_REQUESTS_MAX:
            much = f"more than {FRAME_REQUESTS_MAX} requests in a frame"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, much)
        if frame.HasField("token"):
            self._author = author_of(self._hub.chat, frame.token)
        if frame.HasField("receive"):
            await self._receive(frame.receive.after_message_id)
        if frame.HasField("sends"):
            await self._take_sends(frame.sends)
        for request in frame.requests:
            self._take(request)
        if not (frame.requests or frame.HasField("sends") or frame.HasField("receive")):
            self._echo = True
            self._wake.set()

    async def _take_sends(self, sends: pb.Sends) -> None:
        number, to, texts = sends.number, tuple(sends.to), tuple(sends.text)
        if not 0 < len(texts) <= SENDS_MAX or len(to) not in (1, len(texts)):
            bad = f"sends are 1 to {SENDS_MAX} texts, with one receiver for all or one each"
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad)
        if number + len(texts) > NUMBERS:
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, "there is no such number")
        if self._has_room_for(number, len(texts)):
            self._desk.take_sends(self._client, number, to, texts, self._author, self)

    def _has_room_for(self, number: int, count: int) -> bool:
        """Counts the requests of these numbers in, or refuses them."""
        if self._in_flight + count <= IN_FLIGHT_MAX:
            self._in_flight += count
            return True
        much = f"more than {IN_FLIGHT_MAX} requests without an answer in this session"
        refused = range(number, number + count)
        self._out += [error_response(one, RESOURCE_EXHAUSTED, much) for one in refused]
        self._wake.set()
        return False

    def _take(self, request: pb.Request) -> None:
        number = request.number
        if not self._has_room_for(number, 1):
            return
        kind = request.WhichOneof("kind") or ""
        message: Any = getattr(request, kind) if kind else None
        self._desk.take(self._client, number, kind, message, self._author, self)

    async def _receive(self, after_id: int) -> None:
        author = self._author
        if author is None or not author.account:
            code, text = BAD_TOKEN
            self._error = pb.Error(code=int(code), message=str(text))
            self._wake.set()
            return
        try:
            await self._hub.confirm_read()
        except NotServing:
            return  # `moved` has been told, or will be
        if self._mailbag:
            self._mailbag.close()
        self._mailbag = Mailbag(self._hub, author, after_id, self._wake.set)
        self._wake.set()

    # ------------------------------------------------------------------ writing

    def answered(self, kind: str, answers: Answers) -> None:
        """The log has answered requests of this session."""
        for number, count, answer in answers:
            self._in_flight -= count
            match answer:
                case (0, int(first_id), int(sent_at_ms)) if kind == SENDS:
                    receipts = pb.Receipts(number=number, count=count, message_id=first_id)
                    receipts.sent_at_ms = sent_at_ms
                    self._receipts.append(receipts)
                case _:
                    for one in range(number, number + count):
                        self._out.append(response_of(one, kind, answer, self._hub.cluster_key))
        self._wake.set()

    def responded(self, response: pb.Response) -> None:
        """A request of this session has its answer."""
        self._in_flight -= 1
        self._out.append(response)
        self._wake.set()

    def moved(self, view: int, reason: str) -> None:
        """This replica no longer leads."""
        self._moved = pb.Moved(view=view, reason=reason)
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (frame := self._next_frame()) is not None:
                await self._context.write(frame.SerializeToString())
                self._room.set()
                if frame.HasField("moved"):
                    return
            if self._no_more_requests and not self._in_flight:
                return

    def _next_frame(self) -> pb.ServerFrame | None:
        """All that can be said now; None if there is nothing."""
        responses, self._out = self._out[:FRAME_REQUESTS_MAX], self._out[FRAME_REQUESTS_MAX:]
        receipts, self._receipts = self._receipts, []
        mailbag = self._mailbag
        if mailbag is not None and mailbag.ended():
            mailbag.close()
            self._mailbag = mailbag = None
            code, text = BAD_TOKEN
            self._error = pb.Error(code=int(code), message=str(text))
        messages = mailbag.next() if mailbag and not self._moved else []
        error, self._error = self._error, None
        echo, self._echo = self._echo, False
        if not (responses or receipts or messages or error or echo):
            if self._moved:
                return pb.ServerFrame(moved=self._moved)
            return None
        return pb.ServerFrame(
            responses=responses, receipts=receipts, messages=messages, error=error
        )
