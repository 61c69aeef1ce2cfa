"""Clients' requests as proposals for the log, and its answers as responses.

Everything that can be refused without the log is refused here: bad names, a
missing token, a full server. What the log decides (is the name taken, is the
session still valid) is decided by the chat when the entry is applied.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable
from typing import Any

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import (
    OK,
    Answer,
    BadRequest,
    are_sound_texts,
    check_text,
    normal_name,
    verification,
)
from ringchat_server.records import Proposal, count_of
from ringchat_server.transport import secrets
from ringchat_server.transport.gate import (
    BAD_TOKEN,
    BUSY,
    CLIENT_ID_BYTES,
    FAILED_PRECONDITION,
    INTERNAL,
    INVALID_ARGUMENT,
    NO_TOKEN,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Author,
    Gate,
    NotServing,
    Refused,
    Sink,
    error_response,
    now_ms,
)
from ringchat_server.transport.messages import message_id, room_id
from ringchat_server.transport.queries import Answerer, Queries
from ringchat_server.transport.writes import BODIES, NAMES_A_MESSAGE

log = logging.getLogger(__name__)

SENDS = "sends"
"""The kind of messages that came in columns; all others are names of protobuf's fields."""

_PLAIN = frozenset((*BODIES, "create_account", "update_message", "change_password")) - {
    "create_room"
}
"""Kinds whose response says no more than that it is done."""


class OtherOrder(Exception):
    """An id that names a message in an order that is no longer this cluster's."""


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
        case "create_room", (_, int(room), int()):
            response.create_room.room = room
        case "log_in", (_, bytes(nonce), str(name), int(expires_at_ms)):
            token = secrets.token_of(nonce, cluster_key)
            response.log_in.CopyFrom(
                pb.LogInResponse(token=token, name=name, expires_at_ms=expires_at_ms)
            )
        case _, (_,) if kind in _PLAIN:
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
        self._queries = Queries(gate)
        # Requests without a name are named here, so that a hand-over after a partition
        # (rule 6) applies them once, too. Only what goes to the log gets a number: a
        # number that is never used would be a gap to remember.
        self._own_client = os.urandom(CLIENT_ID_BYTES)
        self._own_number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def reads(self, kind: str) -> bool:
        """Whether requests of that kind are answered from the chat, and not by the log."""
        return kind in self._queries

    def take(
        self, client: bytes, number: int, kind: str, message: Any, author: Author | None, sink: Sink
    ) -> None:
        """Begins one request; its sink gets exactly one answer, unless this replica stops leading.

        Args:
            client: empty, with number 0, for a request without a name.
            message: the protobuf request of that kind.
            author: None if a token was shown that is nobody's.
        """
        try:
            if kind == "send_message":
                self._send(client, number, message, author, sink)
            elif (body := BODIES.get(kind)) is not None:
                self._refuse_other_order(client, number, kind, message)
                self._submit_for(author, client, number, body(message), kind, sink)
            elif kind in self._queries:
                answerer = self._queries.prepare(kind, message, author)
                self._begin(self._answer(number, kind, answerer, sink), number, sink)
            elif kind == "change_password":
                self._change_password(client, number, message, author, sink)
            elif kind in ("create_account", "log_in"):
                name, password = normal_name(message.name), _password(message.password)
                work = self._create_account if kind == "create_account" else self._log_in
                self._begin(work(client, number, name, password, sink), number, sink)
            else:
                raise BadRequest("an empty request")
        except BadRequest as error:
            sink.responded(error_response(number, INVALID_ARGUMENT, str(error)))
        except OtherOrder as error:
            sink.responded(error_response(number, FAILED_PRECONDITION, str(error)))

    def _send(
        self,
        client: bytes,
        number: int,
        message: pb.SendMessageRequest,
        author: Author | None,
        sink: Sink,
    ) -> None:
        """One message: plain ones to an account as fast as those in columns."""
        kind, texts = "send_message", (message.text,)
        if not message.reply_to and not message.room:
            self.take_sends(client, number, (message.to,), texts, author, sink, kind)
            return
        if message.to and message.room:
            raise BadRequest("a message goes to an account or to a room, not to both")
        where = room_id(message.room) if message.room else normal_name(message.to)
        check_text(message.text)
        request = ("post", where, texts, message_id(message.reply_to, or_none=True))
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
        room: int = 0,
    ) -> None:
        """Begins messages of numbers one behind the other; the sink gets an answer to each.

        Args:
            number: of the first.
            to: the receivers; one alone is that of all. Empty with `room`.
            texts: at least one, at most `SENDS_MAX`.
            room: where all of them go, instead.
        """
        request: tuple[object, ...]
        try:
            if room:
                request = ("post", room_id(room), texts, 0)
            else:
                request = ("send", _receivers(to), texts)
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
            self._submit_for(author, client, number, request, kind, sink)
            return
        for at, text in enumerate(texts):
            receiver = to if len(to) <= 1 else (to[at],)
            self.take_sends(client, number + at, receiver, (text,), author, sink, kind, room)

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

    def _refuse_other_order(self, client: bytes, number: int, kind: str, message: Any) -> None:
        """Of a message that has lost its place in the order (rule 6) nothing is said by its id.

        Raises:
            OtherOrder: if it has, and this was not done before.
        """
        field = NAMES_A_MESSAGE.get(kind)
        if field is None or not message.HasField("view"):
            return
        one, gate = getattr(message, field), self._gate
        if message.view != gate.view_of(one) and gate.chat.recall(client, number) is None:
            raise OtherOrder(
                f"message {one} of view {message.view} has another place in the order now; "
                "read again what stands there"
            )

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

    def _begin(self, work: Awaitable[None], number: int, sink: Sink) -> None:
        task = asyncio.create_task(self._finish(work, number, sink))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, work: Awaitable[None], number: int, sink: Sink) -> None:
        try:
            await work
        except secrets.TooBusy as error:
            sink.responded(error_response(number, RESOURCE_EXHAUSTED, str(error)))
        except NotServing as error:
            sink.responded(error_response(number, UNAVAILABLE, str(error)))
        except Refused as error:
            sink.responded(error_response(number, error.code, error.line))
        except Exception:
            # One client's request must not end the replica: the next master would be asked
            # the same, and end too.
            log.exception("a request failed: this is a bug")
            sink.responded(
                error_response(number, INTERNAL, "internal error; see the replica's log")
            )

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

    def _change_password(
        self,
        client: bytes,
        number: int,
        message: pb.ChangePasswordRequest,
        author: Author | None,
        sink: Sink,
    ) -> None:
        kind = "change_password"
        old, new = _password(message.old_password), _password(message.new_password)
        # Asked before the password is: of a repeated request the old one is another by now.
        known = self._gate.chat.recall(client, number)
        if author is None or not author.account:
            known = known or (BAD_TOKEN if author is None else NO_TOKEN)
        if known is not None or author is None:
            sink.answered(kind, ((number, 1, known or BAD_TOKEN),))
            return
        self._begin(self._verify_and_change(client, number, old, new, author, sink), number, sink)

    async def _verify_and_change(
        self, client: bytes, number: int, old: str, new: str, author: Author, sink: Sink
    ) -> None:
        stored = self._gate.chat.password_hash(author.account)
        if not await self._passwords.matches(stored, old) or stored is None:
            raise Refused((UNAUTHENTICATED, "wrong password"))
        request = ("password", verification(stored), await self._passwords.hash(new))
        self._submit_for(author, client, number, request, "change_password", sink)

    async def _answer(self, number: int, kind: str, answerer: Answerer, sink: Sink) -> None:
        sink.responded(pb.Response(number=number, **{kind: await answerer()}))


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
