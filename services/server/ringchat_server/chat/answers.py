"""What an entry can be answered with.

An answer is a tuple of built-in values, a gRPC status code first: `(0,)`, with what
the request asked for behind it, or `(code, "one clear line")`.
"""

from __future__ import annotations

Answer = tuple[int | str | bytes, ...]

Answers = tuple[tuple[int, int, Answer], ...]
"""What an entry is answered with: (first number, how many numbers, their answer).

`(OK, message_id, sent_at_ms)` is the first one's; those behind it have the ids behind it.
"""

OK = 0
INVALID_ARGUMENT = 3
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
UNAUTHENTICATED = 16

DONE: Answer = (OK,)
"""Done, and nothing more to tell."""
MALFORMED: Answer = (INVALID_ARGUMENT, "not a request that this cluster understands")
NOT_LOGGED_IN: Answer = (UNAUTHENTICATED, "no valid session: log in first")
WRONG_PASSWORD: Answer = (UNAUTHENTICATED, "wrong name or password")
"""One answer for both, so that it tells nobody which names exist."""
FORGOTTEN: Answer = (
    ALREADY_EXISTS,
    "this request is already applied; its answer is no longer kept",
)
STORE_FULL: Answer = (RESOURCE_EXHAUSTED, "the cluster holds as many messages as it may")
TOO_MANY_ACCOUNTS: Answer = (RESOURCE_EXHAUSTED, "the cluster holds as many accounts as it may")
TOO_MANY_CLIENTS: Answer = (
    RESOURCE_EXHAUSTED,
    "too many clients within 24 hours: try again later, or use one client for more requests",
)
TOO_MANY_GAPS: Answer = (
    RESOURCE_EXHAUSTED,
    "too many numbers were left out in this client's sequence: send those first",
)
TOO_MANY_CONVERSATIONS: Answer = (
    RESOURCE_EXHAUSTED,
    "one of the two is in as many conversations as an account may: leave a room first",
)
ROOM_FULL: Answer = (RESOURCE_EXHAUSTED, "the room has as many members and invitations as it may")
TOO_MANY_BLOCKED: Answer = (RESOURCE_EXHAUSTED, "this account blocks as many others as it may")
NO_MESSAGE: Answer = (NOT_FOUND, "no such message in this conversation")
NOT_THE_AUTHOR: Answer = (PERMISSION_DENIED, "only who wrote a message may change it")
NOT_THE_OWNER: Answer = (PERMISSION_DENIED, "only the owner of the room may do that")
DELETED_ALREADY: Answer = (FAILED_PRECONDITION, "the message is deleted")
NOT_ONESELF: Answer = (INVALID_ARGUMENT, "nobody can block himself")
NO_SESSION: Answer = (NOT_FOUND, "no such session of this account")
BAD_NUMBER: Answer = (INVALID_ARGUMENT, "a request's number must be from 1 to 2**63")


def no_account(name: str) -> Answer:
    """NOT_FOUND, with the name."""
    return (NOT_FOUND, f"no account named '{name}'")


def name_taken(name: str) -> Answer:
    """ALREADY_EXISTS, with the name."""
    return (ALREADY_EXISTS, f"the name '{name}' is taken")


def not_accepted(name: str) -> Answer:
    """PERMISSION_DENIED: that account has blocked who asks."""
    return (PERMISSION_DENIED, f"'{name}' does not accept this from you")


def no_conversation(name: str | int) -> Answer:
    """NOT_FOUND, the same for one that is not there and one that is others'."""
    if isinstance(name, str):
        return (NOT_FOUND, f"no conversation with '{name}'")
    return (NOT_FOUND, f"no room {name} that you are in")


def join_first(room: int) -> Answer:
    """PERMISSION_DENIED, for a room that may be joined."""
    return (PERMISSION_DENIED, f"join room {room} first")


def not_in_room(name: str, room: int) -> Answer:
    """NOT_FOUND, for somebody who is no member."""
    return (NOT_FOUND, f"'{name}' is not in room {room}")
