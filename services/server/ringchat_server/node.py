"""The driver: the only owner of the engine, the journal and the transport.

Everything runs on one event loop. What is decided is decided by the rules, what is
done about it by the engine; here are the clock, the disk and the network for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Chat
from ringchat_server.compactor import fold_from
from ringchat_server.engine import Engine
from ringchat_server.gathering import Sink
from ringchat_server.journal import (
    EMPTY_STATE,
    DiskFailed,
    FolderDisk,
    Journal,
    JournalRefused,
    Opened,
)
from ringchat_server.keeper import Keeper
from ringchat_server.newsroom import Newsroom, Wake
from ringchat_server.records import Meta, Proposal, Record
from ringchat_server.replica import Config
from ringchat_server.replica.values import Hello, Message, Now, Run, StateChunk
from ringchat_server.search import Hit, Search
from ringchat_server.settings import Settings
from ringchat_server.transport.delivery import Guest
from ringchat_server.transport.gate import NotServing
from ringchat_server.transport.links import Links
from ringchat_server.transport.ports import PortInUse, Ports
from ringchat_server.transport.secrets import Passwords
from ringchat_server.transport.service import ChatService, Standing
from ringchat_server.transport.weather import is_weather

log = logging.getLogger(__name__)

T = TypeVar("T")

TICK_SECONDS_MIN = 0.001
"""As exact as the event loop's timers are."""
STATE_CHUNK_BYTES = 256 << 10
FINISH_SECONDS = 2.0
"""Told to stop, a replica waits so long for the confirmations of what is in flight."""
LAST_WORDS_SECONDS = 0.5
"""And so long for those who are told of it to have heard; nothing depends on it."""
GRACE_SECONDS = 0.5

EXIT_OK = 0
EXIT_BUG = 1
EXIT_DISK = 4


class StartError(Exception):
    """A replica cannot start; the text is one line for a person."""


async def serve(settings: Settings) -> int:
    """Runs a replica until it is told to stop.

    Returns:
        The exit code: 0 when stopped in order, 4 when the disk failed.

    Raises:
        StartError: if it cannot begin.
    """
    try:
        disk = FolderDisk(settings.data_folder)
        disk.claim()
        journal, opened = Journal.open(disk, settings.replica_id)
    except JournalRefused as error:
        raise StartError(str(error)) from error
    log.info("replica %d: %s", settings.replica_id, opened.note)
    node = Node(settings, journal, opened)
    await node.start()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(node.on_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.stop_soon)
    return await node.run()


class Node:
    """One replica at work."""

    def __init__(self, settings: Settings, journal: Journal, opened: Opened) -> None:
        self._settings = settings
        self.cluster_key = settings.cluster_key
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._drained = asyncio.Event()
        """Set when nothing waits for the log any more, or nobody is attached any more."""
        self._usable = False
        self._exit_code = EXIT_OK
        cluster = settings.cluster
        config = Config(
            settings.replica_id,
            len(cluster.members),
            cluster.prefer,
            cluster.suspect_after_seconds,
            keep_entries_max=cluster.keep_entries,
        )
        self._engine = Engine(self, config, opened, birth_id=os.urandom(16))
        self._replica = self._engine.replica
        self._keeper = Keeper(
            journal,
            settings.data_folder,
            settings.replica_id,
            self._engine.synced,
            self.disk_failed,
        )
        peers = {one.id: one.peer for one in cluster.members if one.id != settings.replica_id}
        self._links = Links(self, settings.replica_id, peers, settings.cluster_key)
        self._passwords = Passwords()
        self._search = Search()
        self._service = ChatService(self, self._passwords)
        self._ports = Ports(self._service, self._links)

    # ----------------------------------------------------------------- life

    async def start(self) -> None:
        """Opens both ports.

        Raises:
            StartError: if a port cannot be had.
        """
        member, host = self._settings.member, self._settings.listen_host
        try:
            await self._ports.start(
                _listen_address(member.client, host), _listen_address(member.peer, host)
            )
        except PortInUse as error:
            raise StartError(str(error)) from error
        self._links.start()
        self._spawn(self._tick())
        log.info("replica %d listens on %s", member.id, member.client)

    async def run(self) -> int:
        """Serves until told to stop; returns the exit code."""
        await self._stop.wait()
        if self._exit_code == EXIT_OK:
            await self._finish()
        for task in self._tasks:
            task.cancel()
        await self._links.stop()
        await self._ports.stop(GRACE_SECONDS)
        await self._service.close()
        self._passwords.close()
        self._search.close()
        if self._exit_code == EXIT_OK:
            await self._keeper.close()
        log.info("replica %d has stopped", self._settings.replica_id)
        return self._exit_code

    def stop_soon(self) -> None:
        """SIGTERM: finish what is in flight, let go of the view, leave."""
        log.info("told to stop")
        self._stop.set()

    async def _finish(self) -> None:
        """Confirms what is in flight, then lets go of the view and says so to everyone."""
        engine = self._engine
        engine.stop(f"replica {self._settings.replica_id} is stopping")
        await self._until(lambda: not engine.at_work, FINISH_SECONDS)
        engine.resign()
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._links.drained()
        except TimeoutError:
            pass  # a peer that does not read will see the link break
        await self._until(lambda: not engine.attended, LAST_WORDS_SECONDS)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Waits for what `answered_all` may have brought about, but not for ever."""
        deadline = time.monotonic() + seconds
        while not condition() and (left := deadline - time.monotonic()) > 0:
            self._drained.clear()
            try:
                async with asyncio.timeout(left):
                    await self._drained.wait()
            except TimeoutError:
                return

    def on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An error that nobody caught is a bug: better to leave the ring than to go on wrong."""
        error = context.get("exception")
        if isinstance(error, Exception) and not is_weather(error):
            log.critical("%s", context.get("message"), exc_info=error)
            self._exit_code = EXIT_BUG
            self._stop.set()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("a task of this replica failed: this is a bug", exc_info=error)
            self._exit_code = EXIT_BUG
            self._stop.set()

    async def _tick(self) -> None:
        while True:
            due_seconds = self._replica.due_at - time.monotonic()
            await asyncio.sleep(max(due_seconds, TICK_SECONDS_MIN))
            self._engine.tick()
            await self._show_health()
            if self._keeper.worth_compacting(self.chat.stored_bytes):
                index, _ = self._replica.compactable()
                if index > self._replica.log.base_index:
                    self._keeper.compact(index, self._engine.compacted)

    async def _show_health(self) -> None:
        """Tells the health service whether the chat can be used through this replica."""
        usable = self.serving() or self.master_address() is not None
        if usable != self._usable:
            self._usable = usable
            await self._ports.set_chat_health(serving=usable)

    # ------------------------------------------------------- of the engine

    def now(self) -> Now:
        """Both clocks."""
        return Now(time.monotonic(), time.time_ns() // 1_000_000)

    @property
    def writing(self) -> bool:
        """A journal write is under way."""
        return self._keeper.busy

    def flush_soon(self) -> None:
        """Flushes when the requests that have arrived were all taken."""
        asyncio.get_running_loop().call_soon(self._engine.flush)

    def write(self, ticket: int, records: tuple[Record, ...], commit_index: int) -> None:
        """Queues records for the journal."""
        self._keeper.write(ticket, records, commit_index)

    def send(self, peer_id: int, message: Message) -> None:
        """Sends on the current link."""
        self._links.send(peer_id, message)

    def send_state(self, peer_id: int, view: int, common_index: int) -> None:
        """Begins to send the journal's state record."""
        self._spawn(self._send_state(peer_id, view, common_index))

    def store_chunk(self, offset: int, data: bytes) -> None:
        """Keeps a piece of another replica's state."""
        self._keeper.store_chunk(offset, data)

    def install(
        self, index: int, runs: tuple[Run, ...], meta: Meta, aside: tuple[Proposal, ...]
    ) -> Chat:
        """Makes the state that was stored the journal."""
        return self._keeper.install(index, runs, meta, aside, fold_from)

    def reread(self) -> Opened:
        """What the journal holds."""
        return self._keeper.reread()

    def disk_failed(self, line: str) -> None:
        """Rule 13: a failed sync ends the process."""
        log.critical("the disk failed, so this replica ends: %s", line)
        self._exit_code = EXIT_DISK
        self._stop.set()

    def bug(self, line: str) -> None:
        """Something that cannot be has happened."""
        log.critical("%s: this is a bug, so this replica ends", line)
        self._exit_code = EXIT_BUG
        self._stop.set()

    def serving_changed(self, serving: bool) -> None:
        """The chat can be used through this replica, or not any more."""
        self._spawn(self._show_health())
        # Another master has the index now, or none: a backup does not keep one.
        self._engine.newsroom.read_all(None)
        self._search.forget()

    def answered_all(self) -> None:
        """Whoever waits to stop may look again."""
        self._drained.set()

    # -------------------------------------------------------- of the links

    def hello(self) -> Hello:
        """The handshake to send now."""
        return self._replica.hello()

    def check_hello(self, hello: Hello) -> str | None:
        """Why that link cannot be; None if it can."""
        return self._replica.check_hello(hello)

    def hears(self, peer_id: int) -> bool:
        """That peer has spoken of late."""
        return self._replica.hears(peer_id)

    def link_up(self, peer_id: int, hello: Hello) -> None:
        """A link stands."""
        self._engine.link_up(peer_id, hello)

    def link_down(self, peer_id: int) -> None:
        """A link broke."""
        self._engine.link_down(peer_id)

    def received(self, peer_id: int, message: Message) -> None:
        """A message came on a link."""
        self._engine.received(peer_id, message)

    def override(self) -> tuple[bool, str]:
        """The operator's word."""
        return self._engine.override()

    # ------------------------------------------------------- of the service

    @property
    def chat(self) -> Chat:
        """The chat as it is now; after a rebuild it is another object."""
        return self._engine.chat

    def serving(self) -> bool:
        """This replica leads, has opened its view and is not about to stop."""
        return self._engine.serving

    def submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        """Gives a write to the log."""
        self._engine.submit(proposal, kind, sink)

    def full(self) -> bool:
        """More writes wait than are good for anyone."""
        return self._engine.full()

    def view_of(self, message_id: int) -> int:
        """The view that ordered the message of that id; `NO_VIEW` where there is none."""
        return self._engine.view_of(message_id)

    async def confirm_read(self) -> None:
        """Returns when a read may be answered (rule 12)."""
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._engine.read(lambda reason: _settle(told, reason))
        if reason := await told:
            raise NotServing(reason)

    @property
    def newsroom(self) -> Newsroom:
        """Who is there, and who is told what."""
        return self._engine.newsroom

    async def find(
        self, words: str, conversation_ids: Sequence[int], before_id: int, limit: int
    ) -> list[Hit]:
        """What holds those words; see `Search.find`."""
        self.newsroom.read_all(self._search.read)
        every = self.chat.views.every_conversation
        return await self._search.find(every, words, conversation_ids, before_id, limit)

    def attach(self, guest: Guest) -> None:
        """That guest will be told when this replica stops leading."""
        self._engine.attach(guest.moved)

    def detach(self, guest: Guest) -> None:
        """No longer."""
        self._engine.detach(guest.moved)

    def watch(self, account: str, wake: Wake) -> None:
        """Calls `wake` whenever that account has a new message."""
        self._engine.watch(account, wake)

    def unwatch(self, account: str, wake: Wake) -> None:
        """No longer."""
        self._engine.unwatch(account, wake)

    def master_address(self) -> str | None:
        """The master's client port, if another replica leads and is heard."""
        master = self._replica.heard_master()
        return None if master is None else self._settings.cluster.members[master].client

    def why_not_serving(self) -> str:
        """One line for the client that finds no master here."""
        return self._engine.why_not_serving()

    async def promote(self, view: int) -> str:
        """Asks this replica to take a view; an empty string when it has."""
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asker = self._engine.promote(view, lambda reason: _settle(told, reason))
        try:
            reason = await told
        finally:
            self._engine.forget(asker)
        self._engine.log_refusal("a client", view, reason)
        return reason

    def standing(self, reason: str) -> Standing:
        """What this replica knows of itself and its master."""
        replica = self._replica
        heard = replica.heard_master()
        view = replica.view if heard is None else replica.peers[heard].view
        serving = self.serving() or heard is not None
        in_sync = replica.in_sync and (self.serving() or heard is not None)
        status = pb.ReplicaStatus(
            role=replica.role_name,
            in_sync=in_sync,
            commit_index=replica.commit_index,
            entries=replica.log.length,
            state_hash=self.chat.digest,
            log_view=replica.meta.log_view,
        )
        master = replica.config.owner(view) if view >= 0 else -1
        return Standing(view, master, serving, "" if serving else reason, status)

    def ring(self) -> pb.SendHeartbeatResponse:
        """The parts of a heartbeat's answer that never change."""
        cluster = self._settings.cluster
        return pb.SendHeartbeatResponse(
            replica_id=self._settings.replica_id,
            ring=[
                pb.Seat(id=member.id, client=member.client, published=member.published)
                for member in cluster.members
            ],
            prefer=cluster.prefer,
            suspect_after_ms=round(cluster.suspect_after_seconds * 1000),
        )

    # ---------------------------------------------------------- state records

    async def _send_state(self, peer_id: int, view: int, common_index: int) -> None:
        link = self._links.current(peer_id)
        try:
            reader = await self._keeper.open_state()
        except DiskFailed as error:
            self.disk_failed(str(error))
            return
        index = 0 if reader is None else reader.index
        runs = () if reader is None else tuple(Run(*run) for run in reader.runs)
        size = len(EMPTY_STATE) if reader is None else reader.size
        log.info("replica %d is sent the state after entry %d, %d bytes", peer_id, index, size)
        try:
            for offset in range(0, size, STATE_CHUNK_BYTES):
                if link is None or self._links.current(peer_id) is not link:
                    return
                data = EMPTY_STATE
                if reader is not None:
                    data = await self._keeper.read_state(reader, offset, STATE_CHUNK_BYTES)
                last = offset + len(data) >= size
                chunk = StateChunk(view, index, runs, common_index, offset, data, last)
                self._links.send(peer_id, chunk)
                if not await link.drained():
                    return
        except OSError as error:
            self.disk_failed(f"the state record cannot be read: {error.strerror}")
        finally:
            if reader is not None:
                reader.close()


def _settle(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _listen_address(address: str, host: str | None) -> str:
    """`address` with another host to bind to, if one is given."""
    return address if host is None else f"{host}:{address.rpartition(':')[2]}"
