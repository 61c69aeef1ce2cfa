"""After the faults: some replicas go away and stay away, and the others have to serve.

That is what section 2 promises: in availability mode the last one that stands goes on,
and goes on after a restart of its own; in consistency mode a majority does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.machine import Machine

if TYPE_CHECKING:
    from tests.simulator.world import World


LONELY_SECONDS = 3.0
"""Long enough to be asked, and to begin a view."""


class Encore:
    """One world's, which is healthy when it begins."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance

    def run(self) -> None:
        """Leaves the ring as broken as it has made it. Raises `Violation`."""
        world, chance = self._world, self._chance
        most = world.replicas - 1 if world.prefer == "availability" else (world.replicas - 1) // 2
        if most < 1:
            return
        leaving = chance.sample(world.machines, chance.randrange(1, most + 1))
        staying = [machine for machine in world.machines if machine not in leaving]
        world.say("all", "encore: only {} will be left", [machine.id for machine in staying])
        for person in world.people:
            person.wake()
        for machine in leaving:
            self._pass(chance.choice((0.0, 0.1, 1.5)))
            self._leave(machine)
        self._pass(2.0)
        self._served(f"with {len(leaving)} of {world.replicas} away")
        world.count("encore", f"{len(leaving)} of {world.replicas} away")
        if world.prefer == "availability" and len(staying) == 1:
            self._restart(staying[0], leaving)

    def _pass(self, seconds: float) -> None:
        schedule = self._world.schedule
        schedule.run(schedule.seconds + seconds * self._chance.random())

    def _served(self, how: str) -> None:
        for person in self._world.people:
            person.busy = False
        self._world.serve(how)

    def _leave(self, machine: Machine) -> None:
        """Dies; where that makes no second order it may as well be paused or cut off."""
        world = self._world
        ways = ["kill", "power"]
        if world.prefer == "consistency":
            ways += ["pause", "cut"]
        way = self._chance.choice(ways)
        if way == "pause":
            machine.pause()
        elif way == "cut":
            world.part({machine.id})
        else:
            machine.die("goes away", power=way == "power")
            machine.away = True

    def _restart(self, last: Machine, gone: list[Machine]) -> None:
        """The sole survivor comes back alone, then the others, and it dies in the middle."""
        world, chance = self._world, self._chance
        last.die("is restarted", power=chance.random() < 0.5)
        self._pass(1.0)
        last.start()
        if chance.random() < 0.6:
            self._served("with the sole survivor back")
            world.count("encore", "the sole survivor restarts")
            for person in world.people:
                person.wake()
        for machine in gone:
            self._pass(chance.choice((0.0, 0.3)))
            machine.away = False
            machine.start()
        self._pass(chance.choice((0.3, 1.0)))
        last.die("dies again", power=chance.random() < 0.5)
        self._pass(1.5)
        for machine in gone[: chance.choice((len(gone), chance.randrange(len(gone) + 1)))]:
            machine.die("dies, too", power=chance.random() < 0.5)
        last.start()  # alone again, perhaps: it may not believe that it still has everything
        world.schedule.run(world.schedule.seconds + LONELY_SECONDS)
