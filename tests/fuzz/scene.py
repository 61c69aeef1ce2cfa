"""One real replica in some state, whose peers, disk and clock the fuzzer plays.

It is the engine with the rules, the chat and a journal on a fake disk. Writes are durable
as soon as the input that asks for them is done; what is sent is encoded for the wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache
from itertools import count

from ringchat_server.chat import Chat
from ringchat_server.compactor import fold_from
from ringchat_server.engine import Engine
from ringchat_server.journal import EMPTY_STATE, Journal, Opened, compact
from ringchat_server.records import Aside, Entry, Group, Meta, Proposal, Record
from ringchat_server.replica import Config
from ringchat_server.replica.values import (
    Ack,
    Hello,
    Message,
    Now,
    Promise,
    Run,
    StateChunk,
    Summary,
)
from ringchat_server.transport import wire
from tests.fuzz.quick_disk import QuickDisk
from tests.simulator.disk import FakeDisk

NAME = "replica-0.pickle"
CLUSTER = b"i" * 16
REPLICAS = 3
PEERS = (1, 2)
VIEWS = (0, 0, 1, 1, 3, 3)
"""Of the entries that the replica has; its newest promise is view 4, which replica 1 owns."""
PROMISED = 4
COMMITTED = 4
OWN_VIEW = 6
STATES = ("new", "backup", "compacted", "master", "candidate", "fetching", "rebuilding")


class Ended(Exception):
    """The replica has told its driver to end the process."""


def entries(first: int, *views: int) -> list[Entry]:
    """Entries of those views at the indexes from `first` on; the same place, the same entry."""
    return [
        Entry(view, 1_000 * view + index, b"c" * 16, index, "", b"", _request(index))
        for index, view in enumerate(views, first)
    ]


def _request(index: int) -> tuple[object, ...]:
    return ("create", f"name {index}", "a hash") if index % 2 else ("noop",)


def summary(log_view: int = 3, length: int = len(VIEWS), base: int = 0) -> Summary:
    """The log of the scene in brief, or of a peer that has more or less of it."""
    runs = (Run(1, 0), Run(3, 1), Run(5, 3), Run(7, log_view))
    return Summary(log_view, length, base, tuple(run for run in runs if run.first_index <= length))


def state_after(length: int) -> object:
    """The chat after so many of the scene's entries."""
    chat = Chat()
    for index, one in enumerate(entries(1, *VIEWS[:length]), 1):
        chat.apply(index, one)
    return chat.export()


def _kept(state: str) -> QuickDisk:
    """The disk that a replica in that state begins with."""
    disk = QuickDisk()
    if state != "new":
        disk.put(NAME, b"damaged" if state == "rebuilding" else _file(state == "compacted"))
    return disk


@cache
def _opened(state: str) -> Opened:
    """What the journal on that disk gives back."""
    return Journal.open(_kept(state), 0)[1]


@cache
def _file(compacted: bool) -> bytes:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    meta = Meta(promised=PROMISED, log_view=3, cluster_id=CLUSTER, birth_view=0)
    journal.write([meta, Group(1, entries(1, *VIEWS))], COMMITTED)
    if compacted:
        aside = Proposal(b"d" * 16, 9, "", b"", ("create", "put aside", "a hash"))
        journal.write([Aside((aside,))], COMMITTED)
        compact(disk, 0, 3, lambda state: Chat() if state is None else Chat.load(state))
        while journal.copy_tail():
            pass
        journal.switch()
    return disk.content(NAME)


class Scene:
    """The replica with the id 0; it is its own engine's surroundings."""

    def __init__(self, state: str, *, consistent: bool) -> None:
        """
        Args:
            state: one of `STATES`.
        """
        self._state = state
        self._journal: Journal | None = None
        self.seconds = 10.0
        self.sent_count = 0
        self._tickets: deque[int] = deque()
        self._states: deque[tuple[int, int, int]] = deque()
        prefer = "consistency" if consistent else "availability"
        config = Config(0, REPLICAS, prefer, 1.0, keep_entries_max=1_000)
        self.engine = Engine(self, config, _opened(state), birth_id=CLUSTER)
        unknown = state in ("new", "rebuilding")
        for peer in PEERS:
            view, leading = (-1, False) if state == "new" else (PROMISED, peer == 1)
            leading = leading and state in ("backup", "compacted", "rebuilding")
            cluster, born = (b"", -1) if state == "new" else (CLUSTER, 0)
            self.link_up(peer, Hello(peer, REPLICAS, prefer, cluster, born, view, leading))
        if state in ("master", "candidate", "fetching") and not unknown:
            self._stand(state)

    def _stand(self, state: str) -> None:
        self.do(lambda: self.engine.promote(OWN_VIEW, lambda _: None))
        theirs = summary(5, 9) if state == "fetching" else summary()
        if state == "candidate":
            return
        for peer in PEERS:
            self.receive(peer, Promise(OWN_VIEW, theirs, True, False, False))
        if state == "master":
            for peer in PEERS:
                self.receive(peer, Ack(OWN_VIEW, len(VIEWS) + 1, 0))

    @property
    def journal(self) -> Journal:
        """Opened when it is first needed: many inputs get nowhere near it."""
        if self._journal is None:
            self._journal, _ = Journal.open(_kept(self._state), 0)
        return self._journal

    # ------------------------------------------------------------------ inputs

    def do(self, step: Callable[[], object]) -> None:
        """One input, and the end of the writes and of the reads that it asked for."""
        step()
        for _ in count():
            if self._tickets:
                ticket = self._tickets.pop()
                self._tickets.clear()
                self.engine.synced(ticket)
            elif self._states:
                self._send_state(*self._states.popleft())
            else:
                return

    def receive(self, peer: int, message: Message) -> None:
        """A message came on the link with that peer."""
        self.do(lambda: self.engine.received(peer, message))

    def link_up(self, peer: int, hello: Hello) -> None:
        """A link stands."""
        self.do(lambda: self.engine.link_up(peer, hello))

    def link_down(self, peer: int) -> None:
        """It broke."""
        self.do(lambda: self.engine.link_down(peer))

    def pass_time(self, seconds: float) -> None:
        """So much later."""
        self.seconds += seconds
        self.do(self.engine.tick)

    # -------------------------------------------------- what the engine asks for

    def now(self) -> Now:
        """Both clocks."""
        return Now(self.seconds, int(self.seconds * 1000))

    @property
    def writing(self) -> bool:
        """Never: a write is done at once."""
        return False

    def flush_soon(self) -> None:
        """No client writes here."""

    def write(self, ticket: int, records: tuple[Record, ...], commit_index: int) -> None:
        """To the journal at once; the word that it is durable comes later."""
        self.journal.write(records, commit_index)
        self._tickets.append(ticket)

    def send(self, peer_id: int, message: Message) -> None:
        """As the link does: what cannot be encoded would be an exception there, too."""
        wire.encode_message(message).SerializeToString()
        self.sent_count += 1

    def send_state(self, peer_id: int, view: int, common_index: int) -> None:
        """Later, as in the node."""
        self._states.append((peer_id, view, common_index))

    def _send_state(self, peer_id: int, view: int, common_index: int) -> None:
        reader = self.journal.open_state()
        data = EMPTY_STATE if reader is None else reader.read(0, reader.size)
        index = 0 if reader is None else reader.index
        runs = () if reader is None else tuple(Run(*run) for run in reader.runs)
        self.send(peer_id, StateChunk(view, index, runs, common_index, 0, data, last=True))

    def store_chunk(self, offset: int, data: bytes) -> None:
        """Beside the journal."""
        self.journal.store_chunk(offset, data)

    def install(
        self, index: int, runs: tuple[Run, ...], meta: Meta, aside: tuple[Proposal, ...]
    ) -> Chat:
        """Instead of the journal."""
        return self.journal.install(index, runs, meta, aside, fold_from)

    def reread(self) -> Opened:
        """What the journal holds."""
        return self.journal.reread()

    def disk_failed(self, line: str) -> None:
        """The fake disk does not fail."""
        raise AssertionError(f"a disk failed that cannot: {line}")

    def bug(self, line: str) -> None:
        """The node ends."""
        raise Ended(line)

    def serving_changed(self, serving: bool) -> None:
        """Nobody looks."""

    def answered_all(self) -> None:
        """Nobody waits."""
