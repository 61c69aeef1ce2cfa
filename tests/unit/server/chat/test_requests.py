"""The shapes of requests: what is known, and that nothing else passes."""

from __future__ import annotations

import pytest

from ringchat_server.chat.names import NAME_CHARS_MAX, TEXT_BYTES_MAX
from ringchat_server.chat.requests import PASSWORD_HASH_CHARS_MAX, is_sound, is_sound_name
from ringchat_server.records import SENDS_MAX

B16, B32 = bytes(16), bytes(32)


@pytest.mark.parametrize(
    "request_",
    [
        ("noop",),
        ("create", "ann", "$argon2id$..."),
        ("delete",),
        ("delete", B16),
        ("login", "ann", B16, B32, B32),
        ("logout",),
        ("logout", B32),
        ("send", ("ann",), ("x",)),
        ("send", ("é",), ("é",)),
        ("send", ("x" * NAME_CHARS_MAX,), ("x" * TEXT_BYTES_MAX,)),
        ("send", ("ann",), ("x", "y" * TEXT_BYTES_MAX, "é")),
        ("send", ("ann", "bob", "ann"), ("x", "x", "x")),
        ("send", ("ann",), ("x",) * SENDS_MAX),
        ("send", ("ann", "bob") * (SENDS_MAX // 2), ("x",) * SENDS_MAX),
        ("update", 0, ()),
        ("update", -1, ()),
        ("update", 2**70, ((b"client", 3), (b"", -1))),
    ],
)
def test_a_known_shape_is_sound(request_: tuple[object, ...]) -> None:
    assert is_sound(request_)


@pytest.mark.parametrize(
    "request_",
    [
        (),
        ("",),
        ("drop tables",),
        (7,),
        (["send"], ("ann",), ("x",)),
        ("noop", 1, 2),
        ("noop", "1"),
        ("create", "ann"),
        ("create", "", "hash"),
        ("create", "x" * (NAME_CHARS_MAX + 1), "hash"),
        ("create", "\ud800", "hash"),
        ("create", b"ann", "hash"),
        ("create", "ann", b"hash"),
        ("create", "ann", "x" * (PASSWORD_HASH_CHARS_MAX + 1)),
        ("create", "ann", "\ud800"),
        ("delete", B32),
        ("delete", B16, B16),
        ("login", "ann", B16, B32),
        ("login", "ann", B32, B32, B32),
        ("login", "ann", B16, B16, B32),
        ("login", "ann", B16, B32, B16),
        ("login", "ann", B16, bytearray(B32), B32),
        ("logout", B16),
        ("send", ("ann",)),
        ("send", ("ann",), ("x",), ()),
        ("send", ("ann",), ("",)),
        ("send", ("ann",), (b"x",)),
        ("send", ("ann",), ("\ud800",)),
        ("send", ("ann",), ("x" * (TEXT_BYTES_MAX + 1),)),
        ("send", ("ann",), ("é" * (TEXT_BYTES_MAX // 2 + 1),)),
        ("send", ("",), ("x",)),
        ("send", ("x" * (NAME_CHARS_MAX + 1),), ("x",)),
        ("send", ("\ud800",), ("x",)),
        ("send", (None,), ("x",)),
        ("send", ([],), ("x",)),
        ("send", "ann", ("x",)),
        ("send", ("ann",), "x"),
        ("send", "ann", "x"),
        ("send", ["ann"], ("x",)),
        ("send", ("ann",), ["x"]),
        ("send", None, None),
        # One receiver for all, or one for each.
        ("send", (), ("x",)),
        ("send", ("ann",), ()),
        ("send", (), ()),
        ("send", ("ann", "bob"), ("x",)),
        ("send", ("ann", "bob"), ("x", "y", "z")),
        ("send", ("ann",), ("x",) * (SENDS_MAX + 1)),
        ("send", ("ann",) * (SENDS_MAX + 1), ("x",) * (SENDS_MAX + 1)),
        # A bad one among good ones.
        ("send", ("ann", "", "bob"), ("x", "y", "z")),
        ("send", ("ann", "\ud800", "bob"), ("x", "y", "z")),
        ("send", ("ann", b"bob", "bob"), ("x", "y", "z")),
        ("send", ("ann", {}, "bob"), ("x", "y", "z")),
        ("send", ("ann", "x" * (NAME_CHARS_MAX + 1)), ("x", "y")),
        ("send", ("ann",), ("x", "", "z")),
        ("send", ("ann",), ("x", "a\0b", "z")),
        ("send", ("ann",), ("x", b"y", "z")),
        ("send", ("ann",), ("x", None, "z")),
        ("send", ("ann",), ("x", "\ud800", "z")),
        ("send", ("ann",), ("\ud83d", "\ude00")),  # together they would be a character
        ("send", ("ann",), ("x", "y" * (TEXT_BYTES_MAX + 1), "z")),
        ("send", ("ann",), ("x", "é" * (TEXT_BYTES_MAX // 2 + 1), "z")),
        ("update", 1),
        ("update", 1.0, ()),
        ("update", "1", ()),
        ("update", True, ()),
        ("update", 1, []),
        ("update", 1, ((b"client",),)),
        ("update", 1, ((b"client", "3"),)),
        ("update", 1, (("client", 3),)),
        ("update", 1, ([b"client", 3],)),
    ],
)
def test_any_other_is_not(request_: tuple[object, ...]) -> None:
    assert not is_sound(request_)


def test_a_sound_name() -> None:
    assert is_sound_name("ann")
    assert not is_sound_name("")
    assert not is_sound_name(None)


def test_a_text_with_a_nul_is_no_sound_request() -> None:
    assert is_sound(("send", ("bob",), ("a b",)))
    assert not is_sound(("send", ("bob",), ("a\0b",))), "it would look like a hole in the journal"
