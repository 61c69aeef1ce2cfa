"""Everything that can happen in a state, and the state that each of it leads to.

The ring is three real cores, born, in view 0, with nothing under way. From there:

* a message arrives, the oldest on its link (six links, first in, first out);
* a disk reports its oldest unsynced write;
* a request is proposed to a replica that serves: two, each once;
* a client asks replica `v mod 3` for view `v`: once for each of the views 1 and 2, in
  either order, as a client does that walks past a replica which it cannot reach;
* a process dies, once, with any number of its unsynced writes on its disk after all, and
  starts again;
* a link breaks, once: each end learns of it in its own time, and what is in flight until
  then arrives or is lost. Two that have no link shake hands again, as `transport` does;
* a replica has not heard another for `suspect_after`, once: all others were heard;
* a replica sends its heartbeats, once.

Each at any moment. "Once" is what `Bounds` says; what is not bounded ends by itself.
There are no reads, no compaction and no lost disks here (rules 12 to 14), and no
operator: those are for `tests/simulator`.

An event that changes nothing but what is left of a bound is left out: whatever can
happen after it can happen without it. An event here is a change of one host, so every
order of events on different hosts is tried; nothing else is left out.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ringchat_server.records import Entry
from tests.exhaustive.frozen import REPLICAS, Freezer, Words
from tests.exhaustive.host import FrozenHost, Hosts, Input, Violation, brief
from tests.exhaustive.invariants import Invariants
from tests.exhaustive.state import (
    BITS,
    END,
    LEDGER_SHIFT,
    LINKS,
    MASK,
    QUEUE_SHIFT,
    Bounds,
    Facts,
    Ledger,
    Queues,
    Table,
)

HOST_SHIFTS = tuple(BITS * host for host in range(REPLICAS))


class Event(NamedTuple):
    """What happens, and where."""

    kind: str
    host: int
    argument: int = 0
    """The peer, the view, or how many unsynced writes survive."""


SYNC, RESTART, BEAT, NOTICE, SILENCE, PROMOTE, PROPOSE, CRASH = 0, 1, 2, 3, 6, 16, 32, 48
"""Codes of inputs; from `NOTICE` on the argument is added."""
DELIVER = 128
"""From here on deliveries: message << 8 | DELIVER | sender."""
_KINDS = (
    (CRASH, "crash"),
    (PROPOSE, "propose"),
    (PROMOTE, "promote"),
    (SILENCE, "silence"),
    (NOTICE, "notice"),
    (BEAT, "beat"),
    (RESTART, "restart"),
    (SYNC, "sync"),
)


def _input(code: int) -> Input:
    """What a code stands for."""
    if code & DELIVER:
        return Input("deliver", code >> 8, code & (DELIVER - 1))
    start, kind = next(one for one in _KINDS if one[0] <= code)
    return Input(kind, code - start)


class Link(NamedTuple):
    """One direction between two hosts, and what can happen on it."""

    sender: int
    receiver: int
    shift: int
    """Where its queue is in a state."""
    back: int
    """Where the queue of the other direction is."""
    deliver: Event
    notice: Event
    connect: Event
    silence: Event
    cut: Event


_LINKS = tuple(
    Link(
        a,
        b,
        QUEUE_SHIFT[a, b],
        QUEUE_SHIFT[b, a],
        deliver=Event("deliver", b, a),
        notice=Event("notice", b, a),
        connect=Event("connect", a, b),
        silence=Event("silence", a, b),
        cut=Event("break", a, b),
    )
    for a, b in LINKS
)
_SYNCS, _RESTARTS, _BEATS = (
    tuple(Event(kind, host) for host in range(REPLICAS)) for kind in ("sync", "restart", "beat")
)
_CRASHES = tuple(
    tuple(Event("crash", host, kept) for kept in range(DELIVER - CRASH)) for host in range(REPLICAS)
)


class Failed(Violation):
    """A violation, and the event that led to it."""

    def __init__(self, line: str, event: Event) -> None:
        super().__init__(line)
        self.event = event


Done = tuple[int, tuple[tuple[int, int, int], ...], bool]
"""(host afterwards, (queue, the other direction's, message) sent, whether to check)."""


class Model:
    """The transition system."""

    def __init__(self, prefer: str, bounds: Bounds) -> None:
        self.prefer, self.bounds = prefer, bounds
        self.words = Words()
        self.freezer = freezer = Freezer(prefer, self.words)
        self.consistent = freezer.configs[0].consistent
        self.confirmers_min = freezer.configs[0].confirmers_min
        self.branches: Counter[str] = Counter()
        """What the distinct (host, input) pairs have led to."""
        self.logs: Table[tuple[Entry, ...]] = Table()
        self.ledgers: Table[Ledger] = Table()
        self._hosts = Hosts(freezer)
        self._frozen: Table[FrozenHost] = Table()
        self._facts: list[Facts] = []
        self._done: list[dict[int, Done]] = []
        self._queues = Queues()
        self._spent: dict[tuple[int, str, int], int] = {}
        self._invariants = Invariants(self)
        self.logs.number(())
        self._hosts.checking = False
        self.initial = self._born()
        self._hosts.checking = True
        for done in self._done:
            done.clear()  # these were not looked at
        self.branches.clear()

    @property
    def local_states(self) -> int:
        """Distinct hosts seen: so small is what the real cores had to be run on."""
        return len(self._frozen.values)

    @property
    def local_steps(self) -> int:
        """Inputs that were given to real cores."""
        return sum(map(len, self._done))

    # ------------------------------------------------------------------ the start

    def _born(self) -> int:
        """The ring in view 0: everything delivered, synced and told, always the same way."""
        state = 0
        for me in range(REPLICAS):
            state |= self._host_number(self._hosts.new(me)) << HOST_SHIFTS[me]
        bounds = self.bounds
        views = tuple(range(bounds.views + 1))
        ledger = Ledger(0, views, 0, 0, 0, REPLICAS, False, 0, 0)
        state |= self.ledgers.number(ledger) << LEDGER_SHIFT
        state = self._quiet(state)
        state = next(
            after for event, after in self.successors(state) if event == Event("promote", 0, 0)
        )
        state = self._quiet(state)
        for me in range(REPLICAS):  # the backups learn that the first entry is committed
            state = next(
                (after for event, after in self.successors(state) if event == Event("beat", me)),
                state,
            )
        state = self._quiet(state)
        facts = self.facts(state)
        assert facts[0].serving and all(one.commit_index == 1 for one in facts)
        ledger = Ledger(
            0,
            views[1:],
            bounds.crashes,
            bounds.breaks,
            bounds.silences,
            bounds.beats,
            False,
            0,
            facts[0].committed,
        )
        return state & ((1 << LEDGER_SHIFT) - 1) | self.ledgers.number(ledger) << LEDGER_SHIFT

    def _quiet(self, state: int) -> int:
        """Lets everything happen that happens by itself, the first that can first."""
        while True:
            for event, after in self.successors(state):
                if event.kind in ("deliver", "sync", "connect", "restart"):
                    state = after
                    break
            else:
                return state

    def hosts_seen(self) -> list[FrozenHost]:
        """Each distinct one."""
        return self._frozen.values

    # ----------------------------------------------------------------- what can happen

    def successors(self, state: int) -> list[tuple[Event, int]]:
        """Every event that is possible, with the state after it.

        Raises:
            Failed: if one of them breaks a promise.
        """
        out: list[tuple[Event, int]] = []
        queues = self._queues
        head, tail, ended = queues.head, queues.tail, queues.ended
        for link in _LINKS:
            shift, receiver, sender = link.shift, link.receiver, link.sender
            queue = state >> shift & MASK
            if not queue:
                continue
            message = head[queue]
            if message != END:
                popped = state + ((tail[queue] - queue) << shift)
                code = message << 8 | DELIVER | sender
                out.append((link.deliver, self._happened(popped, receiver, code, link.deliver)))
            if ended[queue]:
                emptied = state - (queue << shift)
                after = self._happened(emptied, receiver, NOTICE + sender, link.notice)
                out.append((link.notice, after))
        known = self._facts
        facts = [known[state >> shift & MASK] for shift in HOST_SHIFTS]
        ledger = self.ledgers.values[state >> LEDGER_SHIFT]
        for host, one in enumerate(facts):
            if one.unsynced:
                event = _SYNCS[host]
                out.append((event, self._happened(state, host, SYNC, event)))
            elif not one.alive:
                event = _RESTARTS[host]
                out.append((event, self._happened(state, host, RESTART, event)))
        self._handshakes(state, facts, out)
        if not out and ledger.confirmed:
            self._all_is_well(ledger, facts)
        self._wishes(state, ledger, facts, out)
        self._faults(state, ledger, facts, out)
        return out

    def _all_is_well(self, ledger: Ledger, facts: list[Facts]) -> None:
        """Nothing happens by itself any more."""
        try:
            self._invariants.newest_master_has(ledger.confirmed, facts)
        except Violation as violation:
            raise Failed(f"{violation}, and nothing is under way", Event("rest", 0)) from violation

    def _handshakes(self, state: int, facts: list[Facts], out: list[tuple[Event, int]]) -> None:
        """Two without a link: the higher id answers with its hello, the lower one goes on."""
        for link in _LINKS:
            low, high = link.sender, link.receiver
            if low > high or not (facts[low].alive and facts[high].alive):
                continue
            if facts[low].up >> high & 1 or facts[high].up >> low & 1:
                continue
            if state >> link.shift & MASK or state >> link.back & MASK:
                continue
            answers = facts[high]
            if answers.hello < 0:
                frozen = self._frozen.values[state >> HOST_SHIFTS[high] & MASK]
                assert frozen.core is not None
                answers.hello = self.words.number(self.freezer.thaw(frozen.core).hello())
            queue = self._queues.pushed(self._queues.empty, answers.hello)
            out.append((link.connect, state + (queue << link.back)))

    def _wishes(
        self, state: int, ledger: Ledger, facts: list[Facts], out: list[tuple[Event, int]]
    ) -> None:
        """What clients ask for."""
        for view in ledger.views_left:
            host = view % REPLICAS
            # A view that is promised already is refused, and nothing changes.
            if facts[host].alive and facts[host].promised < view:
                event = Event("promote", host, view)
                self._costs(state, event, PROMOTE + view, "views_left", view, out)
        if ledger.requests < self.bounds.requests:
            number = ledger.requests + 1
            for host, one in enumerate(facts):
                if one.serving:
                    event = Event("propose", host, number)
                    self._costs(state, event, PROPOSE + number, "requests", 0, out)

    def _faults(
        self, state: int, ledger: Ledger, facts: list[Facts], out: list[tuple[Event, int]]
    ) -> None:
        """What goes wrong, and time that passes."""
        ended = self._queues.ended
        for host, one in enumerate(facts):
            if not one.alive:
                continue
            if ledger.beats_left and one.up:
                self._costs(state, _BEATS[host], BEAT, "beats_left", 0, out)
            if ledger.crashes_left:
                spent = self._spend(state, "crashes_left", 0)
                out += [
                    (event, self._crashed(spent, event, facts))
                    for event in _CRASHES[host][: one.unsynced + 1]
                ]
        self._settling(state, facts, out)
        if not (ledger.silences_left or ledger.breaks_left):
            return
        for link in _LINKS:
            a, b = link.sender, link.receiver
            queue, answer = state >> link.shift & MASK, state >> link.back & MASK
            stands = not ended[queue] and not ended[answer]
            if ledger.silences_left and (facts[a].up & facts[a].fresh | facts[a].unmet) >> b & 1:
                # A peer that is dead, or whose link has broken, is no split.
                split = int(stands)
                self._costs(state, link.silence, SILENCE + b, "silences_left", split, out)
            up = facts[a].up >> b & 1 or facts[b].up >> a & 1
            if ledger.breaks_left and a < b and stands and (up or queue or answer):
                after = self._spend(state, "breaks_left", 1)
                after = self._broken(after, facts[b].up >> a & 1, link.shift)
                after = self._broken(after, facts[a].up >> b & 1, link.back)
                out.append((link.cut, after))

    def _settling(self, state: int, facts: list[Facts], out: list[tuple[Event, int]]) -> None:
        """Whoever has started has waited long enough for those that it has not met: they are dead.

        If one of them lives, that it has not been met for so long is a silence like others.
        """
        living = sum(one.alive << host for host, one in enumerate(facts))
        for link in _LINKS:
            a, b = link.sender, link.receiver
            if facts[a].unmet >> b & 1 and not facts[a].unmet & living:
                out.append((link.silence, self._happened(state, a, SILENCE + b, link.silence)))

    # ------------------------------------------------------------------- events

    def _costs(
        self,
        state: int,
        event: Event,
        code: int,
        bound: str,
        argument: int,
        out: list[tuple[Event, int]],
    ) -> None:
        """A bounded event of one host; left out if it changes nothing."""
        spent = self._spend(state, bound, argument)
        after = self._happened(spent, event.host, code, event)
        if after != spent:
            out.append((event, after))

    def _happened(self, state: int, host: int, code: int, event: Event) -> int:
        """The state after an input of one host."""
        shift = HOST_SHIFTS[host]
        local = state >> shift & MASK
        done = self._done[local].get(code) or self._run(local, code, event)
        number, sent, check = done
        state += (number - local) << shift
        queues = self._queues
        for place, back, message in sent:
            queue = state >> place & MASK
            if not (queues.ended[queue] or queues.ended[state >> back & MASK]):
                state += (queues.pushed(queue, message) - queue) << place
        if check and self._hosts.checking:
            state = self._checked(state, host, self._facts[local], event)
        return state

    def _crashed(self, state: int, event: Event, facts: list[Facts]) -> int:
        """A process dies: nobody reads what is on its way to it; each peer will notice."""
        host = event.host
        for link in _LINKS:
            if link.receiver == host:
                state -= (state >> link.shift & MASK) << link.shift
                state = self._broken(state, facts[link.sender].up >> host & 1, link.back)
        return self._happened(state, host, CRASH + event.argument, event)

    def _broken(self, state: int, up: int, shift: int) -> int:
        """The end of a link, behind what is in flight; unless there is nobody to notice it."""
        queue = state >> shift & MASK
        if self._queues.ended[queue] or not (queue or up):
            return state
        return state + ((self._queues.pushed(queue, END) - queue) << shift)

    def _run(self, local: int, code: int, event: Event) -> Done:
        """Gives an input to a real core, for the first time in that host's state."""
        host = self._frozen.values[local]
        try:
            step = self._hosts.step(host, _input(code))
        except Violation as violation:
            raise Failed(str(violation), event) from violation
        number = self._host_number(step.after)
        sent = tuple(
            (QUEUE_SHIFT[host.me, peer], QUEUE_SHIFT[peer, host.me], message)
            for peer, message in step.sent
        )
        self.branches.update(step.branches)
        done = (number, sent, _differs(self._facts[local], self._facts[number]))
        self._done[local][code] = done
        return done

    def _checked(self, state: int, host: int, before: Facts, event: Event) -> int:
        ledger = state >> LEDGER_SHIFT
        facts = self.facts(state)
        try:
            return state + (
                (self._invariants.settled(ledger, facts, host, before) - ledger) << LEDGER_SHIFT
            )
        except Violation as violation:
            raise Failed(str(violation), event) from violation

    # ------------------------------------------------------------------- tables

    def facts(self, state: int) -> list[Facts]:
        """Of each host."""
        return [self._facts[state >> shift & MASK] for shift in HOST_SHIFTS]

    def _host_number(self, host: FrozenHost) -> int:
        number = self._frozen.number(host)
        if number == len(self._facts):
            self._facts.append(Facts(host, self.logs))
            self._done.append({})
        return number

    def _spend(self, state: int, bound: str, argument: int) -> int:
        """The state with one event less in the ledger."""
        ledger = state >> LEDGER_SHIFT
        spent = self._spent.get((ledger, bound, argument))
        if spent is None:
            record = self.ledgers.values[ledger]
            if bound == "requests":
                record = record._replace(requests=record.requests + 1)
            elif bound == "views_left":
                views = tuple(view for view in record.views_left if view != argument)
                record = record._replace(views_left=views)
            else:
                record = record._replace(**{bound: getattr(record, bound) - 1})
            if bound in ("breaks_left", "silences_left") and argument:
                committed = record.committed if self.consistent else 0
                record = record._replace(split=True, committed=committed)
            spent = self._spent[ledger, bound, argument] = self.ledgers.number(record)
        return state + ((spent - ledger) << LEDGER_SHIFT)

    def told(self, event: Event, state: int) -> str:
        """One line for an event that happens in that state."""
        host, argument = event.host, event.argument
        match event.kind:
            case "deliver":
                queue = state >> QUEUE_SHIFT[argument, host] & MASK
                message = brief(self.words.known[self._queues.head[queue]])
                return f"r{argument} -> r{host}  {message}"
            case "notice":
                return f"r{host}        sees that its link with r{argument} broke"
            case "connect" | "break":
                return f"r{host} -- r{argument}  " + (
                    "a handshake begins" if event.kind == "connect" else "the link breaks"
                )
            case "sync":
                return f"r{host}        its oldest write is synced"
            case "promote":
                return f"r{host}        a client asks for view {argument}"
            case "propose":
                return f"r{host}        request {argument} is proposed"
            case "silence":
                return f"r{host}        has not heard r{argument} for suspect_after"
            case "beat":
                return f"r{host}        sends its heartbeats"
            case "crash":
                return f"r{host}        crashes; {argument} unreported writes are on its disk"
            case "restart":
                return f"r{host}        starts again"
            case "hold disk":
                return f"r{host}        its disk is slow"
            case "hold link":
                return f"r{argument} -> r{host}  the link is slow"
        return "nothing can happen any more by itself"


def _differs(before: Facts, after: Facts) -> bool:
    """Something that the checks look at is another."""
    return any(
        getattr(before, name) != getattr(after, name)
        for name in ("log", "committed", "disk_log", "on_disk", "leads", "in_sync", "led")
    )
