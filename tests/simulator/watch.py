"""What must hold at every step, looked at after every event.

* A view has one master.
* Two logs that have the same view at an index are the same up to it.
* Where there is one order, what is committed never differs from what was committed there,
  and whoever begins a view has all of it.
* What is confirmed is durable on every member of the in-sync set, which has adopted the
  whole log; older views' entries are confirmed only together with the view's first one.
* A view begins with everyone who promised it.
* Whoever leads no more has let go of the requests that waited for it.
* Whoever joins the set has adopted the log, and has all that was confirmed.
* Whoever promises a view has all that was confirmed because it had that.
* What the journal has called durable would survive a crash of the machine now.
* No replica says anything in a view lower than one that it has promised, crash or not; and
  none that comes back has forgotten what it had promised or acknowledged, or takes a mere
  crash for damage.
* Whoever hears a healthy master neither leads in its place nor promises to let another.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chaos.history import Call
from ringchat_server.journal import journal_name
from ringchat_server.records import NO_VIEW, Aside, Entry, Group, Meta, Record, Truncate
from ringchat_server.replica import Replica
from ringchat_server.replica.backup import Backup
from ringchat_server.replica.candidate import Candidate
from ringchat_server.replica.log import Log
from ringchat_server.replica.master import Master
from ringchat_server.replica.values import (
    Ack,
    Append,
    Fetch,
    Message,
    Mismatch,
    Ping,
    Promise,
    Refusal,
    StateChunk,
)

if TYPE_CHECKING:
    from tests.simulator.machine import Machine, Process
    from tests.simulator.person import Person
    from tests.simulator.world import World


Role = Master | Candidate | Backup

NO_MOMENT = (False, False, False)

CALM_SECONDS = 3.0
"""After so long without a fault between two of them, one hears the other: no doubt."""


class Violation(AssertionError):
    """A promise was broken. The first word of the line names the check."""


class Look(NamedTuple):
    """Somebody was shown something."""

    applied: int
    """So many entries its replica had applied."""
    view: int
    """Of the last of these entries."""
    account: str
    kind: str
    what: tuple[Any, ...]
    now_ms: int
    shown: tuple[Any, ...]


class Watch:
    """The eyes on one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._masters: dict[int, int] = {}
        self._entries: dict[tuple[int, int], tuple[Entry, int]] = {}
        """(index, view) -> the entry there, and the view of the one before it."""
        self._committed: dict[int, tuple[int, bytes, int]] = {}
        """Index -> (view, client, number) of what was committed there."""
        self._confirmed_in: dict[int, int] = {}
        """View -> the newest entry that its master has confirmed."""
        self._digests: dict[int, bytes] = {}
        self._roles: dict[Process, Role] = {}
        self._log_views: dict[Process, int] = {}
        self._sets: dict[Process, set[int]] = {}
        """Master -> its in-sync set."""
        self._moments: dict[Process, tuple[bool, bool, bool]] = {}
        """Process -> whether it is marked as alone, is rebuilding, has something put aside."""
        self._seen: dict[Process, tuple[int, int]] = {}
        """Process -> (the chat's identity, how far it had applied)."""
        self._acknowledged: dict[Process, int] = {}
        """Process -> the newest view in which it has acknowledged anything."""
        self._unsynced: dict[Process, list[Meta]] = {}
        """Process -> what it has given to its journal, and has not been told to be durable."""
        self.looks: list[Look] = []
        self.handed_over = False
        """Some side of a split has put aside entries, to give them to the other."""

    # ------------------------------------------------------------- after each event

    def looked_at(self, machine: Machine) -> None:
        """Something happened at that machine."""
        process = machine.process
        assert process is not None
        engine = process.engine
        replica, chat = engine.replica, engine.chat
        if replica.leading:
            self._one_master(replica.view, machine.id)
        elif engine.at_work and self._world.people:
            raise Violation(
                f"answers-astray: r{machine.id} leads no more, and keeps requests whose answers "
                "would go to others when it leads again"
            )
        moments = (replica.meta.sole, replica.meta.rebuilding, bool(replica.aside))
        if moments != self._moments.get(process, NO_MOMENT):
            self._moment(process, moments)
        if replica.role is not self._roles.get(process):
            self._role_changed(process)
        seen = (id(chat), chat.applied_index)
        before = self._seen.get(process)
        if seen != before:
            self._seen[process] = seen
            start = before[1] if before is not None and before[0] == seen[0] else 0
            if before is not None and start == 0 and seen[1] < before[1]:
                self._world.count("rule", "6 applied entries are dropped")
            self._applied(process, start)
        if isinstance(replica.role, Master) and replica.role.in_sync != self._sets.get(process):
            self._set_changed(process, replica.role)
        if replica.meta.log_view != self._log_views.get(process):
            self._adopted(process)
        if machine.lost and _is_whole(replica):
            machine.lost = False
            self._has_what_counts(machine, replica.durable.length)
            self._world.count("rule", "13 a lost journal is rebuilt")

    def _adopted(self, process: Process) -> None:
        """`log_view` has moved: with the first entry of the view, or behind it (rule 5)."""
        log, meta = process.engine.replica.log, process.engine.replica.meta
        before = self._log_views.get(process)
        self._log_views[process] = meta.log_view
        if before is not None and log.view_at(log.length) != meta.log_view:
            raise Violation(
                f"adopted-too-early: r{process.id} says that it has the log of view "
                f"{meta.log_view}, and ends with entry {log.length} of view "
                f"{log.view_at(log.length)}"
            )

    def _has_what_counts(self, machine: Machine, length: int) -> None:
        """Where there is one order, a replica that has a say has all it was counted on for."""
        if self._world.strict and length < machine.counted:
            raise Violation(
                f"less-than-counted: r{machine.id} has a say with {length} entries on its disk, "
                f"and entry {machine.counted} was confirmed because it had that"
            )

    def _moment(self, process: Process, now: tuple[bool, bool, bool]) -> None:
        """Something delicate has begun there, or is over."""
        before = self._moments.get(process, NO_MOMENT)
        self._moments[process] = now
        met = self._world.nemesis.met
        if now[0] != before[0]:
            met("alone" if now[0] else "not alone any more", process.id)
        if now[1] and not before[1]:
            met("rebuilding", process.id)
        if now[2] and not before[2]:
            met("put aside", process.id, process.id)

    def _role_changed(self, process: Process) -> None:
        replica = process.engine.replica
        before, self._roles[process] = self._roles.get(process), replica.role
        self._sets.pop(process, None)
        if isinstance(replica.role, Candidate):
            self._deposes_nobody(process, replica.view)
        if isinstance(replica.role, Master):
            self._has_everything(process)
            promisers = before.promises if isinstance(before, Candidate) else {}
            forgotten = [p for p in promisers if p not in replica.role.in_sync and replica.hears(p)]
            if forgotten:
                raise Violation(
                    f"begins-without: r{process.id} begins view {replica.view}, and not with "
                    f"{forgotten}, who promised it (rule 4)"
                )

    def _set_changed(self, process: Process, role: Master) -> None:
        """Rule 7: nobody who is heard is dropped; who joins has adopted the log, and all of it."""
        before = self._sets.get(process)
        self._sets[process] = set(role.in_sync)
        replica = process.engine.replica
        if before is None:
            return
        for member in before - role.in_sync:
            self._world.count("rule", "7 a member is dropped")
            machine = self._world.machines[member]
            if (
                self._world.profile.calm
                and machine.process is not None
                and not machine.paused
                and self._world.network.calm_seconds(process.id, member) > CALM_SECONDS
            ):
                raise Violation(
                    f"dropped-without-cause: r{process.id} hears r{member}, a member of its set"
                )
        if len(before) == 1 < len(role.in_sync):
            metas = (replica.durable.meta, *self._unsynced.get(process, ()))
            if any(meta.sole for meta in metas):
                raise Violation(
                    f"joins-a-sole: r{process.id} takes {sorted(role.in_sync - before)} in, and a "
                    "crash may leave it marked as alone (rule 9)"
                )
        for member in role.in_sync - before:
            self._world.count("rule", "7 a backup joins")
            other = self._world.machines[member].process
            if other is None or other.engine.replica.view != replica.view:
                continue
            if self._acknowledged.get(other) != replica.view:
                continue  # what lets it join was said by the process before it (seed 774)
            durable = other.engine.replica.durable
            if self._world.prefer == "availability" and not other.engine.replica.settled:
                raise Violation(
                    f"joins-too-early: r{member} is in the set of r{process.id}, and has not met "
                    "the others since it started"
                )
            if durable.meta.log_view != replica.view or durable.length < replica.commit_index:
                raise Violation(
                    f"joins-too-early: r{member} is in the set of r{process.id} with "
                    f"{durable.length} of {replica.commit_index} entries, and the log of view "
                    f"{durable.meta.log_view} instead of {replica.view}"
                )

    def _has_everything(self, process: Process) -> None:
        """Where there is one order, who begins a view has all that was ever confirmed."""
        if not self._world.strict:
            return
        replica = process.engine.replica
        log = replica.log
        earlier = (index for view, index in self._confirmed_in.items() if view < replica.view)
        newest = max(earlier, default=0)
        if newest and (log.length < newest or log.view_at(newest) != self._committed[newest][0]):
            raise Violation(
                f"incomplete-master: r{process.id} begins view {replica.view} with "
                f"{log.length} entries, and not with the confirmed entry {newest}"
            )

    def _one_master(self, view: int, machine_id: int) -> None:
        if self._masters.setdefault(view, machine_id) != machine_id or (
            view % self._world.replicas != machine_id
        ):
            raise Violation(f"two-masters: view {view} is led by r{machine_id}")

    def _applied(self, process: Process, start: int) -> None:
        """The chat has moved on."""
        replica, chat = process.engine.replica, process.engine.chat
        end, base = chat.applied_index, replica.log.base_index
        if self._world.strict:
            entries = replica.log.entries(max(start, base), end) if end > base else []
            for index, entry in enumerate(entries, max(start, base) + 1):
                name = (entry.view, entry.client, entry.number)
                if self._committed.setdefault(index, name) != name:
                    raise Violation(
                        f"committed-differs: entry {index} is {name} at r{process.id}, "
                        f"and was {self._committed[index]} before"
                    )
            if self._digests.setdefault(end, chat.digest) != chat.digest:
                raise Violation(f"state-differs: after entry {end} at r{process.id}")
        if isinstance(replica.role, Master) and end > start:
            if end < replica.role.start_index:
                raise Violation(
                    f"older-views-first: r{process.id} confirms entry {end}, and its view "
                    f"{replica.view} begins with entry {replica.role.start_index}"
                )
            self._world.count("rule", "3 a master confirms")
            self._is_durable(process, end)
            self._confirmed_in[replica.view] = end

    def _is_durable(self, process: Process, index: int) -> None:
        """Rule 3, on the disks themselves."""
        replica = process.engine.replica
        view = replica.log.view_at(index)
        for member in replica.in_sync_set:
            machine = self._world.machines[member]
            machine.counted = max(machine.counted, index)
            if machine.lost and index <= machine.lost_length:
                continue  # it had that once
            other = machine.process
            moved_on = other is None or other.engine.replica.view != replica.view
            if moved_on and not self._world.strict:
                continue  # it may have dropped the entry for another side's log
            views = machine.views_on_disk
            if len(views) < index or views[index - 1] != view:
                raise Violation(
                    f"confirmed-not-durable: entry {index} of view {view} is confirmed by "
                    f"r{process.id}, and not on the disk of r{member}, a member of its set"
                )
            adopted = None if other is None else other.engine.replica.durable.meta.log_view
            if not moved_on and adopted != replica.view:
                raise Violation(
                    f"confirmed-not-adopted: r{process.id} counts on r{member} for entry {index}, "
                    f"and r{member} has not adopted the log of view {replica.view}"
                )

    # ------------------------------------------------------------- by the way

    def proposed(self, process: Process, records: tuple[Record, ...]) -> None:
        """Entries come into a log."""
        log = process.engine.replica.log
        machine = process.machine
        for record in records:
            if isinstance(record, Meta):
                self._unsynced.setdefault(process, []).append(record)
            if isinstance(record, Aside):
                self.handed_over = True
            if isinstance(record, Truncate) and record.length < machine.acknowledged[0]:
                view = log.view_at(record.length)
                machine.acknowledged = (record.length, NO_VIEW if view is None else view)
            if not isinstance(record, Group):
                continue
            before = self._view_before(log, record.first_index)
            for index, entry in enumerate(record.entries, record.first_index):
                known = self._entries.setdefault((index, entry.view), (entry, before))
                if known[0] != entry or known[1] != before:
                    raise Violation(
                        f"logs-do-not-match: two entries {index} of view {entry.view}, or two "
                        f"entries before it, at r{process.id}"
                    )
                before = entry.view

    def written(self, process: Process, records: list[Record]) -> None:
        """These are durable."""
        metas = sum(isinstance(record, Meta) for record in records)
        del self._unsynced.get(process, [])[:metas]

    @staticmethod
    def _view_before(log: Log, index: int) -> int:
        view = log.view_at(index - 1)
        assert view is not None, "the runs of a log reach back to its beginning"
        return view

    def log_up_to(self, index: int, view: int) -> list[Entry]:
        """All entries of the log that has that view at that index, from the first on."""
        entries: list[Entry] = []
        while index > 0:
            entry, view_before = self._entries[index, view]
            entries.append(entry)
            index, view = index - 1, view_before
        return entries[::-1]

    def said(self, process: Process, peer_id: int, message: Message) -> None:
        """A message between replicas leaves."""
        world, machine = self._world, process.machine
        replica = process.engine.replica
        match message:
            case Ack() | Promise():
                if isinstance(message, Ack):
                    self._is_as_settled_as_it_says(process, message)
                if not replica.unborn and not replica.meta.rebuilding:
                    if message.view < machine.vowed:
                        raise Violation(
                            f"promise-broken: r{process.id} promised view {machine.vowed}, and "
                            f"now says {type(message).__name__} in view {message.view}"
                        )
                    machine.vowed = message.view
                    self._acknowledges(machine, replica, message)
                if replica.durable.meta.promised < message.view:
                    raise Violation(
                        f"promise-not-durable: r{process.id} says {type(message).__name__} in "
                        f"view {message.view}, and has {replica.durable.meta.promised} on disk"
                    )
            case Append() | Fetch() if message.view < machine.vowed:
                raise Violation(
                    f"promise-broken: r{process.id} promised view {machine.vowed}, and now says "
                    f"{type(message).__name__} in view {message.view}"
                )
            case Refusal(reason=reason):
                world.count("refusal", _template(reason))
        if isinstance(message, Promise):
            if message.view not in self._masters:
                self._deposes_nobody(process, message.view)
            self._has_what_counts(machine, message.summary.length)
            if not (replica.settled or replica.unborn):
                raise Violation(
                    f"promises-too-early: r{process.id} has not met the others (rule 11)"
                )
            if replica.durable.meta.sole:
                raise Violation(
                    f"sole-kept: r{process.id} promises a view, and stays marked (rule 9)"
                )
        world.nemesis.met(type(message).__name__, process.id, peer_id)
        if not isinstance(message, Ping | Ack | Append):
            world.count("message", type(message).__name__)
        if isinstance(message, Append) and message.group.entries:
            world.count("message", "Append")
        if isinstance(message, Mismatch | StateChunk | Fetch):
            world.say(f"r{process.id}", "-> r{} {}", peer_id, message)

    def _is_as_settled_as_it_says(self, process: Process, ack: Ack) -> None:
        self._acknowledged[process] = ack.view
        if (
            self._world.prefer == "availability"
            and ack.settled
            and not process.engine.replica.settled
        ):
            raise Violation(
                f"settled-too-early: r{process.id} says that it may join the set, and has not "
                "met the others since it started"
            )

    @staticmethod
    def _acknowledges(machine: Machine, replica: Replica, message: Ack | Promise) -> None:
        """It has said that so much is on its disk; what it drops later it takes back first."""
        length = message.length if isinstance(message, Ack) else message.summary.length
        view = replica.log.view_at(length)
        if view is not None:
            machine.acknowledged = (length, view)

    def _deposes_nobody(self, process: Process, view: int) -> None:
        """Rule 11, as far as the network leaves no doubt that the master is heard."""
        world = self._world
        if not world.profile.calm:
            return
        for machine in world.machines:
            other = machine.process
            if (
                other is not None
                and other is not process
                and other.engine.serving
                and not machine.paused
                and other.engine.replica.view < view
                and world.schedule.seconds - machine.serving_since > CALM_SECONDS
                and self._hears(process, machine)
            ):
                raise Violation(
                    f"healthy-master-deposed: r{process.id} goes to view {view}, and hears, or "
                    f"would, r{machine.id}, the master of view {other.engine.replica.view}"
                )

    def _hears(self, process: Process, machine: Machine) -> bool:
        """No doubt that it does; or that it would, had it not just started."""
        network = self._world.network
        seconds = network.calm_seconds(process.id, machine.id)
        return seconds > CALM_SECONDS or (seconds > 0.0 and not process.engine.replica.settled)

    def synced(self, process: Process) -> None:
        """The journal says that all it was given is durable."""
        machine = process.machine
        if not machine.disk.is_durable(journal_name(machine.id)):
            raise Violation(f"not-synced: r{machine.id} calls durable what a crash would lose")

    def started(self, machine: Machine, process: Process) -> None:
        """A process comes back: what does it know of what the ones before it have said?"""
        self._world.nemesis.met("starts", machine.id)
        meta = process.engine.replica.meta
        length, view = machine.acknowledged
        views = machine.views_on_disk
        if machine.lost and not machine.rotten and meta.rebuilding:
            return
        if meta.rebuilding and not machine.rotten:
            raise Violation(f"damage-without-cause: r{machine.id} takes a crash for damage")
        if meta.promised < machine.vowed:
            raise Violation(
                f"promise-forgotten: r{machine.id} promised view {machine.vowed}, and comes back "
                f"with {meta.promised}"
            )
        if len(views) < length or (length and views[length - 1] != view):
            raise Violation(
                f"acknowledged-forgotten: entry {length} of view {view} was acknowledged by "
                f"r{machine.id}, which comes back without it"
            )

    def refused_view(self, reason: str) -> None:
        """A client's wish for a view has ended."""
        self._world.count("refusal", _template(reason) if reason else "none: the view is served")

    def serving_changed(self, process: Process, serving: bool) -> None:
        """A replica leads, or leads no more."""
        replica = process.engine.replica
        world = self._world
        world.say(f"r{process.id}", "leads view {}" if serving else "leads no more", replica.view)
        world.count("rule", "4 a view begins" if serving else "7 a master steps down")
        if serving:
            process.machine.serving_since = world.schedule.seconds
            world.nemesis.met("a view begins", process.id)
        if serving and len(replica.in_sync_set) == 1 and world.replicas > 1:
            world.count("rule", "9 the sole survivor serves")

    @property
    def born(self) -> bool:
        """Some replica has led."""
        return bool(self._masters)

    @property
    def served(self) -> bool:
        """Something was confirmed."""
        return bool(self._confirmed_in)

    def installed(self, process: Process, index: int) -> None:
        """A state takes the place of a log."""
        process.machine.acknowledged = (0, NO_VIEW)
        self.handed_over = self.handed_over or bool(process.engine.replica.aside)
        self._world.say(f"r{process.id}", "installs the state after entry {}", index)

    def died(self, machine: Machine, process: Process) -> None:
        """A process has ended."""
        self._seen.pop(process, None)
        self._roles.pop(process, None)
        self._log_views.pop(process, None)
        self._sets.pop(process, None)
        self._moments.pop(process, None)
        self._unsynced.pop(process, None)
        if process.engine.replica.leading:
            self._world.count("fault", "a master dies")

    @property
    def newest_confirmed(self) -> int:
        """The newest entry that any master has confirmed."""
        return max(self._confirmed_in.values(), default=0)

    def looked_up(
        self,
        process: Process,
        account: str,
        kind: str,
        what: tuple[Any, ...],
        now_ms: int,
        shown: tuple[Any, ...],
    ) -> None:
        """A client is shown something."""
        engine = process.engine
        index = engine.chat.applied_index
        view = engine.replica.log.view_at(index)
        assert view is not None
        self.looks.append(Look(index, view, account, kind, what, now_ms, shown))
        self._world.count("call", f"{kind} {'shown' if shown[0] == 0 else 'refused'}")

    def call_ended(self, person: Person, number: int, call: Call, answer: tuple[Any, ...]) -> None:
        """A client has its answer."""
        self._world.count("call", f"{call.kind} {call.outcome}")
        if number < 1 << 62 and answer[0] == 0:
            self._world.confirmed.setdefault((person.client, number), (call, answer))


def _is_whole(replica: Replica) -> bool:
    """It has a log again, and that is on its disk."""
    meta = replica.meta
    return meta.log_view > NO_VIEW and not meta.rebuilding and replica.durable.meta == meta


def _template(reason: str) -> str:
    """A reason without its numbers, so that the like can be counted."""
    reason = reason.split(";", 1)[0].split(" (", 1)[0]
    return re.sub(r"\[[\d, ]*\]|-?\d+", "#", reason)
