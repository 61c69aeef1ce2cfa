"""Lines for a width, whatever others write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ringchat_client.tui.lines import Span, fitted, plain, width_of, wrapped

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


def texts(*spans: Span, width: int) -> list[str]:
    return ["".join(span.text for span in row) for row in wrapped(spans, width)]


def test_lines_break_at_blanks() -> None:
    assert texts(Span("one two three"), width=8) == ["one two ", "three"]
    assert texts(Span("one "), Span("two", "x"), width=5) == ["one ", "two"]
    assert texts(width=5) == [""]


def test_a_long_word_is_cut() -> None:
    assert texts(Span("abcdefgh"), width=3) == ["abc", "def", "gh"]
    assert texts(Span("日本語"), width=4) == ["日本", "語"]


@given(text=TEXT, width=st.integers(2, 20))
def test_nothing_is_lost_and_nothing_is_too_wide(text: str, width: int) -> None:
    line = plain(text)
    rows = wrapped([Span(line, "x")], width)
    assert "".join(span.text for row in rows for span in row).replace(" ", "") == line.replace(
        " ", ""
    )
    for row in rows:
        assert width_of("".join(span.text for span in row).rstrip()) <= width


@given(text=TEXT, width=st.integers(0, 20))
def test_what_is_cut_fits(text: str, width: int) -> None:
    assert width_of(fitted(plain(text), width)) <= width


def test_control_characters_become_visible() -> None:
    assert plain("a\x1b[2Jb\rc\td\u202e") == "a␛[2Jb␍c    d�"
    assert plain("a\u200bb") == "ab"
