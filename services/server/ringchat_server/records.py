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

NOOP = ("noop",)
"""The request of the entry that opens a view."""


class Entry(NamedTuple):
    """One client write at one index of the log. The index is its place in a `Group`."""

    view: int
    """The view that created it."""
    time_ms: int
    """Unix time by the master's clock, never less than the entry's before."""
    client: bytes
    """Who sent the request (16 bytes); empty for the no-op that opens a view."""
    number: int
    """The request's place in that client's sequence."""
    account: str
    """The account that the master authenticated; empty where there is none yet."""
    session: bytes
    """Hash of the token used; empty where the master itself vouches for `account`."""
    request: tuple[object, ...]
    """What was asked, secrets replaced by their hashes: see `ringchat_server.chat`."""


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
