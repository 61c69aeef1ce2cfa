from __future__ import annotations

import pickle
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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

ENTRY = Entry(4, 1_000, b"c" * 16, 7, "ann", b"s" * 32, ("send", ("bob",), ("hello", "again")))


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
        b"\x80\x05X\xff\xff\xff\xffabc.",
        b"\x80\x05Nr\x00\x00\x00\x10.",  # a memo of four gigabytes
        b"\x80\x05Np268435456\n.",
        b"\x80\x05\x8e\x00\x00\x00\x00\x01\x00\x00\x00abc.",  # bytes that are not there
        b"\x80\x05\x95\x08\x00\x00\x00\x00\x00\x00\x00N.Nextra",  # a frame that swallows
        encode(1 << 80),  # longer than any number of ours
        encode({1}),
        pickle.dumps("of another protocol", 4),
    ],
)
def test_anything_else_is_refused(data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unreadable):
        decode(data)
    assert capsys.readouterr().out == ""


BUILT_IN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None, max_examples=300)
@given(BUILT_IN)
def test_what_is_looked_for_is_all_that_is_written(value: object) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        "x" * 255,
        "x" * 256,
        "ü" * 70_000,
        b"." * 255,
        b"." * 256,
        b"\x00" * 70_000,
        [str(number) for number in range(300)] * 2,  # more than 256 in the memo, named again
        tuple(range(-70_000, 70_000, 777)),
        [2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63, -(2**63)],
        [[]] * 2_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_long_values_there_and_back(value: object) -> None:
    assert decode(encode(value)) == value


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


def test_a_group_whose_views_go_back_is_none() -> None:
    rows = [tuple(ENTRY), tuple(ENTRY._replace(view=3))]
    with pytest.raises(Unreadable, match="go back to 3"):
        group_of(("entries", 1, rows))
    assert len(group_of(("entries", 1, rows[::-1])).entries) == 2


@pytest.mark.parametrize(
    ("request_", "taken"),
    [
        (("logout", b"x", None, 1.5, True), True),
        (("update", 3, ((b"c", 1), (b"d", 2))), True),
        (("update", 3, (1, "a", ())), True),
        (("send", ["a list"]), False),
        (("send", ("bob",), ("x",) * 1_024), True),
        (("send", ("bob", "cy"), ("x", b"y")), True),
        (("send", ("bob", ("cy", 1)), ("x", "y")), True),
        (("send", ("bob",), ("x", ["a list"])), False),
        (("send", ("bob",), ("x", ("y", "z", "of three"))), False),
        (("send", ("bob",), ("x", ("y", ("deeper",)))), False),
        (("update", 3, ((1, 2, 3),)), False),
        (("update", 3, (((1, 2), 3),)), False),
    ],
)
def test_a_request_is_nested_no_deeper_than_ours(request_: tuple[object, ...], taken: bool) -> None:
    row = tuple(ENTRY._replace(request=request_))
    if taken:
        assert entry_of(row).request == request_
    else:
        with pytest.raises(Unreadable, match="entry"):
            entry_of(row)


@pytest.mark.parametrize("value", [-1, 1 << 62])
@pytest.mark.parametrize("field", [0, 1])
def test_a_view_and_a_time_have_bounds(field: int, value: int) -> None:
    row: list[object] = list(ENTRY)
    row[field] = value
    with pytest.raises(Unreadable, match="entry"):
        entry_of(tuple(row))


@pytest.mark.parametrize("field", range(7))
def test_each_field_of_an_entry_is_checked(field: int) -> None:
    row: list[object] = list(ENTRY)
    assert entry_of(tuple(row)) == ENTRY
    row[field] = None
    with pytest.raises(Unreadable, match="entry"):
        entry_of(tuple(row))
