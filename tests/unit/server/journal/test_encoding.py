"""Records to pickles and back."""

from __future__ import annotations

import io

import pytest

from ringchat_server.journal.encoding import (
    LABEL_BYTES_MAX,
    MAGIC,
    RUNS_MAX,
    Founding,
    Runs,
    decode_founding,
    decode_label,
    decode_records,
    decode_state,
    encode_founding,
    encode_record,
    encode_state,
)
from ringchat_server.pickled import Unreadable, decode, encode, encode_group
from ringchat_server.records import Aside, Group, HandedOverRecord, Meta, Record, Truncate
from tests.simulator.journals import group, proposal

RECORDS: list[Record] = [
    Meta(),
    Meta(9, 8, True, b"x" * 16, 3, (0, 1, 3), True),
    Aside(()),
    Aside((proposal(1), proposal(2))),
    HandedOverRecord(),
    Truncate(0),
    Truncate(1 << 40),
]


def test_records_come_back_in_their_order() -> None:
    payload = b"".join(map(encode_record, RECORDS))
    assert list(decode_records(payload)) == RECORDS
    assert list(decode_records(b"")) == []


def test_a_group_is_written_as_it_is_sent_and_never_pickled_again() -> None:
    some = group(5, 3)
    data = encode_record(some)
    assert data == encode_group(group(5, 3))
    (again,) = decode_records(data)
    assert isinstance(again, Group)
    assert (again.first_index, list(again.entries)) == (5, list(some.entries))
    some.encoded = b"as it came from another replica"
    assert encode_record(some) == b"as it came from another replica"


def test_a_record_holds_built_in_values_only() -> None:
    for record in RECORDS:
        assert type(decode(encode_record(record))) is tuple


@pytest.mark.parametrize(
    "value",
    [
        ("meta",),
        ("meta", *Meta(), 1),
        ("meta", *Meta(sole=1)),  # type: ignore[arg-type]
        ("meta", *Meta(birth_promises=("1",))),  # type: ignore[arg-type]
        ("meta", *Meta(promised=-2)),
        ("meta", *Meta(log_view=1 << 62)),  # a hello could not hold it
        ("meta", *Meta(birth_promises=(1, -2))),
        ("aside", [(b"c", 1, "ann", b"", ("send", []))]),
        ("truncate",),
        ("truncate", "1"),
        ("handed over", 1),
        ("aside", ((1,),)),
        ("entries", 0, []),
        ["truncate", 1, 2],
        None,
    ],
)
def test_a_value_of_another_shape_is_no_record(value: object) -> None:
    with pytest.raises(Unreadable):
        list(decode_records(encode(value)))


def test_the_founding_record_can_be_read_in_a_format_to_come() -> None:
    assert decode_founding(encode_founding(Founding(1, 2))) == Founding(1, 2)
    assert decode_founding(encode((MAGIC, 7, 2, {"more": 1}))) == Founding(7, 2)
    with pytest.raises(Unreadable):
        decode_founding(encode(("another journal", 1, 2)))


def test_a_state_carries_its_label_and_checksum() -> None:
    runs: Runs = ((1, 0), (4, 2))
    data = encode_state(5, runs, {"ann": [1, 2]})
    label, state = decode_state(data)
    assert (label.index, label.runs, state) == (5, runs, {"ann": [1, 2]})
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        try:
            found = decode_state(bytes(changed))
        except Unreadable:
            continue
        assert found[1] == state, "the label has no checksum here, the state has"


@pytest.mark.parametrize(
    "label",
    [
        ("state", 5, (), 0),
        ("state", 0, ((1, 1),), 0),
        ("state", 5, ((0, 1),), 0),
        ("state", 5, ((6, 1),), 0),
        ("state", 5, ((3, 1), (2, 2)), 0),
        ("state", 5, ((3, 1), (3, 2)), 0),
        ("state", 5, ((3, "1"),), 0),
        ("state", 5, ((1, 2), (3, 1)), 0),
        ("state", 5, ((1, 1), (3, 1)), 0),
        ("state", 5, ((1, -1),), 0),
        ("state", 1 << 62, ((1, 1),), 0),
        ("state", -1, (), 0),
        ("state", 5, [(1, 1)], 0),
        ("mood", 5, ((1, 1),), 0),
    ],
)
def test_a_label_of_impossible_runs_is_none(label: object) -> None:
    with pytest.raises(Unreadable):
        decode_label(io.BytesIO(encode(label)))


def test_an_empty_state_is_that_before_the_first_entry() -> None:
    assert decode_state(encode_state(0, (), None))[1] is None
    for wrong in (encode_state(1, ((1, 1),), None), encode_state(0, (), [])):
        with pytest.raises(Unreadable):
            decode_state(wrong)
    with pytest.raises(Unreadable):
        decode_state(encode_state(0, (), None) + b"x")


def test_the_longest_label_can_be_read_without_its_state() -> None:
    runs = tuple((1 + i * (1 << 39), i * (1 << 40)) for i in range(RUNS_MAX + 5))
    data = encode_state((1 << 52) - 1, runs, ["state"] * 9)
    label = decode_label(io.BytesIO(data[:LABEL_BYTES_MAX]))
    assert label.runs == runs[-RUNS_MAX:], "the oldest are forgotten"
