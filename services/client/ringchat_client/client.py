"""The SDK: one account's view of a Ringchat cluster.

Every call is confirmed by the cluster when it returns. When replicas die, hang
or move, a call takes longer; it does not fail before its timeout.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from ringchat_client.cluster_file import check_address, load_cluster
from ringchat_client.connection import Connection, answer_of, heartbeat, open_channel, reason_of
from ringchat_client.deadlines import Deadlines
from ringchat_client.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotDone,
    NotKnown,
    RingchatError,
    Unauthenticated,
    Unavailable,
)
from ringchat_client.receiving import Seen, receive
from ringchat_client.ring import NO_VIEW, Ring
from ringchat_client.session import Pending, Send, Session
from ringchat_client.values import (
    ConnectionEvent,
    Login,
    Message,
    Receipt,
    ReplicaStatus,
    Status,
    time_of,
)
from ringchat_proto import chat_pb2 as pb

__all__ = ["Client"]

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # what is worth saying is raised
T = TypeVar("T")

NAME_CHARACTERS_MAX = 32
"""After NFKC, as the server counts them."""
TEXT_BYTES_MAX = 64 << 10
"""Of a message, and of any other string: a name or password beyond it is never valid."""
PAGE_SIZE = 1000
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
        self._session = Session(os.urandom(16), token)
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

    # ---------------------------------------------------------------- accounts

    async def create_account(self, name: str, password: str, *, timeout: float = 30.0) -> None:
        """Make an account. Raises AlreadyExists, InvalidArgument."""
        request = pb.Request()
        request.create_account.name = _checked(name, "name")
        request.create_account.password = _checked(password, "password")
        await self._write(request, _nothing, timeout)

    async def log_in(self, name: str, password: str, *, timeout: float = 30.0) -> Login:
        """Act as an account from now on. Raises Unauthenticated."""
        request = pb.Request()
        request.log_in.name = _checked(name, "name")
        request.log_in.password = _checked(password, "password")
        return await self._write(request, self._logged_in, timeout)

    async def log_out(self, *, timeout: float = 30.0) -> None:
        """End the session of the account, on every replica. Raises Unauthenticated."""
        self._need_token()
        request = pb.Request(log_out=pb.LogOutRequest())
        await self._write(request, self._logged_out, timeout)

    async def delete_account(self, *, timeout: float = 30.0) -> None:
        """Delete the account that is logged in, its sessions and undelivered messages."""
        self._need_token()
        request = pb.Request(delete_account=pb.DeleteAccountRequest())
        await self._write(request, self._logged_out, timeout)

    async def list_accounts(self, pattern: str = "*", *, timeout: float = 30.0) -> list[str]:
        """All names that match, sorted. `*` is any run of characters, `?` any one.

        Raises InvalidArgument; NotDone when the timeout passes (asking changes nothing).
        """
        deadline = asyncio.get_running_loop().time() + timeout
        names: list[str] = []
        page_token = ""
        while True:
            request = pb.Request()
            request.list_accounts.pattern = _checked(pattern, "pattern")
            request.list_accounts.page_token = page_token
            request.list_accounts.page_size = PAGE_SIZE
            pending = self._submit(request, write=False)
            answer = (await self._answer(pending, _as_it_is, deadline)).list_accounts
            names.extend(answer.names)
            page_token = answer.next_page_token
            if not page_token:
                return names

    # ---------------------------------------------------------------- messages

    async def send_message(self, to: str, text: str, *, timeout: float = 30.0) -> Receipt:
        """Queue a message for an account; returns once it cannot be lost any more.

        Raises NotFound, InvalidArgument, Unauthenticated, ResourceExhausted (the receiver's
        queue is full).
        """
        request = Send(_checked(to, "name"), _checked(text, "text"))
        return await self._write(request, _as_it_is, timeout)

    def receive_messages(self) -> AsyncGenerator[Message, None]:
        """Everything undelivered, oldest first, then what arrives, until the client is closed.

        Goes on by itself after a failover, without repeating what it has yielded. A message
        stays undelivered, and comes again from the next `receive_messages`, until
        `acknowledge`. Raises Unauthenticated.
        """
        self._need_token()
        return receive(self._open_connection(), self._session.token, self._readers)

    async def acknowledge(self, message_id: int, *, timeout: float = 30.0) -> None:
        """Mark all messages up to and including this id as delivered, on every replica."""
        self._need_token()
        if not 0 <= message_id < 1 << 63:
            raise InvalidArgument("a message id is an integer from 0 to 2**63 - 1")
        request = pb.Request()
        request.update_message.up_to_message_id = message_id
        for seen in self._readers:
            if (view := seen.view_of(message_id)) is not None:
                request.update_message.view = view

        def acknowledged(_: pb.Response) -> None:
            for seen in self._readers:
                seen.acknowledged(message_id)

        try:
            await self._write(request, acknowledged, timeout)
        except FailedPrecondition:
            # A healed partition has given the message another place in the order. It is
            # delivered again from there: acknowledging this id would remove another one.
            acknowledged(pb.Response())

    # ------------------------------------------------------------------ status

    async def status(self, *, timeout: float = STATUS_TIMEOUT_SECONDS) -> Status:
        """Ask every replica directly what it knows; those that do not answer are "unreachable".

        Raises Unavailable if the replicas are not known yet and the one address is silent.
        """
        self._open_connection()
        if not self._ring.addresses:
            await self._wait_for_ring(timeout)
        addresses = self._ring.addresses
        answers = await asyncio.gather(*(_ask_status(address, timeout) for address in addresses))
        heard = [answer for answer in answers if isinstance(answer, pb.SendHeartbeatResponse)]
        view = max((answer.view for answer in heard), default=NO_VIEW)
        serving = [a for a in heard if a.serving and a.view == view]
        return Status(
            view=view,
            master_id=serving[0].master_id if serving else -1,
            prefer=heard[0].prefer if heard else "",
            replicas=tuple(
                _replica_status(i, addresses[i], answer) for i, answer in enumerate(answers)
            ),
        )

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

    def _submit(self, request: pb.Request | Send, *, write: bool) -> Pending:
        connection = self._open_connection()
        pending = self._session.submit(request, write=write)
        connection.wake()
        return pending

    async def _write(
        self, request: pb.Request | Send, complete: Callable[[Any], T], timeout: float
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


def _checked(text: str, what: str) -> str:
    """Refuse here what could never be put into a frame; the rest is the server's to judge."""
    if str.isascii(text) and len(text) <= TEXT_BYTES_MAX:
        return text  # nearly always, and known without a copy
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidArgument(f"the {what} is not valid UTF-8") from None
    if size_bytes > TEXT_BYTES_MAX:
        raise InvalidArgument(f"the {what} is {size_bytes} bytes long; 65536 is the most")
    return text


async def _ask_status(address: str, timeout: float) -> pb.SendHeartbeatResponse | str:
    """The answer of one replica, or why there is none."""
    channel = open_channel(address, timeout)
    try:
        return await heartbeat(channel, None, timeout)
    except grpc.aio.AioRpcError as error:
        return reason_of(error, address)
    finally:
        await channel.close()


def _replica_status(
    replica_id: int, address: str, answer: pb.SendHeartbeatResponse | str
) -> ReplicaStatus:
    if isinstance(answer, str):
        return ReplicaStatus(
            replica_id, "unreachable", False, 0, 0, "", NO_VIEW, address, reason=answer
        )
    reason = answer_of(answer).reason
    if answer.replica_id != replica_id:
        reason = f"it says that it is replica {answer.replica_id}"
    return ReplicaStatus(
        id=replica_id,
        role=answer.status.role,
        in_sync=answer.status.in_sync,
        commit_index=answer.status.commit_index,
        entries=answer.status.entries,
        state_hash=answer.status.state_hash.hex(),
        view=answer.view,
        address=address,
        reason=reason,
    )
