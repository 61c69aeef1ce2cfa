"""One replica without its surroundings: the rules, the chat, and who waits for what.

One input at a time; the effects that the rules ask for are carried out before it
returns. What needs a disk, a network or a clock is asked of the `Surroundings`:
`node.py` has real ones, the simulator's are made up. Nothing here waits.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ringchat_server.chat import Chat, News, hand_over
from ringchat_server.compactor import fold_from
from ringchat_server.gathering import Gathering, Sink, Write
from ringchat_server.journal import DiskFailed, Opened
from ringchat_server.newsroom import Newsroom, Wake
from ringchat_server.records import NO_VIEW, Entry, Meta, Proposal, Record, index_of
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
    StoreChunk,
)

log = logging.getLogger(__name__)

DISK_SECONDS_MAX = 10.0
"""A write that has not ended after so long has failed (rule 13)."""

Told = Callable[[str], None]
"""Called once, with an empty string or with the reason why not."""

Moved = Callable[[int, str], None]
"""Called with the newest view known, and why this replica leads no more."""


class Surroundings(Protocol):
    """What an engine needs of the world."""

    def now(self) -> Now:
        """Both clocks."""
        ...

    @property
    def writing(self) -> bool:
        """A journal write is under way: what comes now will be synced with the next."""
        ...

    def flush_soon(self) -> None:
        """Calls `flush` once what else has arrived was submitted, too."""
        ...

    def write(self, ticket: int, records: tuple[Record, ...], commit_index: int) -> None:
        """Queues records for the journal; `synced(ticket)` when they are durable."""
        ...

    def send(self, peer_id: int, message: Message) -> None:
        """Sends on the current link to that peer, if there is one."""
        ...

    def send_state(self, peer_id: int, view: int, common_index: int) -> None:
        """Sends the journal's state record on that link, in `StateChunk`s."""
        ...

    def store_chunk(self, offset: int, data: bytes) -> None:
        """Keeps a piece of another replica's state beside the journal."""
        ...

    def install(
        self, index: int, runs: tuple[Run, ...], meta: Meta, aside: tuple[Proposal, ...]
    ) -> Chat:
        """Makes the state that was stored the journal, behind everything queued; returns it.

        Raises:
            ValueError: if it is not that state, or no chat's.
            DiskFailed: if the disk refuses.
        """
        ...

    def reread(self) -> Opened:
        """What the journal holds, after everything queued was written. Raises DiskFailed."""
        ...

    def disk_failed(self, line: str) -> None:
        """The process has to end (rule 13)."""
        ...

    def bug(self, line: str) -> None:
        """The process had better end."""
        ...

    def serving_changed(self, serving: bool) -> None:
        """This replica has become a master at work, or is one no longer."""
        ...

    def answered_all(self) -> None:
        """Nobody waits for the log any more, or nobody is attached any more."""
        ...


class Engine:
    """The rules and the chat at work. See `Surroundings` for what is asked of the caller."""

    def __init__(
        self, surroundings: Surroundings, config: Config, opened: Opened, birth_id: bytes
    ) -> None:
        """
        Args:
            opened: what the journal held.
            birth_id: 16 random bytes, should a cluster be born here.
        """
        self._outside = surroundings
        self._config = config
        self.chat = fold_from(opened.state)
        self.replica = Replica(
            config,
            opened.recovered,
            damaged=opened.kept_aside is not None,
            birth_id=birth_id,
            time_floor_ms=self.chat.time_ms,
            hand_over=self._hand_over,
        )
        self.stopping = ""
        """Why this replica is about to end; empty while it is not."""
        self._pending = Gathering()
        self._waiting: deque[tuple[int, Write]] = deque()
        """(index, write) of what is proposed and not answered, in the order of the log."""
        self._flush_due = False
        self._ticket_written = self._ticket_synced = 0
        self._disk_seconds = 0.0
        """So long it is since a write was synced, while some were not, counted in ticks."""
        self._ticked_at = surroundings.now().seconds
        self._guests: dict[Moved, None] = {}
        self._broken = False
        """The disk could not be read when the chat had to be made anew (rule 13)."""
        self.newsroom = Newsroom(lambda: surroundings.now().time_ms)
        """Who is to hear of what is applied."""
        self._askers: dict[int, Told] = {}
        self._next_asker = 0
        self._reads: dict[int, Told] = {}
        self._next_read = 0
        self._refusals: dict[str, str] = {}
        """What was last said to whom about a view: said again, it is not logged again."""
        # What the journal knows to be confirmed; the rest waits for a master's word.
        self._apply(self.replica.commit_index)

    # ----------------------------------------------------------------- state

    @property
    def serving(self) -> bool:
        """This replica leads, has opened its view and is not about to stop."""
        return self.replica.serving and not self.stopping

    @property
    def at_work(self) -> bool:
        """Somebody waits for the log."""
        return bool(self._pending or self._waiting)

    @property
    def attended(self) -> bool:
        """Somebody is attached."""
        return bool(self._guests)

    @property
    def asked(self) -> bool:
        """Somebody who asked for a view has not been answered yet."""
        return bool(self._askers)

    def full(self) -> bool:
        """More writes wait than are good for anyone."""
        return self._pending.full

    def view_of(self, message_id: int) -> int:
        """The view that ordered the message of that id; `NO_VIEW` where there is none."""
        view = self.replica.log.view_at(index_of(message_id))
        return NO_VIEW if view is None else view

    def why_not_serving(self) -> str:
        """One line for the client that finds no master here."""
        return self.stopping or (
            f"replica {self.replica.me} is no master ({self.replica.role_name} in view "
            f"{self.replica.view}) and hears none; ask for the next view"
        )

    # ------------------------------------------------- inputs: time and peers

    def tick(self) -> None:
        """Time has passed."""
        now = self._outside.now()
        self._watch_disk(now.seconds)
        self.replica.tick(now)
        self._carry_out()

    def link_up(self, peer_id: int, hello: Hello) -> None:
        """A link stands."""
        self.replica.link_up(self._outside.now(), peer_id, hello)
        self._carry_out()

    def link_down(self, peer_id: int) -> None:
        """A link broke."""
        self.replica.link_down(self._outside.now(), peer_id)
        self._carry_out()

    def received(self, peer_id: int, message: Message) -> None:
        """A message came on a link."""
        self.replica.receive(self._outside.now(), peer_id, message)
        self._carry_out()

    def synced(self, ticket: int) -> None:
        """Everything up to that ticket is durable."""
        self._ticket_synced, self._disk_seconds = ticket, 0.0
        self.replica.persisted(self._outside.now(), ticket)
        self._carry_out()
        self.flush()

    def compacted(self, index: int) -> None:
        """The journal begins with the state after that entry now."""
        self.replica.compacted(index)

    def override(self) -> tuple[bool, str]:
        """The operator's word: whether it is heeded, and what comes of it in one line."""
        explanation = self.replica.override(self._outside.now())
        self._carry_out()
        log.warning("an operator overrides: %s", explanation)
        return not explanation.startswith("refused"), explanation

    def stop(self, reason: str) -> None:
        """Takes no more writes; what is in flight may still be confirmed."""
        self.stopping = reason

    def resign(self) -> None:
        """Lets go of the view, and tells everyone."""
        self.replica.resign(self._outside.now(), self.stopping)
        self._carry_out()
        self._tell_guests(self.replica.view, self.stopping)

    # ---------------------------------------------------- inputs: of clients

    def submit(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        """Gives a write to the log, with what else comes until the journal is free."""
        if self.stopping:
            return  # `moved` follows, and the client asks the next master
        self._pending.add(proposal, kind, sink)
        if not self._flush_due and not self._outside.writing:
            self._flush_due = True
            self._outside.flush_soon()

    def flush(self) -> None:
        """Proposes what has gathered, as one group."""
        self._flush_due = False
        if not self._pending or not self.replica.serving or self._outside.writing:
            return
        taken = self._pending.take()
        proposals = [write.proposal for write in taken]
        index = self.replica.propose(self._outside.now(), proposals).first_index
        self._waiting.extend(enumerate(taken, index))
        self._carry_out()

    def read(self, told: Told) -> None:
        """Tells when a read may be answered from `chat` (rule 12), or why it may not."""
        if not self.serving:
            told(self.why_not_serving())
            return
        self._next_read += 1
        self._reads[self._next_read] = told
        self.replica.read(self._outside.now(), self._next_read)
        self._carry_out()

    def promote(self, view: int, told: Told) -> int:
        """Asks this replica to take a view; tells when it has.

        Returns:
            What `forget` takes, should the asker no longer want to know.
        """
        self._next_asker += 1
        asker = self._next_asker
        if self.stopping:
            told(self.stopping)
            return asker
        self._askers[asker] = told
        self.replica.promote(self._outside.now(), view, asker)
        self._carry_out()
        return asker

    def forget(self, asker: int) -> None:
        """That asker need not be told."""
        self._askers.pop(asker, None)

    def log_refusal(self, whom: str, view: int, reason: str) -> None:
        """Logs, once, why somebody is refused a view."""
        if reason and self._refusals.get(whom) != reason:
            log.info("%s is refused view %d: %s", whom, view, reason)
        self._refusals[whom] = reason

    def attach(self, moved: Moved) -> None:
        """That guest will be told when this replica stops leading."""
        self._guests[moved] = None

    def detach(self, moved: Moved) -> None:
        """No longer."""
        self._guests.pop(moved, None)
        if not self._guests:
            self._outside.answered_all()

    def watch(self, account: str, wake: Wake) -> None:
        """Calls `wake` whenever that account has a new message."""
        self.newsroom.receive(self.chat, account, wake)

    def unwatch(self, account: str, wake: Wake) -> None:
        """No longer."""
        self.newsroom.receive_no_more(self.chat, account, wake)

    # --------------------------------------------------------------- effects

    def _carry_out(self) -> None:
        """Carries out the effects in order; carrying one out may ask for more."""
        while effects := self.replica.take_effects():
            for effect in effects:
                if self._broken:
                    return  # the process ends: what was not read must not be written over
                self._carry_out_one(effect)

    def _carry_out_one(self, effect: Effect) -> None:
        outside = self._outside
        match effect:
            case Send(peer, message):
                if isinstance(message, Refusal):
                    self.log_refusal(f"replica {peer}", message.view, message.reason)
                outside.send(peer, message)
            case Persist(ticket, records):
                self._ticket_written = ticket
                outside.write(ticket, records, self.replica.commit_index)
            case Apply(commit_index):
                self._apply(commit_index)
            case ReadReady(ticket):
                self._tell(self._reads, [one for one in self._reads if one <= ticket], "")
            case Answer(askers, reason):
                self._tell(self._askers, askers, reason)
            case Serving(serving, view, reason):
                self._serving_changed(serving, view, reason)
            case SendState(peer, view, common_index):
                outside.send_state(peer, view, common_index)
            case StoreChunk():
                self._store_chunk(effect)
            case Rebuild(length):
                self._rebuild(length)

    def _apply(self, commit_index: int) -> None:
        """Applies entries in order, answers who waits for them, then tells who is to hear of it."""
        chat, waiting = self.chat, self._waiting
        index, wants_news = chat.applied_index, self.newsroom.wants_news
        news: list[News] = []
        for entry in self.replica.log.entries(index, commit_index):
            index += 1
            answers = chat.apply(index, entry)
            if waiting and waiting[0][0] == index:
                _, write = waiting.popleft()
                self._pending.answered(write)
                write.sink.answered(write.kind, answers)
            if wants_news:
                news += chat.take_news()
                if entry.request[0] == "login":
                    # The account may have one session too many now, and lose the oldest.
                    self.newsroom.look_again(str(entry.request[1]))
        if news:
            self.newsroom.tell(chat, news)
        if not waiting:
            self._outside.answered_all()

    @staticmethod
    def _tell(waiting: dict[int, Told], numbers: Iterable[int], reason: str) -> None:
        for number in numbers:
            if number in waiting:
                waiting.pop(number)(reason)

    def _watch_disk(self, now_seconds: float) -> None:
        """A disk that hangs would hang the ring: this replica speaks, and acknowledges nothing.

        Counted in ticks, for a process that slept has not been waiting.
        """
        tick_seconds = min(now_seconds - self._ticked_at, self._config.heartbeat_seconds)
        self._ticked_at = now_seconds
        if self._ticket_synced < self._ticket_written:
            self._disk_seconds += tick_seconds
            if self._disk_seconds > DISK_SECONDS_MAX:
                self._outside.disk_failed(f"a write has not ended for {DISK_SECONDS_MAX:g} s")

    def _serving_changed(self, serving: bool, view: int, reason: str) -> None:
        log.info("view %d: %s", view, "this replica leads" if serving else reason)
        self._outside.serving_changed(serving)
        self.newsroom.forget_presence()
        if not serving:
            self._tell_guests(self.replica.view, reason)

    def _tell_guests(self, view: int, reason: str) -> None:
        """What is unanswered stays unanswered: the next master will know of it, or be asked."""
        self._pending.clear()
        self._waiting.clear()
        for moved in list(self._guests):
            moved(view, reason)
        reads, self._reads = self._reads, {}
        for told in reads.values():
            told(reason)

    def _hand_over(
        self, dropped: Sequence[Entry], first_index: int, common_index: int
    ) -> tuple[Proposal, ...]:
        """Rewrites entries that are dropped for another order of the log (rule 6)."""
        return hand_over(
            dropped, first_index, common_index, lambda: self._chat_after(first_index - 1)
        )

    def _rebuild(self, length: int) -> None:
        """Applied entries were dropped (rule 6): go back to the state record and forward again."""
        log.warning("applied entries after %d are handed over; rebuilding the chat", length)
        if chat := self._chat_after(length):
            self.chat = chat

    def _chat_after(self, index: int) -> Chat | None:
        """The chat as it was after that entry of this log; None if the disk fails."""
        try:
            opened = self._outside.reread()
        except DiskFailed as error:
            self._broken = True
            self._outside.disk_failed(str(error))
            return None
        chat = fold_from(opened.state)
        for entry in self.replica.log.entries(chat.applied_index, index):
            chat.apply(chat.applied_index + 1, entry)
        return chat

    def _store_chunk(self, effect: StoreChunk) -> None:
        """Keeps a piece of a state; with the last, that state is this replica's."""
        chunk, outside = effect.chunk, self._outside
        outside.store_chunk(chunk.offset, chunk.data)
        if not chunk.last:
            return
        compacted = self.replica.log.base_index
        if chunk.common_index < compacted and not self._config.consistent:
            log.error(
                "entries %d to %d were confirmed here while this side was cut off for longer than "
                "keep_entries: they are in no entry any more and cannot be handed over (rule 14)",
                chunk.common_index + 1,
                compacted,
            )
        try:
            self.chat = outside.install(chunk.index, chunk.runs, effect.meta, effect.aside)
        except DiskFailed as error:
            outside.disk_failed(str(error))
            return
        except ValueError as error:
            outside.bug(f"the state that was sent cannot be read: {error}")
            return
        log.info("the state after entry %d is installed", chunk.index)
        self.replica.state_installed(outside.now(), chunk.index, chunk.runs, self.chat.time_ms)
