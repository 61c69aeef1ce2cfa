"""Messages as they arrive, across failovers, each whole message once.

Each `receive_messages` has a stream of its own beside the one that carries the
requests. HTTP/2 then holds back a server that is faster than the reader, and no
unread message ever stands before the answer to a request.

After a failover everything undelivered is asked for again, and what this reader
has already had is skipped. It is recognised by the whole message, not by its id:
after a partition has healed, an id may name another message, and one that the
reader has not had may have a smaller id than one that it has acknowledged.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncGenerator

import grpc

from ringchat_client.connection import Connection, StreamCall
from ringchat_client.converting import message_of
from ringchat_client.errors import UNAVAILABLE_CODE, error_of
from ringchat_client.ring import BACKOFF_FIRST_SECONDS, BACKOFF_MAX_SECONDS
from ringchat_client.values import Message
from ringchat_proto import chat_pb2 as pb

__all__ = ["SEEN_MAX", "Seen", "next_frame", "receive", "write_frame"]

OPEN_SECONDS_MAX = 1.0
"""For writing a frame with which a stream begins."""
SEEN_MAX = 65_536
"""Messages remembered as had but not acknowledged: as many as a mailbox holds."""


class Seen:
    """The messages that one reader has had and not acknowledged, as digests."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._order: deque[tuple[int, bytes]] = deque()
        self._views: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._order)

    def add(self, message: pb.Message) -> bool:
        """Remember a message; False if this very message was there already."""
        digest = self._digest(message)
        if digest in self._digests:
            return False
        self._digests.add(digest)
        self._order.append((message.id, digest))
        self._views[message.id] = message.view
        if len(self._order) > SEEN_MAX:
            self._forget_oldest()
        return True

    def view_of(self, message_id: int) -> int | None:
        """The view that ordered a message that was had; None if it is not remembered."""
        return self._views.get(message_id)

    def acknowledged(self, up_to_id: int) -> None:
        """Forget those that the server will not send again."""
        while self._order and self._order[0][0] <= up_to_id:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        message_id, digest = self._order.popleft()
        self._digests.discard(digest)
        self._views.pop(message_id, None)

    @staticmethod
    def _digest(message: pb.Message) -> bytes:
        sender, text = message.sender.encode(), message.text.encode()
        head = f"{message.id} {message.sent_at_ms} {len(sender)} ".encode()
        return hashlib.blake2b(head + sender + text, digest_size=16).digest()


async def receive(
    connection: Connection, token: str, readers: set[Seen]
) -> AsyncGenerator[Message, None]:
    """The undelivered messages of the token's account, then those that arrive.

    Ends when the connection is closed. While it runs, `readers` holds what it has had.

    Raises:
        RingchatError: what the server says of the token or of its limits.
    """
    seen = Seen()
    readers.add(seen)
    pause_seconds = BACKOFF_FIRST_SECONDS
    try:
        while (stub := await connection.attached()) is not None:
            call = stub.Session()
            try:
                opening = pb.ClientFrame(client_id=os.urandom(16), token=token)
                opening.receive.after_message_id = 0
                if await write_frame(call, opening):
                    while (frame := await next_frame(call)) is not None:
                        for message in frame.messages:
                            pause_seconds = BACKOFF_FIRST_SECONDS
                            if seen.add(message):
                                yield message_of(message)
            finally:
                call.cancel()
            # Mostly the other stream broke too, and `attached` waits. If not, do not hurry.
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, BACKOFF_MAX_SECONDS)
    finally:
        readers.discard(seen)


async def write_frame(call: StreamCall, frame: pb.ClientFrame) -> bool:
    """Write a frame with which the stream begins; False if it broke already."""
    try:
        # If the channel closes before the call began, gRPC lets the write wait for ever.
        async with asyncio.timeout(OPEN_SECONDS_MAX):
            await call.write(frame)
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError):
        return False
    except asyncio.CancelledError:
        _raise_if_mine()
        return False
    return True


async def next_frame(call: StreamCall) -> pb.ServerFrame | None:
    """The next frame, or None if the stream is over and another has to be opened."""
    try:
        frame = await call.read()
    except grpc.aio.AioRpcError:
        return None
    except asyncio.CancelledError:
        _raise_if_mine()
        return None
    if not isinstance(frame, pb.ServerFrame) or frame.HasField("moved"):
        return None
    if frame.HasField("error"):
        if frame.error.code == UNAVAILABLE_CODE:
            return None
        raise error_of(frame.error.code, frame.error.message)
    return frame


def _raise_if_mine() -> None:
    """A cancelled read means either that this task is cancelled, or that the channel closed."""
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise asyncio.CancelledError
