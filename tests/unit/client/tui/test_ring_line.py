"""The ring in one line."""

from __future__ import annotations

from ringchat_client.tui.ring_line import RingView, duration, ring_line
from ringchat_client.values import Asking, Connected, Lost, Refused
from tests.unit.client.tui.fake_client import status


def text(ring: RingView, width: int = 100, now: float = 0.0) -> str:
    return ring_line(ring, width, now).text.strip()


def test_who_leads_how_many_are_in_sync_and_the_view() -> None:
    ring = RingView()
    assert text(ring).startswith("◌ looking for the master")
    ring.connection(Connected(0, 0, 3, 0.01), 0)
    assert text(ring) == "● replica 0 leads · view 3"
    ring.told(status(in_sync=(0, 2)))
    line = text(ring)
    assert line.startswith("● replica 0 leads · 2/3 in sync · view 3")
    assert line.endswith("◆0 ○1 ●2")


def test_who_relays_is_told() -> None:
    ring = RingView()
    ring.connection(Connected(2, 0, 3, 0.01), 0)
    assert "replica 0 leads through 2" in text(ring)


def test_the_walk_as_it_happens_and_how_long_it_took() -> None:
    ring = RingView()
    ring.connection(Connected(0, 0, 3, 0.01), 0)
    ring.connection(Lost(0, "gone"), 10)
    assert text(ring, now=10.2) == "◌ replica 0 is gone … 200 ms"
    ring.connection(Asking(1, "a:1", 4), 10.2)
    ring.connection(Refused(1, "I still\nhear the master"), 10.5)
    assert text(ring, now=10.5).endswith("asking 1 … 500 ms · I still hear the master")
    ring.connection(Asking(2, "a:2", 5), 10.6)
    assert "asking 1 → 2 … 1.6 s" in text(ring, now=11.6)
    ring.connection(Connected(2, 2, 5, 1.7), 11.7)
    assert "replica 2 leads" in text(ring, now=12)
    assert "0 ✗ → 1 → 2 ✓ in 1.7 s" in text(ring, now=12)
    assert "✗" not in text(ring, width=70, now=60)


def test_the_seat_of_the_one_that_is_gone() -> None:
    ring = RingView()
    ring.connection(Connected(0, 0, 3, 0.01), 0)
    ring.told(status())
    ring.connection(Lost(0, "gone"), 10)
    assert text(ring, now=10).endswith("✗0 ●1 ●2")


def test_a_long_walk_and_a_narrow_terminal() -> None:
    ring = RingView()
    for i in range(100):
        ring.connection(Asking(i % 3, "a:1", i), 1)
    for width in (5, 20, 60):
        assert len(ring_line(ring, width, 2).text) <= width
    ring.connection(Connected(0, 0, 3, 0.01), 3)
    ring.told(status())
    for width in (5, 20, 60):
        assert len(ring_line(ring, width, 4).text) <= width


def test_durations() -> None:
    assert [duration(s) for s in (0.0123, 0.2, 1.04, 61)] == ["12 ms", "200 ms", "1.0 s", "61.0 s"]
