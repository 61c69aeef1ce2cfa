from __future__ import annotations

from bench.crowd import seconds_since, stamped


def test_a_message_tells_how_long_ago_it_was_sent() -> None:
    text = stamped(b"x" * 100)
    assert text.endswith(" " + "x" * 100)
    assert 0.0 <= seconds_since(text) < 10.0
