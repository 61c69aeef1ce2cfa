"""Writes that are named by whoever calls them, with a client id of their own and a number.

`with client.numbered(7): await client.send_message(...)` is request 7 of that client id: it
has one effect and the same answer, however often and from whichever `Client` it is repeated.
One write to each `with`; all writes of that client id from 1 on have to be numbered so, and
none more than 1,000 beyond one without an answer. The number is that of the calls in one
task: others at work on the same client have numbers of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ringchat_client.errors import InvalidArgument
from ringchat_client.session import CLIENT_ID_BYTES, FIRST_READ_TAG

__all__ = ["client_id_of", "number_given", "numbered"]

_number: ContextVar[int] = ContextVar("number", default=0)


def client_id_of(given: bytes | None) -> bytes:
    """That one, or one of nobody else. Raises InvalidArgument."""
    if given is not None and len(given) != CLIENT_ID_BYTES:
        raise InvalidArgument(f"a client id has {CLIENT_ID_BYTES} bytes")
    return given or os.urandom(CLIENT_ID_BYTES)


def number_given() -> int:
    """Of the write that is being called; 0: the session gives it the next one."""
    return _number.get()


@contextmanager
def numbered(number: int) -> Iterator[None]:
    """Within, a write has that number. Raises InvalidArgument."""
    if not 0 < number < FIRST_READ_TAG:
        raise InvalidArgument("the number of a write is an integer from 1 to 2**62 - 1")
    before = _number.set(number)
    try:
        yield
    finally:
        _number.reset(before)
