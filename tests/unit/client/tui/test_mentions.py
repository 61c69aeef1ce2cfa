"""Names in texts."""

from __future__ import annotations

import pytest

from ringchat_client.tui.mentions import bare, completed, mentioned, title_and_names
from ringchat_server.chat import talk

NAMES = ["ann", "anna", "bob b", "bob c", "cy young", 'd"e f', "zo\u00e9 x"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ann", ["ann"]),
        ("@ann, @bob!", ["ann,", "ann", "bob!", "bob"]),
        ("@anna", ["anna"]),
        ('@"cy young".', ["cy young"]),
        ('@"cy', []),
        ("mail me at a@b.c", ["b.c"]),
        ("@@ann @", ["ann"]),
        ("@a\u2003b", ["a\u2003b"]),
    ],
)
def test_names_are_read_as_the_server_reads_them(text: str, names: list[str]) -> None:
    assert list(mentioned(text)) == names == list(talk.mentioned(text))


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("hi @an", "hi @ann"),
        ("@anna", "@anna "),
        ("see @cy", 'see @"cy young" '),
        ('see @"cy yo', 'see @"cy young" '),
        ("@bo", '@"bob '),
        ('@"bob c', '@"bob c" '),
        ("@d", '@d"e f '),
        ('@"', '@"'),
        ("@", "@"),
        ("@zoe\u0301", '@"zo\u00e9 x" '),
        ('@"bob b" and @anna', '@"bob b" and @anna '),
        ("@nobody", None),
        ("ann", None),
        ("@ann said", None),
    ],
)
def test_a_name_is_completed_and_quoted_if_it_has_blanks(text: str, whole: str | None) -> None:
    assert completed(text, NAMES) == whole


def test_a_name_where_only_a_name_can_stand() -> None:
    assert [bare(name) for name in ("ann", "@ann", '@"cy young"', "cy young", "@cy young")] == [
        *("ann", "ann", "cy young", "cy young", "cy young"),
    ]


def test_a_title_and_who_is_invited() -> None:
    assert title_and_names('ring at 4 @bob @"cy young"') == ("ring at 4", ["bob", "cy young"])
    assert title_and_names("@home alone") == ("@home alone", [])
    assert title_and_names("a@b") == ("a@b", [])
    assert title_and_names("@bob") == ("", ["bob"])
