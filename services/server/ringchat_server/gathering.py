"""The writes that wait for a place in the log, and all that wait for an answer, counted.

While one group is being synced, the next one gathers here.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol

from ringchat_server.chat import Answers
from ringchat_server.records import GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, Proposal, weight_of

WAITING_MAX = 65_536
WAITING_BYTES_MAX = 128 << 20
"""Beyond these new writes are refused."""


class Sink(Protocol):
    """Who waits for the answer to a write."""

    def answered(self, kind: str, answers: Answers) -> None:
        """The log has answered."""
        ...


class Write(NamedTuple):
    """What to propose, for whom."""

    proposal: Proposal
    kind: str
    sink: Sink
    """Who waits for the answer."""
    weight: int
    """Bytes, by `weight_of`."""


class Gathering:
    """First come, first served."""

    def __init__(self) -> None:
        self._writes: deque[Write] = deque()
        self._unanswered = self._unanswered_bytes = 0

    def __len__(self) -> int:
        """How many wait for a place."""
        return len(self._writes)

    @property
    def full(self) -> bool:
        """No more should come."""
        return self._unanswered >= WAITING_MAX or self._unanswered_bytes >= WAITING_BYTES_MAX

    def add(self, proposal: Proposal, kind: str, sink: Sink) -> None:
        """Takes a write in."""
        weight = weight_of(proposal.request)
        self._writes.append(Write(proposal, kind, sink, weight))
        self._unanswered += 1
        self._unanswered_bytes += weight

    def answered(self, write: Write) -> None:
        """That one, taken before, waits no more."""
        self._unanswered -= 1
        self._unanswered_bytes -= write.weight

    def take(self) -> list[Write]:
        """The writes of the next group: at least one, if any waits."""
        taken: list[Write] = []
        size = 0
        while self._writes and len(taken) < GROUP_ENTRIES_MAX and size < GROUP_BYTES_MAX:
            write = self._writes.popleft()
            taken.append(write)
            size += write.weight
        return taken

    def clear(self) -> None:
        """Nobody waits any more."""
        self._writes.clear()
        self._unanswered = self._unanswered_bytes = 0
