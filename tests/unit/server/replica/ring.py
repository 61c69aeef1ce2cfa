"""A ring of real `Replica` cores, driven by hand over a fake network, disk and clock.

One seed is one run. Writes lie unsynced until the schedule syncs them, messages
wait on their link until it delivers them, and a crash loses what was not
synced. No chat: the log itself is the state, and a request is its name.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ringchat_server.records import (
    NO_VIEW,
    Aside,
    Entry,
    Group,
    HandedOverRecord,
    Meta,
    Proposal,
    Record,
    Recovered,
    Truncate,
)
from ringchat_server.replica import Config, Replica
from ringchat_server.replica.values import (
    Ack,
    Answer,
    Append,
    Apply,
    Effect,
    Fetched,
    Message,
    Now,
    Persist,
    Promise,
    ReadReady,
    Rebuild,
    Run,
    Send,
    SendState,
    Serving,
    StateChunk,
    StoreChunk,
)

Name = tuple[bytes, int]


def hand_over(
    entries: Sequence[Entry], first_index: int, common_index: int
) -> tuple[Proposal, ...]:
    """Every named request, unchanged: this state has no message ids to rewrite."""
    return tuple(Proposal(*entry[2:]) for entry in entries if entry.client)


@dataclass
class Disk:
    """A journal as a list: what is synced survives a crash."""

    runs: tuple[Run, ...] = ()
    base: list[Entry] = field(default_factory=list)
    """The entries that the state record stands for: here the state is the log itself."""
    synced: list[Record] = field(default_factory=list)
    commit_index: int = 0
    """As it was known at the last write that was synced."""
    unsynced: deque[tuple[int, tuple[Record, ...], int]] = field(default_factory=deque)
    """(ticket, records, commit index known then)"""
    exists: bool = False

    def recover(self) -> Recovered | None:
        """What a restart finds."""
        self.unsynced.clear()
        if not self.exists:
            return None
        meta, entries = Meta(), list(self.base)
        aside: tuple[Proposal, ...] = ()
        for record in self.synced:
            if isinstance(record, Group):
                assert record.first_index == len(entries) + 1, "the journal has no hole"
                entries.extend(record.entries)
            elif isinstance(record, Meta):
                meta = record
            elif isinstance(record, Truncate):
                assert record.length >= len(self.base)
                del entries[record.length :]
            elif isinstance(record, Aside):
                aside += record.proposals
            elif isinstance(record, HandedOverRecord):
                aside = ()
        base = len(self.base)
        commit_index = min(self.commit_index, len(entries))
        return Recovered(meta, base, self.runs, entries[base:], commit_index, aside)


@dataclass
class Host:
    """One machine of the ring: its disk stays, its process comes and goes."""

    disk: Disk = field(default_factory=Disk)
    core: Replica | None = None
    paused: bool = False
    applied: list[Entry] = field(default_factory=list)
    waiting: dict[int, Name] = field(default_factory=dict)
    """Index -> the request whose client waits for it."""
    received: bytes = b""
    """The state record that is being received."""
    lost: bool = False
    """Its disk was lost, and it has not been rebuilt yet."""
    vowed: int = NO_VIEW
    """The highest view in which it has promised or acknowledged anything."""


class Ring:
    """The replicas, the links between them, and what clients were told."""

    def __init__(
        self, replicas: int, prefer: str, seed: int, keep_entries_max: int = 1_000_000
    ) -> None:
        self.random = random.Random(seed)
        self.replicas, self.prefer = replicas, prefer
        self.keep_entries_max = keep_entries_max
        self.seconds = 1.0
        self.hosts = [Host() for _ in range(replicas)]
        self.links: dict[tuple[int, int], deque[Message]] = {}
        """(from, to) -> messages in flight; both ways are there while the link stands."""
        self.cut: set[frozenset[int]] = set()
        self.confirmed: list[Name] = []
        self.answers: dict[int, str] = {}
        self.reads: dict[int, int] = {}
        """Ticket -> how many writes had been confirmed when that read began."""
        self.reads_ready: set[int] = set()
        self.masters: dict[int, int] = {}
        self.trace: list[str] = []
        for host in range(replicas):
            self.start(host)

    # ---------------------------------------------------------------- schedule

    def now(self) -> Now:
        return Now(self.seconds, int(self.seconds * 1000))

    def start(self, host_id: int, *, damaged: bool = False, replaced: bool = False) -> None:
        """Starts a process on what its disk holds.

        Args:
            damaged: the journal cannot be read any more (rule 13).
            replaced: there is no journal any more, and nothing that says so (rule 15).
        """
        host = self.hosts[host_id]
        if damaged or replaced:
            host.disk, host.lost, host.vowed = Disk(), True, NO_VIEW
        recovered = host.disk.recover()
        host.core = Replica(
            Config(host_id, self.replicas, self.prefer, 1.0, self.keep_entries_max),
            recovered,
            damaged=damaged,
            birth_id=b"cluster-of-%d" % self.random.getrandbits(32),
            time_floor_ms=0,
            hand_over=hand_over,
        )
        host.paused = False
        host.applied = list(host.disk.base)
        host.waiting = {}
        host.received = b""
        if recovered:
            host.applied.extend(recovered.entries[: recovered.commit_index - len(host.applied)])
        self.say(f"start {host_id} damaged={damaged} replaced={replaced}")

    def crash(self, host_id: int) -> None:
        """Kills a process: links break, what was not synced is lost."""
        self.say(f"crash {host_id}")
        host = self.hosts[host_id]
        host.core = None
        host.paused = False
        host.disk.unsynced.clear()
        for peer in range(self.replicas):
            self.break_link(host_id, peer)

    def connect(self, one: int, other: int) -> None:
        """Makes the link between two running replicas, if none stands and none is cut."""
        first, second = self.hosts[one].core, self.hosts[other].core
        if one == other or (one, other) in self.links or frozenset((one, other)) in self.cut:
            return
        if first is None or second is None or self.hosts[one].paused or self.hosts[other].paused:
            return
        hello, reply = first.hello(), second.hello()
        assert first.check_hello(reply) is None and second.check_hello(hello) is None
        self.links[one, other] = deque()
        self.links[other, one] = deque()
        first.link_up(self.now(), other, reply)
        self.run(one)
        second.link_up(self.now(), one, hello)
        self.run(other)

    def break_link(self, one: int, other: int) -> None:
        """Breaks it for both ends; what was in flight is gone."""
        if self.links.pop((one, other), None) is None:
            return
        self.links.pop((other, one))
        for host_id, peer in ((one, other), (other, one)):
            core = self.hosts[host_id].core
            if core is not None:
                core.link_down(self.now(), peer)
                self.run(host_id)

    def deliver(self, sender: int, receiver: int) -> None:
        """The oldest message in flight from one to the other arrives."""
        core = self.hosts[receiver].core
        queue = self.links.get((sender, receiver))
        if not queue or core is None or self.hosts[receiver].paused:
            return
        message = queue.popleft()
        self.say(f"{sender}->{receiver} {message}")
        core.receive(self.now(), sender, message)
        self.run(receiver)

    def sync(self, host_id: int) -> None:
        """The oldest unsynced write of a host reaches its disk."""
        host = self.hosts[host_id]
        if host.core is None or host.paused or not host.disk.unsynced:
            return
        ticket, records, commit_index = host.disk.unsynced.popleft()
        host.disk.synced.extend(records)
        host.disk.commit_index = commit_index
        host.disk.exists = True
        self.say(f"sync {host_id} {records}")
        host.core.persisted(self.now(), ticket)
        self.run(host_id)

    def tick(self, host_id: int) -> None:
        host = self.hosts[host_id]
        if host.core is not None and not host.paused:
            host.core.tick(self.now())
            self.run(host_id)

    def propose(self, host_id: int, name: Name) -> bool:
        """A client's write; False if that replica does not serve."""
        host = self.hosts[host_id]
        if host.core is None or host.paused or not host.core.serving:
            return False
        group = host.core.propose(self.now(), [Proposal(*name, "", b"", ("x",))])
        host.waiting[group.first_index] = name
        self.run(host_id)
        return True

    def promote(self, host_id: int, view: int, asker: int = 0) -> None:
        host = self.hosts[host_id]
        if host.core is not None and not host.paused:
            self.say(f"promote {host_id} view {view}")
            host.core.promote(self.now(), view, asker)
            self.run(host_id)

    def read(self, host_id: int) -> bool:
        """A client's read; False if that replica does not serve."""
        host = self.hosts[host_id]
        if host.core is None or host.paused or not host.core.serving:
            return False
        ticket = len(self.reads) + 1
        self.reads[ticket] = len(self.confirmed)
        host.core.read(self.now(), ticket)
        self.run(host_id)
        return True

    def override(self, host_id: int) -> str:
        """The operator's word."""
        core = self.hosts[host_id].core
        assert core is not None
        answer = core.override(self.now())
        self.say(f"override {host_id}: {answer}")
        self.run(host_id)
        return answer

    def resign(self, host_id: int) -> None:
        """A replica is told to stop."""
        core = self.hosts[host_id].core
        assert core is not None
        core.resign(self.now(), "stopping")
        self.run(host_id)

    def compact(self, host_id: int) -> None:
        """Folds what may be folded into the state record; only between two writes."""
        host = self.hosts[host_id]
        if host.core is None or host.disk.unsynced or not host.disk.exists:
            return
        index, runs = host.core.compactable()
        recovered = host.disk.recover()
        assert recovered is not None
        if index <= recovered.base_index or index > recovered.base_index + len(recovered.entries):
            return
        entries = host.disk.base + recovered.entries
        host.disk.base, host.disk.runs = entries[:index], runs
        host.disk.synced = [recovered.meta]
        if recovered.aside:
            host.disk.synced.append(Aside(recovered.aside))
        if entries[index:]:
            host.disk.synced.append(Group(index + 1, entries[index:]))
        host.core.compacted(index)

    # ----------------------------------------------------------------- effects

    def run(self, host_id: int) -> None:
        """Carries out what a core asked for."""
        core = self.hosts[host_id].core
        assert core is not None
        while effects := core.take_effects():
            for effect in effects:
                self._carry_out(host_id, core, effect)

    def _carry_out(self, host_id: int, core: Replica, effect: Effect) -> None:
        host = self.hosts[host_id]
        match effect:
            case Persist(ticket, records):
                host.disk.unsynced.append((ticket, records, core.commit_index))
            case Send(peer, message):
                if (host_id, peer) in self.links:
                    self._keeps_its_word(host, core, message)
                    self.links[host_id, peer].append(_copied(message))
            case SendState(peer, view, common_index):
                self._send_state(host_id, peer, view, common_index)
            case StoreChunk(chunk, meta, aside):
                self._install(host_id, core, chunk, meta, aside)
            case Apply(index):
                self._apply(host_id, core, index)
            case Rebuild(length):
                del host.applied[length:]
            case Answer(askers, reason):
                for asker in askers:
                    self.answers[asker] = reason
            case ReadReady(ticket):
                self._read_is_fresh(host, ticket)
            case Serving(serving, view, reason):
                self.say(f"{host_id} serving={serving} view={view} {reason}")
                if serving:
                    assert self.masters.setdefault(view, host_id) == host_id, "two masters"
                else:
                    host.waiting.clear()

    def _apply(self, host_id: int, core: Replica, index: int) -> None:
        host = self.hosts[host_id]
        assert len(host.applied) >= core.log.base_index
        host.applied.extend(core.log.entries(len(host.applied), index))
        for waiting in [i for i in host.waiting if i <= index]:
            name = host.waiting.pop(waiting)
            assert host.applied[waiting - 1][2:4] == name
            self.confirmed.append(name)

    def _keeps_its_word(self, host: Host, core: Replica, message: Message) -> None:
        """Rule 1, through every crash: nothing is said in a view lower than one promised."""
        if isinstance(message, Ack | Promise) and not core.unborn and not core.meta.rebuilding:
            assert message.view >= host.vowed, f"promised {host.vowed}, then {message}"
            host.vowed = message.view

    def _read_is_fresh(self, host: Host, ticket: int) -> None:
        """Rule 12: it sees every write that was confirmed before it began."""
        assert ticket not in self.reads_ready, "a read is answered once"
        self.reads_ready.add(ticket)
        if self.prefer == "consistency":
            seen = {entry[2:4] for entry in host.applied}
            missing = [name for name in self.confirmed[: self.reads[ticket]] if name not in seen]
            assert not missing, f"stale read: {missing}"

    def _send_state(self, host_id: int, peer: int, view: int, common_index: int) -> None:
        """In two pieces."""
        disk = self.hosts[host_id].disk
        if (host_id, peer) not in self.links:
            return
        data = _frozen(disk.base)
        for offset, piece in ((0, data[:4]), (4, data[4:])):
            chunk = StateChunk(
                view, len(disk.base), disk.runs, common_index, offset, piece, offset > 0
            )
            self.links[host_id, peer].append(chunk)

    def _install(
        self,
        host_id: int,
        core: Replica,
        chunk: StateChunk,
        meta: Meta,
        aside: tuple[Proposal, ...],
    ) -> None:
        host = self.hosts[host_id]
        if chunk.offset == 0:
            host.received = b""
        assert chunk.offset == len(host.received), "a journal takes pieces in their order only"
        host.received += chunk.data
        if not chunk.last:
            return
        while host.disk.unsynced:
            self.sync(host_id)
        host.disk.base = _thawed(host.received)
        host.disk.runs = chunk.runs
        host.disk.synced = [meta, *([Aside(aside)] if aside else [])]
        host.disk.commit_index = chunk.index
        host.disk.exists = True
        host.applied = list(host.disk.base)
        core.state_installed(self.now(), chunk.index, chunk.runs, 0)

    def say(self, line: str) -> None:
        self.trace.append(f"{self.seconds:8.3f} {line}")

    # ---------------------------------------------------------------- healing

    def settle(self, *, seconds: float = 5.0, promote: bool = True) -> None:
        """Everything runs, every link stands; messages flow until nothing happens any more."""
        for host_id, host in enumerate(self.hosts):
            host.paused = False
            if host.core is None:
                self.start(host_id)
        self.cut.clear()
        self.seconds += 1.5  # whoever waits for a master that fell silent waits no more
        walk = 0
        deadline = self.seconds + seconds
        while self.seconds < deadline:
            self.seconds += 0.05
            for one in range(self.replicas):
                for other in range(one + 1, self.replicas):
                    self.connect(one, other)
            self.drain()
            for host_id in range(self.replicas):
                self.tick(host_id)
            self.drain()
            if promote and not any(host.core and host.core.serving for host in self.hosts):
                walk = (walk + 1) % self.replicas
                view = max(host.core.view for host in self.hosts if host.core) + 1 + walk
                self.promote(view % self.replicas, view, asker=-walk)
                self.drain()
                if self.prefer == "availability" and self.seconds > deadline - seconds / 2:
                    self.override(view % self.replicas)  # there is an operator, too
                    self.drain()

    def drain(self) -> None:
        """Delivers and syncs until nothing is left to deliver or sync."""
        busy = True
        while busy:
            busy = False
            for host_id in range(self.replicas):
                while self.hosts[host_id].disk.unsynced and self.hosts[host_id].core:
                    self.sync(host_id)
                    busy = True
            for sender, receiver in list(self.links):
                while self.links.get((sender, receiver)) and not self.hosts[receiver].paused:
                    self.deliver(sender, receiver)
                    busy = True

    def master(self) -> Replica:
        """The one replica that serves."""
        serving = [host.core for host in self.hosts if host.core and host.core.serving]
        assert len(serving) == 1, f"{len(serving)} masters"
        return serving[0]


def _copied(message: Message) -> Message:
    """A message as the receiver sees it: it shares no group with the sender's log."""
    if isinstance(message, Append | Fetched):
        group = Group(message.group.first_index, list(message.group.entries))
        return replace(message, group=group)
    return message


_STATES: dict[bytes, list[Entry]] = {}


def _frozen(entries: list[Entry]) -> bytes:
    key = b"%08d" % len(_STATES)
    _STATES[key] = list(entries)
    return key


def _thawed(key: bytes) -> list[Entry]:
    return list(_STATES[key])
