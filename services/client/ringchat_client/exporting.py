"""Everything that an account has, as built-in values that JSON can hold."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ringchat_client.errors import NotFound, PermissionDenied
from ringchat_client.requests import HISTORY_MAX
from ringchat_client.values import Conversation, Message

if TYPE_CHECKING:
    from ringchat_client.client import Client

__all__ = ["everything", "json_ready"]


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


async def everything(client: Client, timeout: float) -> dict[str, Any]:
    """The account with all messages of its conversations, each oldest first.

    One that the account is put out of meanwhile is left out. Raises what the client's calls
    raise, `NotDone` if all of it takes longer than that.
    """
    deadline = asyncio.get_running_loop().time() + timeout

    def left() -> float:
        return deadline - asyncio.get_running_loop().time()

    async def all_messages(conversation: Conversation) -> list[Message]:
        pages: list[tuple[Message, ...]] = []
        more, before = not conversation.invited_by, 0  # who is only invited sees none
        while more:
            page = await client.history(
                conversation.name, before=before, limit=HISTORY_MAX, timeout=left()
            )
            pages.append(page.messages)
            more = page.more and bool(page.messages)
            before = page.messages[0].id if page.messages else 0
        return [message for messages in reversed(pages) for message in messages]

    profile = await client.profile(timeout=left())
    sessions = await client.sessions(timeout=left())
    conversations: list[dict[str, Any]] = []
    for conversation in await client.conversations(timeout=left()):
        try:
            messages = await all_messages(conversation)
        except (NotFound, PermissionDenied):
            continue
        one = json_ready(conversation)
        del one["newest"]  # it is the last of these
        conversations.append({**one, "messages": json_ready(messages)})
    return {
        "profile": json_ready(profile),
        "sessions": json_ready(sessions),
        "conversations": conversations,
    }
