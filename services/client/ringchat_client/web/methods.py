"""What a page may ask: methods of the SDK's `Client` by their own names, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ringchat_client.web.params import (
    Check,
    conversation,
    flag,
    identifier,
    limit,
    message,
    name,
    names,
    optional,
    password,
    text,
    words,
)

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of `Client` as a page may call it."""

    checks: Mapping[str, Check]
    """Of its parameters, all passed by name."""
    write: bool
    """Whether the page names it with a number of its own: it is done once."""


def _read(**checks: Check) -> Method:
    return Method(checks, write=False)


def _write(**checks: Check) -> Method:
    return Method(checks, write=True)


METHODS: Mapping[str, Method] = {
    # what is shown
    "conversations": _read(),
    "members": _read(conversation=conversation),
    "history": _read(
        conversation=conversation,
        before=optional(identifier),
        after=optional(identifier),
        limit=optional(limit),
    ),
    "search": _read(
        query=words,
        conversation=optional(conversation),
        before=optional(identifier),
        limit=optional(limit),
    ),
    "rooms": _read(pattern=optional(words), limit=optional(limit)),
    "list_accounts": _read(pattern=optional(words), limit=optional(limit)),
    "profile": _read(account=optional(name)),
    "sessions": _read(),
    "set_typing": _read(conversation=conversation),
    # messages
    "send_message": _write(to=conversation, text=text, reply_to=optional(identifier)),
    "edit_message": _write(conversation=conversation, message=message, text=text),
    "delete_message": _write(conversation=conversation, message=message),
    "mark_read": _write(conversation=conversation, message=message),
    "acknowledge": _write(message=message),
    # rooms
    "create_room": _write(
        title=words, topic=optional(words), public=optional(flag), invite=optional(names)
    ),
    "join_room": _write(room=identifier),
    "leave_room": _write(room=identifier),
    "invite": _write(room=identifier, account=name),
    "remove": _write(room=identifier, account=name),
    "change_room": _write(
        room=identifier, title=optional(words), topic=optional(words), owner=optional(name)
    ),
    # the account
    "change_password": _write(old=password, new=password),
    "change_profile": _write(display_name=words),
    "block": _write(account=name),
    "unblock": _write(account=name),
    "end_session": _write(session_id=words),
    "end_other_sessions": _write(),
    "delete_account": _write(),
}
