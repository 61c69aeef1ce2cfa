"""What can go wrong with a journal, each told in one line that an operator can use."""

from __future__ import annotations


class JournalRefused(Exception):
    """This replica must not start with that file or folder; the line says what to do."""


class DiskFailed(Exception):
    """The disk refused a step. The journal takes nothing more: the process must end (rule 13)."""


class CompactionAbandoned(Exception):
    """The compaction under way came to nothing; the journal itself is as good as before."""


class Damaged(Exception):
    """The file is not what this replica wrote, and not by a torn last write alone."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset}: {reason}")
