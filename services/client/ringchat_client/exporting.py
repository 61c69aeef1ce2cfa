"""Everything that an account has, as built-in values that JSON can hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from ringchat_client.errors import NotFound, PermissionDenied
from ringchat_client.requests import HISTORY_MAX
from ringchat_client.values import (
    AccountSession,
    Conversation,
    ConversationName,
    Message,
    Page,
    Profile,
)

__all__ = ["everything", "json_ready"]

ReadBefore = Callable[[ConversationName, int, int], Awaitable[Page]]
"""A page of a conversation: its name, before which message (0: the newest), how many."""


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


async def everything(
    profile: Profile,
    sessions: list[AccountSession],
    conversations: list[Conversation],
    read: ReadBefore,
) -> dict[str, Any]:
    """The account with all messages of its conversations, each oldest first.

    One that the account is put out of meanwhile is left out.
    """
    exported: list[dict[str, Any]] = []
    for conversation in conversations:
        try:
            messages = await _messages(conversation, read)
        except (NotFound, PermissionDenied):
            continue
        one = json_ready(conversation)
        del one["newest"]  # it is the last of these
        exported.append({**one, "messages": json_ready(messages)})
    return {
        "profile": json_ready(profile),
        "sessions": json_ready(sessions),
        "conversations": exported,
    }


async def _messages(conversation: Conversation, read: ReadBefore) -> list[Message]:
    """All messages, oldest first; none of a room to which one is only invited."""
    pages: list[tuple[Message, ...]] = []
    more, before = not conversation.invited_by, 0
    while more:
        page = await read(conversation.name, before, HISTORY_MAX)
        pages.append(page.messages)
        more = page.more and bool(page.messages)
        before = page.messages[0].id if page.messages else 0
    return [message for messages in reversed(pages) for message in messages]
