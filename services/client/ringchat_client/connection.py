"""One client's connection: drives the ring's walk and carries the session over a stream.

One task, `Connection.run`, does what `Ring.step` names, for ever. While it is
attached, two more live: one that reads the stream and one that writes it.

A replica that hangs is noticed in two ways. HTTP/2 keepalive pings come from
gRPC's own threads and cost an idle client next to nothing, but gRPC sends at
most one a second, so the silence may last that much longer than `suspect_after`.
And while requests are unanswered, an empty frame asks "are you there?" after half of
`suspect_after` without a word; after the whole of it the connection is given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import grpc

from ringchat_client.errors import RingchatError
from ringchat_client.ring import Answer, Ask, Attach, Known, Pause, Ring
from ringchat_client.session import Session
from ringchat_client.values import Asking, Connected, ConnectionEvent, Lost, Refused
from ringchat_proto import chat_pb2 as pb
from ringchat_proto.chat_pb2_grpc import ChatStub

if TYPE_CHECKING:
    from ringchat_proto.chat_pb2_grpc import ChatAsyncStub

__all__ = ["Connection", "answer_of", "heartbeat", "open_channel"]

log = logging.getLogger(__name__)

FRAME_BYTES_MAX = 16 << 20
"""Nothing larger is accepted from a server."""
CONNECT_TIMEOUT_MS_MAX = 5_000

StreamCall: TypeAlias = "grpc.aio.StreamStreamCall[pb.ClientFrame, pb.ServerFrame]"


def open_channel(address: str, suspect_after_seconds: float) -> grpc.aio.Channel:
    """A fresh channel: what an earlier one learned about a dead address does not count."""
    suspect_after_ms = max(int(suspect_after_seconds * 1000), 20)
    return grpc.aio.insecure_channel(
        address,
        options=(
            ("grpc.use_local_subchannel_pool", 1),
            # A ring is reached directly: a proxy of the environment knows nothing of it.
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
            ("grpc.max_receive_message_length", FRAME_BYTES_MAX),
            ("grpc.max_send_message_length", FRAME_BYTES_MAX),
            ("grpc.dns_min_time_between_resolutions_ms", 100),
            ("grpc.initial_reconnect_backoff_ms", 100),
            # Also how long one attempt to connect may take.
            ("grpc.min_reconnect_backoff_ms", min(suspect_after_ms, CONNECT_TIMEOUT_MS_MAX)),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.keepalive_time_ms", suspect_after_ms),
            ("grpc.keepalive_timeout_ms", suspect_after_ms),
            # It is this one that gRPC goes by; the option above alone detects nothing for 60 s.
            ("grpc.http2.ping_timeout_ms", suspect_after_ms),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ),
    )


def stub_of(channel: grpc.aio.Channel) -> ChatAsyncStub:
    """The service as seen through a channel."""
    return ChatStub(channel)


def one_line(text: str) -> str:
    """A server's words, cut down to one line of bearable length."""
    return " ".join(text.split())[:300]


def reason_of(error: grpc.aio.AioRpcError, address: str) -> str:
    """One line about a failed call, without gRPC's inner layers."""
    details = one_line(error.details() or "") or error.code().name
    _, _, inner = details.rpartition("Failed to connect to remote host: ")
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        inner = "no answer in time"
    elif "lookup" in details or "DNS" in details:
        inner = "no such host"
    return f"{address}: {inner}"


async def heartbeat(
    channel: grpc.aio.Channel, view: int | None, timeout_seconds: float
) -> pb.SendHeartbeatResponse:
    """SendHeartbeat at one replica. Raises AioRpcError."""
    request = pb.SendHeartbeatRequest()
    if view is not None:
        request.view = view
    return await stub_of(channel).SendHeartbeat(request, timeout=timeout_seconds)


def answer_of(response: pb.SendHeartbeatResponse) -> Answer:
    """The same in the ring's own words."""
    return Answer(
        replica_id=response.replica_id,
        view=response.view,
        master_id=response.master_id,
        serving=response.serving,
        reason=one_line(response.reason),
        ring=tuple(Known(m.id, m.client, m.published) for m in response.ring),
        suspect_after_seconds=(response.suspect_after_ms or 1000) / 1000,
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a stream ended; with the view that a replica named which moved."""

    reason: str
    moved_view: int | None = None


class Stream:
    """One Session stream at one replica, from its first frame to its end."""

    def __init__(
        self,
        call: StreamCall,
        address: str,
        session: Session,
        suspect_after_seconds: float,
        on_confirmed: Callable[[], None],
    ) -> None:
        self._call = call
        self._address = address
        self._session = session
        self._suspect_after_seconds = suspect_after_seconds
        self._on_confirmed = on_confirmed
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._ended: asyncio.Future[Ended] = self._loop.create_future()
        self._confirmed = False
        self._ping_due = True  # the first one confirms that the stream works
        self._ping_outstanding = False
        self._writing = False
        self._heard_at = self._loop.time()
        self._checked_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the replica has answered on it."""
        return self._confirmed

    def wake(self) -> None:
        """There may be something to write."""
        self._wake.set()

    async def run(self) -> Ended:
        """Carry the session until the stream ends, and say why it did."""
        self._session.begin_stream()
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        for task in tasks:
            task.add_done_callback(self._on_task_done)
        try:
            return await self._ended
        finally:
            if self._watch is not None:
                self._watch.cancel()
            self._call.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        """A bug in one of the tasks must end the connection, not leave it half alive."""
        if not task.cancelled() and (error := task.exception()) and not self._ended.done():
            self._ended.set_exception(error)

    def _end(self, reason: str, moved_view: int | None = None) -> None:
        if not self._ended.done():
            self._ended.set_result(Ended(reason, moved_view))

    async def _read(self) -> None:
        while True:
            try:
                frame = await self._call.read()
            except grpc.aio.AioRpcError as error:
                self._end(reason_of(error, self._address))
                return
            if not isinstance(frame, pb.ServerFrame):
                self._end(f"{self._address}: the replica ended the session")
                return
            self._heard_at = self._loop.time()
            useless = self._session.take(frame)
            if frame.HasField("moved"):
                self._end(one_line(frame.moved.reason) or "it leads no more", frame.moved.view)
                return
            if frame.HasField("error"):
                useless = frame.error.message or f"status {frame.error.code}"
            if useless is not None:
                self._end(one_line(useless))
                return
            # Any word will do: a replica may put its echo into a frame of answers.
            self._ping_outstanding = False
            if not self._confirmed:
                self._confirmed = True
                self._on_confirmed()
            self._wake.set()  # the window may have room again

    async def _write(self) -> None:
        while True:
            frame = self._session.next_frame()
            if frame is None and self._ping_due:
                self._ping_due, self._ping_outstanding = False, True
                frame = pb.ClientFrame()
            if frame is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._watch is None:
                # Nothing was awaited until now: silence counts from here.
                self._heard_at = self._loop.time()
                self._schedule_check()
            self._writing = True
            try:
                await self._call.write(frame)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return  # the stream is over: the reader learns why
            self._writing = False

    # ----------------------------------------------------------------- silence

    def _schedule_check(self) -> None:
        share = 1.0 if self._ping_outstanding else 0.5
        self._checked_at = max(
            self._heard_at + share * self._suspect_after_seconds,
            self._loop.time() + 0.01 * self._suspect_after_seconds,
        )
        self._watch = self._loop.call_at(self._checked_at, self._check_silence)

    def _check_silence(self) -> None:
        now = self._loop.time()
        self._watch = None
        if not (self._session.outstanding or self._ping_outstanding):
            return  # nothing is awaited: the next write starts the watch again
        if now - self._checked_at > 0.25 * self._suspect_after_seconds:
            self._heard_at = now  # it was this program that slept: what came meanwhile is unread
        if self._writing:
            self._heard_at = now  # a slow line: keepalive pings pass between the pieces of a frame
        silent_seconds = now - self._heard_at
        if silent_seconds >= self._suspect_after_seconds:
            self._end(f"{self._address}: silent for {silent_seconds:.1f} s")
            return
        if silent_seconds >= 0.5 * self._suspect_after_seconds and not self._ping_outstanding:
            self._ping_due = self._ping_outstanding = True
            self._wake.set()
        self._schedule_check()


class Connection:
    """Keeps one session attached to the master, whoever that is, until it is closed."""

    def __init__(
        self,
        ring: Ring,
        session: Session,
        on_event: Callable[[ConnectionEvent], None] | None = None,
    ) -> None:
        self.ring = ring
        self._session = session
        self._on_event = on_event
        self._channel: grpc.aio.Channel | None = None
        self._channel_address = ""
        self._channel_suspect_after_seconds = 0.0
        self._stream: Stream | None = None
        self._lost_at = 0.0
        self._learned = asyncio.Event()
        self._attached = asyncio.Event()  # also set at the very end
        self._over = False
        self._failure: RingchatError | None = None

    def wake(self) -> None:
        """Something was submitted to the session."""
        if self._stream is not None:
            self._stream.wake()

    @property
    def is_attached(self) -> bool:
        """Whether what is submitted now is on its way at once."""
        return self._stream is not None and self._stream.confirmed

    async def attached(self) -> ChatAsyncStub | None:
        """The service at the replica that the session is attached to; waits while there is none.

        Returns None once the connection was closed; raises if it failed.
        """
        await self._attached.wait()
        if self._failure is not None:
            raise self._failure
        if self._over:
            return None
        assert self._channel is not None
        return stub_of(self._channel)

    def end(self, failure: RingchatError | None) -> None:
        """`run` is over: nobody must go on waiting for it."""
        self._over = True
        self._failure = failure
        self._attached.set()

    async def ring_known(self) -> None:
        """Wait until the addresses of all replicas are known."""
        await self._learned.wait()

    async def run(self) -> None:
        """Walk and serve until cancelled."""
        loop = asyncio.get_running_loop()
        self._lost_at = loop.time()
        try:
            while True:
                if self.ring.addresses:
                    self._learned.set()
                step = self.ring.step
                if isinstance(step, Ask):
                    await self._ask(step)
                elif isinstance(step, Attach):
                    await self._attach(step)
                else:
                    assert isinstance(step, Pause)
                    await asyncio.sleep(step.seconds)
                    self.ring.paused()
        finally:
            await self._close_channel()

    # --------------------------------------------------------------------- ask

    async def _ask(self, step: Ask) -> None:
        self._tell(Asking(step.replica_id, step.address, step.view))
        channel = await self._channel_to(step.address)
        try:
            answer = answer_of(await self._heartbeat(channel, step))
        except grpc.aio.AioRpcError as error:
            await self._close_channel()
            self.ring.unreachable(reason_of(error, step.address))
        else:
            self.ring.answered(answer)
        if not isinstance(self.ring.step, Attach):
            self._tell(Refused(step.replica_id, self.ring.reason))

    async def _heartbeat(self, channel: grpc.aio.Channel, step: Ask) -> pb.SendHeartbeatResponse:
        """Ask, and find out early if the one who is asked for a view hangs itself."""
        asked = asyncio.create_task(heartbeat(channel, step.view, step.timeout_seconds))
        tasks = {asked}
        try:
            suspect_after = self.ring.suspect_after_seconds
            await asyncio.wait(tasks, timeout=suspect_after)
            if not asked.done() and step.view is not None:
                probe = asyncio.create_task(heartbeat(channel, None, suspect_after / 2))
                tasks.add(probe)
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if not asked.done():
                    probe.result()
            return await asked
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------ attach

    async def _attach(self, step: Attach) -> None:
        loop = asyncio.get_running_loop()
        channel = await self._channel_to(step.address)

        def on_confirmed() -> None:
            seconds = loop.time() - self._lost_at
            self.ring.attached(loop.time())
            self._attached.set()
            self._tell(Connected(step.replica_id, step.master_id, step.view, seconds))

        call = stub_of(channel).Session()
        stream = Stream(
            call, step.address, self._session, self.ring.suspect_after_seconds, on_confirmed
        )
        self._stream = stream
        try:
            ended = await stream.run()
        finally:
            self._stream = None
            self._attached.clear()
        await self._close_channel()
        now = loop.time()
        if stream.confirmed:
            self._lost_at = now
            self._tell(Lost(step.replica_id, ended.reason))
        else:
            self._tell(Refused(step.replica_id, ended.reason))
        if ended.moved_view is not None:
            self.ring.moved(now, ended.moved_view, ended.reason)
        elif stream.confirmed:
            self.ring.broken(now, ended.reason)
        else:
            self.ring.attach_failed(ended.reason)

    # ---------------------------------------------------------------- channels

    async def _channel_to(self, address: str) -> grpc.aio.Channel:
        """The channel of the last question if it leads there, or a fresh one."""
        suspect_after = self.ring.suspect_after_seconds
        if (
            self._channel is None
            or self._channel_address != address
            or self._channel_suspect_after_seconds != suspect_after
        ):
            await self._close_channel()
            self._channel = open_channel(address, suspect_after)
            self._channel_address = address
            self._channel_suspect_after_seconds = suspect_after
        return self._channel

    async def _close_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _tell(self, event: ConnectionEvent) -> None:
        log.debug("%s", event)
        if self._on_event is not None:
            self._on_event(event)
