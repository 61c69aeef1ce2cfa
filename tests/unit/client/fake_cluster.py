"""Three replicas in this process: real gRPC on loopback ports, one shared state, faults at will.

The state is what a faultless replication would keep: accounts, tokens, mailboxes and
the answer to every named request. A fault changes how one replica behaves towards a client.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from ringchat_proto import chat_pb2 as pb
from ringchat_proto.chat_pb2_grpc import ChatServicer, add_ChatServicer_to_server
from tests.unit.client.fake_conversations import Conversations

OK, ALREADY_EXISTS, FAILED_PRECONDITION = 0, 6, 9
UNAVAILABLE, UNAUTHENTICATED = 14, 16
SENDS_MAX = 1024


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that happens in another task and tells nobody."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


READS = frozenset(
    (
        *("list_accounts", "list_conversations", "list_members", "list_rooms", "list_sessions"),
        *("read_history", "search_messages", "get_profile", "set_typing"),
    )
)


@dataclass
class State(Conversations):
    """What every replica has: nothing is ever lost in this cluster."""

    answers: dict[tuple[bytes, int], pb.Response] = field(default_factory=dict)
    log: list[tuple[bytes, int, str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def apply(self, client: bytes, token: str, request: pb.Request) -> pb.Response:
        """Apply a request once; a repeated name gets the same answer."""
        kind = request.WhichOneof("kind") or ""
        response = pb.Response(number=request.number)
        if kind in READS:
            self._answer(kind, request, response, token)
            return response
        kept = self.answers.get((client, request.number))
        if kept is not None:
            return kept
        self.index += 1
        self.log.append((client, request.number, kind))
        self._answer(kind, request, response, token)
        self.answers[client, request.number] = response
        return response

    def _answer(self, kind: str, request: pb.Request, response: pb.Response, token: str) -> None:
        try:
            getattr(self, "_" + kind)(request, response, token)
        except LookupError as error:
            response.error.code, response.error.message = error.args
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def apply_frame(self, client: bytes, token: str, frame: pb.ClientFrame) -> pb.ServerFrame:
        """Apply all that a frame asks for, and answer it: at one time, messages first."""
        self.now_ms += 1
        answer = pb.ServerFrame()
        self._apply_sends(client, token, frame.sends, answer)
        for request in frame.requests:
            answer.responses.append(self.apply(client, token, request))
        return answer

    def _apply_sends(
        self, client: bytes, token: str, sends: pb.Sends, answer: pb.ServerFrame
    ) -> None:
        """Messages in columns: runs of receipts, and a response to each that is refused."""
        for i, text in enumerate(sends.text):
            request = pb.Request(number=sends.number + i)
            if sends.room:
                request.send_message.room = sends.room
            else:
                request.send_message.to = sends.to[i if len(sends.to) > 1 else 0]
            request.send_message.text = text
            response = self.apply(client, token, request)
            if response.HasField("error"):
                answer.responses.append(response)
                continue
            receipt = response.send_message
            this = (response.number, receipt.message_id, receipt.sent_at_ms)
            run = answer.receipts[-1] if answer.receipts else pb.Receipts()
            if this == (run.number + run.count, run.message_id + run.count, run.sent_at_ms):
                run.count += 1
            else:
                number, message_id, sent_at_ms = this
                answer.receipts.add(
                    number=number, count=1, message_id=message_id, sent_at_ms=sent_at_ms
                )

    def _list_accounts(self, request: pb.Request, response: pb.Response, _: str) -> None:
        ask = request.list_accounts
        names = sorted(n for n in self.accounts if fnmatch.fnmatch(n, ask.pattern or "*"))
        names = [n for n in names if n > ask.page_token]
        answer = response.list_accounts
        answer.names.extend(names[:2])  # small pages, so that paging is used
        answer.next_page_token = names[1] if len(names) > 2 else ""

    def _create_account(self, request: pb.Request, response: pb.Response, _: str) -> None:
        name = request.create_account.name
        if len(name) > 32:
            raise LookupError(3, "a name has 1 to 32 characters")
        if name in self.accounts:
            raise LookupError(ALREADY_EXISTS, f"the name '{name}' is taken")
        self.accounts[name] = request.create_account.password
        self.mailboxes[name] = []
        response.create_account.SetInParent()

    def _delete_account(self, _: pb.Request, response: pb.Response, token: str) -> None:
        name = self._account(token)
        del self.accounts[name], self.mailboxes[name]
        self.tokens = {t: n for t, n in self.tokens.items() if n != name}
        response.delete_account.SetInParent()

    def _log_in(self, request: pb.Request, response: pb.Response, _: str) -> None:
        name = request.log_in.name
        if self.accounts.get(name) != request.log_in.password:
            raise LookupError(UNAUTHENTICATED, "wrong name or password")
        token = f"token-{self.index}"
        self.tokens[token] = name
        response.log_in.token, response.log_in.name = token, name
        response.log_in.expires_at_ms = 2_000_000_000_000

    def _log_out(self, _: pb.Request, response: pb.Response, token: str) -> None:
        self._account(token)
        del self.tokens[token]
        response.log_out.SetInParent()

    def _send_message(self, request: pb.Request, response: pb.Response, token: str) -> None:
        message = self._put(self._account(token), request.send_message)
        response.send_message.message_id = message.id
        response.send_message.sent_at_ms = message.sent_at_ms

    def _update_message(self, request: pb.Request, response: pb.Response, token: str) -> None:
        name = self._account(token)
        up_to = request.update_message.up_to_message_id
        if request.update_message.HasField("view"):
            views = {m.id: m.view for m in self.mailboxes[name]}
            if views.get(up_to, request.update_message.view) != request.update_message.view:
                raise LookupError(FAILED_PRECONDITION, "it has another place in the order now")
        self.mailboxes[name] = [m for m in self.mailboxes[name] if m.id > up_to]
        response.update_message.SetInParent()


def is_sound(frame: pb.ClientFrame) -> bool:
    """Whether a server takes it: columns of a length, or the stream ends."""
    if not frame.HasField("sends"):
        return True
    texts, receivers = len(frame.sends.text), len(frame.sends.to)
    to_whom = receivers == 0 if frame.sends.room else receivers in (1, texts)
    return 0 < texts <= SENDS_MAX and to_whom and frame.sends.number > 0


class Replica(ChatServicer):
    """One replica's behaviour towards clients."""

    def __init__(self, cluster: FakeCluster, replica_id: int) -> None:
        self._cluster = cluster
        self.id = replica_id
        self.heartbeats: list[int | None] = []
        """The view of each SendHeartbeat that came: what the client asked for."""
        self.frames: list[pb.ClientFrame] = []
        self.awake = asyncio.Event()
        """Cleared, it accepts everything and answers nothing."""
        self.awake.set()
        self.refuses = ""
        self.mute = False
        """Takes requests and applies them, but gives no answer to them."""
        self.swallow = False
        """Takes requests and loses them."""
        self.echoes = True
        """Whether it answers empty frames."""
        self._queues: set[asyncio.Queue[pb.ServerFrame | None]] = set()

    async def _hang(self) -> None:
        await self.awake.wait()

    async def SendHeartbeat(  # noqa: N802
        self, request: pb.SendHeartbeatRequest, context: Any
    ) -> pb.SendHeartbeatResponse:
        cluster = self._cluster
        asked = request.view if request.HasField("view") else None
        self.heartbeats.append(asked)
        await self._hang()
        reason = self.refuses
        if asked is not None and not cluster.serving and not reason and asked > cluster.view:
            cluster.promote(asked)
        return pb.SendHeartbeatResponse(
            view=cluster.view,
            master_id=cluster.master_id,
            serving=cluster.serving,
            reason=reason,
            replica_id=self.id,
            ring=[
                pb.Seat(id=i, client=cluster.client_column[i], published=cluster.published[i])
                for i in range(len(cluster.replicas))
            ],
            prefer="availability",
            suspect_after_ms=cluster.suspect_after_ms,
            status=pb.ReplicaStatus(
                role="master" if cluster.master_id == self.id else "backup",
                in_sync=True,
                commit_index=cluster.state.index,
                entries=cluster.state.index,
                state_hash=bytes([1, 2, 255]),
            ),
        )

    async def Session(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.ClientFrame], context: Any
    ) -> AsyncIterator[pb.ServerFrame]:
        queue: asyncio.Queue[pb.ServerFrame | None] = asyncio.Queue()
        self._queues.add(queue)
        reading = asyncio.create_task(self._read(request_iterator, queue))
        try:
            while (frame := await queue.get()) is not None:
                await self._hang()
                yield frame
                if frame.HasField("moved"):
                    return
        finally:
            reading.cancel()
            self._queues.discard(queue)

    async def _read(
        self,
        frames: AsyncIterator[pb.ClientFrame],
        queue: asyncio.Queue[pb.ServerFrame | None],
    ) -> None:
        cluster, client, token = self._cluster, b"", ""
        delivering: asyncio.Task[None] | None = None
        watching: asyncio.Task[None] | None = None
        try:
            async for frame in frames:
                await self._hang()
                self.frames.append(frame)
                client = frame.client_id or client
                token = frame.token if frame.HasField("token") else token
                if not is_sound(frame):
                    cluster.violations.append(frame)
                    return
                if not cluster.serving:
                    queue.put_nowait(pb.ServerFrame(moved=pb.Moved(view=cluster.view)))
                    return
                if self.swallow:
                    continue
                answer = cluster.state.apply_frame(client, token, frame)
                asked = bool(frame.requests) or frame.HasField("sends")
                if frame.HasField("receive"):
                    after = frame.receive.after_message_id
                    delivering = asyncio.create_task(self._deliver(queue, token, after))
                elif frame.HasField("watch"):
                    start = len(cluster.state.told)
                    watching = asyncio.create_task(self._watch(queue, token, start))
                elif (asked and not self.mute) or (not asked and self.echoes):
                    queue.put_nowait(answer)
        finally:
            for task in (delivering, watching):
                if task is not None:
                    task.cancel()
            queue.put_nowait(None)

    async def _deliver(
        self, queue: asyncio.Queue[pb.ServerFrame | None], token: str, after: int
    ) -> None:
        state = self._cluster.state
        account = self._account(queue, token)
        while account:
            changed = state.changed
            messages = [m for m in state.mailboxes.get(account, []) if m.id > after]
            if messages:
                after = messages[-1].id
                queue.put_nowait(pb.ServerFrame(messages=messages))
            await changed.wait()

    async def _watch(
        self, queue: asyncio.Queue[pb.ServerFrame | None], token: str, start: int
    ) -> None:
        state = self._cluster.state
        account = self._account(queue, token)
        while account:
            changed = state.changed
            events = [event for people, event in state.told[start:] if account in people]
            start = len(state.told)
            if events:
                queue.put_nowait(pb.ServerFrame(events=events))
            await changed.wait()

    def _account(self, queue: asyncio.Queue[pb.ServerFrame | None], token: str) -> str:
        """Whose token it is; "", and an error on the stream, if it is nobody's."""
        account = self._cluster.state.tokens.get(token, "")
        if not account:
            error = pb.Error(code=UNAUTHENTICATED, message="no such session")
            queue.put_nowait(pb.ServerFrame(error=error))
        return account

    def received(self, name: str) -> bool:
        """Whether a request to make this account has come."""
        requests = (request for frame in self.frames for request in frame.requests)
        return any(request.create_account.name == name for request in requests)

    def move(self, view: int) -> None:
        """Tell every session that this replica leads no more."""
        for queue in self._queues:
            queue.put_nowait(pb.ServerFrame(moved=pb.Moved(view=view, reason="stopping")))

    def say(self, frame: pb.ServerFrame) -> None:
        """Send a frame on every session."""
        for queue in self._queues:
            queue.put_nowait(frame)


class FakeCluster:
    """`async with FakeCluster() as cluster:` three replicas, replica 0 the master of view 0."""

    def __init__(self, size: int = 3, suspect_after_ms: int = 200) -> None:
        self.state = State()
        self.view = 0
        self.serving = True
        self.suspect_after_ms = suspect_after_ms
        # Unary calls are none of its business, so those stay abstract.
        self.replicas = [Replica(self, i) for i in range(size)]  # type: ignore[abstract]
        self.addresses: list[str] = []
        self.client_column: list[str] = []
        self.published = [""] * size
        self.violations: list[pb.ClientFrame] = []
        """Frames that no client may write: each ended its stream."""
        self._servers: dict[int, grpc.aio.Server] = {}

    @property
    def master_id(self) -> int:
        return self.view % len(self.replicas)

    async def __aenter__(self) -> FakeCluster:
        for replica in self.replicas:
            self.addresses.append("127.0.0.1:0")
            await self.start(replica.id)
        self.client_column = list(self.addresses)
        return self

    async def __aexit__(self, *_: object) -> None:
        for replica in self.replicas:
            replica.awake.set()
        for replica_id in list(self._servers):
            await self.kill(replica_id)

    async def start(self, replica_id: int) -> None:
        """Start a replica, after a kill on the port that it had."""
        options = [("grpc.so_reuseport", 0), ("grpc.http2.max_ping_strikes", 0)]
        server = grpc.aio.server(options=options)
        add_ChatServicer_to_server(self.replicas[replica_id], server)
        port = server.add_insecure_port(self.addresses[replica_id])
        self.addresses[replica_id] = f"127.0.0.1:{port}"
        await server.start()
        self._servers[replica_id] = server

    async def kill(self, replica_id: int, *, others_hear_it: bool = False) -> None:
        """Close a replica's port and connections; the others notice, or hear it all the same."""
        if replica_id == self.master_id and not others_hear_it:
            self.serving = False
        await self._servers.pop(replica_id).stop(None)

    def promote(self, view: int) -> None:
        """The master of this view is at work."""
        self.view = view
        self.serving = True

    def cluster_file(self) -> str:
        """The text of a cluster.yaml."""
        lines = [
            f'  - {{id: {i}, client: "{a}", peer: "peer:1"}}' for i, a in enumerate(self.addresses)
        ]
        return "\n".join(["prefer: availability", "replicas:", *lines, ""])
