"""The writes that wait for a place in the log, bounded in number and in bytes.

While one group is being synced, the next one gathers here.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ringchat_server.chat import Answer
from ringchat_server.records import Proposal

GROUP_ENTRIES_MAX = 4_096
GROUP_BYTES_MAX = 8 << 20
"""A group is one message between replicas and one frame of the journal."""
WAITING_MAX = 65_536
WAITING_BYTES_MAX = 128 << 20
"""Beyond these new writes are refused."""


class Sink(Protocol):
    """Who waits for the answer to a write."""

    def answered(self, number: int, kind: str, answer: Answer) -> None:
        """The log has answered."""
        ...


Write = tuple[Proposal, str, Sink]
"""(what to propose, its kind, who waits for the answer)."""


class Gathering:
    """First come, first served."""

    def __init__(self) -> None:
        self._writes: deque[tuple[int, Write]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._writes)

    def add(self, write: Write) -> None:
        """Takes a write in."""
        weight = weight_of(write[0])
        self._writes.append((weight, write))
        self._bytes += weight

    def full(self, under_way: int) -> bool:
        """With `under_way` others in the log already, no more should come."""
        return len(self) + under_way >= WAITING_MAX or self._bytes >= WAITING_BYTES_MAX

    def take(self) -> list[Write]:
        """The writes of the next group: at least one, if any waits."""
        taken: list[Write] = []
        size = 0
        while self._writes and len(taken) < GROUP_ENTRIES_MAX and size < GROUP_BYTES_MAX:
            weight, write = self._writes.popleft()
            taken.append(write)
            size += weight
        self._bytes -= size
        return taken

    def clear(self) -> None:
        """Nobody waits any more."""
        self._writes.clear()
        self._bytes = 0


def weight_of(proposal: Proposal) -> int:
    """Roughly the bytes that a proposal takes in the log."""
    return 100 + sum(len(part) for part in proposal.request if isinstance(part, str))
