"""A state of the whole as one integer, and the tables that say what its parts mean.

A state is three hosts, six queues and a ledger. Each of these is a value that is kept
once, in a table; a state is the ten places in those tables, packed into one integer.
So equal states are equal integers, and no two different ones can be taken for the same,
as could happen with a digest.

The hosts' tuples are canonical (see `frozen.py`), queues hold the numbers of messages,
and the ledger holds what is left of the bounded events and what the checks have to
remember.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, NamedTuple, TypeVar

from ringchat_server.records import NO_VIEW, Entry
from tests.exhaustive.frozen import NOT_MET, OTHERS, REPLICAS
from tests.exhaustive.host import FrozenHost, all_names, aside_names

T = TypeVar("T", bound=Hashable)

BITS = 24
MASK = (1 << BITS) - 1
LINKS = tuple((a, b) for a in range(REPLICAS) for b in OTHERS[a])
"""(from, to) of each queue, in their order in a state."""
QUEUE_SHIFT = {link: BITS * (REPLICAS + place) for place, link in enumerate(LINKS)}
LEDGER_SHIFT = BITS * (REPLICAS + len(LINKS))
END = 0
"""In a queue: here the link broke. Nothing follows it."""


class Table(Generic[T]):
    """Values that are kept once, each with a number."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        """The number of a value."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            assert found <= MASK
            self.values.append(value)
        return found


class Bounds(NamedTuple):
    """How often what costs something may happen: the size of the model."""

    requests: int = 2
    views: int = 2
    """Clients ask once for each of the views 1 .. `views`; view 0 is the birth."""
    crashes: int = 1
    breaks: int = 1
    silences: int = 1
    beats: int = 1


class Ledger(NamedTuple):
    """What is left of the bounds, and what was confirmed."""

    requests: int
    """Proposed so far. They are alike, so the first one proposed is number 1: to try
    the names the other way round would give the same states with the names exchanged."""
    views_left: tuple[int, ...]
    crashes_left: int
    breaks_left: int
    silences_left: int
    beats_left: int
    split: bool
    """Two living replicas have, at some time, not heard each other."""
    confirmed: int
    """The requests that some master has ever committed, as bits."""
    committed: int
    """Number of the longest log ever committed; kept in consistency mode, and in
    availability mode until a split."""


class Facts:
    """What is looked up of a host again and again."""

    __slots__ = (
        "alive",
        "commit_index",
        "committed",
        "disk_log",
        "fresh",
        "hello",
        "in_sync",
        "leads",
        "led",
        "log",
        "log_names",
        "master_confirmed",
        "on_disk",
        "promised",
        "serving",
        "unmet",
        "unsynced",
        "up",
    )

    def __init__(self, host: FrozenHost, logs: Table[tuple[Entry, ...]]) -> None:
        core = host.core
        self.alive = core is not None
        self.unsynced = len(host.unsynced)
        self.led = host.led
        self.disk_log = logs.number(host.disk.entries)
        self.on_disk = all_names(host.disk.entries) | aside_names(host.disk.aside)
        self.hello = -1
        """Number of the hello that it would answer with; filled in when it is needed."""
        self.up = self.fresh = self.unmet = 0
        self.leads, self.serving, self.master_confirmed = NO_VIEW, False, 0
        self.in_sync: tuple[int, ...] = ()
        entries = host.disk.entries
        self.commit_index, self.promised = 0, NO_VIEW
        if core is not None:
            entries = core[2]
            self.promised, self.commit_index = core[1].promised, core[4]
            for peer_id, peer in zip(OTHERS[host.me], core[9], strict=True):
                if isinstance(peer, tuple):
                    self.up |= 1 << peer_id
                    self.fresh |= peer[0] << peer_id
                elif peer == NOT_MET:
                    self.unmet |= 1 << peer_id
            role: tuple[Any, ...] = core[10]
            if role[0] == "master":
                self.leads, self.in_sync, self.serving = role[1], role[2], role[3]
                self.master_confirmed = all_names(entries[: self.commit_index])
        self.log = logs.number(entries)
        self.log_names = all_names(entries)
        self.committed = logs.number(entries[: self.commit_index])


class Queues:
    """The queues that were ever seen: what comes first, and what it is with one more."""

    def __init__(self) -> None:
        self._table: Table[tuple[int, ...]] = Table()
        self.head: list[int] = []
        """The message that comes next."""
        self.tail: list[int] = []
        """The queue without it."""
        self.ended: list[bool] = []
        """The link has broken behind what is still in it."""
        self._longer: dict[int, int] = {}
        self.empty = self._number(())

    def _number(self, messages: tuple[int, ...]) -> int:
        number = self._table.number(messages)
        if number == len(self.head):
            self.head.append(messages[0] if messages else -1)
            self.tail.append(0)
            self.ended.append(bool(messages) and messages[-1] == END)
            self.tail[number] = self._number(messages[1:]) if messages else number
        return number

    def pushed(self, queue: int, message: int) -> int:
        """With one more message."""
        key = queue << 32 | message
        found = self._longer.get(key)
        if found is None:
            found = self._longer[key] = self._number((*self._table.values[queue], message))
        return found

    def messages(self, queue: int) -> tuple[int, ...]:
        """Oldest first."""
        return self._table.values[queue]
