"""Listings that come in pages: all of one, or the first of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ringchat_proto import chat_pb2 as pb

__all__ = ["listed"]


async def listed(
    ask: Callable[[pb.Request], Awaitable[pb.Response]],
    request: pb.Request,
    what: str,
    limit: int | None = None,
) -> list[Any]:
    """What the pages hold in their field `what`, at most `limit` of it; no page more is asked for.

    Only a page without a token is the last: any other may be short, or empty.
    """
    kind = request.WhichOneof("kind")
    assert kind is not None
    found: list[Any] = []
    while True:
        page = getattr(await ask(request), kind)
        found += getattr(page, what)
        if not page.next_page_token or (limit is not None and len(found) >= limit):
            return found[:limit]
        asked, request = request, pb.Request()
        request.CopyFrom(asked)
        getattr(request, kind).page_token = page.next_page_token
