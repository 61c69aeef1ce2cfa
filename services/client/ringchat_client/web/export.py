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
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ringchat_client.client import Client
from ringchat_client.errors import RingchatError
from ringchat_client.exporting import about, export_pages, json_ready
from ringchat_client.values import ConversationName

__all__ = ["Export", "pieces"]

log = logging.getLogger(__name__)

CALL_SECONDS_MAX = 30.0


async def pieces(client: Client) -> AsyncGenerator[str, None]:
    """The JSON in pieces, none larger than a page of messages. Raises what the calls raise."""
    profile = await client.profile(timeout=CALL_SECONDS_MAX)
    sessions = await client.sessions(timeout=CALL_SECONDS_MAX)
    yield f'{{"profile": {_json(profile)},\n"sessions": {_json(sessions)},\n"conversations": ['
    open_: ConversationName | None = None
    async with aclosing(export_pages(client, lambda: CALL_SECONDS_MAX)) as pages:
        async for conversation, messages in pages:
            rows = ",\n".join(map(_json, messages))
            if conversation.name == open_:
                yield f",\n{rows}" if rows else ""
                continue
            end = "\n" if open_ is None else "]},\n"
            open_ = conversation.name
            head = json.dumps(about(conversation), ensure_ascii=False)[:-1]
            yield f'{end}{head}, "messages": [{rows}'
    yield "]}\n" if open_ is None else "]}]}\n"


def _json(value: object) -> str:
    return json.dumps(json_ready(value), ensure_ascii=False)


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
