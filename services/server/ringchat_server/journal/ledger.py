"""What a journal's records add up to, but for the entries and the state themselves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ringchat_server.journal.encoding import Runs
from ringchat_server.records import (
    NO_VIEW,
    Aside,
    Group,
    HandedOverRecord,
    Meta,
    Proposal,
    Record,
    Truncate,
)

MARK_BYTES = 1 << 18


@dataclass(slots=True)
class Ledger:
    """The sum of the records so far."""

    base_index: int
    base_runs: Runs
    """Those of the log up to `base_index`."""
    length: int
    """Index of the last entry."""
    meta: Meta = field(default_factory=Meta)
    aside: tuple[Proposal, ...] = ()
    commit_index: int = 0

    @property
    def base_view(self) -> int:
        """The view of the entry at `base_index`; `NO_VIEW` if that is 0."""
        return self.base_runs[-1][1] if self.base_runs else NO_VIEW

    def take(self, record: Record) -> None:
        """Add a record.

        Raises:
            ValueError: if it cannot follow those before it.
        """
        match record:
            case Group():
                if record.first_index != self.length + 1:
                    raise ValueError(f"entry {record.first_index} after entry {self.length}")
                self.length = record.last_index
            case Meta():
                self.meta = record
            case Aside(proposals):
                self.aside = _joined(self.aside, proposals)
            case HandedOverRecord():
                self.aside = ()
            case Truncate(length):
                if not self.base_index <= length <= self.length:
                    raise ValueError(
                        f"a cut to {length} of the entries {self.base_index + 1} to {self.length}"
                    )
                self.length = length

    def after(self, records: Sequence[Record], commit_index: int) -> Ledger:
        """A new sum, with these records added; same errors as `take`."""
        ledger = replace(self, commit_index=commit_index)
        for record in records:
            ledger.take(record)
        return ledger


def _joined(first: tuple[Proposal, ...], second: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """Both, each proposal once: whether the writer repeats what was aside or not."""
    kept: dict[str, Proposal] = {}
    for proposal in (*first, *second):
        # By what it says: a request may hold values that cannot be hashed, and the bytes of a
        # pickle differ with the objects that happen to be shared.
        kept.setdefault(repr(tuple(proposal)), proposal)
    return tuple(kept.values())


@dataclass(slots=True)
class Marks:
    """Where in the file the log had which length, so that a compaction need not search.

    One mark for about `MARK_BYTES` of file, and one for every frame that cuts the log,
    with the length that it cuts it to. So behind the *last* mark with a length
    below `i`, the log grows to `i` once and is never cut below it again.
    """

    offsets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def note(self, offset: int, length_before: int, records: Sequence[Record]) -> None:
        """A frame of these records stands at that offset."""
        cuts = [record.length for record in records if isinstance(record, Truncate)]
        if cuts:
            self.add(offset, min(cuts))
        elif not self.offsets or offset - self.offsets[-1] >= MARK_BYTES:
            self.add(offset, length_before)

    def add(self, offset: int, length: int) -> None:
        """Before the frame at that offset, the log had that length."""
        assert not self.offsets or self.offsets[-1] < offset, "marks go forward"
        self.offsets.append(offset)
        self.lengths.append(length)

    def before_entry(self, index: int) -> int:
        """The offset of the last mark with a length below `index`."""
        for offset, length in zip(reversed(self.offsets), reversed(self.lengths), strict=True):
            if length < index:
                return offset
        raise ValueError(f"entry {index} is not one of this file's entries")

    def length_at(self, offset: int) -> int | None:
        """The length of a mark at exactly that offset."""
        place = bisect_right(self.offsets, offset) - 1
        if place >= 0 and self.offsets[place] == offset:
            return self.lengths[place]
        return None
