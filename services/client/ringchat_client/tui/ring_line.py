"""The ring, as the line at the bottom tells it: who leads, who is in sync, the view, the walk.

Pure: events of the connection and the time go in, a line comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tui.lines import Line, Span, fitted, width_of
from ringchat_client.values import Asking, Connected, ConnectionEvent, Lost, Refused, Status

__all__ = ["RingView", "duration", "ring_line"]

WALK_SHOWN_SECONDS = 8.0
"""How long the last walk stays in the line after it ended."""
STEPS_MAX = 8
"""Steps of a walk that are kept; a ring with nobody in it is walked for hours."""


@dataclass
class RingView:
    """What is known of the ring."""

    connected: Connected | None = None
    status: Status | None = None
    lost: Lost | None = None
    lost_at: float | None = None
    """Since when there is no master, in seconds of the caller's clock; None: there is one."""
    steps: list[str] = field(default_factory=list)
    """Who was asked since then."""
    reason: str = ""
    last_walk: str = ""
    last_walk_at: float = 0.0

    def connection(self, event: ConnectionEvent, now: float) -> None:
        """Take an event of the connection."""
        if isinstance(event, Lost):
            self.lost, self.lost_at, self.steps, self.reason = event, now, [], ""
        elif isinstance(event, Asking):
            if self.lost_at is None:
                self.lost_at = now
            step = "?" if event.replica_id is None else str(event.replica_id)
            if not self.steps or self.steps[-1] != step:
                self.steps = [*self.steps, step][-STEPS_MAX:]
        elif isinstance(event, Refused):
            self.reason = one_harmless_line(event.reason)
        else:
            if self.connected is not None and self.lost_at is not None:
                who = self.lost.replica_id if self.lost is not None else self.connected.master_id
                walk = " → ".join(self.steps[-4:] or [str(event.replica_id)])
                self.last_walk = f"{who} ✗ → {walk} ✓ in {duration(event.seconds)}"
                self.last_walk_at = now
            self.connected = event
            self.lost, self.lost_at, self.steps, self.reason = None, None, [], ""

    def told(self, status: Status) -> None:
        """The replicas have been asked."""
        self.status = status


def duration(seconds: float) -> str:
    """As short as it was."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def ring_line(ring: RingView, width: int, now: float) -> Line:
    """The line, for a width; what matters most stands first."""
    if ring.lost_at is not None or ring.connected is None:
        return _walk(ring, width, now)
    connected = ring.connected
    words = [
        Span(" ● ", "good"),
        Span(f"replica {connected.master_id} leads", "strong"),
    ]
    if connected.replica_id != connected.master_id:
        words.append(Span(f" through {connected.replica_id}", "dim"))
    if ring.status is not None and ring.status.replicas:
        replicas = ring.status.replicas
        in_sync = sum(replica.in_sync for replica in replicas)
        whole = in_sync == len(replicas)
        words.append(Span(" · ", "dim"))
        words.append(Span(f"{in_sync}/{len(replicas)} in sync", "" if whole else "warning"))
    words.append(Span(f" · view {connected.view}", "dim"))
    recent = now - ring.last_walk_at < WALK_SHOWN_SECONDS
    if ring.last_walk and (recent or width >= 90):
        words.append(Span("  ", ""))
        words.append(Span(ring.last_walk, "good" if recent else "dim"))
    return _cut(words, width, _seats(ring, connected.master_id))


def _walk(ring: RingView, width: int, now: float) -> Line:
    seconds = now - ring.lost_at if ring.lost_at is not None else 0.0
    words = [Span(" ◌ ", "warning")]
    if ring.lost is not None:
        words.append(Span(f"replica {ring.lost.replica_id} is gone", "warning"))
        if ring.steps:
            words.append(Span(f"; asking {' → '.join(ring.steps)}", "strong"))
    else:
        words.append(Span("looking for the master", "warning"))
        if ring.steps:
            words.append(Span(f": {' → '.join(ring.steps)}", "strong"))
    words.append(Span(f" … {duration(seconds)}", ""))
    if ring.reason:
        words.append(Span(f" · {ring.reason}", "dim"))
    return _cut(words, width, _seats(ring, -1))


def _seats(ring: RingView, master_id: int) -> list[Span]:
    """One sign for each replica, in the order of the ring."""
    if ring.status is None:
        return []
    seats = []
    for replica in ring.status.replicas:
        if replica.id == master_id:
            sign, role = "◆", "good"
        elif ring.lost is not None and replica.id == ring.lost.replica_id:
            sign, role = "✗", "error"
        elif replica.in_sync:
            sign, role = "●", ""
        else:
            sign, role = "○", "warning"
        seats.append(Span(f"{sign}{replica.id} ", role))
    return seats


def _cut(words: list[Span], width: int, seats: list[Span]) -> Line:
    room = width - sum(width_of(seat.text) for seat in seats) - 1
    if room < width // 2:
        seats, room = [], width
    line: list[Span] = []
    for span in words:
        text = fitted(span.text, room)
        if text:
            line.append(Span(text, span.role))
        room -= width_of(text)
        if text != span.text:
            break
    if seats:
        line.append(Span(" " * (max(room, 0) + 1)))
    return Line((*line, *seats))
