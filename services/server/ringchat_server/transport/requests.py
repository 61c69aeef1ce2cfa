"""Clients' requests as proposals for the log, and its answers as responses.

Everything that can be refused without the log is refused here: bad names, a
missing token, a full server. What the log decides (is the name taken, is the
session still valid) is decided by the chat when the entry is applied.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import Any, NamedTuple, Protocol

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import (
    OK,
    Answer,
    Answers,
    BadRequest,
    Chat,
    are_sound_texts,
    check_pattern,
    check_text,
    normal_name,
    verification,
)
from ringchat_server.records import Proposal, count_of
from ringchat_server.transport import secrets

log = logging.getLogger(__name__)

INVALID_ARGUMENT = 3
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
UNAVAILABLE = 14
UNAUTHENTICATED = 16

CLIENT_ID_BYTES = 16
PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1_000

NO_TOKEN: Answer = (UNAUTHENTICATED, "log in first: this request needs a valid token")
BUSY: Answer = (
    RESOURCE_EXHAUSTED,
    "this replica has too many requests waiting; try again in a moment",
)
BAD_TOKEN: Answer = (UNAUTHENTICATED, "the token is not valid (any more): log in again")


SENDS = "sends"
"""The kind of messages that came in columns; all others are names of protobuf's fields."""


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


class NotServing(Exception):
    """This replica does not lead (any more); the text says why."""


class OtherOrder(Exception):
    """An id that names a message in an order that is no longer this cluster's."""


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


def response_of(number: int, kind: str, answer: Answer, cluster_key: bytes) -> pb.Response:
    """What the log answered, for the client.

    The answer may be one given before to a request of another kind under the same
    number: only a client's mistake makes that so, and it is told.
    """
    if answer[0] != OK:
        return error_response(number, int(answer[0]), str(answer[1]))
    response = pb.Response(number=number)
    match kind, answer:
        case "send_message", (_, int(one), int(sent_at_ms)):
            receipt = pb.SendMessageResponse(message_id=one, sent_at_ms=sent_at_ms)
            response.send_message.CopyFrom(receipt)
        case "log_in", (_, bytes(nonce), str(name), int(expires_at_ms)):
            token = secrets.token_of(nonce, cluster_key)
            response.log_in.CopyFrom(
                pb.LogInResponse(token=token, name=name, expires_at_ms=expires_at_ms)
            )
        case (("create_account" | "delete_account" | "log_out" | "update_message"), (_,)):
            getattr(response, kind).SetInParent()
        case _:
            used = "this number belongs to another request of this client"
            response.error.CopyFrom(pb.Error(code=INVALID_ARGUMENT, message=used))
    return response


class Desk:
    """Takes requests in, whichever call they came by."""

    def __init__(self, gate: Gate, passwords: secrets.Passwords) -> None:
        self._gate = gate
        self._passwords = passwords
        # Requests without a name are named here, so that a hand-over after a partition
        # (rule 6) applies them once, too. Only what goes to the log gets a number: a
        # number that is never used would be a gap to remember.
        self._own_client = os.urandom(CLIENT_ID_BYTES)
        self._own_number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def take(
        self, client: bytes, number: int, kind: str, message: Any, author: Author | None, sink: Sink
    ) -> None:
        """Begins one request; its sink gets exactly one answer, unless this replica stops leading.

        Args:
            client: empty, with number 0, for a request without a name.
            message: the protobuf request of that kind.
            author: None if a token was shown that is nobody's.
        """
        if kind == "send_message":
            self.take_sends(client, number, (message.to,), (message.text,), author, sink, kind)
            return
        try:
            if kind == "update_message":
                request: tuple[object, ...] = self._update(message)
            elif kind == "log_out":
                request = ("logout",)
            elif kind == "delete_account":
                request = ("delete",)
            else:
                self._take_slowly(client, number, kind, message, sink)
                return
        except BadRequest as error:
            sink.responded(error_response(number, INVALID_ARGUMENT, str(error)))
            return
        except OtherOrder as error:
            sink.responded(error_response(number, FAILED_PRECONDITION, str(error)))
            return
        self._submit_for(author, client, number, request, kind, sink)

    def take_sends(
        self,
        client: bytes,
        number: int,
        to: tuple[str, ...],
        texts: tuple[str, ...],
        author: Author | None,
        sink: Sink,
        kind: str = SENDS,
    ) -> None:
        """Begins messages of numbers one behind the other; the sink gets an answer to each.

        Args:
            number: of the first.
            to: the receivers; one alone is that of all.
            texts: at least one, at most `SENDS_MAX`.
        """
        try:
            receivers = _receivers(to)
            _check_texts(texts)
        except BadRequest as error:
            if len(texts) == 1:
                sink.responded(error_response(number, INVALID_ARGUMENT, str(error)))
                return
            alike = False
        else:
            # Of several, all are new and by somebody, or each has an answer of its own.
            new = bool(author and author.account) and self._gate.chat.is_new(client, number)
            alike = new or len(texts) == 1
        if alike:
            self._submit_for(author, client, number, ("send", receivers, texts), kind, sink)
            return
        for at, text in enumerate(texts):
            receiver = to[at if len(to) > 1 else 0]
            self.take_sends(client, number + at, (receiver,), (text,), author, sink, kind)

    def _submit_for(
        self,
        author: Author | None,
        client: bytes,
        number: int,
        request: tuple[object, ...],
        kind: str,
        sink: Sink,
    ) -> None:
        """Submits what only somebody who is logged in may ask for."""
        if author is None or not author.account:
            # A repeated request may have outlived its session; it still has its answer.
            refusal = BAD_TOKEN if author is None else NO_TOKEN
            answer = self._gate.chat.recall(client, number) or refusal
            sink.answered(kind, ((number, 1, answer),))
            return
        self._submit(Proposal(client, number, author.account, author.session, request), kind, sink)

    def _update(self, message: pb.UpdateMessageRequest) -> tuple[object, ...]:
        """An acknowledgement; not of a message that has lost that place in the order (rule 6)."""
        up_to = message.up_to_message_id
        if message.HasField("view") and message.view != self._gate.view_of(up_to):
            raise OtherOrder(
                f"message {up_to} of view {message.view} has another place in the order now, "
                "and is delivered again from there"
            )
        return ("update", up_to, ())

    def _submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        gate = self._gate
        if not proposal.client:
            self._own_number += 1
            proposal = proposal._replace(client=self._own_client, number=self._own_number)
        number, count = proposal.number, count_of(proposal.request)
        known = gate.chat.recall(proposal.client, number)
        if known is None:
            known = gate.chat.refuse_name(proposal.client, number, now_ms(), count=count)
        if known is None and gate.full():
            known = BUSY
        if known is not None:
            sink.answered(kind, ((number, count, known),))
        else:
            gate.submit(proposal, kind, sink)

    # ------------------------------------------- what takes longer than a moment

    def _take_slowly(self, client: bytes, number: int, kind: str, message: Any, sink: Sink) -> None:
        if kind == "create_account":
            name, password = normal_name(message.name), _password(message.password)
            work = self._create_account(client, number, name, password, sink)
        elif kind == "log_in":
            name, password = normal_name(message.name), _password(message.password)
            work = self._log_in(client, number, name, password, sink)
        elif kind == "list_accounts":
            pattern = check_pattern(message.pattern or "*")
            size = message.page_size or PAGE_SIZE_DEFAULT
            if size > PAGE_SIZE_MAX:
                raise BadRequest(f"page_size is at most {PAGE_SIZE_MAX}")
            work = self._list_accounts(number, pattern, message.page_token, size, sink)
        else:
            raise BadRequest("an empty request")
        task = asyncio.create_task(self._finish(work, number, sink))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, work: Any, number: int, sink: Sink) -> None:
        try:
            await work
        except secrets.TooBusy as error:
            sink.responded(error_response(number, RESOURCE_EXHAUSTED, str(error)))
        except NotServing as error:
            sink.responded(error_response(number, UNAVAILABLE, str(error)))
        except Exception:
            # One client's request must not end the replica: the next master would be asked
            # the same, and end too.
            log.exception("a request failed: this is a bug")
            sink.responded(error_response(number, 13, "internal error; see the replica's log"))

    async def _create_account(
        self, client: bytes, number: int, name: str, password: str, sink: Sink
    ) -> None:
        request = ("create", name, await self._passwords.hash(password))
        self._submit(Proposal(client, number, "", b"", request), "create_account", sink)

    async def _log_in(
        self, client: bytes, number: int, name: str, password: str, sink: Sink
    ) -> None:
        chat = self._gate.chat
        stored = chat.password_hash(name)
        if not await self._passwords.matches(stored, password) or stored is None:
            wrong = "wrong name or password"
            sink.responded(error_response(number, UNAUTHENTICATED, wrong))
            return
        nonce = secrets.new_nonce()
        hashed = secrets.token_hash(secrets.token_of(nonce, self._gate.cluster_key))
        request = ("login", name, verification(stored), hashed, nonce)
        self._submit(Proposal(client, number, "", b"", request), "log_in", sink)

    async def _list_accounts(
        self, number: int, pattern: str, after: str, size: int, sink: Sink
    ) -> None:
        await self._gate.confirm_read()
        names, more = self._gate.chat.list_accounts(pattern, after, size)
        page = pb.ListAccountsResponse(names=names, next_page_token=names[-1] if more else "")
        sink.responded(pb.Response(number=number, list_accounts=page))


def _receivers(to: tuple[str, ...]) -> tuple[str, ...]:
    names = {raw: normal_name(raw) for raw in set(to)}
    return tuple(map(names.__getitem__, to)) if len(names) > 1 else tuple(names.values())


def _check_texts(texts: tuple[str, ...]) -> None:
    if not are_sound_texts(texts):
        for text in texts:
            check_text(text)


def _password(password: str) -> str:
    if not 1 <= len(password.encode()) <= secrets.PASSWORD_BYTES_MAX:
        raise BadRequest(f"a password is 1 to {secrets.PASSWORD_BYTES_MAX} bytes of UTF-8")
    return password
