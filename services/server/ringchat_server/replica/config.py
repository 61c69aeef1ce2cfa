"""What the rules need to know of the cluster, and the words of section 2 as code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Config:
    """One replica's place in its ring."""

    replica_id: int
    replicas: int
    """How many there are; their ids are `0 .. replicas - 1`."""
    prefer: str
    """`"availability"` or `"consistency"`."""
    suspect_after_seconds: float
    """Silence after which a peer is taken to be gone."""
    keep_entries_max: int
    """How many entries compaction keeps for a replica that has not acknowledged them."""

    def __post_init__(self) -> None:
        assert 0 <= self.replica_id < self.replicas
        assert self.prefer in ("availability", "consistency")

    @property
    def consistent(self) -> bool:
        """The cluster prefers consistency to availability."""
        return self.prefer == "consistency"

    @property
    def majority(self) -> int:
        """The smallest number of replicas that is more than half."""
        return self.replicas // 2 + 1

    @property
    def confirmers_min(self) -> int:
        """Size of the smallest in-sync set that may confirm: `w` of the rules."""
        return self.majority if self.consistent else 1

    @property
    def heartbeat_seconds(self) -> float:
        """How often a replica shows that it is there: lost ones must not look like silence."""
        return self.suspect_after_seconds / 4

    def owner(self, view: int) -> int:
        """The replica that is the master of a view."""
        return view % self.replicas
