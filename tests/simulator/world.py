"""One run: a ring of machines, people at clients, and what happens to them.

The same seed gives the same run, to the last event.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from chaos.history import Call
from tests.simulator.encore import Encore
from tests.simulator.faults import Nemesis
from tests.simulator.machine import Machine, Process
from tests.simulator.network import Connection, Network
from tests.simulator.person import Person
from tests.simulator.profile import Profile
from tests.simulator.schedule import Schedule
from tests.simulator.trace import Trace
from tests.simulator.watch import Violation, Watch

ANSWER_SECONDS_MAX = 30.0
"""After the last fault a client's request must succeed within so much simulated time."""
ATTEMPTS_MAX = 8
"""A session may have ended, and the account be gone: to log in again counts as one."""
SETTLE_SECONDS_MAX = 60.0
DELIVERY_SECONDS_MAX = 5.0
ASKED_SECONDS_MAX = 10.0
OPERATOR_AFTER_SECONDS = 15.0
"""Where nobody leads for so long because a disk was lost, an operator says a word
(availability mode). Longer than a disk may hang."""

Accept = Callable[[Process, Connection, int], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    seed: int
    profile: Profile
    seconds: float
    """Simulated."""
    events: int
    counts: Counter[tuple[str, str]]
    """(group, what) -> how often."""
    error: str
    """The violation in one line; empty if all is well."""
    trace: tuple[str, ...] = ()


class World:
    """Everything there is in a run."""

    def __init__(self, seed: int, profile: Profile, trace: Trace | None = None) -> None:
        self.chance = random.Random(seed)
        self.profile = profile
        self.replicas, self.prefer = profile.replicas, profile.prefer
        self.schedule = Schedule()
        self.schedule.seconds = 1.0
        self.network = Network(self.schedule, self.chance, profile.weather)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.history: list[Call] = []
        self.confirmed: dict[tuple[bytes, int], tuple[Call, tuple[Any, ...]]] = {}
        """(client, number) -> what was confirmed to it."""
        self.rooms: list[int] = []
        """Those that people have told each other of."""
        self.strict = profile.one_order
        """There is one order, whatever happens."""
        self._operator_calls = 0
        self.bound_exceeded = False
        """Rule 14's bound: a side that was cut off has compacted what only it had."""
        self.watch = Watch(self)
        self.machines = [Machine(self, one) for one in range(profile.replicas)]
        self.people: list[Person] = []
        self.nemesis = Nemesis(self)
        self._trace = trace

    def populate(self) -> None:
        """Every machine starts, and people come."""
        late = self.profile.birth_seconds
        for machine in self.machines:
            if late:
                self.schedule.after(self.chance.uniform(0.0, late), machine.start)
            else:
                machine.start()
        for number in range(self.profile.people):
            node = self.replicas + number
            self.people.append(Person(self, node, f"p{number}"))

    # ------------------------------------------------------------- for everyone

    def count(self, group: str, what: str) -> None:
        """Something that has to happen now and then has happened."""
        self.counts[group, what] += 1

    def say(self, who: str, template: str, *arguments: object) -> None:
        """A line for the trace, if anybody reads it."""
        if self._trace is not None:
            self._trace.add(self.schedule.seconds, who, template, arguments)

    def connect(self, source: int, target: int, accept: Accept) -> Connection:
        """A connection to a machine; who is there takes it when the first word arrives."""
        connection = Connection(self.network, source, target)
        machine = self.machines[target]

        def first(item: object) -> None:
            process = machine.process
            if process is not None:
                accept(process, connection, source)
                arrive = connection.ends[target].arrive
                assert arrive is not None
                arrive(item)
            elif machine.off:
                connection.ends[target].shut()  # nobody will ever answer
            else:
                connection.reset(target)

        connection.listen(target, first)
        return connection

    def part(self, inside: set[int]) -> None:
        """Cuts these nodes off from all the others, both ways; some clients notice at once."""
        nodes = [*range(self.replicas), *(person.node for person in self.people)]
        for one in nodes:
            for other in nodes:
                if (one in inside) != (other in inside):
                    self.network.cut(one, other)
        for person in self.people:
            if self.chance.random() < 0.5:
                person.lose_sight(inside)
        self.say("net", "{} are cut off from the others", sorted(inside))

    def may_lose_its_view(self, process: Process) -> bool:
        """Availability mode: it is on the side of a partition that will have to hand over.

        What it has compacted it cannot hand over (rule 14), and the bounds of a simulation
        are small.
        """
        lives = (one.process for one in self.machines if one.process is not None)
        views = [life.engine.replica.view for life in lives]
        newest = max(*views, *(machine.vowed for machine in self.machines))
        return self.prefer == "availability" and process.engine.replica.view < newest

    def exceed_bound(self) -> None:
        """A replica is sent another state than the one that it has compacted into."""
        if self.prefer == "availability" and not self.strict and not self.bound_exceeded:
            self.bound_exceeded = True
            self.count("rule", "14 its bound is exceeded: messages of one side are lost")

    def healthy(self) -> bool:
        """One master, everyone in sync with it and aware of that, and nothing put aside."""
        replicas = [
            machine.process.engine.replica
            for machine in self.machines
            if machine.process is not None and not machine.paused
        ]
        masters = [replica for replica in replicas if replica.leading]
        return (
            len(replicas) == self.replicas
            and len(masters) == 1
            and masters[0].serving
            and masters[0].view == max(replica.view for replica in replicas)
            and len(masters[0].in_sync_set) == self.replicas
            and all(replica.in_sync for replica in replicas)
            and not any(replica.aside or replica.meta.rebuilding for replica in replicas)
        )

    def hands_over(self) -> bool:
        """What one side of a split confirmed may wait, in the log of one replica alone."""
        for machine in self.machines:
            if machine.process is not None:
                engine = machine.process.engine
                log = engine.replica.log
                if any(
                    entry.client and not entry.session  # what is handed over has no session
                    for entry in log.entries(engine.chat.applied_index, log.length)
                ):
                    return True
        return False

    # ---------------------------------------------------------------------- a run

    def run(self) -> None:
        """Faults, healing, judgement. Raises `Violation`."""
        self.populate()
        schedule = self.schedule
        if not self.profile.birth_seconds:  # mostly a ring is born before anything goes wrong
            schedule.run(schedule.seconds + 20.0, self.healthy)
        until = schedule.seconds + self.profile.seconds
        self.nemesis.begin(until)
        schedule.run(until)
        self.heal()
        self.serve("after the last fault")
        self._settle("after the last fault")
        if self.profile.encore:
            Encore(self).run()
            self.heal()
            self.serve("after the encore")
            self._settle("after the encore")
        complaint = "never-answered: a replica has not told somebody who asked it for a view"
        self._wait(self._nobody_asks, ASKED_SECONDS_MAX, complaint)

    def serve(self, when: str) -> None:
        """Whatever was begun comes to an end, and what is begun now succeeds."""
        self._wait(self._all_answered, ANSWER_SECONDS_MAX, f"no-progress: requests wait {when},")
        wait = f"no-progress: new requests wait {when},"
        unserved = list(self.people)
        for _ in range(ATTEMPTS_MAX):
            sent = {person: person.say_one() for person in unserved if person.session}
            for person in unserved:
                if person not in sent:
                    person.sign_in()
            self._wait(self._all_answered, ANSWER_SECONDS_MAX, wait)
            unserved = [
                person for person in unserved if person not in sent or not sent[person].decided
            ]
        if unserved:
            raise Violation(f"no-progress: c{unserved[0].node} is refused {when}, again and again")

    def _settle(self, when: str) -> None:
        """All replicas come to be alike, and everybody who receives has what waits."""
        self._wait(self._alike, SETTLE_SECONDS_MAX, f"not-in-sync: {when}")
        late = f"not-delivered: somebody waits for messages {when}"
        self._wait(self._all_received, DELIVERY_SECONDS_MAX, late)

    def heal(self) -> None:
        """Everything works again, and nobody begins anything new."""
        self.say("all", "the faults end")
        for person in self.people:
            person.busy = False
        self.network.heal()
        self.network.slow.clear()
        # A message that takes longer than `suspect_after` is a fault like others.
        self.network.weather = replace(self.network.weather, straggler_rate=0.0)
        for machine in self.machines:
            machine.away = machine.slow_disk = False
            disk = machine.disk
            disk.crash_at = disk.fail_at = disk.capacity_bytes = None
            machine.resume()
            if machine.rotten:
                machine.die("is restarted, for its disk is rotten", power=False)
            machine.start()

    def _wait(self, done: Callable[[], bool], seconds: float, complaint: str) -> None:
        deadline = self.schedule.seconds + seconds
        operator_at = self.schedule.seconds + OPERATOR_AFTER_SECONDS
        while not done():
            if self.schedule.seconds >= deadline:
                for person in self.people:
                    self.say("all", "waits: {}", person.waits_for())
                raise Violation(f"{complaint} for {seconds:g} s")
            self.schedule.run(min(deadline, self.schedule.seconds + 0.05), done)
            if self.schedule.seconds >= operator_at and self.prefer == "availability":
                operator_at += 2.0
                self._call_operator()

    def _call_operator(self) -> None:
        """Rule 9: where no view may begin, a person has the last word."""
        processes = [one.process for one in self.machines if one.process is not None]
        if any(process.engine.serving for process in processes):
            return
        if not any(process.engine.replica.meta.rebuilding for process in processes):
            return
        for process in processes:  # all have to be there: nobody else's word counts for theirs
            replica = process.engine.replica
            if len(processes) < self.replicas or not all(map(replica.hears, replica.peers)):
                return
        process = processes[self._operator_calls % len(processes)]  # one after the other
        self._operator_calls += 1
        self.count("rule", "9 an operator overrides")
        self.say(f"r{process.id}", "is told by an operator to go on without the others")
        process.machine.run(process, process.engine.override)

    def _all_answered(self) -> bool:
        return all(person.idle and not person.creating for person in self.people)

    def _all_received(self) -> bool:
        chats = [
            one.process.engine.chat
            for one in self.machines
            if one.process is not None and one.process.engine.serving
        ]
        return bool(chats) and all(person.has_received(chats[0]) for person in self.people)

    def _nobody_asks(self) -> bool:
        return not any(
            one.process is not None and one.process.engine.asked for one in self.machines
        )

    def _alike(self) -> bool:
        if not self.healthy():
            return False
        engines = [one.process.engine for one in self.machines if one.process is not None]
        # What is handed over last may still be under way.
        whole = all(one.chat.applied_index == one.replica.log.length for one in engines)
        return whole and len({(one.chat.applied_index, one.chat.digest) for one in engines}) == 1
