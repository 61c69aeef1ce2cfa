"""The peer port itself: calls of the service `Replica`, from the key to the read loop.

Up to three calls at once, of whoever knows the address; the owner of the links is a fake that
takes down what it is told. Without the key nothing is heard of it. With it a peer may say
what it likes: it loses its link or its call, with a status and one line, and nothing of it
stays behind. What the messages do to a replica is the target `replica`'s.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections import deque
from collections.abc import Coroutine, Generator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple, NoReturn

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ringchat_proto import replica_pb2 as pb
from ringchat_server.records import Meta, Recovered
from ringchat_server.replica import Config, Replica
from ringchat_server.replica.values import Hello, Message, Ping
from ringchat_server.transport import wire
from ringchat_server.transport.links import HANDSHAKE_SECONDS_MAX, KEY_HEADER, SERVICE, Links
from tests.fuzz.link_messages import changed, data_of, messages
from tests.fuzz.mutation import mutated
from tests.fuzz.scene import CLUSTER, REPLICAS
from tests.fuzz.target import Finding, one_line

KEY = b"the key of this cluster"
ME = 1
DIALS, KNOCKS = 0, 2
"""The peers: one with a lower id, whose part it is to dial, and one with a higher id."""
PREFER = "availability"
CALLS = 3
STEPS_MAX = 40
TURNS = 8
"""Of the event loop, after each step: what was said is heard."""
STUCK_SECONDS = 20.0

_Task = asyncio.Task[Any]
_Work = Coroutine[Any, Any, Any] | Generator[Any, None, Any]

Metadata = tuple[tuple[str, str | bytes], ...]
KEYS: tuple[Metadata, ...] = (
    ((KEY_HEADER, KEY.decode()),),
    ((KEY_HEADER, KEY),),
    (),
    ((KEY_HEADER, "another"),),
    ((KEY_HEADER, KEY.decode()[:-1]),),
    ((KEY_HEADER, KEY.decode() + "x"),),
    ((KEY_HEADER, "é" * len(KEY)),),
    ((KEY_HEADER, b"\xff\xfe"),),
    (("authorization", KEY.decode()),),
)
RIGHT = KEYS[:2]

PROMISED = frozenset(
    (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAVAILABLE,
    )
)
"""What somebody with the key may be told; without it there is one answer."""


class What(IntEnum):
    """What may happen."""

    FRAME = 0
    """The other end says something."""
    END = 1
    """It has said all."""
    BREAK = 2
    """Nothing can be read or written any more."""
    CANCEL = 3
    """The other end gives the call up."""
    LATER = 4
    """More time passes than a hello may take."""
    SAY = 5
    """This replica has something to say."""
    OVERRIDE = 6
    """An operator calls."""
    STOP = 7
    """This replica stops."""


class Step(NamedTuple):
    """One event."""

    what: What
    call: int
    data: bytes


def keys_of(data: bytes) -> bytes:
    """A byte for each call: which key it shows."""
    return data[:CALLS].ljust(CALLS, b"\x00")


def steps_of(data: bytes) -> list[Step]:
    """Behind the keys: what and of which call, a length of two bytes, the bytes."""
    steps: list[Step] = []
    at = CALLS
    while at + 3 <= len(data) and len(steps) < STEPS_MAX:
        word, size = struct.unpack_from("<BH", data, at)
        steps.append(Step(What(word & 7), (word >> 3) % CALLS, data[at + 3 : at + 3 + size]))
        at += 3 + size
    return steps


def encoded(keys: bytes, steps: Sequence[Step]) -> bytes:
    """The input of those steps."""
    out = keys
    for what, call, data in steps:
        out += struct.pack("<BH", what | call << 3, min(len(data), 65_535)) + data[:65_535]
    return out


class _Owner:
    """The node; its rules for a handshake are the real ones."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self.up: set[int] = set()
        self.asked = 0
        """How often anything was asked of it: by nobody without the key."""
        self.overrides = 0
        self.stopping = False
        self.links_stood = 0
        self.messages = 0
        self.wrong: list[str] = []
        """Kept until the end: who calls is a task, where an exception would get lost."""

    def hello(self) -> Hello:
        self.asked += 1
        return self._replica.hello()

    def check_hello(self, hello: Hello) -> str | None:
        self.asked += 1
        return self._replica.check_hello(hello)

    def hears(self, peer_id: int) -> bool:
        return peer_id in self.up

    def link_up(self, peer_id: int, hello: Hello) -> None:
        if peer_id in self.up or self.check_hello(hello) is not None:
            self.wrong.append(f"a link with replica {peer_id} that cannot be, or stands already")
        if self.stopping:
            self.wrong.append(f"a link with replica {peer_id}, which nothing will break off")
        self.up.add(peer_id)
        self.links_stood += 1

    def link_down(self, peer_id: int) -> None:
        if peer_id not in self.up:
            self.wrong.append(f"the link with replica {peer_id} broke, and did not stand")
        self.up.discard(peer_id)

    def received(self, peer_id: int, message: Message) -> None:
        if peer_id not in self.up or isinstance(message, Hello):
            self.wrong.append(f"replica {peer_id} is heard without a link: {message}")
        self.messages += 1

    def override(self) -> tuple[bool, str]:
        self.asked += 1
        self.overrides += 1
        return True, "as you say"


class _Context:
    """One call as gRPC would give it."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self.right = metadata in RIGHT
        self._frames: deque[bytes] = deque()
        self.heard: list[bytes] = []
        """What the service has read."""
        self._more = asyncio.Event()
        self.ended = self.broken = False
        self.written: list[bytes] = []
        self.statuses: list[tuple[grpc.StatusCode, str]] = []

    def invocation_metadata(self) -> Metadata:
        return self._metadata

    def peer(self) -> str:
        return "ipv4:127.0.0.1:40000"

    def feed(self, what: What, data: bytes) -> None:
        """The other end says something, or nothing ever again."""
        if what == What.FRAME and not self.ended:
            self._frames.append(data)
        self.ended |= what == What.END
        self.broken |= what == What.BREAK
        self._more.set()

    async def read(self) -> object:
        while not self._frames and not self.ended and not self.broken:
            self._more.clear()
            await self._more.wait()
        self._check()
        if not self._frames:
            return grpc.aio.EOF
        self.heard.append(self._frames.popleft())
        return self.heard[-1]

    async def write(self, data: bytes) -> None:
        self._check()
        self.written.append(data)

    def _check(self) -> None:
        if self.broken:
            raise grpc.aio.InternalError("the stream broke")

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        self.statuses.append((code, details))
        raise grpc.aio.AbortError(details)


class _Details(grpc.HandlerCallDetails):
    """Which method is called."""

    def __init__(self, method: str) -> None:
        self.method = f"/{SERVICE}/{method}"
        self.invocation_metadata = ()


class _Loop(asyncio.SelectorEventLoop):
    """Its clock can be put forward."""

    skipped_seconds = 0.0

    def time(self) -> float:
        return super().time() + self.skipped_seconds


class _Port:
    """The service of one replica, and the calls to it."""

    def __init__(self, replica: Replica, keys: Sequence[Metadata]) -> None:
        self.owner = _Owner(replica)
        addresses = {peer: f"127.0.0.1:{peer}" for peer in (DIALS, KNOCKS)}
        self.links = Links(self.owner, ME, addresses, KEY)
        service = self.links.handlers()
        self._link: Any = service.service(_Details("Link"))
        self._override: Any = service.service(_Details("Override"))
        self._keys = keys
        self.calls: dict[int, tuple[_Context, asyncio.Task[None]]] = {}
        self.operators: list[tuple[_Context, bytes, asyncio.Task[bytes]]] = []
        self.stopping: asyncio.Task[None] | None = None

    def take(self, step: Step) -> None:
        """One event; a call begins with the first that is of it."""
        what, number, data = step
        match what:
            case What.SAY:
                self.links.send((DIALS, KNOCKS)[number % 2], Ping(4, True, CLUSTER, 0))
            case What.OVERRIDE:
                context = _Context(self._keys[number])
                operator = asyncio.create_task(self._override.unary_unary(data, context))
                self.operators.append((context, data, operator))
            case What.STOP:
                self.owner.stopping = True
                self.stopping = self.stopping or asyncio.create_task(self.links.stop())
            case _:
                if number not in self.calls:
                    context = _Context(self._keys[number])
                    call = asyncio.create_task(self._link.stream_stream(None, context))
                    self.calls[number] = (context, call)
                context, call = self.calls[number]
                if what == What.CANCEL:
                    call.cancel()
                else:
                    context.feed(what, data)

    def tasks(self) -> list[_Task]:
        """All that is under way by calls from outside."""
        calls: list[_Task] = [call for _, call in self.calls.values()]
        calls += [operator for *_, operator in self.operators]
        return [*calls, self.stopping] if self.stopping else calls

    def check(self) -> None:
        """When all calls are over."""
        owner = self.owner
        if owner.wrong:
            raise Finding(owner.wrong[0])
        if owner.up or any(self.links.current(peer) for peer in (DIALS, KNOCKS)):
            raise Finding("a link stands, and nobody is at its other end")
        contexts = [context for context, _ in self.calls.values()]
        contexts += [context for context, *_ in self.operators]
        if owner.asked and not any(context.right for context in contexts):
            raise Finding("something was asked by nobody who has the key")
        for context in contexts:
            _check_call(context)
        if owner.links_stood > sum(_shook_hands(context) for context in contexts):
            raise Finding("a link stands without two hellos")
        heeded = 0
        for context, data, operator in self.operators:
            if not context.statuses:
                heeded += pb.OverrideResponse.FromString(operator.result()).done
            elif context.right and _is_override(data):
                raise Finding("an operator is refused")
        if heeded != owner.overrides:
            raise Finding(f"{owner.overrides} overrides, and {heeded} were answered")


def _check_call(context: _Context) -> None:
    if len(context.statuses) > 1:
        raise Finding(f"a call ends twice: {context.statuses}")
    for code, details in context.statuses:
        one_line(details)
        expected = PROMISED if context.right else {grpc.StatusCode.UNAUTHENTICATED}
        if code not in expected:
            raise Finding(f"{code}: {details}")
    if context.written and not context.right:
        raise Finding("an answer for somebody without the key")
    for number, data in enumerate(context.written):
        message = pb.LinkMessage.FromString(data)
        if (message.WhichOneof("kind") == "hello") != (number == 0):
            raise Finding(f"word {number} on a link is {message}")


def _shook_hands(context: _Context) -> bool:
    try:
        kinds = [pb.LinkMessage.FromString(data).WhichOneof("kind") for data in context.heard[:2]]
    except DecodeError:
        return False
    return kinds == ["hello", "hello"]


def _is_override(data: bytes) -> bool:
    try:
        pb.OverrideRequest.FromString(data)
    except DecodeError:
        return False
    return True


class LinksTarget:
    """A peer port, and what comes to it."""

    bytes_max = 4_096

    def __init__(self) -> None:
        self._loop = _Loop()
        self._errors: list[str] = []
        self._begun: list[_Task] = []
        self._loop.set_exception_handler(lambda _, context: self._errors.append(str(context)))
        self._loop.set_task_factory(self._task)
        recovered = Recovered(Meta(4, 3, cluster_id=CLUSTER, birth_view=0), 0, (), [], 0, ())
        self._replica = Replica(
            Config(ME, REPLICAS, PREFER, 1.0, keep_entries_max=1_000),
            recovered,
            damaged=False,
            birth_id=CLUSTER,
            time_floor_ms=0,
            hand_over=lambda *_: (),
        )

    def _task(self, loop: asyncio.AbstractEventLoop, work: _Work, /, **named: Any) -> _Task:
        """Each task is looked at in the end: one that nobody waits for must not fail unseen."""
        task: _Task = asyncio.Task(work, loop=loop, **named)
        self._begun.append(task)
        return task

    def seeds(self) -> Sequence[bytes]:
        """A link with every message, and each way in which a call may go otherwise."""
        hello = _hello(DIALS)
        twice = [Step(What.FRAME, 0, hello), Step(What.FRAME, 0, hello)]
        link = [*twice, Step(What.SAY, 0, b"")]
        words = [Step(What.FRAME, 0, data_of(one)) for _, one in messages()]
        again = [step._replace(call=1) for step in twice]
        scripts = [
            [*link, *words, Step(What.END, 0, b"")],
            *([*link, word] for word in words),
            *(
                [*link, Step(what, 0, b"")]
                for what in (What.END, What.BREAK, What.CANCEL, What.LATER, What.STOP)
            ),
            [*link, *again, words[0], words[0]._replace(call=1)],
            [*link, Step(What.STOP, 0, b""), *again],
            [twice[0], Step(What.STOP, 1, b""), twice[1]],
            [twice[0], Step(What.LATER, 0, b"")],
            [twice[0], Step(What.END, 0, b"")],
            [twice[0], words[0], Step(What.END, 0, b"")],
            [Step(What.LATER, 0, b""), twice[0]],
            [Step(What.END, 0, b"")],
            [words[0]],
            [Step(What.FRAME, 0, _hello(KNOCKS)), Step(What.FRAME, 1, _hello(ME))],
            [twice[0], Step(What.FRAME, 0, _hello(KNOCKS))],
            [Step(What.FRAME, 0, _hello(DIALS, cluster=b"another cluster!"))],
            [Step(What.FRAME, 0, _hello(DIALS, prefer="consistency"))],
            [Step(What.OVERRIDE, 0, b""), Step(What.OVERRIDE, 1, b"\xff")],
        ]
        seeds = [encoded(bytes(CALLS), script) for script in scripts]
        return seeds + [
            encoded(bytes((key,)) * CALLS, [*link, *words[:2], Step(What.OVERRIDE, 0, b"")])
            for key in range(len(KEYS))
        ]

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """A field of a message, mostly; another order of events; another key now and then."""
        keys, steps = keys_of(data), steps_of(data)
        place = chance.randrange(len(steps) + 1)
        match chance.randrange(14):
            case 0:
                keys = bytes(chance.randrange(len(KEYS)) for _ in range(CALLS))
            case 1 | 2:
                what = chance.choice(
                    (
                        What.END,
                        What.BREAK,
                        What.CANCEL,
                        What.LATER,
                        What.SAY,
                        What.OVERRIDE,
                        What.STOP,
                    )
                )
                steps.insert(place, Step(what, chance.randrange(CALLS), b""))
            case 3 if steps:
                steps.insert(place, chance.choice(steps))
            case 4 if len(steps) > 1:
                del steps[chance.randrange(len(steps))]
            case 5:
                call = chance.randrange(CALLS)
                hello = Step(What.FRAME, call, _hello(chance.choice((DIALS, DIALS, KNOCKS, ME))))
                steps[place:place] = [hello, hello]
            case 6:
                _, one = chance.choice(messages())
                steps.insert(place, Step(What.FRAME, chance.randrange(CALLS), data_of(one)))
            case 7 if steps:
                at = chance.randrange(len(steps))
                steps[at] = steps[at]._replace(call=chance.randrange(CALLS))
            case 8:
                return mutated(data, chance)
            case _ if steps:
                at = chance.randrange(len(steps))
                steps[at] = steps[at]._replace(data=changed(steps[at].data, chance))
        return encoded(keys, steps)

    def run(self, data: bytes) -> str:
        """Let it all happen."""
        self._errors.clear()
        self._begun.clear()
        outcome = self._loop.run_until_complete(self._played(data))
        for task in self._begun:
            if not task.done():
                raise Finding(f"something is left behind: {task.get_name()}")
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, grpc.aio.AbortError):
                raise error
        if self._errors:
            raise Finding(f"an error that nobody caught: {self._errors[0]}")
        return outcome

    async def _played(self, data: bytes) -> str:
        port = _Port(self._replica, [KEYS[one % len(KEYS)] for one in keys_of(data)])
        for step in steps_of(data):
            if step.what == What.LATER:
                self._loop.skipped_seconds += 2 * HANDSHAKE_SECONDS_MAX
            port.take(step)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        for context, _ in port.calls.values():
            context.feed(What.END, b"")
        if tasks := port.tasks():
            _, left = await asyncio.wait(tasks, timeout=STUCK_SECONDS)
            if left:
                raise Finding("a call does not end")
            await asyncio.sleep(0)  # what a link has cancelled at its end
        port.check()
        return _outcome(port)


def _outcome(port: _Port) -> str:
    """How far it came."""
    owner = port.owner
    if owner.messages:
        return "messages are heard"
    if owner.links_stood:
        return "a link stands"
    contexts = [context for context, _ in port.calls.values()]
    codes = {code.name for context in contexts for code, _ in context.statuses}
    if codes:
        return min(codes)
    return "an operator is heard" if owner.overrides else "nothing"


def _hello(replica_id: int, cluster: bytes = CLUSTER, prefer: str = PREFER) -> bytes:
    hello = Hello(replica_id, REPLICAS, prefer, cluster, 0, 4, leading=False)
    return wire.encode_hello(hello).SerializeToString()


TARGET = LinksTarget()
