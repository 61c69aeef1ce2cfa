"""The other measure of how far to look: not events, but surprises.

Counted in events, all interleavings are very many long before two views have had their
turn. So here a run has a usual course, and what departs from it is counted:

* In the usual course disks are quick, then messages arrive, then ends of links are
  noticed, then links are made, each in the order of the ids; clients and misfortune wait
  until nothing happens by itself any more, and then anything may come, for nothing.
* A surprise is a wish or a fault that comes earlier, an end of a link that is noticed
  before what was in flight has arrived, or a disk or a link that is held back until
  nothing else happens by itself; then again another one that comes first.

With no limit these are all interleavings again. Up to a limit they are few enough to
follow every run to its end: every state is visited that some run with no more surprises
than that passes through. (Delay-bounded search: Emmi, Qadeer and Rakamaric, 2011.)
"""

from __future__ import annotations

from tests.exhaustive.frozen import REPLICAS
from tests.exhaustive.model import Event, Model
from tests.exhaustive.state import BITS, LEDGER_SHIFT, LINKS

HELD_SHIFT = LEDGER_SHIFT + BITS
STATE_MASK = (1 << HELD_SHIFT) - 1
_LINK_BITS = {link: 1 << (REPLICAS + place) for place, link in enumerate(LINKS)}
_PAIR_BITS = {(0, 1): 1 << 9, (0, 2): 1 << 10, (1, 2): 1 << 11}
_USUAL = ("sync", "deliver", "notice", "connect")

Move = tuple[Event, int, int]
"""(event, node afterwards, how many surprises it is)"""


def moves(model: Model, node: int) -> list[Move]:
    """What can happen at a node: a state, and which sources of events are held back there."""
    held = node >> HELD_SHIFT
    mark = held << HELD_SHIFT
    usual: dict[int, tuple[int, Event, int]] = {}
    early: list[Move] = []
    others: list[tuple[Event, int]] = []
    for event, after in model.successors(node & STATE_MASK):
        kind = event.kind
        if kind not in _USUAL:
            others.append((event, after))
            continue
        source = _source(event)
        if source in usual:  # the end of a link, and messages before it
            early.append((event, after | mark, 1))
        else:
            usual[source] = (_USUAL.index(kind), event, after)
    if not usual:
        return [(event, after, 0) for event, after in others]
    out = [(event, after | mark, 1) for event, after in others]
    out += early
    free = [source for source in usual if not source & held]
    if not free:  # nothing is held back any more
        first = min(usual, key=lambda source: usual[source][0])
        for source, (_, event, after) in usual.items():
            out.append((event, after, int(source != first)))
        return out
    first = min(free, key=lambda source: usual[source][0])
    _, event, after = usual[first]
    out.append((event, after | mark, 0))
    if len(usual) > 1:
        kind = "hold disk" if event.kind == "sync" else "hold link"
        out.append((Event(kind, event.host, event.argument), node | first << HELD_SHIFT, 1))
    return out


def _source(event: Event) -> int:
    """Where events come from one after another, as a bit."""
    if event.kind == "sync":
        return 1 << event.host
    if event.kind == "connect":
        return _PAIR_BITS[event.host, event.argument]
    return _LINK_BITS[event.argument, event.host]
