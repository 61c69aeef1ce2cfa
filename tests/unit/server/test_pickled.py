from __future__ import annotations

import pickle
from io import BytesIO

import pytest

from ringchat_server.pickled import (
    Unreadable,
    decode,
    decode_group,
    decode_next,
    encode,
    encode_group,
    entry_of,
    group_of,
)
from ringchat_server.records import Entry, Group

ENTRY = Entry(4, 1_000, b"c" * 16, 7, "ann", b"s" * 32, ("send", "bob", "hello"))


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("pwned",))


def test_built_in_values_there_and_back() -> None:
    value = (1, "a", b"b", [None, True, 1.5], {"k": (2**70,)})
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Hostile()),
        pickle.dumps(Entry),
        b"",
        b"garbage",
        encode((1, 2))[:-2],
        encode(1) + b"x",
        b"Pid\n.",  # a persistent id
        b"\x80\x05\x8c\xff",  # a string longer than what there is
    ],
)
def test_anything_else_is_refused(data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unreadable):
        decode(data)
    assert capsys.readouterr().out == ""


def test_pickles_one_after_another() -> None:
    stream = BytesIO(encode("one") + encode("two"))
    assert [decode_next(stream), decode_next(stream)] == ["one", "two"]
    with pytest.raises(Unreadable):
        decode_next(stream)


def test_a_group_is_encoded_once() -> None:
    group = Group(3, [ENTRY, ENTRY])
    data = encode_group(group)
    assert encode_group(group) is data
    back = decode_group(data)
    assert (back.first_index, list(back.entries)) == (3, [ENTRY, ENTRY])
    assert encode_group(back) is data


@pytest.mark.parametrize(
    "value",
    [None, (), ("entries", 0, []), ("entries", 1, ()), ("entries", "1", []), ("other", 1, [])],
)
def test_what_is_no_group(value: object) -> None:
    with pytest.raises(Unreadable, match="group"):
        group_of(value)


@pytest.mark.parametrize("field", range(7))
def test_each_field_of_an_entry_is_checked(field: int) -> None:
    row: list[object] = list(ENTRY)
    assert entry_of(tuple(row)) == ENTRY
    row[field] = None
    with pytest.raises(Unreadable, match="entry"):
        entry_of(tuple(row))
