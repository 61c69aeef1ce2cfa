"""What must have happened in many runs: a fault or a refusal that never did proves nothing.

The keys are those of `World.count`; a number stands as `#` in a reason. The rest of the
rules shows in what is needed elsewhere: 1 and 2 in the refusal of a promised view and the
appends, 5 in what is fetched, 11 in probes and refusals, 15 in the first view's refusals.
Not needed: what only a wrong question is refused with (the unit tests ask those).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulator.faults import MOMENTS
from tests.simulator.profile import FAULTS

Counts = Counter[tuple[str, str]]

NEEDED: dict[str, tuple[str, ...]] = {
    "fault": (
        *FAULTS,
        "a master dies",
        "crash in a write",
        "crash in a compaction",
        "crash in an installation",
        "crash in append",
        "crash in create",
        "crash in rename",
        "crash in sync",
        "damaged journal found",
        "start refused by the disk",
    ),
    "rule": (
        "3 a master confirms",
        "4 a view begins",
        "6 a change of another order is refused",
        "6 an acknowledgement of another order is refused",
        "6 applied entries are dropped",
        "7 a backup joins",
        "7 a master steps down",
        "7 a member is dropped",
        "8 a link takes over from a silent one",
        "9 an operator overrides",
        "9 the sole survivor serves",
        "10 a duplicate is applied once",
        "10 a request is answered from memory",
        "10 a request is sent again",
        "10 a request comes again with others",
        "11 a client is served through a backup",
        "12 a read has waited for a majority",
        "13 a failed disk ends the process",
        "13 a lost journal is rebuilt",
        "14 a side that is cut off compacts what all have",
        "14 a state is installed",
        "14 its bound is exceeded: messages of one side are lost",
    ),
    "message": (
        "Append",
        "Fetch",
        "Fetched",
        "HandOver",
        "HandedOver",
        "Mismatch",
        "Prepare",
        "Probe",
        "Promise",
        "Refusal",
        "StateChunk",
    ),
    "refusal": (
        "a majority of # is needed",
        "none of the replicas that answer is known to have every confirmed message",
        "none: the view is served",
        "only # of # replicas can be reached",
        "replica # belongs to a cluster already",
        "replica # broke off while its log was fetched",
        "replica # fell silent while its log was fetched",
        "replica # has just started and has not met all others yet",
        "replica # is empty and waits to be rebuilt",
        "replica # is rebuilding",
        "replica # is rebuilding its log from the others",
        "replica # is stopping",
        "replica # leads view # and is heard",
        "replica # prepares view #",
        "replica # refused: replica # leads view # and is heard",
        "replica # refused: this replica leads",
        "replica # refused: view # is promised",
        "the first view needs every replica",
        "this replica is empty, and there is a cluster already",
        "this replica leads",
        "this replica leads view #",
        "view # is being prepared",
        "view # is promised",
        "view # is promised already",
        "view # is promised by replica #",
    ),
    "moment": tuple(MOMENTS),
    "encore": (
        "1 of 2 away",
        "1 of 3 away",
        "2 of 3 away",
        "4 of 5 away",
        "the sole survivor restarts",
    ),
    "call": (
        "acknowledge done",
        "block done",
        "certainly not done",
        "change done",
        "change failed",
        "conversations shown",
        "create done",
        "create refused",
        "delete done",
        "delivery",
        "edit done",
        "edit failed",
        "end done",
        "erase done",
        "erase failed",
        "exists done",
        "found and gone meanwhile",
        "found shown",
        "history refused",
        "history shown",
        "invite done",
        "invite failed",
        "join done",
        "join failed",
        "leave done",
        "mark done",
        "members refused",
        "members shown",
        "not known",
        "password done",
        "post done",
        "post failed",
        "profile done",
        "profile_of shown",
        "read done",
        "read failed",
        "remove done",
        "remove failed",
        "room done",
        "room failed",
        "rooms shown",
        "search refused",
        "search shown",
        "search with hits",
        "search without",
        "send done",
        "send failed",
        "send refused",
        "sessions shown",
        "several at once",
        "tried again",
    ),
}
RUNS_FOR_ALL = 5_000
"""In fewer runs the rarest need not come up."""


def missing(counts: Counts) -> list[str]:
    """What never happened."""
    return [
        f"{group}: {what}"
        for group, needed in NEEDED.items()
        for what in needed
        if not counts[group, what]
    ]


def table(counts: Counts) -> Iterator[str]:
    """How often each happened, group by group."""
    for group, needed in NEEDED.items():
        yield f"\n{group}"
        found = sorted(what for of, what in counts if of == group)
        for what in [*found, *(one for one in needed if one not in found)]:
            number = counts[group, what]
            yield f"  {number:>10,}  {what}" + ("" if number else "    NEVER HAPPENED")
