"""The values that last: entries of the log, and what else a journal records.

Shared by the rules, the chat, the journal and the transport; made of built-in
types and immutable, so that they can be pickled, compared and printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

NO_VIEW = -1
"""The view before the first: nothing promised, nobody leads."""

CHAT_VERSION = 3
"""What requests mean, since this: conversations keep their messages."""

NOOP = ("noop", CHAT_VERSION)
"""The request of the entry that opens a view."""

GROUP_ENTRIES_MAX = 4_096
GROUP_BYTES_MAX = 1 << 20
"""By `weight_of`. A group is one message between replicas and one frame of the journal."""

SENDS_MAX = 1_024
"""Messages in one entry: those of one client that came together."""


def message_id(index: int, position: int) -> int:
    """Of the message at that position, from 0, in the entry at that index: its place in the
    total order."""
    return index * SENDS_MAX + position


def index_of(message_id: int) -> int:
    """Index of the entry that a message, or a room, came with."""
    return message_id // SENDS_MAX


class Entry(NamedTuple):
    """What a client wrote at one index of the log. The index is its place in a `Group`."""

    view: int
    """The view that created it."""
    time_ms: int
    """Unix time by the master's clock, never less than the entry's before."""
    client: bytes
    """Who sent the request (16 bytes); empty for the no-op that opens a view."""
    number: int
    """The request's place in that client's sequence; of several messages, the first one's."""
    account: str
    """The account that the master authenticated; empty where there is none yet."""
    session: bytes
    """Hash of the token used; empty where the master itself vouches for `account`."""
    request: tuple[object, ...]
    """What was asked, secrets replaced by their hashes: see `ringchat_server.chat`."""


def count_of(request: tuple[object, ...]) -> int:
    """How many numbers of its client a request takes: one, or one for each message."""
    match request:
        case ("send", tuple(), tuple(texts)) | ("post", _, tuple(texts), _):
            return max(1, len(texts))
    return 1


def weight_of(request: tuple[object, ...]) -> int:
    """Roughly the bytes that a request takes in the log, and in memory."""
    weight = 100
    for part in request:
        if isinstance(part, str):
            weight += len(part)
        elif isinstance(part, tuple):
            weight += 60 * len(part) + sum(len(one) for one in part if isinstance(one, str))
    return weight


class Proposal(NamedTuple):
    """A client's write before it has a view, a time and a place."""

    client: bytes
    number: int
    account: str
    session: bytes
    request: tuple[object, ...]


@dataclass(slots=True, eq=False)
class Group:
    """Entries that stand side by side in the log and are synced and sent together."""

    first_index: int
    entries: Sequence[Entry]
    encoded: bytes | None = field(default=None, repr=False)
    """The journal's record of them, once somebody has made it: it is made once."""

    @property
    def last_index(self) -> int:
        """Index of the last entry; `first_index - 1` if there is none."""
        return self.first_index + len(self.entries) - 1


class Meta(NamedTuple):
    """What a replica must remember besides its log."""

    promised: int = NO_VIEW
    """The highest view promised. Nothing lower is obeyed (rule 1)."""
    log_view: int = NO_VIEW
    """The newest view whose log was adopted whole (rule 5)."""
    sole: bool = False
    """This replica was, or may have been, the whole in-sync set (rule 9)."""
    cluster_id: bytes = b""
    """Born with the first view (rule 15); empty before."""
    birth_view: int = NO_VIEW
    """That first view."""
    birth_promises: tuple[int, ...] = ()
    """Views promised while this replica was new: one of them may have been the first."""
    rebuilding: bool = False
    """Its log was lost: it promises and acknowledges nothing (rule 13)."""


class Aside(NamedTuple):
    """Entries that this replica drops, kept until a master has them (rule 6)."""

    proposals: tuple[Proposal, ...]


class HandedOverRecord(NamedTuple):
    """The master has what was put aside."""


class Truncate(NamedTuple):
    """The log ends at `length` from here on."""

    length: int


Record = Group | Meta | Aside | HandedOverRecord | Truncate


class Recovered(NamedTuple):
    """What a journal gave back at start. `None` in its place means: no journal."""

    meta: Meta
    base_index: int
    runs: tuple[tuple[int, int], ...]
    """(first index, view) of each run of entries of one view up to `base_index`."""
    entries: list[Entry]
    """Those after `base_index`."""
    commit_index: int
    """Known to be committed when it was written: a lower bound."""
    aside: tuple[Proposal, ...]
