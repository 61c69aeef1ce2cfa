"""What was sent before."""

from __future__ import annotations

from ringchat_client.tui.composer import HISTORY_MAX, History


def test_walking_through_what_was_sent_keeps_what_was_being_typed() -> None:
    history = History()
    assert (history.older("x"), history.newer()) == (None, None)
    for line in ("one", "two", "two"):
        history.add(line)
    assert history.older("draft") == "two"
    assert history.older("two") == "one"
    assert history.older("one") is None
    assert history.newer() == "two"
    assert history.newer() == "draft"
    assert history.newer() is None


def test_it_is_not_kept_for_ever() -> None:
    history = History()
    for i in range(HISTORY_MAX + 5):
        history.add(str(i))
    lines = []
    while (line := history.older("")) is not None:
        lines.append(line)
    assert (len(lines), lines[-1]) == (HISTORY_MAX, "5")
