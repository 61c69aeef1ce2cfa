"""A model of what a journal must hold, and entries to fill it with, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ringchat_server.journal import Opened
from ringchat_server.records import (
    Aside,
    Entry,
    Group,
    HandedOverRecord,
    Meta,
    Proposal,
    Record,
    Truncate,
)


class ListFold:
    """A `Fold` whose state is the entries themselves, so that nothing can be lost unseen."""

    def __init__(self, state: object | None) -> None:
        self.entries: list[tuple[object, ...]] = []
        if state is not None:
            assert isinstance(state, list)
            self.entries = list(state)

    def apply(self, index: int, entry: Entry) -> None:
        assert index == len(self.entries) + 1, "entries are applied in order"
        self.entries.append(tuple(entry))

    def export(self) -> object:
        return self.entries


class Model(NamedTuple):
    """What a journal holds, however it is cut into a state and entries."""

    entries: tuple[tuple[object, ...], ...] = ()
    meta: Meta = Meta()
    aside: tuple[Proposal, ...] = ()

    def after(self, records: Sequence[Record]) -> Model:
        """With these records added."""
        entries, meta, aside = self
        for record in records:
            match record:
                case Group():
                    entries += tuple(map(tuple, record.entries))
                case Meta():
                    meta = record
                case Aside(proposals):
                    aside += proposals
                case HandedOverRecord():
                    aside = ()
                case Truncate(length):
                    entries = entries[:length]
        return Model(entries, meta, aside)


def model_of(opened: Opened) -> Model | None:
    """What a journal gave back; `None` if there was none."""
    if opened.recovered is None:
        return None
    recovered = opened.recovered
    fold = ListFold(opened.state)
    assert len(fold.entries) == recovered.base_index, "the state is that of its index"
    for index, entry in enumerate(recovered.entries, recovered.base_index + 1):
        fold.apply(index, entry)
    assert recovered.base_index <= recovered.commit_index <= len(fold.entries)
    return Model(tuple(fold.entries), recovered.meta, recovered.aside)


def entry(index: int, view: int = 1) -> Entry:
    """An entry that is like no other."""
    request = ("send", ("bob",), (f"hello {index} of view {view}", "and more"))
    return Entry(view, 1_000 + index, b"c" * 16, index, "ann", b"s" * 32, request)


def group(first_index: int, count: int, view: int = 1) -> Group:
    """Entries that stand side by side."""
    return Group(first_index, [entry(first_index + i, view) for i in range(count)])


def proposal(number: int) -> Proposal:
    """Something to put aside."""
    return Proposal(b"d" * 16, number, "eve", b"", ("send", ("bob",), (f"aside {number}",)))
