"""The client port: a call's bytes through the parser and the service, over a fake host.

What may come out is an answer or a gRPC status that a client can act on; never another
exception, never an internal error, and each request of a session has one answer.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from ringchat_proto import chat_pb2 as pb
from ringchat_server.transport.secrets import Passwords
from ringchat_server.transport.service import SERVICE, ChatService
from tests.fuzz.mutation import mutated
from tests.fuzz.protobufs import change
from tests.fuzz.target import Finding, one_line
from tests.unit.server.transport.fake_host import TOKEN, FakeHost

CLIENT = b"c" * 16
STUCK_SECONDS = 20.0
"""A call that has not ended by then never will: nothing in it waits for a clock."""

PROMISED = frozenset(
    (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNAVAILABLE,
    )
)
PROMISED_NUMBERS = frozenset(code.value[0] for code in PROMISED)

METHODS: tuple[tuple[str, Any, Any], ...] = (
    ("Session", pb.ClientFrame, pb.ServerFrame),
    ("CreateAccount", pb.CreateAccountRequest, pb.CreateAccountResponse),
    ("DeleteAccount", pb.DeleteAccountRequest, pb.DeleteAccountResponse),
    ("ListAccounts", pb.ListAccountsRequest, pb.ListAccountsResponse),
    ("LogIn", pb.LogInRequest, pb.LogInResponse),
    ("LogOut", pb.LogOutRequest, pb.LogOutResponse),
    ("SendMessage", pb.SendMessageRequest, pb.SendMessageResponse),
    ("UpdateMessage", pb.UpdateMessageRequest, pb.UpdateMessageResponse),
    ("SendHeartbeat", pb.SendHeartbeatRequest, pb.SendHeartbeatResponse),
    ("ReceiveMessages", pb.ReceiveMessagesRequest, pb.Message),
)
TOKENS: tuple[str | bytes | None, ...] = (
    f"Bearer {TOKEN}",
    None,
    "Bearer nobody's",
    TOKEN,
    b"\xff\xfe",
    "Bearer " + "é" * 43,
    "",
)


class _QuickPasswords(Passwords):
    """The same, without 64 MiB of memory for each."""

    def __init__(self) -> None:
        super().__init__()
        self.close()

    async def hash(self, password: str) -> str:
        return f"hash of {len(password)}"

    async def matches(self, stored: str | None, password: str) -> bool:
        return stored == f"hash of {len(password)}"


class _Context:
    """One call as gRPC would give it; the other end has sent all that it ever will."""

    def __init__(self, frames: list[bytes], token: str | bytes | None) -> None:
        self.frames = iter(frames)
        self.token = token
        self.written: list[bytes] = []
        self.enough = asyncio.Event()
        self.status: tuple[grpc.StatusCode, str] | None = None

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return () if self.token is None else (("authorization", self.token),)

    def time_remaining(self) -> float | None:
        return None

    async def read(self) -> object:
        await asyncio.sleep(0)
        return next(self.frames, grpc.aio.EOF)

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        if self.status is None:
            self.status = (code, details)
        raise grpc.aio.AbortError(details)


class Call(NamedTuple):
    """What an input says."""

    method: int
    token: int
    mode: int
    """0: the host leads; 1: its log waits and it steps down; 2: it does not lead; 3: its
    log is full."""
    frames: list[bytes]

    @classmethod
    def of(cls, data: bytes) -> Call:
        """Three bytes, then frames with their lengths before them."""
        method, token, mode = (data[:3] + b"\x00\x00\x00")[:3]
        frames = []
        at = 3
        while at + 2 <= len(data):
            (size,) = struct.unpack_from("<H", data, at)
            frames.append(data[at + 2 : at + 2 + size])
            at += 2 + size
        return cls(method % len(METHODS), token % len(TOKENS), mode % 4, frames)

    def encoded(self) -> bytes:
        """The input that says it."""
        out = bytes((self.method, self.token, self.mode))
        return out + b"".join(struct.pack("<H", len(f)) + f for f in self.frames if len(f) < 65_536)


class ChatTarget:
    """One call with all its frames."""

    bytes_max = 4_096

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._errors: list[str] = []
        self._loop.set_exception_handler(lambda _, context: self._errors.append(str(context)))
        self._passwords = _QuickPasswords()

    def seeds(self) -> Sequence[bytes]:
        """Each method once, and sessions with a request of each kind."""
        name = pb.RequestName(client_id=CLIENT, number=1)
        calls = [
            pb.CreateAccountRequest(name="bob", password="p", request=name),
            pb.DeleteAccountRequest(request=name),
            pb.ListAccountsRequest(pattern="a*"),
            pb.LogInRequest(name="ann", password="p"),
            pb.LogOutRequest(),
            pb.SendMessageRequest(to="ann", text="hello", request=name),
            pb.UpdateMessageRequest(up_to_message_id=3, view=3),
            pb.SendHeartbeatRequest(view=4),
            pb.ReceiveMessagesRequest(),
        ]
        seeds = [Call(at, 0, 0, [one.SerializeToString()]) for at, one in enumerate(calls, 1)]
        first = pb.ClientFrame(client_id=CLIENT, token=TOKEN)
        for number, one in enumerate(calls[:7], 1):
            kind = "".join(f"_{c.lower()}" if c.isupper() else c for c in METHODS[number][0])[1:]
            request = first.requests.add(number=number)
            getattr(request, kind).CopyFrom(one)
        receive = pb.ClientFrame(receive=pb.ReceiveMessagesRequest(after_message_id=0))
        alike = pb.ClientFrame(sends=pb.Sends(number=20, to=["ann"], text=["a", "b", "c"]))
        mixed = pb.ClientFrame(sends=pb.Sends(number=21, to=["ann", "bob"], text=["b", "d"]))
        frames = [first, receive, alike, mixed, pb.ClientFrame()]
        seeds += [
            Call(0, 0, mode, [frame.SerializeToString() for frame in frames]) for mode in range(4)
        ]
        return [seed.encoded() for seed in seeds]

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """A field of a frame, mostly."""
        call = Call.of(data)
        match chance.randrange(12):
            case 0:
                call = call._replace(mode=chance.randrange(4))
            case 1:
                call = call._replace(token=chance.randrange(len(TOKENS)))
            case 2:
                call = call._replace(method=chance.randrange(len(METHODS)))
            case 3 if call.frames:
                call.frames.insert(0, chance.choice(call.frames))
            case 4 if call.frames:
                del call.frames[chance.randrange(len(call.frames))]
            case 5 if call.frames:
                at = chance.randrange(len(call.frames))
                call.frames[at] = mutated(call.frames[at], chance)
            case 6:
                return mutated(data, chance)
            case _ if call.frames:
                at = chance.randrange(len(call.frames))
                call.frames[at] = _changed(METHODS[call.method][1], call.frames[at], chance)
        return call.encoded()

    def run(self, data: bytes) -> str:
        """Make the call."""
        call = Call.of(data)
        self._errors.clear()
        outcome = self._loop.run_until_complete(self._made(call))
        if self._errors:
            raise Finding(f"an error that nobody caught: {self._errors[0]}")
        return f"{METHODS[call.method][0]} {outcome}"

    async def _made(self, call: Call) -> str:
        host = FakeHost()
        host.leads, host.hold = call.mode != 2, call.mode == 1
        host.full = lambda: call.mode == 3  # type: ignore[method-assign]
        service = ChatService(host, self._passwords)
        method, _, answer_type = METHODS[call.method]
        context = _Context(call.frames, TOKENS[call.token])
        handler = service.handlers().service(_Details(method))
        assert handler is not None
        task = asyncio.ensure_future(_handled(handler, call, context))
        if host.hold or method == "ReceiveMessages":
            for _ in range(30):
                await asyncio.sleep(0)
            host.step_down("another replica leads")
        try:
            answer = await asyncio.wait_for(task, STUCK_SECONDS)
        except grpc.aio.AbortError:
            answer = None
        except TimeoutError as error:
            raise Finding("the call does not end") from error
        finally:
            host.search.close()
        if host.guests or host.watchers or host.newsroom.presence("ann").attached:
            raise Finding("the host still has a guest")
        if context.status is not None:
            code, details = context.status
            one_line(details)
            if code not in PROMISED:
                raise Finding(f"{code}: {details}")
            return code.name
        if method in ("Session", "ReceiveMessages"):
            if method == "Session":
                _check_session(call, context.written)
            return "to its end"
        answer_type.FromString(answer)
        return "OK"


class _Details(grpc.HandlerCallDetails):
    """Which method is called."""

    def __init__(self, method: str) -> None:
        self.method = f"/{SERVICE}/{method}"
        self.invocation_metadata = ()


async def _handled(handler: Any, call: Call, context: _Context) -> object:
    first = call.frames[0] if call.frames else b""
    if handler.unary_unary:
        return await handler.unary_unary(first, context)
    if handler.unary_stream:
        return await handler.unary_stream(first, context)
    return await handler.stream_stream(None, context)


def _check_session(call: Call, written: list[bytes]) -> None:
    """All frames were taken: each request has its answer, unless the replica leads no more."""
    answers: list[int] = []
    moved = False
    for data in written:
        frame = pb.ServerFrame.FromString(data)
        if moved:
            raise Finding("a word after the last one")
        moved = frame.HasField("moved")
        for receipts in frame.receipts:
            answers += range(receipts.number, receipts.number + receipts.count)
        for response in frame.responses:
            answers.append(response.number)
            if response.HasField("error"):
                one_line(response.error.message)
                if response.error.code not in PROMISED_NUMBERS:
                    raise Finding(f"status {response.error.code}: {response.error.message}")
    if moved:
        return
    asked: list[int] = []
    for data in call.frames:
        taken = pb.ClientFrame.FromString(data)
        asked += range(taken.sends.number, taken.sends.number + len(taken.sends.text))
        asked += (request.number for request in taken.requests)
    if sorted(asked) != sorted(answers):
        raise Finding(f"asked {sorted(asked)[:20]}, answered {sorted(answers)[:20]}")


def _changed(kind: Callable[[], Message], data: bytes, chance: random.Random) -> bytes:
    message: Any = kind()
    try:
        message.MergeFromString(data)
    except DecodeError:
        return mutated(data, chance)
    for _ in range(1 + int(chance.expovariate(1))):
        change(message, chance)
    out: bytes = message.SerializeToString()
    return out


TARGET = ChatTarget()
