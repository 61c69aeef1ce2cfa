"""The pipelined session: frames of requests in, frames of answers and messages out.

A session has one coroutine that reads and one that writes, whatever the number
of requests in it. Messages are not queued for a receiver: it has a place in its
mailbox and reads on from there when its stream has room, so one that is slow
holds nothing up and costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answers
from ringchat_server.records import SENDS_MAX
from ringchat_server.transport.delivery import Hub, Mailbag, Watching
from ringchat_server.transport.gate import (
    BAD_TOKEN,
    CLIENT_ID_BYTES,
    NOBODY,
    RESOURCE_EXHAUSTED,
    Author,
    NotServing,
    author_of,
    error_response,
)
from ringchat_server.transport.requests import SENDS, Desk, response_of

IN_FLIGHT_MAX = 1_024
"""Requests of one session without an answer."""
FRAME_REQUESTS_MAX = 1_024
NUMBERS = 1 << 64
"""Those that a response can name; the log takes fewer."""
UNREAD_RESPONSES_MAX = 4_096
"""Answers that a client may leave unread before its requests are no longer read."""
READS_MAX = 32
"""Reads of one session that are under way, or whose answers wait to be sent."""
SMALL_BYTES = 1_024
"""A larger answer has a frame of its own, or a client's gRPC would refuse what they make."""


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
        self._reading: set[int] = set()
        self._pages: deque[pb.Response] = deque()
        """Answers that are not small."""
        self._receipts: list[pb.Receipts] = []
        self._echo = False
        self._error: pb.Error | None = None
        self._moved: pb.Moved | None = None
        self._no_more_requests = False
        self._mailbag: Mailbag | None = None
        self._watching: Watching | None = None
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
            self._hear_no_more()

    def _hear_no_more(self) -> None:
        for heard in (self._mailbag, self._watching):
            if heard is not None:
                heard.close()
        self._mailbag = self._watching = None

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
                await self._room_again()

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
        if frame.HasField("watch"):
            self._watch()
        for request in frame.requests:
            while len(self._reading) + len(self._pages) >= READS_MAX:
                await self._room_again()
            self._take(request)
        if not (frame.requests or frame.HasField("sends") or frame.HasField("receive")):
            self._echo = True
            self._wake.set()

    async def _room_again(self) -> None:
        self._room.clear()
        await self._room.wait()

    async def _take_sends(self, sends: pb.Sends) -> None:
        number, to, texts = sends.number, tuple(sends.to), tuple(sends.text)
        receivers = (0,) if sends.room else (1, len(texts))
        if not 0 < len(texts) <= SENDS_MAX or len(to) not in receivers:
            bad = f"sends are 1 to {SENDS_MAX} texts, to a room, to one receiver or one each"
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad)
        if number + len(texts) > NUMBERS:
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, "there is no such number")
        if self._has_room_for(number, len(texts)):
            self._desk.take_sends(
                self._client, number, to, texts, self._author, self, room=sends.room
            )

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
        if self._desk.reads(kind):
            self._reading.add(number)
        self._desk.take(self._client, number, kind, message, self._author, self)

    async def _receive(self, after_id: int) -> None:
        author = self._author
        if author is None or not author.account:
            self._refuse_token()
            return
        try:
            await self._hub.confirm_read()
        except NotServing:
            return  # `moved` has been told, or will be
        before, self._mailbag = (
            self._mailbag,
            Mailbag(self._hub, author, after_id, self._wake.set),
        )
        if before is not None:
            before.close()
        self._wake.set()

    def _watch(self) -> None:
        """From here on: what is asked for behind it in the stream is what it was, or newer."""
        author = self._author
        if author is None or not author.account:
            self._refuse_token()
            return
        before, self._watching = self._watching, Watching(self._hub, author, self._wake.set)
        if before is not None:
            before.close()

    def _refuse_token(self) -> None:
        code, text = BAD_TOKEN
        self._error = pb.Error(code=int(code), message=str(text))
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
        self._reading.discard(response.number)
        if response.ByteSize() > SMALL_BYTES:
            self._pages.append(response)
        else:
            self._out.append(response)
        self._room.set()
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
        page = [self._pages.popleft()] if self._pages else []
        if any(heard is not None and heard.ended() for heard in (self._mailbag, self._watching)):
            self._hear_no_more()
            self._refuse_token()
        messages = self._mailbag.next() if self._mailbag and not self._moved else []
        events = self._watching.next() if self._watching and not (page or self._moved) else []
        error, self._error = self._error, None
        echo, self._echo = self._echo, False
        if not (responses or page or receipts or messages or events or error or echo):
            if self._moved:
                return pb.ServerFrame(moved=self._moved)
            return None
        return pb.ServerFrame(
            responses=responses + page,
            receipts=receipts,
            messages=messages,
            error=error,
            events=events,
        )
