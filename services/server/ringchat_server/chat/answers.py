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
RESOURCE_EXHAUSTED = 8
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
MAILBOX_FULL: Answer = (RESOURCE_EXHAUSTED, "the receiver's queue of undelivered messages is full")
TOO_MANY_ACCOUNTS: Answer = (RESOURCE_EXHAUSTED, "the cluster holds as many accounts as it may")
TOO_MANY_CLIENTS: Answer = (
    RESOURCE_EXHAUSTED,
    "too many clients within 24 hours: try again later, or use one client for more requests",
)
TOO_MANY_GAPS: Answer = (
    RESOURCE_EXHAUSTED,
    "too many numbers were left out in this client's sequence: send those first",
)
BAD_NUMBER: Answer = (INVALID_ARGUMENT, "a request's number must be from 1 to 2**63")


def no_account(name: str) -> Answer:
    """NOT_FOUND, with the name."""
    return (NOT_FOUND, f"no account named '{name}'")


def name_taken(name: str) -> Answer:
    """ALREADY_EXISTS, with the name."""
    return (ALREADY_EXISTS, f"the name '{name}' is taken")
