"""What requests need of the node behind them, and who makes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answer, Answers, Chat
from ringchat_server.newsroom import Newsroom
from ringchat_server.records import Proposal
from ringchat_server.search import Hit
from ringchat_server.transport import secrets

T = TypeVar("T")

INVALID_ARGUMENT = 3
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16

CLIENT_ID_BYTES = 16

NO_TOKEN: Answer = (UNAUTHENTICATED, "log in first: this request needs a valid token")
BAD_TOKEN: Answer = (UNAUTHENTICATED, "the token is not valid (any more): log in again")
BUSY: Answer = (
    RESOURCE_EXHAUSTED,
    "this replica has too many requests waiting; try again in a moment",
)


class Author(NamedTuple):
    """On whose behalf a request is made."""

    account: str
    session: bytes
    """Hash of the token; empty with an empty account."""


NOBODY = Author("", b"")


class Sink(Protocol):
    """Who waits for the answer to a request."""

    def answered(self, kind: str, answers: Answers) -> None:
        """The log has answered."""
        ...

    def responded(self, response: pb.Response) -> None:
        """Something else has."""
        ...


class Gate(Protocol):
    """What the service needs of the node behind it."""

    cluster_key: bytes

    @property
    def chat(self) -> Chat:
        """The chat as it is now."""
        ...

    @property
    def newsroom(self) -> Newsroom:
        """Who is there, and who is told what."""
        ...

    def submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        """Gives a write to the log; the sink is answered when it is confirmed."""
        ...

    def full(self) -> bool:
        """More writes wait than are good for anyone."""
        ...

    def view_of(self, message_id: int) -> int:
        """The view that ordered the message of that id."""
        ...

    async def confirm_read(self) -> None:
        """Returns when a read may be answered from `chat` (rule 12).

        Raises:
            NotServing: if this replica stops leading first.
        """
        ...

    async def find(
        self, words: str, conversation_ids: Sequence[int], before_id: int, limit: int
    ) -> list[Hit]:
        """What holds those words, newest first: see `search.Search.find`.

        Raises:
            Unsearchable: if it cannot be told now.
        """
        ...


class NotServing(Exception):
    """This replica does not lead (any more); the text says why."""


class Refused(Exception):
    """Why a request is not done, as an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer[1])
        self.code = int(answer[0])
        self.line = str(answer[1])


def page_of(found: tuple[list[T], bool] | Answer) -> tuple[list[T], bool]:
    """A page of something, and whether more follows.

    Raises:
        Refused: if it is an answer instead, that refuses it.
    """
    if not found or not isinstance(found[0], list):
        raise Refused(found)
    return found


def now_ms() -> int:
    """Unix time."""
    return time.time_ns() // 1_000_000


def author_of(chat: Chat, token: str) -> Author | None:
    """Whose token it is; None if it is nobody's."""
    if not token:
        return NOBODY
    session = secrets.token_hash(token)
    account = None if session is None else chat.account_of(session, now_ms())
    return None if session is None or account is None else Author(account, session)


def error_response(number: int, code: int, message: str) -> pb.Response:
    """A request's refusal."""
    return pb.Response(number=number, error=pb.Error(code=code, message=message))
