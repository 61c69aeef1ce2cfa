"""A journal that its disk has damaged: what was whole is never lost in silence.

The input says which journal, and what happens to its bytes; the checksums are not put
right again. What comes back is everything, or a beginning of it that only the loss of
the end explains, or the word that it is damaged.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from ringchat_server.journal import Journal, JournalRefused
from tests.fuzz.journals import NAME, Whole, journals
from tests.fuzz.mutation import mutated
from tests.fuzz.quick_disk import QuickDisk
from tests.fuzz.target import Finding
from tests.simulator.disk import SECTOR_BYTES
from tests.simulator.journals import model_of

EDIT_BYTES = 6
EDITS_MAX = 16
EDITS = 9
"""Kinds of them."""


class DamageTarget:
    """One byte names the journal; then edits of six: what, where (2), how much (2), with what."""

    bytes_max = 1 + EDIT_BYTES * EDITS_MAX

    def seeds(self) -> Sequence[bytes]:
        """Each edit once on each journal, and none."""
        edits = [
            bytes((journal, what, 1, 1, 9, 0, 77))
            for journal in range(len(journals()))
            for what in range(EDITS)
        ]
        return [b"", *edits]

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """Another edit, or another place."""
        if chance.random() < 0.3:
            return data + chance.randbytes(EDIT_BYTES)
        return mutated(data, chance)

    def run(self, data: bytes) -> str:
        """Do the edits, open what they leave, and compare."""
        whole = journals()[data[0] % len(journals())] if data else journals()[0]
        file = bytearray(whole.data)
        for at in range(1, len(data) - EDIT_BYTES + 1, EDIT_BYTES):
            _edit(file, data[at : at + EDIT_BYTES], whole)
        disk = QuickDisk()
        disk.put(NAME, bytes(file))
        try:
            _, opened = Journal.open(disk, 0)
        except JournalRefused as error:
            raise Finding(f"damage was taken for another journal: {error}") from error
        if opened.kept_aside is not None:
            if file == whole.data:
                raise Finding("a journal was taken for damaged")
            return "damaged"
        model = model_of(opened)
        if model not in whole.models:
            raise Finding("what came back was never written")
        frames = len(whole.models) - whole.models[::-1].index(model)
        if frames == len(whole.models):
            return "all of it"
        _check_loss(whole, frames, file)
        return "the beginning"


def _edit(file: bytearray, edit: bytes, whole: Whole) -> None:
    what, value = edit[0], edit[5]
    at = int.from_bytes(edit[1:3], "little") % (len(file) + 1)
    size = int.from_bytes(edit[3:5], "little") % 1_500
    match what % EDITS:
        case 0 if at < len(file):
            file[at] ^= 1 << value % 8
        case 1 if at < len(file):
            file[at] = value
        case 2:
            at -= at % SECTOR_BYTES
            file[at : at + SECTOR_BYTES] = bytes(len(file[at : at + SECTOR_BYTES]))
        case 3:
            source = value * 7 % (len(file) + 1)
            piece = file[source : source + size][: len(file) - at]
            file[at : at + len(piece)] = piece
        case 4:
            del file[at:]
        case 5:
            del file[at : at + size % 64]
        case 6:
            file[at:at] = bytes((value,)) * (size % 64)
        case 7:  # the disk gives another frame than was asked for
            (begin, end), (source, source_end) = _frame(whole, at), _frame(whole, value)
            file[begin:end] = whole.data[source:source_end]
        case 8:
            begin, end = _frame(whole, at)
            del file[begin:end]


def _frame(whole: Whole, number: int) -> tuple[int, int]:
    """Where a frame begins and ends, in a file that nothing has happened to."""
    number %= len(whole.ends)
    return (whole.ends[number - 1] if number else 0), whole.ends[number]


def _check_loss(whole: Whole, frames: int, file: bytearray) -> None:
    """A beginning alone is right only where a torn last write looks the same.

    That is: the file ends inside of the first frame that is missing; or all that is
    missing is the last frame, and a sector of it holds nothing.
    """
    begin, end = whole.ends[frames - 1], whole.ends[frames]
    if len(file) < end:
        return
    sectors = range(begin - begin % SECTOR_BYTES, len(file), SECTOR_BYTES)
    gap = any(not any(file[max(at, begin) : at + SECTOR_BYTES]) for at in sectors)
    if not gap:
        raise Finding(f"frame {frames} of {len(whole.ends)} and what follows are lost in silence")
    if frames + 1 < len(whole.ends) and len(file) >= whole.ends[frames + 1]:
        following = whole.data[end : whole.ends[frames + 1]]
        if file[end : whole.ends[frames + 1]] == following:
            raise Finding(f"frame {frames} is lost in silence, though one follows")


TARGET = DamageTarget()
