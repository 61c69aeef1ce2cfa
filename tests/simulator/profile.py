"""What one run is like: drawn from its seed, so that every run is of another kind."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.simulator.network import STRAGGLER_FACTOR, Weather

MODES = ("availability", "consistency")

FAULTS: dict[str, float] = {
    "kill": 3.0,
    "power": 3.0,
    "power-all": 0.3,
    "kill-master": 2.0,
    "stop": 0.7,
    "crash-in-disk-step": 2.0,
    "pause": 1.5,
    "cut-one-way": 1.2,
    "cut-both-ways": 1.5,
    "isolate": 1.2,
    "split": 1.2,
    "mute": 1.5,
    "turn": 1.0,
    "usurper": 1.0,
    "one-by-one": 0.7,
    "cut-client": 1.0,
    "heal": 3.5,
    "break": 2.0,
    "slow-network": 0.7,
    "slow-disk": 0.7,
    "hung-disk": 0.3,
    "full-disk": 0.5,
    "failing-disk": 0.7,
    "rot": 1.0,
    "lose-disk": 0.7,
    "compact": 3.0,
    "fall-after-compaction": 0.5,
    "clock-jump": 0.7,
    "override": 0.1,
    "nuisance": 1.0,
    "swamp": 1.5,
}
"""Kind -> its usual weight. Each run has some of them, each with a rate of its own."""

CALM_DELAY_SECONDS_MAX = 0.3

ALWAYS = ("heal", "compact", "swamp")

SPLITTING = frozenset(
    {
        "pause",
        "cut-one-way",
        "cut-both-ways",
        "isolate",
        "split",
        "mute",
        "turn",
        "usurper",
        "break",
        "slow-network",
        "override",
    }
)
"""What may make a replica that lives look dead to another one: a partition, to both of them.

A run in availability mode without any of these has crashes only. Then there is one order
in that mode, too, and it is judged like one in consistency mode.
"""


class Temper(NamedTuple):
    """What people do: the shares of their calls; the rest of the time they do nothing."""

    send: float
    read: float
    acknowledge: float
    exists: float
    delete: float


TEMPERS = (
    Temper(0.60, 0.12, 0.10, 0.05, 0.02),
    Temper(0.25, 0.30, 0.25, 0.10, 0.01),
    Temper(0.35, 0.15, 0.05, 0.25, 0.06),
    Temper(0.90, 0.05, 0.02, 0.02, 0.0),
)


@dataclass(frozen=True, slots=True)
class Profile:
    """The circumstances of one run."""

    replicas: int
    prefer: str
    people: int
    seconds: float
    """How long faults go on."""
    weather: Weather
    disk_seconds: tuple[float, float]
    think_seconds: tuple[float, float]
    keep_entries_max: int
    nobody_leaves: bool
    """No account is deleted."""
    calm_seconds: tuple[float, float]
    """Between two faults."""
    faults: dict[str, float] = field(default_factory=dict)
    temper: Temper = TEMPERS[0]
    talk: float = 0.0
    """How often somebody does something in rooms and conversations instead."""
    alertness: float = 0.0
    """How often a delicate moment is met with a fault."""
    birth_seconds: float = 0.0
    """The first start of each machine comes so late at most; if not 0, faults begin at once."""
    pieces: int = 4_096
    """So many entries go into one message when a log is sent again."""
    encore: bool = False
    """After it all, some replicas go away for good, and the others have to serve."""

    @property
    def calm(self) -> bool:
        """Nothing but a fault can make a replica look silent to another one."""
        return self.weather.delay_seconds[1] * STRAGGLER_FACTOR < CALM_DELAY_SECONDS_MAX

    @property
    def one_order(self) -> bool:
        """Whatever happens, nothing that was confirmed changes its place."""
        crashes_only = self.calm and not SPLITTING & self.faults.keys()
        return crashes_only or self.prefer == "consistency"


def draw(chance: random.Random, prefer: str | None = None) -> Profile:
    """A kind of run."""
    prefer = prefer or chance.choice(MODES)
    replicas = chance.choices((1, 2, 3, 5), (1, 2, 8, 3))[0]
    share = chance.choice((0.12, 0.35, 0.8))
    faults = {
        kind: weight * chance.choice((0.3, 1.0, 3.0))
        for kind, weight in FAULTS.items()
        if kind in ALWAYS or chance.random() < share
    }
    crashes_only = prefer == "availability" and chance.random() < 0.4
    if crashes_only:
        faults = {kind: weight for kind, weight in faults.items() if kind not in SPLITTING}
        faults.setdefault("kill", FAULTS["kill"])
        faults.setdefault("power", FAULTS["power"])
    if prefer == "consistency":
        faults.pop("override", None)
    # A message that takes longer than `suspect_after` is a partition, too.
    slowest = chance.choice((0.002, 0.02) if crashes_only else (0.002, 0.02, 0.12))
    keep = chance.choice((4, 20, 1_000_000) if prefer == "consistency" else (8, 30, 1_000_000))
    return Profile(
        replicas=replicas,
        prefer=prefer,
        people=chance.randrange(1, 5),
        seconds=chance.uniform(4.0, 16.0),
        weather=Weather((slowest / 10, slowest), chance.choice((0.0, 0.02, 0.1))),
        disk_seconds=chance.choice(((0.0003, 0.002), (0.001, 0.02), (0.005, 0.1))),
        think_seconds=chance.choice(((0.02, 0.2), (0.1, 0.6), (0.3, 1.5))),
        keep_entries_max=keep,
        nobody_leaves=chance.random() < 0.4,
        calm_seconds=chance.choice(((0.005, 0.3), (0.05, 0.8), (0.3, 2.5))),
        faults=faults,
        temper=chance.choice(TEMPERS),
        alertness=chance.choice((0.0, 0.05, 0.3, 0.8)),
        birth_seconds=chance.choice((0.0, 0.0, 0.0, 0.0, 0.5, 3.0)),
        pieces=chance.choice((1, 3, 4_096)),
        encore=chance.random() < 0.3,
        talk=chance.choice((0.0, 0.3, 0.5, 0.7)),
    )
