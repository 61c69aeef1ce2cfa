"""One link between each two replicas: a bidirectional stream, opened by the lower id.

A link carries messages in order or breaks. A broken one is opened again by the
same side, after a short pause; the handshake then starts everything anew (rule 8).
A replica that starts knocks at those with a lower id, so that they dial at once:
while two backups have no link, the death of their master looks like a partition.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ringchat_proto import replica_pb2 as pb
from ringchat_server.pickled import Unreadable
from ringchat_server.replica.values import Hello, Message
from ringchat_server.transport import wire
from ringchat_server.transport.weather import WEATHER

log = logging.getLogger(__name__)

SERVICE = "ringchat.replica.v1.Replica"
KEY_HEADER = "ringchat-cluster-key"
MESSAGE_BYTES_MAX = 64 << 20
QUEUE_BYTES_MAX = 128 << 20
QUEUE_MESSAGES_MAX = 16_384
"""What one peer may leave unread before the link to it counts as broken."""
REDIAL_SECONDS = (0.02, 0.25)
"""Shortest and longest pause before a link is dialled again."""
HANDSHAKE_SECONDS_MAX = 1.0
SILENCE_CHECK_SECONDS = 0.25
"""How often a standing link is looked at: is it silent?"""
LOWER_ID_DIALS = "the lower id dials"
NO_PEER = -1

CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.dns_min_time_between_resolutions_ms", 50),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
)


Write = Callable[[bytes], Awaitable[None]]
Read = Callable[[], Awaitable[Any]]
Context = grpc.aio.ServicerContext[bytes, bytes]


class _Refused(Exception):
    """The peer's handshake is not accepted."""


class Owner(Protocol):
    """What the links need of the node."""

    def hello(self) -> Hello:
        """The handshake to send now."""
        ...

    def check_hello(self, hello: Hello) -> str | None:
        """Why that link cannot be; None if it can."""
        ...

    def hears(self, peer_id: int) -> bool:
        """That peer has spoken of late."""
        ...

    def link_up(self, peer_id: int, hello: Hello) -> None:
        """A link stands."""
        ...

    def link_down(self, peer_id: int) -> None:
        """It broke."""
        ...

    def received(self, peer_id: int, message: Message) -> None:
        """A message came on it."""
        ...

    def override(self) -> tuple[bool, str]:
        """The operator's word: whether it was taken, and one line."""
        ...


class PeerLink:
    """The sending side of one standing link."""

    def __init__(self, peer_id: int, write: Write) -> None:
        self.peer_id = peer_id
        self._write = write
        self._queue: deque[pb.LinkMessage] = deque()
        self._queue_bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.broken = asyncio.Event()
        self.ended = asyncio.Event()
        """Nobody is told of it, and nothing is read from it, any more."""

    def send(self, message: pb.LinkMessage) -> None:
        """Queues a message; a peer that reads too slowly loses the link instead of our memory."""
        self._queue.append(message)
        self._queue_bytes += message.ByteSize()
        if len(self._queue) > QUEUE_MESSAGES_MAX or self._queue_bytes > QUEUE_BYTES_MAX:
            log.warning("replica %d reads too slowly; its link is broken off", self.peer_id)
            self.broken.set()
        self._wake.set()
        self._room.clear()

    async def drained(self) -> bool:
        """Waits until everything queued is on its way; False if the link broke instead."""
        room = asyncio.ensure_future(self._room.wait())
        broken = asyncio.ensure_future(self.broken.wait())
        try:
            await asyncio.wait((room, broken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.cancel()
            broken.cancel()
        return not self.broken.is_set()

    async def run_writer(self) -> None:
        """Writes the queue to the stream until that fails."""
        try:
            while True:
                while self._queue:
                    message = self._queue.popleft()
                    self._queue_bytes -= message.ByteSize()
                    await self._write(message.SerializeToString())
                self._room.set()
                self._wake.clear()
                await self._wake.wait()
        except WEATHER:
            self.broken.set()


class Links:
    """All links of one replica, and the service that the others dial.

    Like the service for clients it takes calls as bytes: nothing is parsed before the
    cluster key was shown, and what cannot be parsed gets a clear status.
    """

    def __init__(self, owner: Owner, replica_id: int, peers: dict[int, str], key: bytes) -> None:
        """
        Args:
            peers: `host:port` of the other replicas' peer ports.
        """
        self._owner = owner
        self._me = replica_id
        self._peers = peers
        self._key = key
        self._links: dict[int, PeerLink] = {}
        self._dialling: list[asyncio.Task[None]] = []
        self._has_stopped = False
        self._complaints: dict[int, str] = {}
        self._stranger = ""
        self._knocked = {peer_id: asyncio.Event() for peer_id in peers}

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service `Replica`."""
        methods: dict[str, Any] = {
            "Link": grpc.stream_stream_rpc_method_handler(self._link),
            "Override": grpc.unary_unary_rpc_method_handler(self._override),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def start(self) -> None:
        """Begins to dial the peers that are this side's to dial."""
        self._dialling = [
            asyncio.create_task(
                self._keep_dialling(peer_id, address)
                if self._me < peer_id
                else self._knock(peer_id, address),
                name=f"dial-{peer_id}",
            )
            for peer_id, address in self._peers.items()
        ]

    async def stop(self) -> None:
        """Breaks all links, and takes no new one: peers dial again at once."""
        self._has_stopped = True
        for task in self._dialling:
            task.cancel()
        links = list(self._links.values())
        for link in links:
            link.broken.set()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        # A handler that the end of the loop cuts off makes gRPC print a traceback.
        await asyncio.gather(*(link.ended.wait() for link in links))

    async def drained(self) -> None:
        """Returns when nothing is queued on any link."""
        await asyncio.gather(*(link.drained() for link in self._links.values()))

    def send(self, peer_id: int, message: Message) -> None:
        """Sends on the current link; without one the message is lost, as on a broken link."""
        link = self._links.get(peer_id)
        if link is not None:
            link.send(wire.encode_message(message))

    def current(self, peer_id: int) -> PeerLink | None:
        """The link that stands with that peer."""
        return self._links.get(peer_id)

    # ----------------------------------------------------------------- dialling

    async def _keep_dialling(self, peer_id: int, address: str) -> None:
        pause = REDIAL_SECONDS[0]
        while True:
            stood = await self._attend(peer_id, address)
            pause = REDIAL_SECONDS[0] if stood else min(pause * 2, REDIAL_SECONDS[1])
            await self._pause(peer_id, pause * random.uniform(0.5, 1.0))

    async def _attend(self, peer_id: int, address: str) -> bool:
        """Dials a link and stays until it has ended; says whether it ever stood.

        A path through the network can end without a word, and come back long before TCP
        tries the old connection again. So while a link is silent a second one is dialled
        beside it. It takes over when its handshake is done, and not before: a peer that
        only sleeps must not wake up to broken links, and take its master for dead.
        """
        dialled = {asyncio.create_task(self._attempt(peer_id, address))}
        stood = False
        try:
            while dialled:
                done, dialled = await asyncio.wait(
                    dialled, timeout=SILENCE_CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                stood = stood or any(task.result() for task in done)
                standing = self._links.get(peer_id)
                if standing and len(dialled) == 1 and not self._owner.hears(peer_id):
                    self._knocked[peer_id].clear()
                    dialled.add(asyncio.create_task(self._attempt(peer_id, address)))
            return stood
        finally:
            for task in dialled:
                task.cancel()
            await asyncio.gather(*dialled, return_exceptions=True)

    async def _attempt(self, peer_id: int, address: str) -> bool:
        try:
            return await self._dial(peer_id, address)
        except WEATHER as error:
            details = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
            self._complain(peer_id, f"cannot be reached at {address}: {details}")
            return False

    async def _pause(self, peer_id: int, seconds: float) -> None:
        """Waits before the next attempt, unless that peer knocks or has knocked."""
        knocked = self._knocked[peer_id]
        try:
            # Not `wait_for`: where the peer has knocked, that forgets being told to stop.
            async with asyncio.timeout(seconds):
                await knocked.wait()
        except TimeoutError:
            return
        knocked.clear()

    async def _knock(self, peer_id: int, address: str) -> None:
        """Shows a hello to a replica whose part it is to dial; it will be refused."""
        try:
            await self._dial(peer_id, address)
        except WEATHER:
            pass  # it is not there: it will dial when it is

    async def _dial(self, peer_id: int, address: str) -> bool:
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            metadata = ((KEY_HEADER, self._key.decode()),)
            method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
                f"/{SERVICE}/Link"
            )
            call = method(metadata=metadata)
            try:
                hello = await self._shake_hands(peer_id, call.read, call.write)
                return hello is not None and await self._run(peer_id, hello, call.read, call.write)
            except TimeoutError:
                self._complain(peer_id, f"does not answer at {address}")
                return False
            except Unreadable as error:
                self._complain(peer_id, f"sent what cannot be read: {error}")
                return False
            finally:
                call.cancel()

    async def _shake_hands(self, peer_id: int, read: Read, write: Write) -> Hello | None:
        """Exchanges hellos as the side that dials; None if the peer ends the stream or knocks.

        The first write waits for the connection. To an address where nobody is any more gRPC
        tries that for 20 s, and would not see that the peer is back, at another one.

        Raises:
            TimeoutError: if nobody answers.
        """

        async def exchange() -> object:
            await write(wire.encode_hello(self._owner.hello()).SerializeToString())
            answer = await read()
            # Again, so that the peer does not take over a link that was given up meanwhile.
            await write(wire.encode_hello(self._owner.hello()).SerializeToString())
            return answer

        exchanging = asyncio.create_task(exchange())
        knocking = asyncio.create_task(self._knocked[peer_id].wait())
        tasks = (exchanging, knocking)
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=HANDSHAKE_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise TimeoutError
            first = exchanging.result() if exchanging in done else None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return wire.decode_hello(_parsed(first)) if isinstance(first, bytes) else None

    # ------------------------------------------------------------------ serving

    async def _link(self, _: object, context: Context) -> None:
        """A peer dialled."""
        await self._check_key(context)
        if self._has_stopped:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "this replica is stopping")
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                first: object = await context.read()
            if not isinstance(first, bytes):
                return
            hello = wire.decode_hello(_parsed(first))
            refusal = self._owner.check_hello(hello)
            if refusal is None and hello.replica_id > self._me:
                self._knocked[hello.replica_id].set()
                refusal = LOWER_ID_DIALS
            if refusal is not None:
                if refusal != LOWER_ID_DIALS:
                    self._complain(hello.replica_id, refusal)
                raise _Refused(refusal)
            await context.write(wire.encode_hello(self._owner.hello()).SerializeToString())
            async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                again: object = await context.read()
            if not isinstance(again, bytes):
                return
            peer_id, hello = hello.replica_id, wire.decode_hello(_parsed(again))
            await self._run(peer_id, hello, context.read, context.write)
        except _Refused as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no hello came in time")
        except Unreadable as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except WEATHER:
            pass  # it has hung up: it will dial again

    async def _override(self, data: bytes, context: Context) -> bytes:
        """The operator's word."""
        await self._check_key(context)
        try:
            pb.OverrideRequest.FromString(data)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not an OverrideRequest")
        done, explanation = self._owner.override()
        return pb.OverrideResponse(done=done, explanation=explanation).SerializeToString()

    async def _check_key(self, context: Context) -> None:
        shown: object = dict(context.invocation_metadata() or ()).get(KEY_HEADER, b"")
        shown_bytes = shown if isinstance(shown, bytes) else str(shown).encode()
        if not hmac.compare_digest(shown_bytes, self._key):
            self._complain_of_stranger(context.peer())
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the cluster key is not this one")

    # --------------------------------------------------------------- one link

    async def _run(self, peer_id: int, hello: Hello, read: Read, write: Write) -> bool:
        """Runs a link from its handshake to its end; says whether it ever stood."""
        if self._has_stopped:
            return False
        refusal = self._owner.check_hello(hello)
        if refusal is None and hello.replica_id != peer_id:
            refusal = f"replica {hello.replica_id} answers there: check cluster.yaml"
        if refusal is not None:
            self._complain(peer_id, refusal)
            return False
        old = self._links.pop(peer_id, None)
        if old is not None:
            old.broken.set()
            self._owner.link_down(peer_id)
        link = self._links[peer_id] = PeerLink(peer_id, write)
        self._complaints.pop(peer_id, None)
        log.info("link with replica %d stands", peer_id)
        self._owner.link_up(peer_id, hello)
        reader = asyncio.create_task(self._read(link, read))
        writer = asyncio.create_task(link.run_writer())
        broken = asyncio.create_task(link.broken.wait())
        try:
            await asyncio.wait((reader, writer, broken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer, broken):
                task.cancel()
            if self._links.get(peer_id) is link:
                del self._links[peer_id]
                link.broken.set()
                log.info("link with replica %d broke", peer_id)
                self._owner.link_down(peer_id)
            link.ended.set()
        return True

    async def _read(self, link: PeerLink, read: Read) -> None:
        try:
            while isinstance(data := await read(), bytes):
                if self._links.get(link.peer_id) is not link:
                    return
                self._owner.received(link.peer_id, wire.decode_message(_parsed(data)))
        except Unreadable as error:
            log.error("replica %d sent what cannot be read: %s", link.peer_id, error)
        except WEATHER:
            pass  # the stream broke: `_run` tells the owner

    def _complain_of_stranger(self, address: str) -> None:
        """Once for each host in a row: whoever knocks a thousand times fills no log."""
        host = address.rpartition(":")[0]
        if host != self._stranger:
            self._stranger = host
            log.warning("%s came to the peer port without the cluster key", address)

    def _complain(self, peer_id: int, line: str) -> None:
        """Logs what is wrong with a peer once, not at every attempt."""
        # A hello can name any id: those of no peer share a place, and fill no memory.
        place = peer_id if peer_id in self._peers else NO_PEER
        if self._complaints.get(place) != line:
            self._complaints[place] = line
            log.warning("replica %d: %s", peer_id, line)


def _parsed(data: bytes) -> pb.LinkMessage:
    try:
        return pb.LinkMessage.FromString(data)
    except DecodeError as error:
        raise Unreadable("not a message of a link") from error
