"""One replica of the model: a real core, and a disk under it.

An event touches one host alone (a break reaches its two ends as two events), so
what it does depends on that host and the input, and on nothing else. That is why
each pair (host, input) is run once and remembered: it is the core's own answer, and
most interleavings of the three hosts ask for the same ones again.

The disk: writes lie unsynced until `SYNC` reports the oldest of them. A crash keeps
any number of those that were not reported, in their order: a write may be on the
disk without the process having learnt of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

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
from ringchat_server.replica import Replica
from ringchat_server.replica.master import Master
from ringchat_server.replica.values import (
    Ack,
    Append,
    Effect,
    Hello,
    Message,
    Persist,
    Promise,
    Send,
    SendState,
    Serving,
    StoreChunk,
)
from tests.exhaustive.frozen import NOW, OTHERS, STALE_AT, Freezer, Frozen, unknown_fields

CLIENT = b"a client"


class Violation(AssertionError):
    """A promise was broken. The first word of the line names the check."""


class Input(NamedTuple):
    """What can happen to a host."""

    kind: str
    argument: int = 0
    """The view, the peer, the number of the request or of the message, or how much survives."""
    sender: int = 0


class Disk(NamedTuple):
    """What a restart finds."""

    meta: Meta = Meta()
    entries: tuple[Entry, ...] = ()
    commit_index: int = 0
    aside: tuple[Proposal, ...] = ()

    def after(self, write: Write) -> Disk:
        """With one more write."""
        meta, entries, aside = self.meta, self.entries, self.aside
        for record in write.records:
            match record:
                case Meta():
                    meta = record
                case (int(first_index), tuple(more)):
                    if first_index != len(entries) + 1:
                        raise Violation("hole: the journal would have one")
                    entries += more
                case Truncate(length):
                    entries = entries[:length]
                case Aside(proposals):
                    aside += proposals
                case HandedOverRecord():
                    aside = ()
                case _:
                    raise AssertionError(f"a record of an unknown kind: {record!r}")
        return Disk(meta, entries, write.commit_index, aside)

    def recovered(self) -> Recovered:
        """As the journal would tell it."""
        commit_index = min(self.commit_index, len(self.entries))
        return Recovered(self.meta, 0, (), list(self.entries), commit_index, self.aside)


class Write(NamedTuple):
    """A `Persist` that is not synced."""

    records: tuple[Any, ...]
    """Records; of a group only (first index, entries)."""
    commit_index: int


class FrozenHost(NamedTuple):
    """All of a host that can influence its future, and two things to check it by."""

    me: int
    core: Frozen | None
    """None while the process is dead."""
    disk: Disk
    unsynced: tuple[Write, ...]
    vowed: int
    """The highest view in which it has promised or acknowledged, in all its lives."""
    led: int
    """The newest view that it has led, in all its lives."""


@dataclass(slots=True)
class Step:
    """What one input does to one host."""

    after: FrozenHost
    sent: list[tuple[int, int]]
    """(receiver, number of the message), in order."""
    branches: list[str]
    """What happened, for the table of what was reached."""


class Hosts:
    """Runs inputs on hosts."""

    def __init__(self, freezer: Freezer) -> None:
        self.freezer = freezer
        self.words = freezer.words
        self.checking = True
        """Off until the ring is born: what is wrong is shown on the way from there."""

    def new(self, me: int) -> FrozenHost:
        """Before its first life, with an empty disk."""
        return FrozenHost(me, None, Disk(), (), NO_VIEW, NO_VIEW)

    def step(self, host: FrozenHost, what: Input) -> Step:
        """One input; the host that was there stays as it was.

        Raises:
            Violation: if the core breaks a rule that can be seen here.
        """
        if what.kind == "crash":
            disk = host.disk
            for write in host.unsynced[: what.argument]:
                disk = disk.after(write)
            return Step(host._replace(core=None, disk=disk, unsynced=()), [], [])
        if what.kind == "restart":
            recovered = host.disk.recovered() if host.disk.meta.promised > NO_VIEW else None
            core = self.freezer.start(host.me, recovered)
            if unknown := unknown_fields(core):
                raise RuntimeError(f"frozen.py does not know {', '.join(unknown)}")
            return Step(host._replace(core=self.freezer.freeze(core)), [], [])
        assert host.core is not None
        core = self.freezer.thaw(host.core)
        life = _Life(self, host, core)
        try:
            life.take(what)
            return life.ended()
        except Violation:
            raise
        except AssertionError as error:
            raise Violation(f"assertion: r{host.me}: {str(error) or 'of the core'}") from error


class _Life:
    """One input on one core, with everything that it asks for."""

    def __init__(self, hosts: Hosts, host: FrozenHost, core: Replica) -> None:
        self.hosts, self.host, self.core = hosts, host, core
        self.disk, self.unsynced = host.disk, list(host.unsynced)
        self.vowed = host.vowed
        self.sent: list[tuple[int, int]] = []
        self.branches: list[str] = []

    def take(self, what: Input) -> None:
        """Does it."""
        core = self.core
        match what:
            case Input("deliver", number, sender):
                self._deliver(sender, number)
            case Input("sync"):
                self.disk = self.disk.after(self.unsynced.pop(0))
                core.persisted(NOW, core._durable_ticket + 1)
            case Input("notice", peer):
                if core.peers[peer].up:
                    core.link_down(NOW, peer)
            case Input("promote", view):
                core.promote(NOW, view, 0)
            case Input("propose", number):
                core.propose(NOW, [Proposal(CLIENT, number, "", b"", ("x",))])
            case Input("silence", peer):
                core.peers[peer].heard_at = STALE_AT
                if not core.peers[peer].met:
                    core._settles_at = NOW.seconds
                core.tick(NOW)
            case Input("beat"):
                core._next_heartbeat = NOW.seconds
                core.tick(NOW)
            case _:
                raise AssertionError(f"an unknown input: {what}")
        for effect in core.take_effects():
            self._carry_out(effect)

    def _deliver(self, sender: int, number: int) -> None:
        message = self.hosts.words.known[number]
        if isinstance(message, Hello):
            # The side that dialled shows its own hello again before it uses the link.
            if self.core.me < sender:
                self._send(sender, self.core.hello())
            self.core.link_up(NOW, sender, message)
        else:
            assert message is not None
            self.core.receive(NOW, sender, message)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Persist(_, records):
                written = tuple(map(_canonical, records))
                self.unsynced.append(Write(written, self.core.commit_index))
                self._note_records(records)
            case Send(peer, message):
                if self.core.peers[peer].up:
                    self._keeps_its_word(message)
                    self._send(peer, message)
            case SendState() | StoreChunk():
                raise Violation("state: one is sent, though nothing was ever compacted")
            case Serving(serving):
                self.branches.append("a view opens" if serving else "a master steps down")
                if serving and len(self.core.in_sync_set) == 1:
                    self.branches.append("the sole survivor serves")

    def _note_records(self, records: tuple[Record, ...]) -> None:
        for record in records:
            if isinstance(record, Aside):
                self.branches.append("entries are put aside")
            elif isinstance(record, Truncate):
                self.branches.append("entries are dropped")
            elif isinstance(record, HandedOverRecord):
                self.branches.append("all was handed over")

    def _send(self, peer: int, message: Message | Hello) -> None:
        self.sent.append((peer, self.hosts.words.number(message)))

    def _keeps_its_word(self, message: Message) -> None:
        """Rule 1, through every crash; and what is claimed of the disk is true of it."""
        if not isinstance(message, Ack | Promise):
            return
        me, said, disk = self.host.me, type(message).__name__, self.disk
        vowed, self.vowed = self.vowed, message.view
        if not self.hosts.checking:
            return
        if message.view < vowed:
            raise Violation(
                f"promise-broken: r{me} promised view {vowed}, "
                f"and now says {said} in view {message.view}"
            )
        if disk.meta.promised < message.view:
            raise Violation(
                f"promise-not-durable: r{me} says {said} in view {message.view}, "
                f"and has {disk.meta.promised} on disk"
            )
        length = message.length if isinstance(message, Ack) else message.summary.length
        if len(disk.entries) < length:
            raise Violation(
                f"claim-not-durable: r{me} says {said} of {length} entries, "
                f"and has {len(disk.entries)} on disk"
            )

    def ended(self) -> Step:
        """The host afterwards."""
        core, host, led = self.core, self.host, self.host.led
        before = host.core
        assert before is not None
        if isinstance(core.role, Master) and before[10][0] != "master":
            view = core.role.view
            if view <= led or core.config.owner(view) != host.me:
                raise Violation(f"two-masters: r{host.me} leads view {view}, and led {led} before")
            led = view
            self.branches.append("a view begins")
        elif core.role_name == "candidate" and before[10][0] != "candidate":
            self.branches.append("a candidate stands")
        self._note_roles(before)
        after = FrozenHost(
            host.me,
            self.hosts.freezer.freeze(core),
            self.disk,
            tuple(self.unsynced),
            self.vowed,
            led,
        )
        return Step(after, self.sent, self.branches)

    def _note_roles(self, before: Frozen) -> None:
        """What the table of reached branches tells of the in-sync set and of commits."""
        core, role = self.core, self.core.role
        if isinstance(role, Master) and before[10][0] == "master":
            if set(before[10][2]) - role.in_sync:
                self.branches.append("a member leaves the set")
            if role.in_sync - set(before[10][2]):
                self.branches.append("a member joins the set")
            if core.commit_index > before[4]:
                self.branches.append("a master confirms")
        if core.commit_index < before[4]:
            self.branches.append("applied entries are dropped")


def _canonical(record: Record) -> object:
    if isinstance(record, Group):
        return (record.first_index, tuple(record.entries))
    return record


def brief(message: Message | Hello | None) -> str:
    """A message in a few words."""
    if message is None:
        return "the end of the link"
    name, view = type(message).__name__, message.view
    match message:
        case Append(group=group) if group.entries:
            return f"Append view {view}, entries {group.first_index}..{group.last_index}"
        case Append(commit_index=commit_index):
            return f"Append view {view}, heartbeat, commit {commit_index}"
        case Ack(length=length):
            return f"Ack view {view}, up to {length}"
        case Promise(summary=summary):
            return f"Promise view {view}, log ({summary.log_view}, {summary.length})"
    return f"{name} view {view}"


def all_names(entries: tuple[Entry, ...]) -> int:
    """The requests among entries, as bits."""
    mask = 0
    for entry in entries:
        mask |= 1 << entry.number
    return mask & ~1


def aside_names(aside: tuple[Proposal, ...]) -> int:
    """The requests among what was put aside, as bits."""
    mask = 0
    for proposal in aside:
        mask |= 1 << proposal.number
    return mask & ~1


__all__ = [
    "OTHERS",
    "Disk",
    "FrozenHost",
    "Hosts",
    "Input",
    "Step",
    "Violation",
    "all_names",
    "aside_names",
    "brief",
]
