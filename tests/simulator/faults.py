"""What goes wrong: each fault a method, drawn by weight, never more than the mode survives.

Some come at any time. Some wait for a delicate *moment*: a message that hands something
over or gives something up, a replica that is half way through something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.history import EXISTS, READ
from ringchat_server.journal import journal_name
from tests.simulator.booth import Booth, Heartbeat
from tests.simulator.machine import Machine, Process

if TYPE_CHECKING:
    from tests.simulator.person import Person
    from tests.simulator.world import World

MOMENTS = {
    "Prepare": 0.2,
    "Promise": 0.2,
    "Fetch": 1.0,
    "Fetched": 1.0,
    "Mismatch": 0.5,
    "StateChunk": 0.5,
    "HandOver": 1.0,
    "HandedOver": 1.0,
    "a view begins": 0.3,
    "alone": 1.0,
    "not alone any more": 1.0,
    "rebuilding": 0.5,
    "put aside": 1.0,
    "starts": 0.5,
}
"""Moment -> how much more likely than others it is met with a fault."""

ALSO = {
    "starts": "nuisance",
    "Mismatch": "compact",
    "put aside": "fall-after-compaction",
    "StateChunk": "rot",
}
"""Moment -> what is done at it in any case, to the first one whom it concerns."""

DEEDS = (
    "kill",
    "power",
    "crash-in-disk-step",
    "pause",
    "break",
    "compact",
    "fall-after-compaction",
    "rot",
    "lose-disk",
    "isolate",
    "cut-one-way",
    "nuisance",
)
"""What may be done to one machine at a moment, of the kinds that a run has."""


class Nemesis:
    """Hurts one world for as long as it is told to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        kinds = world.profile.faults
        self._kinds, self._weights = list(kinds), list(kinds.values())
        self._deeds = [kind for kind in DEEDS if kind in kinds]
        self._until = 0.0

    def begin(self, until: float) -> None:
        """Plans the first fault."""
        self._until = until
        self._plan(until)

    def _plan(self, until: float) -> None:
        seconds = self._chance.uniform(*self._world.profile.calm_seconds)
        self._world.schedule.after(seconds, self._strike, until)

    def _strike(self, until: float) -> None:
        if self._world.schedule.seconds >= until:
            return
        kind = self._chance.choices(self._kinds, self._weights)[0]
        if getattr(self, "_" + kind.replace("-", "_"))():
            self._world.count("fault", kind)
        self._plan(until)

    def met(self, moment: str, *ids: int) -> None:
        """A delicate moment, and whom it concerns: perhaps one of them, or the master, is hit."""
        world = self._world
        if world.schedule.seconds >= self._until or not self._deeds:
            return
        rate = MOMENTS.get(moment, 0.0) * world.profile.alertness
        if not rate or self._chance.random() >= rate:
            return
        world.count("moment", moment)
        machines = [world.machines[one] for one in ids] + self._masters()
        machine = self._chance.choice(machines)
        for _ in range(self._chance.choice((1, 1, 2))):
            seconds = self._chance.choice((0.0, 0.0, 0.003, 0.02, 0.2)) * self._chance.random()
            deed = self._chance.choice(self._deeds)
            world.schedule.after(seconds, self._hit, deed, machine)
            if moment in ALSO:
                world.schedule.after(seconds, self._hit, ALSO[moment], world.machines[ids[0]])

    def _hit(self, deed: str, machine: Machine | None) -> None:
        if self._world.schedule.seconds >= self._until:
            return
        if getattr(self, "_" + deed.replace("-", "_"))(machine):
            self._world.count("fault", deed)

    def _machine(self) -> Machine:
        """Any, and rather a master than another."""
        masters = self._masters()
        if masters and self._chance.random() < 0.2:
            return self._chance.choice(masters)
        return self._chance.choice(self._world.machines)

    def _masters(self) -> list[Machine]:
        return [
            machine
            for machine in self._world.machines
            if machine.process is not None and machine.process.engine.replica.leading
        ]

    def _revive(self, machine: Machine) -> None:
        self._world.schedule.after(self._chance.choice((0.02, 0.5, 2.0, 5.0)), machine.start)

    # ------------------------------------------------------------ processes die

    def _kill(self, machine: Machine | None = None) -> bool:
        return self._end(machine or self._machine(), "is killed", power=False)

    def _power(self, machine: Machine | None = None) -> bool:
        return self._end(machine or self._machine(), "loses its power", power=True)

    def _power_all(self) -> bool:
        ended = [self._end(one, "loses its power", power=True) for one in self._world.machines]
        return any(ended)

    def _kill_master(self) -> bool:
        masters = self._masters()
        power = self._chance.random() < 0.5
        return bool(masters) and self._end(self._chance.choice(masters), "is hit", power=power)

    def _end(self, machine: Machine, why: str, *, power: bool) -> bool:
        if machine.process is None:
            return False
        machine.die(why, power=power)
        self._revive(machine)
        return True

    def _one_by_one(self) -> bool:
        """One after another falls; the last one goes on alone, then falls, too."""
        world, chance = self._world, self._chance
        order = chance.sample(world.machines, world.replicas)
        seconds = 0.0
        for machine in order:
            world.schedule.after(seconds, self._fall, machine)
            seconds += chance.choice((0.1, 0.5, 2.0)) * chance.random()
        for machine in chance.sample(order, len(order)):
            world.schedule.after(seconds, machine.start)
            seconds += chance.choice((0.0, 0.5, 2.0, 5.0)) * chance.random()
        return True

    def _fall(self, machine: Machine) -> None:
        if self._world.schedule.seconds < self._until:
            self._end(machine, "falls", power=self._chance.random() < 0.5)

    def _stop(self) -> bool:
        machine = self._machine()
        process = machine.process
        if process is None or machine.paused:
            return False

        def leave() -> None:
            process.engine.resign()
            machine.die("has stopped", power=False, polite=True)
            self._revive(machine)

        machine.run(process, process.engine.stop, f"replica {machine.id} is stopping")
        if machine.process is process:
            process.later(self._chance.uniform(0.0, 0.3), leave)
        return True

    def _crash_in_disk_step(self, machine: Machine | None = None) -> bool:
        """The power fails at one of the next steps of the disk, whatever that is a part of."""
        machine = machine or self._machine()
        if machine.process is None or machine.disk.crash_at is not None:
            return False
        machine.disk.crash_at = machine.disk.steps + self._chance.randrange(1, 60)
        return True

    def _pause(self, machine: Machine | None = None) -> bool:
        machine = machine or self._machine()
        if machine.process is None or machine.paused:
            return False
        machine.pause()
        self._world.schedule.after(self._chance.choice((0.1, 0.9, 1.2, 4.0)), machine.resume)
        return True

    # ----------------------------------------------------------------- network

    def _cut_one_way(self, machine: Machine | None = None) -> bool:
        one, other = (machine or self._machine()).id, self._machine().id
        self._world.network.cut(one, other)
        self._world.say("net", "r{} does not reach r{} any more", one, other)
        return one != other

    def _cut_both_ways(self) -> bool:
        one, other = self._machine().id, self._machine().id
        self._world.network.cut(one, other)
        self._world.network.cut(other, one)
        self._world.say("net", "r{} and r{} are cut apart", one, other)
        return one != other

    def _isolate(self, machine: Machine | None = None) -> bool:
        """One replica, or a few, from the others; perhaps with some clients."""
        world, chance = self._world, self._chance
        inside = {(machine or self._machine()).id}
        more = chance.randrange(world.replicas // 2 + 1)
        inside |= set(chance.sample(range(world.replicas), more))
        inside |= {person.node for person in world.people if chance.random() < 0.5}
        world.part(inside)
        return True

    def _mute(self) -> bool:
        """A master's words reach no other replica, and it hears all but its successor.

        Half of the clients are left to it, so that it has no reason to doubt itself. They
        read there, while the others write to whom they find in its place.
        """
        world, chance = self._world, self._chance
        masters = self._masters()
        if not masters or world.replicas == 1:
            return False
        mute = chance.choice(masters).id
        for other in range(world.replicas):
            if other != mute:
                world.network.cut(mute, other)
        world.network.cut((mute + 1) % world.replicas, mute)
        gone = chance.sample(world.people, (len(world.people) + 1) // 2)
        for person in world.people:
            if person in gone:
                world.network.cut(person.node, mute)
                world.network.cut(mute, person.node)
                person.lose_sight({mute})
            doing = self._chatter if person in gone else self._glance
            for _ in range(4):
                world.schedule.after(chance.uniform(0.0, 3.0), doing, person)
        world.schedule.after(chance.choice((1.5, 3.0, 6.0)), world.network.heal)
        world.say("net", "nobody hears r{} any more", mute)
        return True

    def _split(self) -> bool:
        """The like, and it ends by itself."""
        network, schedule = self._world.network, self._world.schedule
        schedule.after(self._chance.choice((0.5, 1.5, 3.0, 6.0)), network.heal)
        return self._isolate()

    def _turn(self) -> bool:
        """What was cut is whole again, the master falls, and somebody else is cut off."""
        self._world.network.heal()
        masters = self._masters()
        if masters:
            self._end(self._chance.choice(masters), "is hit", power=self._chance.random() < 0.5)
        return self._isolate()

    def _cut_client(self) -> bool:
        person, machine = self._chance.choice(self._world.people), self._machine()
        self._world.network.cut(person.node, machine.id)
        if self._chance.random() < 0.6:
            self._world.network.cut(machine.id, person.node)
        self._world.say("net", "c{} and r{} are cut apart", person.node, machine.id)
        return True

    def _heal(self) -> bool:
        cuts = self._world.network.cuts()
        if not cuts:
            return False
        if self._chance.random() < 0.5:
            self._world.network.heal()
        else:
            self._world.network.heal(*self._chance.choice(cuts))
        self._world.say("net", "heals; still cut: {}", self._world.network.cuts())
        return True

    def _usurper(self) -> bool:
        """A master is cut off with much to say; when it is back, its successor has just fallen."""
        world, chance = self._world, self._chance
        masters = self._masters()
        if not masters:
            return False
        old = chance.choice(masters)
        inside = {old.id, *(one.node for one in world.people if chance.random() < 0.5)}
        world.part(inside)
        for person in world.people:
            self._chatter(person)
        seconds = chance.uniform(1.0, 4.0)
        others = [machine for machine in world.machines if machine is not old]
        for _ in range(6):
            person = chance.choice(world.people)
            world.schedule.after(seconds * chance.random(), self._chatter, person)
        for machine in chance.sample(others, len(others) // 2 + 1) if others else []:
            world.schedule.after(seconds * chance.uniform(0.5, 1.0), self._hit, "compact", machine)
        world.schedule.after(seconds, self._return_of, old)
        return True

    def _return_of(self, old: Machine) -> None:
        if self._world.schedule.seconds >= self._until:
            return
        self._world.network.heal()
        self._world.schedule.after(0.5 * self._chance.random(), self._hit, "nuisance", old)
        for machine in self._masters():
            if machine is not old:
                seconds = self._chance.choice((0.0, 0.3)) * self._chance.random()
                self._world.schedule.after(seconds, self._fall, machine)

    def _break(self, machine: Machine | None = None) -> bool:
        machine = machine or self._machine()
        if machine.process is None or not machine.process.connections:
            return False
        self._chance.choice(list(machine.process.connections)).reset()
        self._world.say("net", "a connection of r{} breaks", machine.id)
        return True

    def _slow_network(self) -> bool:
        slow, machine = self._world.network.slow, self._machine()
        slow.symmetric_difference_update({machine.id})
        for other in range(self._world.replicas):
            self._world.network.touch(machine.id, other)
        self._world.say(
            "net", "what r{} says and hears is slow: {}", machine.id, machine.id in slow
        )
        return machine.id in slow

    # -------------------------------------------------------------------- disks

    def _slow_disk(self) -> bool:
        machine = self._machine()
        machine.slow_disk = not machine.slow_disk
        self._world.say(f"r{machine.id}", "has a slow disk: {}", machine.slow_disk)
        return machine.slow_disk

    def _hung_disk(self) -> bool:
        """Nothing is written any more, and nothing fails: for a while, or until it is noticed."""
        machine = self._machine()
        if machine.process is None or machine.hung_disk:
            return False
        machine.hung_disk = True
        self._world.say(f"r{machine.id}", "has a disk that hangs")

        def free(process: object) -> None:
            if machine.process is process:
                machine.hung_disk = False
                self._world.say(f"r{machine.id}", "has a disk that works again")

        if self._chance.random() < 0.7:
            seconds = self._chance.choice((0.3, 2.0, 8.0))
            self._world.schedule.after(seconds, free, machine.process)
        return True

    def _full_disk(self) -> bool:
        """There is room for a little more; somebody makes room after a while."""
        full = self._machine()
        disk = full.disk
        if disk.capacity_bytes is not None:
            return False
        left = self._chance.randrange(3_000)
        disk.capacity_bytes = disk.used_bytes() + left
        self._world.say(f"r{full.id}", "has {} bytes left on its disk", left)

        def make_room() -> None:
            for machine in self._world.machines:
                machine.disk.capacity_bytes = None
            self._world.say("all", "have room on their disks")

        self._world.schedule.after(self._chance.uniform(0.3, 3.0), make_room)
        return True

    def _failing_disk(self) -> bool:
        machine = self._machine()
        steps = self._chance.randrange(1, 40)
        machine.disk.fail_at = machine.disk.steps + steps
        machine.disk.partial_bytes = self._chance.choice((0, 1, 100))
        self._world.say(f"r{machine.id}", "has a disk that fails in {} steps", steps)
        return machine.process is not None

    def _rot(self, machine: Machine | None = None) -> bool:
        """A bit flips somewhere in a file; it is found when that is read again.

        At a delicate moment, when a state may be under way, in the state record.
        """
        aimed, machine = machine is not None, machine or self._machine()
        # A journal damaged in the middle of a birth is for a person to look at: docs, rule 15.
        if not self._bearable(machine) or not self._world.watch.served:
            return False
        process = machine.process
        if aimed and process is not None and process.thread.journal.base_index:
            place = process.thread.journal.state_place
            at = place.offset + self._chance.randrange(place.size)
            machine.disk.flip(journal_name(machine.id), at)
        elif not machine.disk.rot(self._chance):
            return False
        machine.rotten = True
        self._world.say(f"r{machine.id}", "has a bit flipped on its disk")
        # In availability mode it must be found before this replica is the only one that is left.
        if self._world.prefer == "availability" or self._chance.random() < 0.7 * (not aimed):
            machine.die("dies with a rotten disk", power=False)
            self._revive(machine)
        return True

    def _lose_disk(self, machine: Machine | None = None) -> bool:
        machine = machine or self._machine()
        if not self._bearable(machine):
            return False
        machine.die("loses its disk", power=True)
        machine.disk = type(machine.disk)()
        machine.lose()
        self._revive(machine)
        return True

    def _bearable(self, machine: Machine) -> bool:
        """Whether the promise of section 2 survives the loss of that disk, too."""
        world = self._world
        lost = sum(one.lost or one.rotten for one in world.machines)
        if machine.lost or machine.rotten or not world.watch.born:
            return False
        if world.prefer == "consistency":
            return lost < (world.replicas - 1) // 2
        return world.replicas > 1 and lost == 0 and world.healthy() and not world.hands_over()

    def _compact(self, machine: Machine | None = None) -> bool:
        machine = machine or self._machine()
        process = machine.process
        return process is not None and not machine.paused and process.compact()

    def _fall_after_compaction(self, machine: Machine | None = None) -> bool:
        """What a compaction has left out is missed when the replica comes back."""
        machine = machine or self._machine()
        if not self._compact(machine):
            return False
        self._await_compaction(machine, machine.process)
        return True

    def _await_compaction(self, machine: Machine, process: Process | None) -> None:
        if process is None or machine.process is not process:
            return
        if process.thread.compacting:
            self._world.schedule.after(0.002, self._await_compaction, machine, process)
        elif self._world.schedule.seconds < self._until:
            self._end(machine, "falls after a compaction", power=True)

    # -------------------------------------------------------------------- others

    def _clock_jump(self) -> bool:
        machine = self._machine()
        jump_ms = self._chance.choice((-3_600_000, -5_000, 5_000, 3_600_000))
        machine.clock_offset_ms += jump_ms
        self._world.say(f"r{machine.id}", "has a clock that jumps by {} ms", jump_ms)
        return True

    def _override(self) -> bool:
        """An operator who has not read what it is for; not while a disk is lost."""
        machine = self._machine()
        process = machine.process
        if (
            process is None
            or machine.paused
            or any(one.lost or one.rotten for one in self._world.machines)
        ):
            return False
        machine.run(process, self._overridden, process)
        return True

    def _overridden(self, process: Process) -> None:
        heeded, explanation = process.engine.override()
        self._world.say(f"r{process.id}", "is told by an operator to lead: {}", explanation)
        self._world.count("override", "heeded" if heeded else "refused")

    def _nuisance(self, machine: Machine | None = None) -> bool:
        """Somebody asks a replica to lead, whoever leads now (rule 11)."""
        world, machine = self._world, machine or self._machine()
        views = [one.process.engine.replica.view for one in world.machines if one.process]
        if machine.process is None or not views:
            return False
        view = max(views) + 1
        view += (machine.id - view) % world.replicas
        person = self._chance.choice(world.people)
        connection = world.connect(person.node, machine.id, Booth)
        connection.listen(person.node, lambda _: None)
        connection.send(person.node, Heartbeat(view))
        return True

    def _swamp(self) -> bool:
        """Somebody has much to say at once."""
        return self._chatter(self._chance.choice(self._world.people))

    @staticmethod
    def _glance(person: Person) -> None:
        """Somebody reads, and asks who is there."""
        if person.session and person.busy:
            person.do(READ)
            person.do(EXISTS)

    def _chatter(self, person: Person) -> bool:
        if not person.session or not person.busy:
            return False
        for _ in range(self._chance.randrange(3, 12)):
            person.send_one()
        return True
