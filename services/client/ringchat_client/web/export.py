"""The export as a stream: piece by piece, never all of it in memory.

It is the same object as `Client.export` gives. What is found out before the first piece
(that nobody is logged in, that there is no master) can still be told with a status; what goes
wrong later cuts the answer off, so that no browser takes it for all there is.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ringchat_client.client import Client
from ringchat_client.errors import NotFound, PermissionDenied, RingchatError
from ringchat_client.exporting import json_ready
from ringchat_client.values import Conversation, Message

__all__ = ["Export", "pieces"]

log = logging.getLogger(__name__)

PAGE = 200
CALL_SECONDS_MAX = 30.0
BEFORE_ALL = 1
"""Less than the id of any message."""


async def pieces(client: Client) -> AsyncGenerator[str, None]:
    """The JSON in pieces, none larger than a page of messages. Raises what the calls raise."""
    profile = await client.profile(timeout=CALL_SECONDS_MAX)
    sessions = await client.sessions(timeout=CALL_SECONDS_MAX)
    conversations = await client.conversations(timeout=CALL_SECONDS_MAX)
    yield f'{{"profile": {_json(profile)},\n"sessions": {_json(sessions)},\n"conversations": ['
    between = "\n"
    for conversation in conversations:
        messages = _messages(client, conversation)
        try:
            first = await anext(messages)
        except (NotFound, PermissionDenied):
            continue  # put out of it meanwhile
        head = json_ready(conversation)
        del head["newest"]  # it is the last of these
        yield f'{between}{json.dumps(head, ensure_ascii=False)[:-1]}, "messages": ['
        between = ",\n"
        yield ",\n".join(map(_json, first))
        try:
            async for page in messages:
                yield "".join(f",\n{_json(message)}" for message in page)
        except (NotFound, PermissionDenied):
            log.info("put out of a conversation while it was exported")
        yield "]}"
    yield "]}\n"


def _json(value: object) -> str:
    return json.dumps(json_ready(value), ensure_ascii=False)


async def _messages(
    client: Client, conversation: Conversation
) -> AsyncGenerator[tuple[Message, ...], None]:
    """By the page, oldest first; one page at least."""
    if conversation.invited_by:  # who is only invited sees none
        yield ()
        return
    after, more = BEFORE_ALL, True
    while more:
        page = await client.history(
            conversation.name, after=after, limit=PAGE, timeout=CALL_SECONDS_MAX
        )
        yield page.messages
        more = page.more and bool(page.messages)
        after = page.messages[-1].id if page.messages else after


class Export(StreamingResponse):
    """The answer: what was made of it already, and the rest as it is read."""

    def __init__(
        self,
        first: str,
        rest: AsyncGenerator[str, None],
        seconds_max: float,
        ended: Callable[[], None],
    ) -> None:
        super().__init__(
            self._all(first, rest),
            media_type="application/json",
            headers={
                "Content-Disposition": 'attachment; filename="ringchat.json"',
                "Cache-Control": "no-store",
            },
        )
        self._rest = rest
        self._seconds_max = seconds_max
        self._ended = ended

    @staticmethod
    async def _all(first: str, rest: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        yield first
        async for piece in rest:
            yield piece

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Without its end, the server cuts the connection."""
        try:
            async with asyncio.timeout(self._seconds_max):
                await super().__call__(scope, receive, send)
        except (RingchatError, TimeoutError) as error:
            log.warning("an export was cut off: %s", str(error) or "it took too long")
        finally:
            try:
                await self._rest.aclose()
            finally:
                self._ended()
