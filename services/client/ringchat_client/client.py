"""The SDK: one account's view of a Ringchat cluster.

Every call is confirmed by the cluster when it returns. When replicas die, hang
or move, a call takes longer; it does not fail before its timeout.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ringchat_client import requests
from ringchat_client.asking_status import status_of
from ringchat_client.cluster_file import check_address, load_cluster
from ringchat_client.connection import Connection
from ringchat_client.converting import (
    account_session_of,
    conversation_of,
    member_of,
    page_of,
    profile_of,
    receipt_of,
    room_id_of,
    room_of,
)
from ringchat_client.deadlines import Deadlines
from ringchat_client.errors import (
    DeadlineExpired,
    FailedPrecondition,
    InvalidArgument,
    NotDone,
    NotKnown,
    RingchatError,
    Unauthenticated,
    Unavailable,
)
from ringchat_client.exporting import everything
from ringchat_client.listing import listed
from ringchat_client.numbering import client_id_of, number_given, numbered
from ringchat_client.receiving import Seen, receive
from ringchat_client.requests import checked
from ringchat_client.ring import Ring
from ringchat_client.session import Pending, Post, Send, Session
from ringchat_client.values import (
    AccountSession,
    ConnectionEvent,
    Conversation,
    ConversationName,
    Event,
    Login,
    Member,
    Message,
    MessageName,
    Page,
    Profile,
    Receipt,
    Room,
    Status,
    time_of,
)
from ringchat_client.watching import watch
from ringchat_proto import chat_pb2 as pb

__all__ = ["Client"]

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # what is worth saying is raised
T = TypeVar("T")

NAME_CHARACTERS_MAX = 32
"""After NFKC, as the server counts them."""
STATUS_TIMEOUT_SECONDS = 1.0


class Client:
    """A connection to a cluster, and the account that is logged in on it.

    Use it as `async with Client(cluster="cluster.yaml") as client:`, in one event
    loop. Any number of its calls may run at the same time; the order in which
    calls are made is the order in which they are sent. Each takes `timeout`, in
    seconds; when that passes it raises `NotDone` or `NotKnown`.

    Args:
        cluster: path of a cluster.yaml.
        master: instead of it, `host:port` of any replica's client port; the others are
            learned from it.
        token: the token of an earlier `log_in`, on any replica.
        client_id: 16 random bytes, for one who names writes for another `Client` to repeat.
        on_connection: called in the event loop with each `ConnectionEvent`: lost, asking,
            refused, connected. It must return at once and not raise.

    Raises:
        ClusterFileError: cluster.yaml is missing or wrong.
        InvalidArgument: not exactly one of `cluster` and `master`; not a `host:port`.
    """

    def __init__(
        self,
        cluster: str | os.PathLike[str] | None = None,
        *,
        master: str | None = None,
        token: str = "",
        client_id: bytes | None = None,
        on_connection: Callable[[ConnectionEvent], None] | None = None,
    ) -> None:
        if (cluster is None) == (master is None):
            raise InvalidArgument("give either cluster, a file, or master, a host:port")
        seed = int.from_bytes(os.urandom(8))
        if cluster is not None:
            self._ring = Ring(addresses=load_cluster(Path(cluster)).addresses, seed=seed)
        else:
            assert master is not None
            self._ring = Ring(address=check_address(master), seed=seed)
        self._session = Session(client_id_of(client_id), token)
        self._deadlines = Deadlines(self._expire)
        self._on_connection = on_connection
        self._readers: set[Seen] = set()
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: RingchatError | None = None

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise FailedPrecondition("a Client can be entered only once")
        self._connection = Connection(self._ring, self._session, self._on_connection)
        self._task = asyncio.create_task(self._connection.run(), name="ringchat connection")
        self._task.add_done_callback(self._on_connection_ended)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection. Calls that still wait end with `NotDone` or `NotKnown`."""
        self._failure = self._failure or FailedPrecondition("the client is closed")
        self._give_up_all("the client was closed")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            self._connection.end(None)

    @property
    def token(self) -> str:
        """The token of the account that is logged in, for another `Client`; "" for none."""
        return self._session.token

    def numbered(self, number: int) -> AbstractContextManager[None]:
        """Within, the write is that one of one's `client_id`; see there. Raises InvalidArgument."""
        return numbered(number)

    # ---------------------------------------------------------------- accounts

    async def create_account(self, name: str, password: str, *, timeout: float = 30.0) -> None:
        """Make an account. Raises AlreadyExists, InvalidArgument."""
        await self._write(requests.create_account(name, password), _nothing, timeout)

    async def log_in(self, name: str, password: str, *, timeout: float = 30.0) -> Login:
        """Act as an account from now on. Raises Unauthenticated."""
        return await self._write(requests.log_in(name, password), self._logged_in, timeout)

    async def log_out(self, *, timeout: float = 30.0) -> None:
        """End the session of the account, on every replica. Raises Unauthenticated."""
        self._need_token()
        request = pb.Request(log_out=pb.LogOutRequest())
        await self._write(request, self._logged_out, timeout)

    async def delete_account(self, *, timeout: float = 30.0) -> None:
        """Delete the account that is logged in, and its sessions.

        What it has said stays where it was said, and its name stays taken.
        """
        self._need_token()
        request = pb.Request(delete_account=pb.DeleteAccountRequest())
        await self._write(request, self._logged_out, timeout)

    async def list_accounts(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[str]:
        """Names that match, sorted: all, or so many. `*` is any run of characters, `?` any one.

        Raises InvalidArgument; NotDone when the timeout passes (asking changes nothing).
        """
        return await self._listed(requests.list_accounts(pattern, limit), "names", timeout, limit)

    async def profile(self, account: str = "", *, timeout: float = 30.0) -> Profile:
        """What is known of an account; without a name, of one's own. Raises NotFound."""
        self._need_token()
        return profile_of((await self._read(requests.get_profile(account), timeout)).get_profile)

    async def change_profile(self, display_name: str, *, timeout: float = 30.0) -> None:
        """Change what is shown beside one's name; "" for nothing. Raises InvalidArgument."""
        await self._do(requests.change_profile(display_name), timeout)

    async def change_password(self, old: str, new: str, *, timeout: float = 30.0) -> None:
        """Change the password, and end all other sessions. Raises Unauthenticated: wrong password.

        Such an error does not mean that the session has ended.
        """
        await self._do(requests.change_password(old, new), timeout)

    async def sessions(self, *, timeout: float = 30.0) -> list[AccountSession]:
        """One's sessions, oldest first."""
        self._need_token()
        request = pb.Request(list_sessions=pb.ListSessionsRequest())
        answer = await self._read(request, timeout)
        return [account_session_of(session) for session in answer.list_sessions.sessions]

    async def end_session(self, session_id: str, *, timeout: float = 30.0) -> None:
        """End one of one's sessions, on every replica. Raises NotFound."""
        await self._do(requests.end_session(session_id), timeout)

    async def end_other_sessions(self, *, timeout: float = 30.0) -> None:
        """End all of one's sessions but this one."""
        await self._do(pb.Request(end_session=pb.EndSessionRequest()), timeout)

    async def block(self, account: str, *, timeout: float = 30.0) -> None:
        """Refuse direct messages and invitations of an account. Raises NotFound."""
        await self._do(requests.block_account(account, True), timeout)

    async def unblock(self, account: str, *, timeout: float = 30.0) -> None:
        """Take messages and invitations of that account again, if it was blocked."""
        await self._do(requests.block_account(account, False), timeout)

    async def export(self, *, timeout: float = 600.0) -> dict[str, Any]:
        """All that the account has, as built-in values for JSON: its profile, its sessions, and
        its conversations with all their messages, oldest first. Times are ISO 8601.
        """
        self._need_token()
        return await everything(self, timeout)

    # ---------------------------------------------------------------- messages

    async def send_message(
        self, to: ConversationName, text: str, *, reply_to: int = 0, timeout: float = 30.0
    ) -> Receipt:
        """Say something to an account or, by its id, in a room; returns once it cannot be lost.

        Args:
            to: the name of an account, or a room's id.
            text: at most 64 KiB of UTF-8.
            reply_to: the id of a message of the same conversation that this one answers.
            timeout: in seconds.

        Raises NotFound, PermissionDenied (the receiver blocks one), InvalidArgument,
        Unauthenticated, ResourceExhausted (the cluster holds as many messages as it may).
        """
        if reply_to:
            return await self._write(requests.reply(to, text, reply_to), receipt_of, timeout)
        message: Send | Post
        if isinstance(to, str):
            message = Send(checked(to, "name"), checked(text, "text"))
        else:
            message = requests.post(to, text)
        return await self._write(message, _as_it_is, timeout)

    def receive_messages(self) -> AsyncGenerator[Message, None]:
        """Everything undelivered, oldest first, then what arrives, until the client is closed.

        Goes on by itself after a failover, without repeating what it has yielded. A message
        stays undelivered, and comes again from the next `receive_messages`, until
        `acknowledge`. One's own messages to others are left out. Raises Unauthenticated.
        """
        self._need_token()
        return receive(self._open_connection(), self._session.token, self._readers)

    async def acknowledge(self, message: MessageName, *, timeout: float = 30.0) -> None:
        """Mark all messages up to and including this one as delivered, on every replica."""
        self._need_token()
        request = requests.update_message(message)
        up_to_id = request.update_message.up_to_message_id
        has_view = request.update_message.HasField("view")
        for seen in () if has_view else self._readers:
            if (view := seen.view_of(up_to_id)) is not None:
                request.update_message.view = view

        def acknowledged(_: pb.Response) -> None:
            for seen in self._readers:
                seen.acknowledged(up_to_id)

        try:
            await self._write(request, acknowledged, timeout)
        except FailedPrecondition:
            # A healed partition has given the message another place in the order. It is
            # delivered again from there: acknowledging this id would remove another one.
            acknowledged(pb.Response())

    async def edit_message(
        self,
        conversation: ConversationName,
        message: MessageName,
        text: str,
        *,
        timeout: float = 30.0,
    ) -> None:
        """Give one's own message another text. Raises NotFound, PermissionDenied.

        Given the message, not its id alone, it raises FailedPrecondition if a healed partition
        has given it another place: its id may be another one's by then.
        """
        await self._do(requests.edit_message(conversation, message, text), timeout)

    async def delete_message(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None:
        """Take away the text of one's own message. Raises what `edit_message` does."""
        await self._do(requests.delete_message(conversation, message), timeout)

    async def history(
        self,
        conversation: ConversationName,
        *,
        before: int = 0,
        after: int = 0,
        limit: int = 50,
        timeout: float = 30.0,
    ) -> Page:
        """The newest messages, or those before or behind one; oldest first.

        Raises NotFound, also of a direct conversation in which nothing was ever said.

        Args:
            conversation: an account or a room.
            before: the page ends before the message of this id.
            after: instead: the page begins behind it.
            limit: 1 to 500 messages.
            timeout: in seconds.
        """
        self._need_token()
        request = requests.read_history(conversation, before, after, limit)
        answer = (await self._read(request, timeout)).read_history
        return page_of(answer.messages, answer.more)

    async def search(
        self,
        query: str,
        conversation: ConversationName | None = None,
        *,
        before: int = 0,
        limit: int = 20,
        timeout: float = 30.0,
    ) -> Page:
        """Messages that hold all words, and all phrases in quotes, of a query; newest first.

        Args:
            query: what to look for.
            conversation: where; None: in all of one's own.
            before: only those before the message of this id.
            limit: 1 to 100 messages.
            timeout: in seconds.
        """
        self._need_token()
        request = requests.search_messages(query, conversation, before, limit)
        answer = (await self._read(request, timeout)).search_messages
        return page_of(answer.messages, answer.more)

    async def mark_read(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None:
        """Mark a conversation as read up to a message, on all devices; never goes back."""
        await self._do(requests.mark_read(conversation, message), timeout)

    async def set_typing(self, conversation: ConversationName, *, timeout: float = 1.0) -> None:
        """Tell the others that one is writing: a courtesy, which is lost with a connection.

        It raises what the server says of it, as `history` does, and never that it was not heard
        in time.
        """
        self._need_token()
        request = requests.set_typing(conversation)
        if not self._open_connection().is_attached:
            return
        try:
            await self._read(request, timeout)
        except DeadlineExpired:
            pass  # by the time it would be sent again, it may not be true any more

    def events(self) -> AsyncGenerator[Event, None]:
        """What happens in one's conversations, on all devices, until the client is closed.

        `Attached` comes first, and again after each failover or when too much has happened:
        then whatever is shown has to be read again, since nothing older is told. Raises
        Unauthenticated.
        """
        self._need_token()
        return watch(self._open_connection(), self._session.token)

    # ------------------------------------------------------------ conversations

    async def conversations(self, *, timeout: float = 30.0) -> list[Conversation]:
        """One's conversations and invitations, the one with the newest message first."""
        self._need_token()
        states = await self._listed(requests.list_conversations(), "conversations", timeout)
        return [conversation_of(state) for state in states]

    async def members(
        self, conversation: ConversationName, *, timeout: float = 30.0
    ) -> list[Member]:
        """Who is in a conversation, in the order of names. Raises NotFound."""
        self._need_token()
        members = await self._listed(requests.list_members(conversation), "members", timeout)
        return [member_of(member) for member in members]

    async def rooms(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[Room]:
        """Public rooms, all or so many, whose title matches, whatever its case; as in names."""
        self._need_token()
        rooms = await self._listed(requests.list_rooms(pattern, limit), "rooms", timeout, limit)
        return [room_of(room) for room in rooms]

    async def create_room(
        self,
        title: str,
        *,
        topic: str = "",
        public: bool = False,
        invite: Sequence[str] = (),
        timeout: float = 30.0,
    ) -> int:
        """Make a room that one owns, and invite accounts into it; returns its id.

        Raises InvalidArgument, NotFound, PermissionDenied (an invited account blocks one).
        """
        self._need_token()
        request = requests.create_room(title, topic, public, invite)
        return await self._write(request, room_id_of, timeout)

    async def join_room(self, room: int, *, timeout: float = 30.0) -> None:
        """Enter a public room, or one to which one is invited. Raises NotFound."""
        await self._do(requests.join_room(room), timeout)

    async def leave_room(self, room: int, *, timeout: float = 30.0) -> None:
        """Leave a room, or decline an invitation; a room without members is deleted."""
        await self._do(requests.leave_room(room), timeout)

    async def invite(self, room: int, account: str, *, timeout: float = 30.0) -> None:
        """Ask an account into a room, if it is not there. Raises NotFound, PermissionDenied."""
        await self._do(requests.invite_to_room(room, account), timeout)

    async def remove(self, room: int, account: str, *, timeout: float = 30.0) -> None:
        """Put a member out of one's own room, or withdraw an invitation.

        Raises NotFound, PermissionDenied.
        """
        await self._do(requests.remove_from_room(room, account), timeout)

    async def change_room(
        self,
        room: int,
        *,
        title: str | None = None,
        topic: str | None = None,
        owner: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Change the topic of a room or, as its owner, the title or the owner.

        Raises NotFound, PermissionDenied, InvalidArgument.
        """
        await self._do(requests.change_room(room, title, topic, owner), timeout)

    # ------------------------------------------------------------------ status

    async def status(self, *, timeout: float = STATUS_TIMEOUT_SECONDS) -> Status:
        """Ask every replica directly what it knows; those that do not answer are "unreachable".

        Raises Unavailable if the replicas are not known yet and the one address is silent.
        """
        self._open_connection()
        if not self._ring.addresses:
            await self._wait_for_ring(timeout)
        return await status_of(self._ring.addresses, timeout)

    async def _wait_for_ring(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._open_connection().ring_known()
        except TimeoutError:
            raise Unavailable(f"no replica answers: {self._ring.reason}") from None

    # ---------------------------------------------------------------- plumbing

    def _open_connection(self) -> Connection:
        if self._failure is not None:
            raise self._failure
        if self._connection is None:
            raise FailedPrecondition("use it as: async with Client(...) as client")
        return self._connection

    def _need_token(self) -> None:
        if not self._session.token:
            raise Unauthenticated("nobody is logged in")

    async def _do(self, request: pb.Request, timeout: float) -> None:
        """A write of the account that is logged in, with an answer that says nothing."""
        self._need_token()
        await self._write(request, _nothing, timeout)

    async def _read(self, request: pb.Request, timeout: float) -> pb.Response:
        deadline = asyncio.get_running_loop().time() + timeout
        return await self._answer(self._submit(request, write=False), _as_it_is, deadline)

    async def _listed(
        self, request: pb.Request, what: str, timeout: float, limit: int | None = None
    ) -> list[Any]:
        deadline = asyncio.get_running_loop().time() + timeout

        async def ask(request: pb.Request) -> pb.Response:
            return await self._answer(self._submit(request, write=False), _as_it_is, deadline)

        return await listed(ask, request, what, limit)

    def _submit(self, request: pb.Request | Send | Post, *, write: bool) -> Pending:
        connection = self._open_connection()
        pending = self._session.submit(request, write=write)
        if write:
            pending.number = number_given()
        connection.wake()
        return pending

    async def _write(
        self, request: pb.Request | Send | Post, complete: Callable[[Any], T], timeout: float
    ) -> T:
        deadline = asyncio.get_running_loop().time() + timeout
        return await self._answer(self._submit(request, write=True), complete, deadline)

    async def _answer(self, pending: Pending, complete: Callable[[Any], T], deadline: float) -> T:
        """Wait for an answer until the deadline, in the event loop's time."""
        slot = self._deadlines.add(pending, complete, deadline)
        try:
            return complete(await pending.future)
        except asyncio.CancelledError:
            self._session.abandon(pending)
            raise
        finally:
            self._deadlines.discard(slot, pending)

    def _expire(self, pending: Pending, complete: Callable[[Any], T]) -> None:
        if not pending.future.done():
            pending.future.set_exception(self._expired(pending, complete, "in time"))
            self._session.abandon(pending)

    def _expired(
        self, pending: Pending, complete: Callable[[Any], T], when: str
    ) -> NotDone | NotKnown:
        if not (pending.write and pending.number):
            return NotDone(f"certainly not done: no master was found {when} ({self._ring.reason})")

        async def again(timeout: float) -> T:
            connection = self._open_connection()
            deadline = asyncio.get_running_loop().time() + timeout
            repeated = self._session.submit_again(pending)
            connection.wake()
            return await self._answer(repeated, complete, deadline)

        return NotKnown(f"not known whether it is done: it was not confirmed {when}", again)

    def _give_up_all(self, why: str) -> None:
        for pending in self._session.abandon_all():
            if not pending.future.done():
                pending.future.set_exception(self._expired(pending, _as_it_is, f"before {why}"))

    def _on_connection_ended(self, task: asyncio.Task[None]) -> None:
        """The connection never ends by itself but by a bug: then nobody must wait for it."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the connection failed", exc_info=error)
            self._failure = RingchatError(f"the client failed: {type(error).__name__}: {error}")
            self._give_up_all("the client failed")
            if self._connection is not None:
                self._connection.end(self._failure)

    def _logged_in(self, response: pb.Response) -> Login:
        answer = response.log_in
        self._session.token = answer.token
        return Login(answer.name, answer.token, time_of(answer.expires_at_ms))

    def _logged_out(self, _: pb.Response) -> None:
        self._session.token = ""


def _nothing(_: pb.Response) -> None:
    """The result of a call that has none."""


def _as_it_is(answer: T) -> T:
    """The result of a call whose answer needs no change."""
    return answer
