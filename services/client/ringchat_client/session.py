"""The requests of one client: numbered, put into frames, matched with answers, sent again.

`Session` outlives the streams that carry it. It does no I/O: `connection.py`
opens a stream, calls `begin_stream`, writes what `next_frame` gives, and hands
each frame that arrives to `take`.

A write gets its number when it is first put into a frame, not when it is
submitted. So a request whose deadline passes in the queue leaves no hole in
the client's sequence, and is *certainly not done*.

Two windows hold back a frame. The server keeps at most 1,024 requests of a
stream unanswered. And it keeps answers only for the newest 1,024 numbers of a
client, so no number may run further than that ahead of the oldest unanswered
one: otherwise, after a failover, that one's answer might be gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from ringchat_client.errors import UNAVAILABLE_CODE, error_of
from ringchat_client.values import Receipt, time_of
from ringchat_proto import chat_pb2 as pb

__all__ = [
    "CLIENT_ID_BYTES",
    "FIRST_READ_TAG",
    "FRAME_BYTES_MAX",
    "WINDOW",
    "Answer",
    "Pending",
    "Post",
    "Send",
    "Session",
]

Answer = pb.Response | Receipt
"""To a `Send` or a `Post`, a receipt; to any other request, the response itself."""

CLIENT_ID_BYTES = 16
WINDOW = 1024
"""Unanswered requests of a stream, and how far numbers run ahead of the oldest of them."""
FRAME_BYTES_MAX = 1 << 20
"""Where a frame is closed; one request is always let in (the server takes 4 MiB)."""
UTF8_CHAR_BYTES_MAX = 4
FIRST_READ_TAG = 1 << 62
"""Reads are tagged from here on: a read must not take a number of the writes' sequence."""


class Send(NamedTuple):
    """A message for somebody. Those of a frame travel in columns."""

    to: str
    text: str


class Post(NamedTuple):
    """A message in a room. Those of one room travel in a column."""

    room: int
    text: str


class Pending:
    """One request that waits for its answer."""

    __slots__ = ("future", "number", "request", "size_bytes", "token", "write")

    def __init__(
        self,
        request: pb.Request | Send | Post,
        token: str,
        write: bool,
        future: asyncio.Future[Answer],
    ) -> None:
        self.request = request
        self.token = token  # the session that it acts under, whatever the client does later
        self.write = write
        self.future = future
        self.number = 0  # 0: it was never put into a frame, and its caller did not name it
        if isinstance(request, Send):
            self.size_bytes = UTF8_CHAR_BYTES_MAX * (len(request.to) + len(request.text))
        elif isinstance(request, Post):
            self.size_bytes = UTF8_CHAR_BYTES_MAX * len(request.text)
        else:
            self.size_bytes = request.ByteSize()


class Session:
    """All requests of one client, in order, over any number of streams.

    Not thread-safe: it belongs to one event loop.
    """

    def __init__(self, client_id: bytes, token: str = "") -> None:
        assert len(client_id) == CLIENT_ID_BYTES
        self.client_id = client_id
        self.token = token
        """The token that requests submitted from now on act under; "" for none."""
        self._last_number = 0
        self._last_read_tag = FIRST_READ_TAG
        self._queue: deque[Pending] = deque()
        self._again: deque[Pending] = deque()  # goes before the queue, in the order of old
        self._unanswered: dict[int, Pending] = {}  # in the order of first writing
        self._outstanding = 0  # of this stream: the server's count, abandoned ones included
        self._opened = False
        self._stream_token = ""

    @property
    def outstanding(self) -> int:
        """Requests written to the current stream that it has not answered."""
        return self._outstanding

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return not (self._queue or self._again or self._unanswered)

    # ---------------------------------------------------------------- requests

    def submit(self, request: pb.Request | Send | Post, *, write: bool) -> Pending:
        """Queue a request; its answer, or its error, will be the result of `.future`."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        pending = Pending(request, self.token, write, future)
        self._queue.append(pending)
        return pending

    def submit_again(self, old: Pending) -> Pending:
        """Queue a request that was abandoned, under the number that it had."""
        assert old.write
        assert old.number > 0
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        pending = Pending(old.request, old.token, True, future)
        pending.number = old.number
        self._queue.append(pending)
        return pending

    def abandon(self, pending: Pending) -> None:
        """Nobody waits for this one any more: do not send it (again)."""
        pending.future.cancel()
        if self._unanswered.get(pending.number) is pending:
            del self._unanswered[pending.number]

    def abandon_all(self) -> list[Pending]:
        """Give up every request, and say which."""
        everyone = [*self._unanswered.values(), *self._queue]
        self._queue.clear()
        self._again.clear()
        self._unanswered.clear()
        return [pending for pending in everyone if not pending.future.done()]

    # ------------------------------------------------------------------ frames

    def begin_stream(self) -> None:
        """A new stream: everything unanswered goes first, same numbers, same order."""
        self._opened = False
        self._outstanding = 0
        for number in [n for n, pending in self._unanswered.items() if pending.future.done()]:
            del self._unanswered[number]
        self._again = deque(self._unanswered.values())

    def next_frame(self) -> pb.ClientFrame | None:
        """The next frame to write to the stream, or None if nothing can be written now.

        The first of a stream always exists: it carries the client id.
        """
        frame = pb.ClientFrame()
        opening = not self._opened
        if opening:
            frame.client_id = self.client_id
            first = self._peek()
            self._stream_token = first.token if first is not None else self.token
            if self._stream_token:
                frame.token = self._stream_token
            self._opened = True
        added = self._fill(frame)
        return frame if added or opening else None

    def _fill(self, frame: pb.ClientFrame) -> int:
        """Put requests into a frame as far as its size and the windows allow."""
        oldest = next((n for n in self._unanswered if n < FIRST_READ_TAG), self._last_number + 1)
        number_max = oldest + WINDOW - 1
        sends: list[Send] = []
        posts: list[Post] = []
        first_number = size_bytes = added = 0
        while self._outstanding < WINDOW and (pending := self._peek()) is not None:
            if added and size_bytes + pending.size_bytes > FRAME_BYTES_MAX:
                break
            request, number = pending.request, pending.number or self._next_number(pending)
            if pending.number == 0 and pending.write and number > number_max:
                break  # before the token: a frame with nothing in it is not written
            if pending.token != self._stream_token:
                if added:
                    break  # a token holds for a whole frame
                frame.token = self._stream_token = pending.token
            if isinstance(request, Send):
                if added > len(sends) or (sends and number != first_number + len(sends)):
                    break  # its place is before the frame's other requests, its numbers in a row
                first_number = first_number or number
                sends.append(request)
            elif isinstance(request, Post):
                if added > len(posts) or (
                    posts and (number != first_number + len(posts) or request.room != posts[0].room)
                ):
                    break
                first_number = first_number or number
                posts.append(request)
            else:
                request.number = number
                frame.requests.append(request)
            self._take_number(pending, number)
            (self._again or self._queue).popleft()
            self._unanswered[number] = pending
            size_bytes += pending.size_bytes
            self._outstanding += 1
            added += 1
        if sends:
            receivers, texts = zip(*sends, strict=True)
            alike = receivers.count(receivers[0]) == len(receivers)
            frame.sends.number = first_number
            frame.sends.to.extend(receivers[:1] if alike else receivers)
            frame.sends.text.extend(texts)
        elif posts:
            frame.sends.number = first_number
            frame.sends.room = posts[0].room
            frame.sends.text.extend(post.text for post in posts)
        return added

    def _peek(self) -> Pending | None:
        """The next request to write; those that were given up are dropped on the way."""
        while line := self._again or self._queue:
            if not line[0].future.done():
                return line[0]
            line.popleft()
        return None

    def _next_number(self, pending: Pending) -> int:
        return (self._last_number if pending.write else self._last_read_tag) + 1

    def _take_number(self, pending: Pending, number: int) -> None:
        if pending.number:
            return
        pending.number = number
        if pending.write:
            self._last_number = number
        else:
            self._last_read_tag = number

    # ----------------------------------------------------------------- answers

    def take(self, frame: pb.ServerFrame) -> str | None:
        """Give the answers in a frame to those who wait.

        Returns why the stream is of no use any more, if an answer says so: the replica
        cannot reach a master. Such a request stays unanswered, to be sent again.
        """
        useless: str | None = None
        for receipts in frame.receipts:
            self._take_receipts(receipts)
        for response in frame.responses:
            number = response.number
            self._outstanding -= 1
            pending = self._unanswered.get(number)
            if pending is None or pending.future.done():
                self._unanswered.pop(number, None)
                continue
            if response.HasField("error"):
                error = response.error
                if error.code == UNAVAILABLE_CODE:
                    useless = error.message or "the replica reaches no master"
                    continue
                pending.future.set_exception(error_of(error.code, error.message))
            else:
                pending.future.set_result(response)
            del self._unanswered[number]
        return useless

    def _take_receipts(self, receipts: pb.Receipts) -> None:
        sent_at, message_id = time_of(receipts.sent_at_ms), receipts.message_id
        self._outstanding -= receipts.count
        for number in range(receipts.number, receipts.number + receipts.count):
            pending = self._unanswered.pop(number, None)
            if pending is not None and not pending.future.done():
                pending.future.set_result(Receipt(message_id, sent_at))
            message_id += 1
