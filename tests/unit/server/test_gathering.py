from __future__ import annotations

from ringchat_server.gathering import (
    GROUP_BYTES_MAX,
    GROUP_ENTRIES_MAX,
    WAITING_BYTES_MAX,
    WAITING_MAX,
    Gathering,
)
from ringchat_server.records import Proposal


class Nobody:
    def answered(self, number: int, kind: str, answer: object) -> None:
        raise AssertionError

    def responded(self, response: object) -> None:
        raise AssertionError


def filled(count: int, text: str = "") -> Gathering:
    gathering = Gathering()
    for number in range(count):
        proposal = Proposal(b"c" * 16, number, "ann", b"", ("send", "bob", text))
        gathering.add((proposal, "send_message", Nobody()))
    return gathering


def test_first_come_first_served() -> None:
    gathering = filled(3)
    assert [write[0].number for write in gathering.take()] == [0, 1, 2]
    assert gathering.take() == []


def test_a_group_is_bounded_in_entries() -> None:
    gathering = filled(GROUP_ENTRIES_MAX + 1)
    assert len(gathering.take()) == GROUP_ENTRIES_MAX
    assert len(gathering.take()) == 1


def test_a_group_is_bounded_in_bytes() -> None:
    text = "x" * 65_536
    gathering = filled(2 * GROUP_BYTES_MAX // len(text), text)
    first = gathering.take()
    assert GROUP_BYTES_MAX <= sum(len(text) + 100 for _ in first) < GROUP_BYTES_MAX + 2 * len(text)
    assert len(gathering) > 0


def test_it_is_full_by_number_with_what_is_under_way() -> None:
    assert not filled(1).full(WAITING_MAX - 2)
    assert filled(1).full(WAITING_MAX - 1)


def test_it_is_full_by_bytes_and_has_room_again() -> None:
    text = "x" * 65_536
    gathering = filled(WAITING_BYTES_MAX // len(text) + 1, text)
    assert gathering.full(0)
    gathering.take()
    assert not gathering.full(0)
    gathering.clear()
    assert len(gathering) == 0
