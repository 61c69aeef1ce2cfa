"""The service `Chat`: takes calls as bytes, so that a bad one gets a clear status.

A call reaches the log if this replica leads; if another one does, it is relayed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, NoReturn, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answers
from ringchat_server.transport.delivery import Hub, Mailbag
from ringchat_server.transport.gate import (
    BAD_TOKEN,
    CLIENT_ID_BYTES,
    NOBODY,
    Author,
    NotServing,
    author_of,
)
from ringchat_server.transport.relay import RELAYED_HEADER, Relay
from ringchat_server.transport.requests import Desk, response_of
from ringchat_server.transport.secrets import Passwords
from ringchat_server.transport.sessions import Session
from ringchat_server.transport.weather import WEATHER

SERVICE = "ringchat.chat.v1.Chat"

Context = grpc.aio.ServicerContext[bytes, bytes]

_STATUS_OF = {code.value[0]: code for code in grpc.StatusCode}

_KINDS = {
    field.message_type.full_name: field.name
    for field in pb.Request.DESCRIPTOR.oneofs_by_name["kind"].fields
    if field.message_type is not None
}
_UNARY: dict[str, tuple[str, Any]] = {
    method.name: (_KINDS[method.input_type.full_name], getattr(pb, method.input_type.name))
    for method in pb.DESCRIPTOR.services_by_name["Chat"].methods
    if method.input_type.full_name in _KINDS
}
"""Every method that is a request of a session, too: what it is called there, and its message."""


class Standing(NamedTuple):
    """What a replica can say of itself and of its ring."""

    view: int
    master_id: int
    serving: bool
    reason: str
    status: pb.ReplicaStatus


class Host(Hub, Protocol):
    """A hub that also knows of the ring."""

    def serving(self) -> bool:
        """This replica leads and has opened its view."""
        ...

    def master_address(self) -> str | None:
        """`host:port` of the master's client port, if another replica leads and is heard."""
        ...

    def why_not_serving(self) -> str:
        """One line for the client that finds no master here."""
        ...

    def standing(self, reason: str) -> Standing:
        """What this replica knows."""
        ...

    async def promote(self, view: int) -> str:
        """Asks this replica to take a view; returns why it did not, or an empty string."""
        ...

    def ring(self) -> pb.SendHeartbeatResponse:
        """The parts of a heartbeat's answer that never change."""
        ...


class _OneShot:
    """Waits for the answer to one unary call."""

    def __init__(self, cluster_key: bytes) -> None:
        self.response: asyncio.Future[pb.Response] = asyncio.get_running_loop().create_future()
        # Who waited may have gone: an answer that nobody fetches is no error.
        self.response.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._cluster_key = cluster_key

    def answered(self, kind: str, answers: Answers) -> None:
        [(number, _, answer)] = answers
        self.responded(response_of(number, kind, answer, self._cluster_key))

    def responded(self, response: pb.Response) -> None:
        if not self.response.done():
            self.response.set_result(response)

    def moved(self, view: int, reason: str) -> None:
        if not self.response.done():
            self.response.set_exception(NotServing(reason))


class ChatService:
    """Handlers of the client port."""

    def __init__(self, host: Host, passwords: Passwords) -> None:
        self._host = host
        self._desk = Desk(host, passwords)
        self._relay = Relay()

    def handlers(self) -> grpc.GenericRpcHandler:
        """All methods, taking and giving bytes."""
        methods: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(self._unary(name, kind, parse))
            for name, (kind, parse) in _UNARY.items()
        }
        methods["SendHeartbeat"] = grpc.unary_unary_rpc_method_handler(self._send_heartbeat)
        methods["ReceiveMessages"] = grpc.unary_stream_rpc_method_handler(self._receive_messages)
        methods["Session"] = grpc.stream_stream_rpc_method_handler(self._session)
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def close(self) -> None:
        """Ends what is relayed."""
        await self._relay.close()

    # -------------------------------------------------------------------- calls

    def _unary(
        self, method: str, kind: str, request_type: Any
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handle(data: bytes, context: Context) -> bytes:
            if (address := await self._elsewhere(context)) is not None:
                return await self._relay.unary(address, f"/{SERVICE}/{method}", data, context)
            request = await _parsed(request_type, data, context)
            author = self._author(context)
            client, number = await self._name(request, context)
            sink = _OneShot(self._host.cluster_key)
            self._host.attach(sink)
            try:
                self._desk.take(client, number, kind, request, author, sink)
                response = await sink.response
            except NotServing as error:
                await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            finally:
                self._host.detach(sink)
            if response.HasField("error"):
                code = _STATUS_OF[response.error.code]
                await context.abort(code, response.error.message)
            answer: Message = getattr(response, kind)
            return answer.SerializeToString()

        return handle

    async def _session(self, _: object, context: Context) -> None:
        if (address := await self._elsewhere(context)) is not None:
            await self._relay.stream(address, f"/{SERVICE}/Session", context)
            return
        try:
            await Session(self._host, self._desk, context).run()
        except WEATHER:
            pass  # the client has gone; what it had asked for may still be confirmed

    async def _receive_messages(self, data: bytes, context: Context) -> None:
        if (address := await self._elsewhere(context)) is not None:
            method = f"/{SERVICE}/ReceiveMessages"
            await self._relay.stream(address, method, context, [data])
            return
        request = await _parsed(pb.ReceiveMessagesRequest, data, context)
        author = self._author(context)
        if author is None or not author.account:
            await _refuse(context)
        wake = asyncio.Event()
        sink = _OneShot(self._host.cluster_key)
        sink.response.add_done_callback(lambda _: wake.set())
        self._host.attach(sink)
        mailbag: Mailbag | None = None
        try:
            await self._host.confirm_read()
            mailbag = Mailbag(self._host, author, request.after_message_id, wake.set)
            while not sink.response.done():
                if mailbag.ended():
                    await _refuse(context)
                for message in mailbag.next():
                    await context.write(message.SerializeToString())
                    wake.set()
                await wake.wait()
                wake.clear()
            sink.response.result()
        except NotServing as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except WEATHER:
            pass  # the receiver has gone
        finally:
            self._host.detach(sink)
            if mailbag is not None:
                mailbag.close()

    async def _send_heartbeat(self, data: bytes, context: Context) -> bytes:
        request = await _parsed(pb.SendHeartbeatRequest, data, context)
        reason = ""
        if request.HasField("view"):
            if request.view < 0:
                bad = "a view is a number from 0 on; leave it out to ask only"
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad)
            reason = await self._host.promote(request.view)
        standing = self._host.standing(reason)
        answer = self._host.ring()
        answer.view, answer.master_id = standing.view, standing.master_id
        answer.serving, answer.reason = standing.serving, standing.reason
        answer.status.CopyFrom(standing.status)
        return answer.SerializeToString()

    # ------------------------------------------------------------------- helpers

    async def _elsewhere(self, context: Context) -> str | None:
        """Where to relay the call; None if it is served here; ends it if it is served nowhere."""
        if self._host.serving():
            return None
        address = self._host.master_address()
        relayed = any(key == RELAYED_HEADER for key, _ in context.invocation_metadata() or ())
        if address is None or relayed:
            await context.abort(grpc.StatusCode.UNAVAILABLE, self._host.why_not_serving())
        return address

    def _author(self, context: Context) -> Author | None:
        """Whose token came with the call; None if it is nobody's."""
        for key, value in context.invocation_metadata() or ():
            if key == "authorization":
                word = value.decode(errors="replace") if isinstance(value, bytes) else value
                return author_of(self._host.chat, word.removeprefix("Bearer ").strip())
        return NOBODY

    async def _name(self, request: Any, context: Context) -> tuple[bytes, int]:
        if not hasattr(request, "request") or not request.HasField("request"):
            return b"", 0
        name = request.request
        if len(name.client_id) != CLIENT_ID_BYTES:
            bad = f"request.client_id is {CLIENT_ID_BYTES} random bytes"
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad)
        return name.client_id, name.number


async def _parsed(request_type: Any, data: bytes, context: Context) -> Any:
    try:
        return request_type.FromString(data)
    except DecodeError:
        bad = f"not a {request_type.DESCRIPTOR.name}: unreadable, or text that is not UTF-8"
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, bad)


async def _refuse(context: Context) -> NoReturn:
    code, text = BAD_TOKEN
    await context.abort(_STATUS_OF[int(code)], str(text))
    raise AssertionError("abort raises")
