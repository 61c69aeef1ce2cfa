"""The driver: the only owner of the rules, the chat, the journal and the transport.

Everything runs on one event loop, one input of the rules at a time; the effects
are carried out before the next input. It decides nothing that the rules decide.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TypeVar

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import hand_over
from ringchat_server.compactor import fold_from
from ringchat_server.gathering import Gathering
from ringchat_server.journal import (
    EMPTY_STATE,
    DiskFailed,
    FolderDisk,
    Journal,
    JournalRefused,
    Opened,
)
from ringchat_server.keeper import Keeper
from ringchat_server.pickled import Unreadable
from ringchat_server.records import NO_VIEW, Entry, Proposal
from ringchat_server.replica import Config, Replica
from ringchat_server.replica.values import (
    Answer,
    Apply,
    Effect,
    Hello,
    Message,
    Now,
    Persist,
    ReadReady,
    Rebuild,
    Refusal,
    Run,
    Send,
    SendState,
    Serving,
    StateChunk,
    StoreChunk,
)
from ringchat_server.settings import Settings
from ringchat_server.transport.links import Links
from ringchat_server.transport.ports import PortInUse, Ports
from ringchat_server.transport.requests import NotServing, Sink
from ringchat_server.transport.secrets import Passwords
from ringchat_server.transport.service import ChatService, Standing
from ringchat_server.transport.sessions import Guest
from ringchat_server.transport.weather import is_weather

log = logging.getLogger(__name__)

T = TypeVar("T")

TICKS_PER_HEARTBEAT = 4
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
        members = settings.cluster.members
        self.chat = fold_from(opened.state)
        self._replica = Replica(
            Config(
                settings.replica_id,
                len(members),
                settings.cluster.prefer,
                settings.cluster.suspect_after_seconds,
                keep_entries_max=settings.cluster.keep_entries,
            ),
            opened.recovered,
            damaged=opened.kept_aside is not None,
            birth_id=os.urandom(16),
            time_floor_ms=self.chat.time_ms,
            hand_over=hand_over,
        )
        self._keeper = Keeper(
            journal, settings.data_folder, settings.replica_id, self._synced, self._disk_failed
        )
        peers = {member.id: member.peer for member in members if member.id != settings.replica_id}
        self._links = Links(self, settings.replica_id, peers, settings.cluster_key)
        self._passwords = Passwords()
        self._service = ChatService(self, self._passwords)
        self._ports = Ports(self._service, self._links)
        self._pending = Gathering()
        self._waiting: deque[tuple[int, str, Sink]] = deque()
        """(index, kind, sink) of the proposed writes, in the order of the log."""
        self._flush_due = False
        self._guests: dict[Guest, None] = {}
        self._watchers: dict[str, dict[Callable[[], None], None]] = {}
        self._askers: dict[int, asyncio.Future[str]] = {}
        self._next_asker = 0
        self._reads: dict[int, asyncio.Future[None]] = {}
        self._next_read = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._stopping = ""
        self._drained = asyncio.Event()
        """Set when nothing waits for the log any more, or nobody is attached any more."""
        self._refusals: dict[str, str] = {}
        """What was last said to whom about a view: said again, it is not logged again."""
        self._usable = False
        self._exit_code = EXIT_OK

    # ----------------------------------------------------------------- life

    async def start(self) -> None:
        """Applies what the journal knows to be confirmed, and opens both ports.

        Raises:
            StartError: if a port cannot be had.
        """
        self._apply(self._replica.commit_index)
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
        self._stopping = f"replica {self._settings.replica_id} is stopping"
        await self._until(lambda: not (self._pending or self._waiting), FINISH_SECONDS)
        self._replica.resign(self._now(), self._stopping)
        self._carry_out()
        self._tell_guests(self._replica.view, self._stopping)
        try:
            await asyncio.wait_for(self._links.drained(), LAST_WORDS_SECONDS)
        except TimeoutError:
            pass  # a peer that does not read will see the link break
        await self._until(lambda: not self._guests, LAST_WORDS_SECONDS)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Waits for what `_apply` or `detach` brings about, but not for ever."""
        deadline = time.monotonic() + seconds
        while not condition() and (left := deadline - time.monotonic()) > 0:
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), left)
            except TimeoutError:
                return

    def _disk_failed(self, line: str) -> None:
        log.critical("the disk failed, so this replica ends: %s", line)
        self._exit_code = EXIT_DISK
        self._stop.set()

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
        interval = self._settings.cluster.suspect_after_seconds / 4 / TICKS_PER_HEARTBEAT
        while True:
            await asyncio.sleep(interval)
            self._replica.tick(self._now())
            self._carry_out()
            await self._show_health()
            if self._keeper.worth_compacting():
                index, _ = self._replica.compactable()
                if index > self._replica.log.base_index:
                    self._keeper.compact(index, self._replica.compacted)

    async def _show_health(self) -> None:
        """Tells the health service whether the chat can be used through this replica."""
        usable = self.serving() or self.master_address() is not None
        if usable != self._usable:
            self._usable = usable
            await self._ports.set_chat_health(serving=usable)

    @staticmethod
    def _now() -> Now:
        return Now(time.monotonic(), time.time_ns() // 1_000_000)

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
        self._replica.link_up(self._now(), peer_id, hello)
        self._carry_out()

    def link_down(self, peer_id: int) -> None:
        """A link broke."""
        self._replica.link_down(self._now(), peer_id)
        self._carry_out()

    def received(self, peer_id: int, message: Message) -> None:
        """A message came on a link."""
        self._replica.receive(self._now(), peer_id, message)
        self._carry_out()

    def override(self) -> tuple[bool, str]:
        """The operator's word."""
        explanation = self._replica.override(self._now())
        self._carry_out()
        log.warning("an operator overrides: %s", explanation)
        return not explanation.startswith("refused"), explanation

    # ------------------------------------------------------- of the service

    def serving(self) -> bool:
        """This replica leads, has opened its view and is not about to stop."""
        return self._replica.serving and not self._stopping

    def submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        """Gives a write to the log, with what else comes until the journal is free."""
        if self._stopping:
            return  # `moved` follows, and the client asks the next master
        self._pending.add((proposal, kind, sink))
        if not self._flush_due and not self._keeper.busy:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def full(self) -> bool:
        """More writes wait than are good for anyone."""
        return self._pending.full(len(self._waiting))

    def view_of(self, message_id: int) -> int:
        """The view that ordered the message of that id; `NO_VIEW` where there is none."""
        view = self._replica.log.view_at(message_id)
        return NO_VIEW if view is None else view

    async def confirm_read(self) -> None:
        """Returns when a read may be answered (rule 12)."""
        if not self.serving():
            raise NotServing(self.why_not_serving())
        self._next_read += 1
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reads[self._next_read] = ready
        self._replica.read(self._now(), self._next_read)
        self._carry_out()
        await ready

    def attach(self, guest: Guest) -> None:
        """That guest will be told when this replica stops leading."""
        self._guests[guest] = None

    def detach(self, guest: Guest) -> None:
        """No longer."""
        self._guests.pop(guest, None)
        if not self._guests:
            self._drained.set()

    def watch(self, account: str, wake: Callable[[], None]) -> None:
        """Calls `wake` whenever that account has a new message."""
        self._watchers.setdefault(account, {})[wake] = None

    def unwatch(self, account: str, wake: Callable[[], None]) -> None:
        """No longer."""
        watchers = self._watchers.get(account, {})
        watchers.pop(wake, None)
        if not watchers:
            self._watchers.pop(account, None)

    def master_address(self) -> str | None:
        """The master's client port, if another replica leads and is heard."""
        master = self._replica.heard_master()
        return None if master is None else self._settings.cluster.members[master].client

    def why_not_serving(self) -> str:
        """One line for the client that finds no master here."""
        return self._stopping or (
            f"replica {self._replica.me} is no master ({self._replica.role_name} in view "
            f"{self._replica.view}) and hears none; ask for the next view"
        )

    async def promote(self, view: int) -> str:
        """Asks this replica to take a view; an empty string when it has."""
        if self._stopping:
            return self._stopping
        self._next_asker += 1
        asker = self._next_asker
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._askers[asker] = answer
        try:
            self._replica.promote(self._now(), view, asker)
            self._carry_out()
            reason = await answer
            self._log_refusal("a client", view, reason)
            return reason
        finally:
            self._askers.pop(asker, None)

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
                pb.Member(id=member.id, client=member.client, published=member.published)
                for member in cluster.members
            ],
            prefer=cluster.prefer,
            suspect_after_ms=round(cluster.suspect_after_seconds * 1000),
        )

    def _log_refusal(self, whom: str, view: int, reason: str) -> None:
        if reason and self._refusals.get(whom) != reason:
            log.info("%s is refused view %d: %s", whom, view, reason)
        self._refusals[whom] = reason

    # --------------------------------------------------------------- effects

    def _flush(self) -> None:
        """Proposes what has gathered, as one group."""
        self._flush_due = False
        if not self._pending or not self._replica.serving or self._keeper.busy:
            return
        taken = self._pending.take()
        group = self._replica.propose(self._now(), [proposal for proposal, _, _ in taken])
        index = group.first_index
        for _, kind, sink in taken:
            self._waiting.append((index, kind, sink))
            index += 1
        self._carry_out()

    def _synced(self, ticket: int) -> None:
        self._replica.persisted(self._now(), ticket)
        self._carry_out()
        self._flush()

    def _carry_out(self) -> None:
        """Carries out the effects in order; carrying one out may ask for more."""
        while effects := self._replica.take_effects():
            for effect in effects:
                self._carry_out_one(effect)

    def _carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Send(peer, message):
                self._send(peer, message)
            case Persist(ticket, records):
                self._keeper.write(ticket, records, self._replica.commit_index)
            case Apply(commit_index):
                self._apply(commit_index)
            case ReadReady(ticket):
                for read in [number for number in self._reads if number <= ticket]:
                    _settle(self._reads.pop(read), None)
            case Answer(askers, reason):
                for asker in askers:
                    if asker in self._askers:
                        _settle(self._askers[asker], reason)
            case Serving(serving, view, reason):
                self._serving_changed(serving, view, reason)
            case SendState(peer, view, common_index):
                self._spawn(self._send_state(peer, view, common_index))
            case StoreChunk():
                self._store_chunk(effect)
            case Rebuild(length):
                self._rebuild(length)

    def _send(self, peer_id: int, message: Message) -> None:
        if isinstance(message, Refusal):
            self._log_refusal(f"replica {peer_id}", message.view, message.reason)
        self._links.send(peer_id, message)

    def _apply(self, commit_index: int) -> None:
        """Applies entries in order, answers who waits for them, wakes who receives."""
        chat, waiting, watchers = self.chat, self._waiting, self._watchers
        index = chat.applied_index
        for entry in self._replica.log.entries(index, commit_index):
            index += 1
            answer = chat.apply(index, entry)
            if waiting and waiting[0][0] == index:
                _, kind, sink = waiting.popleft()
                sink.answered(entry.number, kind, answer)
            if watchers and answer[0] == 0 and (account := _stirred(entry)):
                for wake in watchers.get(account, ()):
                    wake()
        if not waiting:
            self._drained.set()

    def _serving_changed(self, serving: bool, view: int, reason: str) -> None:
        log.info("view %d: %s", view, "this replica leads" if serving else reason)
        self._spawn(self._show_health())
        if not serving:
            self._tell_guests(self._replica.view, reason)

    def _tell_guests(self, view: int, reason: str) -> None:
        """What is unanswered stays unanswered: the next master will know of it, or be asked."""
        self._pending.clear()
        self._waiting.clear()
        for guest in list(self._guests):
            guest.moved(view, reason)
        for read in self._reads.values():
            if not read.done():
                read.set_exception(NotServing(reason))
        self._reads.clear()

    def _rebuild(self, length: int) -> None:
        """Applied entries were dropped (rule 6): go back to the state record and forward again."""
        log.warning("applied entries after %d are handed over; rebuilding the chat", length)
        try:
            opened = self._keeper.reread()
        except DiskFailed as error:
            self._disk_failed(str(error))
            return
        self.chat = fold_from(opened.state)
        self._apply(length)

    # ---------------------------------------------------------- state records

    async def _send_state(self, peer_id: int, view: int, common_index: int) -> None:
        link = self._links.current(peer_id)
        try:
            reader = await self._keeper.open_state()
        except DiskFailed as error:
            self._disk_failed(str(error))
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
        finally:
            if reader is not None:
                reader.close()

    def _store_chunk(self, effect: StoreChunk) -> None:
        chunk = effect.chunk
        self._keeper.store_chunk(chunk.offset, chunk.data)
        if not chunk.last:
            return
        compacted = self._replica.log.base_index
        if chunk.common_index < compacted and self._settings.cluster.prefer == "availability":
            log.error(
                "entries %d to %d were confirmed here while this side was cut off for longer than "
                "keep_entries: they are in no entry any more and cannot be handed over (rule 14)",
                chunk.common_index + 1,
                compacted,
            )
        try:
            state = self._keeper.install(chunk.index, chunk.runs, effect.meta, effect.aside)
        except DiskFailed as error:
            self._disk_failed(str(error))
            return
        except Unreadable as error:
            log.error("the state that was sent cannot be read: %s", error)
            self._exit_code = EXIT_BUG
            self._stop.set()
            return
        self.chat = fold_from(state)
        log.info("the state after entry %d is installed", chunk.index)
        now = self._now()
        self._replica.state_installed(now, chunk.index, chunk.runs, self.chat.time_ms)


def _stirred(entry: Entry) -> str:
    """Whose receivers have to look: for a new message, or whether their session still lasts."""
    match entry.request:
        case ("send" | "login", str(name), *_):
            return name
        case ("logout" | "delete", *_):
            return entry.account
    return ""


def _settle(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _listen_address(address: str, host: str | None) -> str:
    """`address` with another host to bind to, if one is given."""
    return address if host is None else f"{host}:{address.rpartition(':')[2]}"
