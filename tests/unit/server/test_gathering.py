from __future__ import annotations

from ringchat_server.gathering import WAITING_BYTES_MAX, WAITING_MAX, Gathering
from ringchat_server.records import GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, Proposal


class Nobody:
    def answered(self, kind: str, answers: object) -> None:
        raise AssertionError

    def responded(self, response: object) -> None:
        raise AssertionError


def filled(count: int, *texts: str) -> Gathering:
    gathering = Gathering()
    for number in range(count):
        proposal = Proposal(b"c" * 16, number, "ann", b"", ("send", ("bob",), texts))
        gathering.add(proposal, "send_message", Nobody())
    return gathering


def test_first_come_first_served() -> None:
    gathering = filled(3)
    assert [write.proposal.number for write in gathering.take()] == [0, 1, 2]
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


def test_the_texts_of_one_write_weigh_together() -> None:
    # Many short ones take more room than their letters.
    many = ("x" * 64,) * 1_024
    gathering = filled(4_096, *many)
    first = gathering.take()
    assert len(first) * 1_024 * 64 < GROUP_BYTES_MAX <= len(first) * 1_024 * 128
    assert gathering.full


def test_it_is_full_by_number_with_what_is_under_way() -> None:
    assert not filled(WAITING_MAX - 1).full
    gathering = filled(WAITING_MAX)
    assert gathering.full
    taken = gathering.take()
    assert gathering.full, "what is in the log is not answered yet"
    gathering.answered(taken[0])
    assert not gathering.full


def test_it_is_full_by_bytes_and_has_room_again() -> None:
    text = "x" * 65_536
    assert not filled(WAITING_BYTES_MAX // len(text) // 2, text).full
    gathering = filled(WAITING_BYTES_MAX // len(text), text)
    assert gathering.full
    taken = gathering.take()
    assert gathering.full, "what is in the log is not answered yet"
    for write in taken:
        gathering.answered(write)
    assert not gathering.full


def test_once_nobody_waits_there_is_room_for_all() -> None:
    gathering = filled(WAITING_MAX, "x" * 3_000)
    gathering.take()
    gathering.clear()
    assert len(gathering) == 0
    assert gathering.take() == []
    [write] = filled(1).take()
    for _ in range(WAITING_MAX - 1):
        gathering.add(write.proposal, write.kind, write.sink)
    assert not gathering.full
    gathering.add(write.proposal, write.kind, write.sink)
    assert gathering.full
