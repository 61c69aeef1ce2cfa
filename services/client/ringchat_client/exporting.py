"""Everything that an account has, as built-in values that JSON can hold."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ringchat_client.errors import NotFound, PermissionDenied
from ringchat_client.values import Conversation, ConversationName, Message

if TYPE_CHECKING:
    from ringchat_client.client import Client

__all__ = ["PAGE", "about", "everything", "export_pages", "json_ready"]

PAGE = 200
"""Messages."""
BEFORE_ALL = 1
"""As an id: what every message comes behind, since those begin with 1024."""


def json_ready(value: object) -> Any:
    """A value of the SDK in built-in ones; times become ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: json_ready(getattr(value, field.name)) for field in fields}
    if isinstance(value, (list, tuple)):
        return [json_ready(one) for one in value]
    return value


async def export_pages(
    client: Client, seconds: Callable[[], float]
) -> AsyncGenerator[tuple[Conversation, tuple[Message, ...]], None]:
    """The account's conversations, each with its messages, oldest first, a page at a time.

    For whoever writes them down as they come, and holds no more than a page. A conversation
    comes once for each of its pages, one after the other, and at least once. One that the
    account is put out of meanwhile is left out, or ends with the page before. Raises what the
    client's calls raise.

    Args:
        client: of the account.
        seconds: asked before each call, how long that may take.
    """
    for conversation in await client.conversations(timeout=seconds()):
        if conversation.invited_by:  # who is only invited sees no messages
            yield conversation, ()
            continue
        more, after = True, BEFORE_ALL
        while more:
            try:
                page = await client.history(
                    conversation.name, after=after, limit=PAGE, timeout=seconds()
                )
            except (NotFound, PermissionDenied):
                break
            yield conversation, page.messages
            more = page.more and bool(page.messages)
            after = page.messages[-1].id if more else after


async def everything(client: Client, timeout: float) -> dict[str, Any]:
    """The account with all messages of its conversations. Raises what `export_pages` does,
    `NotDone` if all of it takes longer than the timeout.
    """
    deadline = asyncio.get_running_loop().time() + timeout

    def left() -> float:
        return deadline - asyncio.get_running_loop().time()

    profile = await client.profile(timeout=left())
    sessions = await client.sessions(timeout=left())
    conversations: dict[ConversationName, dict[str, Any]] = {}
    async with aclosing(export_pages(client, left)) as pages:
        async for conversation, messages in pages:
            if conversation.name not in conversations:
                conversations[conversation.name] = {**about(conversation), "messages": []}
            conversations[conversation.name]["messages"] += json_ready(messages)
    return {
        "profile": json_ready(profile),
        "sessions": json_ready(sessions),
        "conversations": list(conversations.values()),
    }


def about(conversation: Conversation) -> dict[str, Any]:
    """A conversation without its newest message, which is the last of its messages."""
    one: dict[str, Any] = json_ready(conversation)
    del one["newest"]
    return one
