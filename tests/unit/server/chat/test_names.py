"""Names, texts and patterns as people write them."""

from __future__ import annotations

import fnmatch
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringchat_server.chat.names import (
    NAME_CHARS_MAX,
    PATTERN_CHARS_MAX,
    TEXT_BYTES_MAX,
    BadRequest,
    are_sound_texts,
    check_pattern,
    check_text,
    literal_prefix,
    matcher,
    normal_name,
    utf8_length,
)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("ann", "ann"),
        ("Ann", "Ann"),  # case is kept: Ann and ann are two people
        ("ａｎｎ", "ann"),  # full-width letters
        ("e\u0301", "\u00e9"),  # composed
        ("Ann Lee", "Ann Lee"),
        ("Ann\u00a0Lee", "Ann Lee"),
        ("x" * NAME_CHARS_MAX, "x" * NAME_CHARS_MAX),
        ("e\u0301" * NAME_CHARS_MAX, "\u00e9" * NAME_CHARS_MAX),  # counted after NFKC
        ("李", "李"),
        ("a[b]", "a[b]"),
    ],
)
def test_a_name_is_normalised(raw: str, name: str) -> None:
    assert normal_name(raw) == name


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("", "at least 1"),
        ("x" * (NAME_CHARS_MAX + 1), "at most 32"),
        ("\ufb03" * 11, "at most 32"),  # one character before NFKC, three after
        ("x" * 10_000_000, "at most 32"),
        ("a\nb", "control"),
        ("a\x00", "control"),
        ("a\x7f", "control"),
        ("a\u2028b", "control"),
        ("a\u200bb", "invisible"),
        ("a\u202eb", "invisible"),
        ("a\ud800", "control"),
        ("a*", "'*' or '?'"),
        ("a?", "'*' or '?'"),
        ("a\uff0a", "'*' or '?'"),  # becomes an asterisk
        (" ann", "space"),
        ("ann\u00a0", "space"),
    ],
)
def test_a_bad_name_is_refused_in_one_line(raw: str, why: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(why)) as refusal:
        normal_name(raw)
    assert "\n" not in str(refusal.value)


@given(st.text(max_size=40))
def test_what_is_accepted_is_normal_already(raw: str) -> None:
    try:
        name = normal_name(raw)
    except BadRequest:
        return
    assert normal_name(name) == name
    assert 1 <= len(name) <= NAME_CHARS_MAX
    assert utf8_length(name) is not None


@pytest.mark.parametrize("text", ["x", "x" * TEXT_BYTES_MAX, "é" * (TEXT_BYTES_MAX // 2)])
def test_a_text_is_accepted(text: str) -> None:
    check_text(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("x" * (TEXT_BYTES_MAX + 1), "at most 65536 bytes, not 65537"),
        ("é" * (TEXT_BYTES_MAX // 2) + "x", "not 65537"),
        ("\udc80", "UTF-8"),
    ],
)
def test_a_bad_text_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        check_text(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_the_length_is_that_of_the_encoded_text(text: str) -> None:
    assert utf8_length(text) == len(text.encode())


def test_a_pattern_is_normalised_and_an_empty_one_means_all() -> None:
    assert check_pattern("") == "*"
    assert check_pattern("ａ*") == "a*"
    for bad in ("\n", "x" * (PATTERN_CHARS_MAX + 1), "\ufb03" * PATTERN_CHARS_MAX):
        with pytest.raises(BadRequest):
            check_pattern(bad)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*", ["", "ann", "a\nb"], []),
        ("a*", ["a", "ann"], ["ban", "Ann"]),
        ("*n", ["n", "ann"], ["anna"]),
        ("a*n*a", ["ana", "anna", "abcnxa"], ["an", "na", "aa"]),
        ("a?n", ["ann", "a?n"], ["an", "anna"]),
        ("a**n", ["an", "abn"], ["a"]),
        ("[ab]", ["[ab]"], ["a", "b"]),  # there are no classes of characters
        ("a.c", ["a.c"], ["abc"]),
        ("*ab*ab", ["abab", "xabxxab"], ["ab", "aab"]),
    ],
)
def test_stars_and_question_marks(pattern: str, matching: list[str], other: list[str]) -> None:
    matches = matcher(pattern)
    assert [name for name in matching + other if matches(name)] == matching


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_a_pattern_means_what_it_means_to_a_shell(pattern: str, name: str) -> None:
    assert matcher(pattern)(name) == fnmatch.fnmatchcase(name, pattern)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_every_match_begins_with_the_literal_prefix(pattern: str, name: str) -> None:
    if matcher(pattern)(name):
        assert name.startswith(literal_prefix(pattern))


def test_a_hostile_pattern_takes_no_time() -> None:
    matches = matcher("*a" * 31 + "*b")
    began_seconds = time.process_time()
    assert not matches("a" * NAME_CHARS_MAX)
    # Reconsidering each star would take hours.
    assert time.process_time() - began_seconds < 1


def test_a_text_has_no_nul() -> None:
    with pytest.raises(BadRequest, match="NUL"):
        check_text("a\0b")


EDGES = [
    "x",
    "",
    "a\0b",
    "\ud83d",
    "\ude00",
    "é",
    "x" * (TEXT_BYTES_MAX // 4),
    "é" * (TEXT_BYTES_MAX // 4 + 1),
    "x" * TEXT_BYTES_MAX,
    "x" * (TEXT_BYTES_MAX + 1),
    "é" * (TEXT_BYTES_MAX // 2),
    "é" * (TEXT_BYTES_MAX // 2) + "x",
    "\U0001f600" * (TEXT_BYTES_MAX // 4),
    "\U0001f600" * (TEXT_BYTES_MAX // 4) + "x",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(EDGES) | st.text(st.characters(), max_size=3), min_size=1))
def test_texts_are_sound_together_if_each_is_alone(texts: list[str]) -> None:
    def accepted(text: str) -> bool:
        try:
            check_text(text)
        except BadRequest:
            return False
        return True

    assert are_sound_texts(texts) == all(map(accepted, texts))
    for text in texts:
        assert are_sound_texts([text]) == are_sound_texts(["x", text, "é"]) == accepted(text)
