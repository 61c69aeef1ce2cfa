"""The log in memory: entries after a base, and the runs of views in it.

Two entries with the same (index, view) are the same entry, and so is everything
before them, because a view has one master and each entry one predecessor
(Raft, section 5.3). So where two logs part can be told from their runs alone,
without sending entries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from ringchat_server.records import (
    GROUP_BYTES_MAX,
    GROUP_ENTRIES_MAX,
    NO_VIEW,
    Entry,
    Group,
    weight_of,
)
from ringchat_server.replica.values import Run, Summary

RUNS_MAX = 4_096
"""Runs remembered. One is made by each failover; they are kept through compaction."""


class Log:
    """Entries `base_index + 1 .. length`; what came before is in the state record.

    The runs reach back to the beginning, whatever the base: so it can be told
    where two logs part even after both have been compacted.
    """

    __slots__ = ("_entries", "_runs", "base_index")

    def __init__(
        self, base_index: int, runs: Sequence[tuple[int, int]], entries: Sequence[Entry]
    ) -> None:
        self.base_index = base_index
        self._entries: list[Entry] = []
        self._runs: list[Run] = [Run(*run) for run in runs]
        self.append(entries)

    @property
    def length(self) -> int:
        """Index of the last entry."""
        return self.base_index + len(self._entries)

    @property
    def last_time_ms(self) -> int:
        """Time of the last entry held, 0 if none is."""
        return self._entries[-1].time_ms if self._entries else 0

    def append(self, entries: Sequence[Entry]) -> None:
        """Adds entries at the end."""
        runs = self._runs
        last_view = runs[-1].view if runs else NO_VIEW
        # A group is nearly always of one view: look at its ends first.
        if entries and entries[0].view == last_view == entries[-1].view:
            self._entries.extend(entries)
            return
        for entry in entries:
            assert entry.view >= last_view, "views never go back in a log"
            self._entries.append(entry)
            if entry.view != last_view:
                last_view = entry.view
                runs.append(Run(self.length, last_view))

    def view_at(self, index: int) -> int | None:
        """View of the entry at an index; None where it is not known."""
        if index == 0:
            return NO_VIEW
        position = bisect_right(self._runs, (index, _BEYOND)) - 1
        return self._runs[position].view if position >= 0 and index <= self.length else None

    def runs_up_to(self, index: int) -> tuple[Run, ...]:
        """The runs that begin at or before an index: what a state record there has to keep."""
        return tuple(run for run in self._runs if run.first_index <= index)

    def slice(self, after_index: int) -> Group:
        """The entries that follow an index, as many as make one message."""
        assert self.base_index <= after_index <= self.length
        start = after_index - self.base_index
        taken: list[Entry] = []
        size = 0
        for position in range(start, min(start + GROUP_ENTRIES_MAX, len(self._entries))):
            entry = self._entries[position]
            size += weight_of(entry.request)
            taken.append(entry)
            if size >= GROUP_BYTES_MAX:
                break
        return Group(after_index + 1, taken)

    def entries(self, after_index: int, up_to_index: int) -> Sequence[Entry]:
        """The entries `after_index + 1 .. up_to_index`."""
        assert self.base_index <= after_index <= up_to_index <= self.length
        return self._entries[after_index - self.base_index : up_to_index - self.base_index]

    def truncate(self, length: int) -> list[Entry]:
        """Ends the log at `length`; returns what was dropped."""
        assert self.base_index <= length <= self.length
        dropped = self._entries[length - self.base_index :]
        del self._entries[length - self.base_index :]
        while self._runs and self._runs[-1].first_index > length:
            self._runs.pop()
        return dropped

    def trim(self, index: int) -> None:
        """Moves the base up to `index`: a state record stands for what was before."""
        assert self.base_index <= index <= self.length
        del self._entries[: index - self.base_index]
        self.base_index = index
        # The runs of the entries that are held one by one are needed, however many.
        first_held = bisect_right(self._runs, (index, _BEYOND)) - 1
        del self._runs[: max(0, min(len(self._runs) - RUNS_MAX, first_held))]

    def summary(self, log_view: int) -> Summary:
        """This log in brief."""
        return Summary(log_view, self.length, self.base_index, tuple(self._runs))


_BEYOND = 1 << 62
"""Greater than any view: makes a search find the run at or before an index."""


def common_prefix(ours: Summary, theirs: Summary) -> int | None:
    """The greatest index up to which two logs are the same.

    None if they part before what one of them remembers.
    """
    lowest = max(_first_known(ours), _first_known(theirs))
    index = min(ours.length, theirs.length)
    while index >= max(lowest, 1):
        our_run = _run_at(ours, index)
        their_run = _run_at(theirs, index)
        if our_run.view == their_run.view:
            return index
        index = max(our_run.first_index, their_run.first_index) - 1
    return 0 if lowest <= 1 else None


def _first_known(summary: Summary) -> int:
    return summary.runs[0].first_index if summary.runs else 0


def _run_at(summary: Summary, index: int) -> Run:
    position = bisect_right(summary.runs, (index, _BEYOND)) - 1
    assert position >= 0, "a summary tells the view of every entry since its first run"
    return summary.runs[position]
