"""One seed, one run."""

from __future__ import annotations

import random
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ringchat_server.replica import backup, log
from tests.simulator.judge import judge
from tests.simulator.profile import draw
from tests.simulator.trace import Trace
from tests.simulator.watch import Violation
from tests.simulator.world import Outcome, World

SIZES = ((log, "GROUP_ENTRIES_MAX"), (backup, "HAND_OVER_PIECE"))
"""Constants of the product that say how much goes into one message."""


def simulate(seed: int, *, traced: bool = False) -> Outcome:
    """Runs one seed; an outcome with an `error` if anything that must hold did not.

    An assertion of the product that fails is a violation, too.
    """
    profile = draw(random.Random(f"profile {seed}"))
    trace = Trace() if traced else None
    world = World(seed, profile, trace)
    error = ""
    try:
        with pieces_of(profile.pieces):
            world.run()
        judge(world)
    except Violation as violation:
        error = str(violation)
    except Exception as exception:
        error = f"{type(exception).__name__}: {exception}" + _place_of(exception)
        if trace is not None:
            for line in traceback.format_exc().splitlines():
                world.say("!!!", "{}", line)
    for machine in world.machines:
        if machine.process is not None:
            machine.process.finder.forget()
    return Outcome(
        seed,
        profile,
        world.schedule.seconds,
        world.schedule.events,
        world.counts,
        error,
        tuple(trace.lines()) if trace else (),
    )


@contextmanager
def pieces_of(entries: int) -> Iterator[None]:
    """Makes what goes into one message so small that a short log takes many of them, too."""
    before = [getattr(module, name) for module, name in SIZES]
    for (module, name), size in zip(SIZES, before, strict=True):
        setattr(module, name, min(entries, size))
    try:
        yield
    finally:
        for (module, name), size in zip(SIZES, before, strict=True):
            setattr(module, name, size)


def _place_of(exception: BaseException) -> str:
    """The innermost function that it came from."""
    place = exception.__traceback__
    name = ""
    while place is not None:
        code = place.tb_frame.f_code
        name = f" (in {code.co_filename.rpartition('/')[2]}:{place.tb_lineno} {code.co_name})"
        place = place.tb_next
    return name
