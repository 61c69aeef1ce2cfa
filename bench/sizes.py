"""How much each workload does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes that count; `QUICK` has those that only show that everything works."""

    rounds: int = 3
    value_bytes: int = 100
    in_flight: int = 512
    pipelined_writes: int = 50_000
    many_clients: int = 200
    many_seconds: float = 5.0
    tools: bool = True
    """Whether the peers' own load tools are run; they take up to a minute."""
    single_writes: int = 3_000
    failovers: int = 100
    """Of us and of each kind, over all rounds."""
    failovers_peers: int = 10
    """The same for those that take seconds."""
    receivers: int = 1_000
    delivery_rates: tuple[int, ...] = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
    """Messages per second, until it bends."""
    delivery_seconds: float = 5.0
    stored: tuple[int, ...] = (100_000, 1_000_000)
    turns: int = 75
    """So often, in each round, one that is full and one that is empty write in turn."""
    turn_writes: int = 2_000
    """All turns together are less than our journal is compacted after."""
    behind: int = 1_000_000
    """Messages stored in `restart` and missed in `catchup`."""
    compact_after_bytes: int | None = None
    """For our replicas; None: their own."""
    idle_clients: tuple[int, ...] = (100, 1_000, 5_000)
    idle_seconds: float = 20.0

    def each_round(self, count: int) -> int:
        """What a round does of what all do together."""
        return -(-count // self.rounds)

    @property
    def value(self) -> bytes:
        """What is written."""
        return b"x" * self.value_bytes


FULL = Sizes()
QUICK = Sizes(
    pipelined_writes=3_000,
    many_clients=20,
    many_seconds=1.0,
    tools=False,
    single_writes=200,
    failovers=2,
    failovers_peers=1,
    rounds=1,
    receivers=50,
    delivery_rates=(100, 200, 400),
    delivery_seconds=1.0,
    stored=(5_000, 20_000),
    turns=2,
    turn_writes=500,
    behind=20_000,
    compact_after_bytes=1 << 20,
    idle_clients=(10, 50),
    idle_seconds=2.0,
)
