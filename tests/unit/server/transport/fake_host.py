"""A node of one replica, and a real gRPC server in front of it, for the tests of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answers, Chat, verification
from ringchat_server.newsroom import Newsroom, Wake
from ringchat_server.records import NOOP, Entry, Proposal
from ringchat_server.search import Hit, Search
from ringchat_server.transport.delivery import Guest
from ringchat_server.transport.gate import NotServing, Sink, now_ms
from ringchat_server.transport.secrets import Passwords, token_hash, token_of
from ringchat_server.transport.service import ChatService, Standing

KEY = b"a cluster key"
TOKEN = token_of(b"n" * 32, KEY)
SESSION = token_hash(TOKEN) or b""
VIEW = 3


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits for something that happens in another task and tells nobody."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


def empty_chat() -> Chat:
    """A chat that speaks the newest version, before the first entry."""
    chat = Chat()
    chat.apply(1, Entry(VIEW, 0, b"", 0, "", b"", NOOP))
    state = chat.export()
    return Chat.load((*state[:2], 0, *state[3:]))


class FakeHost:
    """Leads unless told otherwise; writes are applied at once unless `hold`. `ann` has `TOKEN`."""

    def __init__(self) -> None:
        self.chat = empty_chat()
        self.newsroom = Newsroom(now_ms)
        self.search = Search()
        self.cluster_key = KEY
        self.leads = True
        self.master: str | None = None
        self.hold = False
        self.gone = ""
        """Why a read is not confirmed."""
        self.refusal = ""
        self.asked_for: list[int] = []
        self.pending: list[tuple[Proposal, str, Sink]] = []
        self.proposals: list[Proposal] = []
        self.guests: list[Guest] = []
        self.watchers: list[tuple[str, Wake]] = []
        self.enter(("create", "ann", "not a hash"), 1)
        self.enter(("login", "ann", verification("not a hash"), SESSION, b"n" * 32), 2)

    def enter(self, request: tuple[object, ...], number: int, account: str = "") -> Answers:
        """Applies a write that comes from elsewhere, and wakes the receivers."""
        session = SESSION if account else b""
        entry = Entry(VIEW, now_ms(), b"x" * 16, number, account, session, request)
        answers = self.chat.apply(self.chat.applied_index + 1, entry)
        self.newsroom.tell(self.chat, self.chat.take_news())
        return answers

    def step_down(self, reason: str) -> None:
        """Another replica leads now."""
        self.leads = False
        self.search.forget()
        for guest in list(self.guests):
            guest.moved(VIEW + 1, reason)

    # -------------------------------------------------------------- as a host

    def submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        self.pending.append((proposal, kind, sink))
        if not self.hold:
            self.apply()

    def apply(self) -> None:
        for proposal, kind, sink in self.pending:
            self.proposals.append(proposal)
            entry = Entry(VIEW, now_ms(), *proposal)
            sink.answered(kind, self.chat.apply(self.chat.applied_index + 1, entry))
            self.newsroom.tell(self.chat, self.chat.take_news())
        self.pending.clear()

    def full(self) -> bool:
        return False

    def view_of(self, message_id: int) -> int:
        return VIEW

    async def find(
        self, words: str, conversation_ids: Sequence[int], before_id: int, limit: int
    ) -> list[Hit]:
        self.newsroom.read_all(self.search.read)
        every = self.chat.views.every_conversation
        return await self.search.find(every, words, conversation_ids, before_id, limit)

    async def confirm_read(self) -> None:
        if self.gone:
            raise NotServing(self.gone)

    def attach(self, guest: Guest) -> None:
        self.guests.append(guest)

    def detach(self, guest: Guest) -> None:
        self.guests.remove(guest)

    def watch(self, account: str, wake: Wake) -> None:
        self.watchers.append((account, wake))
        self.newsroom.receive(self.chat, account, wake)

    def unwatch(self, account: str, wake: Wake) -> None:
        self.watchers.remove((account, wake))
        self.newsroom.receive_no_more(self.chat, account, wake)

    def serving(self) -> bool:
        return self.leads

    def master_address(self) -> str | None:
        return self.master

    def why_not_serving(self) -> str:
        return "nobody leads, as far as this replica knows"

    def standing(self, reason: str) -> Standing:
        status = pb.ReplicaStatus(role="master" if self.leads else "backup", commit_index=17)
        return Standing(VIEW, 0, self.leads, reason, status)

    async def promote(self, view: int) -> str:
        self.asked_for.append(view)
        return self.refusal

    def ring(self) -> pb.SendHeartbeatResponse:
        return pb.SendHeartbeatResponse(replica_id=1, prefer="availability", suspect_after_ms=1000)


@asynccontextmanager
async def served(host: FakeHost) -> AsyncIterator[str]:
    """The service of that host on a loopback port; gives its address."""
    passwords = Passwords()
    service = ChatService(host, passwords)
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((service.handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
        await service.close()
        passwords.close()
