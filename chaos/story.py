"""What was written down during a run, told as a `Run`: a pure function of it.

Times come in as those of `time.monotonic`, and go out as seconds since the run began.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

from chaos.history import DONE, READ, SEND, UNKNOWN, Call
from chaos.people import Event
from chaos.run import COMPACTIONS, STATES, Band, Gap, Reign, Run, Slow, Verdict

SLOW_CALLS_MAX = 50
LONG_SECONDS = 0.5
"""From here on a stretch without a confirmation is told of, whoever is the master."""
COMPACTED = re.compile(r"\bcompaction done: ")
INSTALLED = re.compile(r"\bthe state after entry \d+ is installed\b")
"""What a replica says of the two."""


def tell(
    *,
    seed: int,
    prefer: str,
    replicas: int,
    origin: float,
    seconds: float,
    bands: Sequence[Band],
    calls: Sequence[Call],
    events: Iterable[Event],
    verdicts: Sequence[Verdict],
    complaints: Sequence[str],
    environment: dict[str, str],
    logs: Sequence[str],
) -> Run:
    """The run.

    Args:
        origin: when it began, by the clock of `calls` and `events`.
        bands: already in seconds since then.
        complaints: what `lost_or_doubled` found.
        logs: all that each replica has said.
    """
    sends = [call for call in calls if call.kind == SEND]
    confirmed = sorted(call.end - origin for call in sends if call.outcome == DONE)
    views = reigns(events, origin)
    counts = {
        "faults": len(bands),
        "masters": len(views),
        "calls": len(calls),
        "sends": len(sends),
        "confirmed": len(confirmed),
        "unknown": sum(call.outcome == UNKNOWN for call in calls),
        "reads": sum(call.kind == READ and call.outcome == DONE for call in calls),
        "lost": sum(line.startswith("lost") for line in complaints),
        "doubled": sum(line.startswith("doubled") for line in complaints),
        COMPACTIONS: sum(len(COMPACTED.findall(log)) for log in logs),
        STATES: sum(len(INSTALLED.findall(log)) for log in logs),
    }
    return Run(
        seed=seed,
        prefer=prefer,
        replicas=replicas,
        seconds=seconds,
        faults=sorted(bands, key=lambda band: band.begin),
        views=views,
        confirmed=confirmed,
        calls=slowest(calls, origin),
        gaps=gaps(confirmed, views, bands, seconds),
        verdicts=list(verdicts),
        counts=counts,
        environment=environment,
    )


def reigns(events: Iterable[Event], origin: float) -> list[Reign]:
    """Who led from when on: each view when the first client was attached in it.

    The sides of a partition may lead at the same time; the newer view counts.
    """
    found: list[Reign] = []
    for event in sorted(events, key=lambda event: event.at):
        if event.kind == "connected" and (not found or event.view > found[-1].view):
            found.append(Reign(max(event.at - origin, 0.0), event.view, event.master))
    return found


def slowest(calls: Iterable[Call], origin: float) -> list[Slow]:
    """The calls that were answered latest, slowest first."""
    answered = [call for call in calls if call.end < math.inf]
    answered.sort(key=lambda call: call.begin - call.end)
    return [
        Slow(call.begin - origin, call.end - origin, call.kind, call.client, call.outcome)
        for call in answered[:SLOW_CALLS_MAX]
    ]


def gaps(
    confirmed: Sequence[float], views: Sequence[Reign], bands: Sequence[Band], seconds: float
) -> list[Gap]:
    """For each new view the longest stretch without a confirmation around it: of those that end
    after its cause began and begin before the view. And every other one that was long.

    Args:
        confirmed: sorted.
        seconds: how long the run was; of what began later nothing is told.

    Several new views in one stretch are one gap.
    """
    found: dict[float, Gap] = {}
    for before, reign in pairwise(views):
        # What the change is due to: the newest fault that had begun by then.
        band = _newest(bands, reign.begin)
        start = before.begin if band is None else max(before.begin, band.begin)
        first = max(bisect_left(confirmed, start) - 1, 0)
        last = bisect_left(confirmed, reign.begin) + 1
        near = list(pairwise(confirmed[first:last]))
        if near:
            begin, end = max(near, key=lambda stretch: stretch[1] - stretch[0])
            found.setdefault(begin, Gap(begin, end, cause(band)))
    for begin, end in pairwise(confirmed):
        if end - begin >= LONG_SECONDS and 0 <= begin < seconds:
            # It may begin a moment before its cause: nobody notices the last confirmation.
            band = _newest([band for band in bands if band.end >= begin], end)
            found.setdefault(begin, Gap(begin, end, cause(band), is_failover=False))
    return [found[begin] for begin in sorted(found)]


def _newest(bands: Sequence[Band], by: float) -> Band | None:
    begun = [band for band in bands if band.begin <= by]
    return max(begun, key=lambda band: band.begin, default=None)


def cause(band: Band | None) -> str:
    """A fault in a word, with the replicas that it was done to."""
    if band is None:
        return "unknown"
    return " ".join([band.kind, ", ".join(map(str, band.replicas))]).strip()
