"""What can go wrong, as the caller of the SDK sees it.

::

    RingchatError
    ├── InvalidArgument       a name, a text, an address that can never be accepted
    │   └── ClusterFileError  cluster.yaml is missing or wrong; says which line
    ├── NotFound              no account of that name; nothing there that one may see
    ├── PermissionDenied      it is there, and one may not do that
    ├── AlreadyExists         the name is taken; or the write was applied long ago
    ├── Unauthenticated       not logged in, or the token ended; a wrong password
    ├── ResourceExhausted     a limit was reached; the message says which
    ├── FailedPrecondition    not possible in this state; the message says why
    ├── Unavailable           nobody can be reached (status only: other calls wait and retry)
    └── DeadlineExpired       the timeout of a call passed; one of two things is true:
        ├── NotDone           certainly not done
        └── NotKnown          not known whether it is done; safe to send again

Replicas that die, hang or move raise nothing: the call takes longer. Every message is one line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

__all__ = [
    "AlreadyExists",
    "ClusterFileError",
    "DeadlineExpired",
    "FailedPrecondition",
    "InvalidArgument",
    "NotDone",
    "NotFound",
    "NotKnown",
    "PermissionDenied",
    "ResourceExhausted",
    "RingchatError",
    "Unauthenticated",
    "Unavailable",
    "error_of",
]

UNAVAILABLE_CODE = 14
"""gRPC's UNAVAILABLE: the only status that is an occasion to ask another replica."""


class RingchatError(Exception):
    """Base of every error of this package; its text is one line for a person."""


class InvalidArgument(RingchatError):
    """A name, a text or an address that can never be accepted."""


class ClusterFileError(InvalidArgument):
    """cluster.yaml is missing or wrong; the message begins with `file:line:`."""


class NotFound(RingchatError):
    """No account of that name; no conversation or message that one may see."""


class PermissionDenied(RingchatError):
    """It is there, and one may not do that: another's message, another's room."""


class AlreadyExists(RingchatError):
    """The name is taken.

    Of any other write than `create_account`, such as `send_message` or `edit_message`: it *was*
    applied, once, but so long ago that the cluster no longer keeps its answer, be it a receipt
    or that it was refused. Only a write that is sent again can hear that: by the client after it
    lost its connection, by `NotKnown.send_again`, or under a number of one's own. To call for it
    anew may do it twice.
    """


class Unauthenticated(RingchatError):
    """Not logged in, a token that ended, or a wrong password."""


class ResourceExhausted(RingchatError):
    """A limit was reached; the message says which."""


class FailedPrecondition(RingchatError):
    """Not possible in this state; the message says why."""


class Unavailable(RingchatError):
    """No replica can be reached."""


class DeadlineExpired(RingchatError):
    """The timeout of a call passed before its answer came."""


class NotDone(DeadlineExpired):
    """Certainly not done: no replica was ever sent the request."""


class NotKnown(DeadlineExpired):
    """Not known whether it is done: the request was sent, but not confirmed in time."""

    def __init__(self, message: str, again: Callable[[float], Awaitable[Any]]) -> None:
        super().__init__(message)
        self._again = again

    async def send_again(self, *, timeout: float = 30.0) -> Any:
        """Repeat the same request under the same number: it has one effect however often.

        Only while the client that raised this is open. Returns what the first call would
        have returned, raises what it would have raised (`NotKnown` again included).
        """
        return await self._again(timeout)


_BY_CODE: dict[int, type[RingchatError]] = {
    3: InvalidArgument,
    5: NotFound,
    6: AlreadyExists,
    7: PermissionDenied,
    8: ResourceExhausted,
    9: FailedPrecondition,
    UNAVAILABLE_CODE: Unavailable,
    16: Unauthenticated,
}


def error_of(code: int, message: str) -> RingchatError:
    """The error of a gRPC status code and its message, cut down to one line."""
    line = " ".join(message.split()) or f"the server answered with status {code}"
    kind = _BY_CODE.get(code)
    return kind(line) if kind is not None else RingchatError(f"status {code}: {line}")
