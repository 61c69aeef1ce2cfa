"""Events as they happen, across failovers.

Each `events` has a stream of its own, as each `receive_messages` has. What happens while there
is none is not told afterwards: so `Attached` stands at the beginning of each, and means that
what is shown has to be read anew. It must not come before the server watches, or what happens
between the reading and the watching would be lost. A server answers the frames of a stream in
their order: so an empty frame follows the one that asks, and its echo says that both are taken.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator

from ringchat_client.connection import Connection
from ringchat_client.converting import event_of
from ringchat_client.receiving import next_frame, write_frame
from ringchat_client.ring import BACKOFF_FIRST_SECONDS, BACKOFF_MAX_SECONDS
from ringchat_client.values import Attached, Event
from ringchat_proto import chat_pb2 as pb

__all__ = ["watch"]


async def watch(connection: Connection, token: str) -> AsyncGenerator[Event, None]:
    """What happens in the conversations of the token's account.

    Ends when the connection is closed.

    Raises:
        RingchatError: what the server says of the token or of its limits.
    """
    pause_seconds = BACKOFF_FIRST_SECONDS
    while (stub := await connection.attached()) is not None:
        call = stub.Session()
        try:
            opening = pb.ClientFrame(client_id=os.urandom(16), token=token)
            opening.watch.SetInParent()
            if await write_frame(call, opening) and await write_frame(call, pb.ClientFrame()):
                attached = False
                while (frame := await next_frame(call)) is not None:
                    pause_seconds = BACKOFF_FIRST_SECONDS
                    if not attached:
                        attached = True
                        yield Attached()
                    for told in frame.events:
                        if (event := event_of(told)) is not None:
                            yield event
        finally:
            call.cancel()
        # Mostly the other stream broke too, and `attached` waits. If not, do not hurry.
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, BACKOFF_MAX_SECONDS)
