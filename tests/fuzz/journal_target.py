"""Any bytes as a journal: it is one, or it is kept aside as damaged, or refused in one line.

Hostile ones, too: frames whose checksums are right and whose records are not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from ringchat_server.journal import Journal, JournalRefused, describe
from ringchat_server.records import Meta
from ringchat_server.replica.log import Log
from tests.fuzz.journals import NAME, frames_of, joined, journals
from tests.fuzz.mutation import mutated, number, small
from tests.fuzz.pickles import changed_records, changed_state
from tests.fuzz.quick_disk import QuickDisk
from tests.fuzz.target import Finding, one_line
from tests.simulator.disk import FakeDisk

LINES_MAX = 100_000


class JournalTarget:
    """The input is the file."""

    bytes_max = 8_192

    def seeds(self) -> Sequence[bytes]:
        """The journals, the founding parts alone, and no file to speak of."""
        return [
            b"",
            *(whole.data for whole in journals()),
            *(whole.data[: whole.ends[2]] for whole in journals()),
        ]

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """Half of the time one whose checksums are right."""
        frames = frames_of(data)
        if not frames or chance.random() < 0.3:
            return mutated(data, chance)
        at = chance.randrange(len(frames))
        payload, commit_index = frames[at]
        match chance.randrange(8):
            case 0:
                frames[at] = (payload, chance.choice((small(chance), number(chance))))
            case 1:
                frames.insert(at, frames[chance.randrange(len(frames))])
            case 2:
                del frames[at]
            case _:
                change = changed_state if at == 1 else changed_records
                frames[at] = (change(payload, chance), commit_index)
        out = joined(frames)
        return mutated(out, chance) if chance.random() < 0.1 else out

    def run(self, data: bytes) -> str:
        """Open it, look at it, write to it, and open it again."""
        disk = QuickDisk()
        disk.put(NAME, data)
        for count, line in enumerate(describe(disk, NAME)):
            if "\n" in line or count > LINES_MAX:
                raise Finding(f"the dump says {line[:200]!r} in line {count}")
        try:
            journal, opened = Journal.open(disk, 0)
        except JournalRefused as error:
            one_line(str(error))
            return _left_alone(disk, data)
        one_line(opened.note)
        if opened.kept_aside is not None:
            if opened.recovered is not None or disk.content(opened.kept_aside) != data:
                raise Finding("a damaged journal was not kept as it was")
            return "damaged"
        recovered = opened.recovered
        if recovered is None:
            raise Finding("a journal that is there was taken for none")
        length = recovered.base_index + len(recovered.entries)
        if not recovered.base_index <= recovered.commit_index <= length:
            raise Finding("an impossible commit index")
        Log(recovered.base_index, recovered.runs, recovered.entries)  # as the rules begin
        again = journal.reread()
        if again.recovered != recovered or (again.state is None) != (opened.state is None):
            raise Finding("the journal does not read twice as the same")
        journal.write([Meta(promised=1)], 0)
        _, last = Journal.open(disk.killed(), 0)
        if last.recovered is None or last.recovered.entries != recovered.entries:
            raise Finding("the journal that was written to is not the one that was opened")
        return "a journal"


def _left_alone(disk: FakeDisk, data: bytes) -> str:
    if disk.listing() != [NAME] or disk.content(NAME) != data:
        raise Finding("a journal was refused, and is not what it was")
    return "refused"


TARGET = JournalTarget()
