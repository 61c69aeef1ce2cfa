"""Nobody can send terminal escapes, or put words under another name."""

from __future__ import annotations

import pytest

from ringchat_client.plain_text import harmless, one_harmless_line, shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("hello", "hello"),
        ("Grüße, 世界 👩‍👩‍👧", "Grüße, 世界 👩‍👩‍👧"),
        ("\x1b[2J", "␛[2J"),
        ("a\rb", "a␍b"),
        ("\x07\x08\x7f", "␇␈␡"),
        ("\x9b31m", "\ufffd31m"),
        ("\u202eevil\u2066", "\ufffdevil\ufffd"),
        ("a\u2028b\u2029c\x85d", "a\ufffdb\ufffdc\ufffdd"),
        ("a\nb", "a␊b"),
    ],
)
def test_control_characters_become_visible(text: str, seen: str) -> None:
    assert harmless(text) == seen


def test_every_control_character_is_gone() -> None:
    everything = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
    seen = harmless(everything)
    assert len(seen) == len(everything)
    assert not set(seen) & set(everything)


def test_a_further_line_cannot_pass_for_another_message() -> None:
    assert shown("ann: ", "one\nbob: two\x1b[A") == "ann: one\n  | bob: two␛[A"


def test_errors_are_one_line_of_bearable_length() -> None:
    line = one_harmless_line("a\n\nb\x1b " + "x" * 10_000)
    assert line.startswith("a b␛ xxx")
    assert len(line) == 300
    assert line.endswith("...")
