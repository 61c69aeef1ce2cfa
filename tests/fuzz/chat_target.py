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
from ringchat_server.records import message_id
from ringchat_server.transport.secrets import Passwords
from ringchat_server.transport.service import SERVICE, ChatService
from tests.fuzz.mutation import mutated
from tests.fuzz.protobufs import change
from tests.fuzz.target import Finding, one_line
from tests.unit.server.transport.fake_host import TOKEN, FakeHost

CLIENT = b"c" * 16
SENT, ROOM = message_id(4, 0), message_id(5, 0)
"""Of the message and the room in `BEFORE`."""
STUCK_SECONDS = 20.0
"""A call that has not ended by then never will: nothing in it waits for a clock."""

PROMISED = frozenset(
    (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNAVAILABLE,
    )
)
PROMISED_NUMBERS = frozenset(code.value[0] for code in PROMISED)

FIRST = (
    "Session",
    "CreateAccount",
    "DeleteAccount",
    "ListAccounts",
    "LogIn",
    "LogOut",
    "SendMessage",
    "UpdateMessage",
    "SendHeartbeat",
    "ReceiveMessages",
)
"""In this order for ever: the files of the corpus name methods by their place."""


def _methods() -> tuple[tuple[str, Any, Any], ...]:
    """Every method of the service: its name, request and answer."""
    service = pb.DESCRIPTOR.services_by_name["Chat"]
    others = (name for name in service.methods_by_name if name not in FIRST)
    return tuple(
        (
            name,
            getattr(pb, service.methods_by_name[name].input_type.name),
            getattr(pb, service.methods_by_name[name].output_type.name),
        )
        for name in (*FIRST, *others)
    )


METHODS = _methods()
PLACES = {name: at for at, (name, _, _) in enumerate(METHODS)}
BEFORE: tuple[tuple[object, ...], ...] = (
    ("create", "bob", "not a hash"),
    ("send", ("bob",), ("hello @bob",)),
    ("room", "Tea", "", True, ("bob",)),
    ("post", "bob", ("hello again",), 0),
)
"""What ann has done before the call."""
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
        calls = _calls()
        seeds = [Call(PLACES[name], 0, 0, [one.SerializeToString()]) for name, one in calls.items()]
        first = pb.ClientFrame(client_id=CLIENT, token=TOKEN)
        rest = pb.ClientFrame(watch=pb.WatchRequest())
        for number, (name, one) in enumerate(calls.items(), 1):
            kind = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
            if kind in pb.Request.DESCRIPTOR.fields_by_name and name != "DeleteAccount":
                frame = first if len(first.requests) < 7 else rest
                getattr(frame.requests.add(number=number), kind).CopyFrom(one)
        receive = pb.ClientFrame(receive=pb.ReceiveMessagesRequest(after_message_id=0))
        alike = pb.ClientFrame(sends=pb.Sends(number=20, to=["ann"], text=["a", "b", "c"]))
        mixed = pb.ClientFrame(sends=pb.Sends(number=21, to=["ann", "bob"], text=["b", "d"]))
        said = pb.ClientFrame(sends=pb.Sends(number=60, text=["e", "f"], room=ROOM))
        frames = [first, receive, alike, mixed, rest, said, pb.ClientFrame()]
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
        for number, request in enumerate(BEFORE, 3):
            host.enter(request, number, "" if request[0] == "create" else "ann")
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


def _calls() -> dict[str, Any]:
    """A request for each method but the session."""
    name = pb.RequestName(client_id=CLIENT, number=1)
    bob, room = pb.Conversation(account="bob"), pb.Conversation(room=ROOM)
    calls: dict[str, Any] = {
        "CreateAccount": pb.CreateAccountRequest(name="eve", password="p", request=name),
        "DeleteAccount": pb.DeleteAccountRequest(request=name),
        "ListAccounts": pb.ListAccountsRequest(pattern="a*"),
        "LogIn": pb.LogInRequest(name="ann", password="p"),
        "LogOut": pb.LogOutRequest(),
        "SendMessage": pb.SendMessageRequest(to="bob", text="no", reply_to=SENT, request=name),
        "UpdateMessage": pb.UpdateMessageRequest(up_to_message_id=3, view=3),
        "SendHeartbeat": pb.SendHeartbeatRequest(view=4),
        "ReceiveMessages": pb.ReceiveMessagesRequest(),
        "CreateRoom": pb.CreateRoomRequest(title="Garden", topic="x", invite=["bob"]),
        "JoinRoom": pb.JoinRoomRequest(room=ROOM),
        "LeaveRoom": pb.LeaveRoomRequest(room=ROOM),
        "InviteToRoom": pb.InviteToRoomRequest(room=ROOM, account="bob"),
        "RemoveFromRoom": pb.RemoveFromRoomRequest(room=ROOM, account="bob"),
        "ChangeRoom": pb.ChangeRoomRequest(room=ROOM, title="Cake", topic="y", owner="ann"),
        "ListRooms": pb.ListRoomsRequest(pattern="t*", page_size=1),
        "ListConversations": pb.ListConversationsRequest(page_size=1),
        "ListMembers": pb.ListMembersRequest(conversation=room, page_size=1),
        "ReadHistory": pb.ReadHistoryRequest(conversation=bob, after_message_id=1, limit=1),
        "SearchMessages": pb.SearchMessagesRequest(query='hello "hello again"', conversation=bob),
        "EditMessage": pb.EditMessageRequest(conversation=bob, message_id=SENT, text="hi"),
        "DeleteMessage": pb.DeleteMessageRequest(conversation=bob, message_id=SENT),
        "MarkRead": pb.MarkReadRequest(conversation=room, up_to_message_id=SENT),
        "ChangePassword": pb.ChangePasswordRequest(old_password="p", new_password="a longer one"),
        "ChangeProfile": pb.ChangeProfileRequest(display_name="Ann"),
        "GetProfile": pb.GetProfileRequest(account="bob"),
        "ListSessions": pb.ListSessionsRequest(),
        "EndSession": pb.EndSessionRequest(session_id=b"s" * 32),
        "BlockAccount": pb.BlockAccountRequest(account="bob", blocked=True),
        "SetTyping": pb.SetTypingRequest(conversation=room),
    }
    missing = PLACES.keys() - calls.keys() - {"Session"}
    assert not missing, f"no request for {missing}"
    return calls


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
