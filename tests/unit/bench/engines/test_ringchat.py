from __future__ import annotations

import itertools

import pytest

from bench.engines.ringchat import MAILBOX_MESSAGES, DockerRingchat, LocalRingchat, turns


def test_one_mailbox_after_the_other_is_filled() -> None:
    taken = list(itertools.islice(turns(["a", "b"]), MAILBOX_MESSAGES + 1))
    assert taken[0] == taken[-2] == "a"
    assert taken[-1] == "b"
    assert MAILBOX_MESSAGES < 65_536


def test_when_all_are_full_it_says_so() -> None:
    with pytest.raises(OverflowError):
        list(turns(["a"]))


def test_its_durability_is_one_line() -> None:
    for engine in (LocalRingchat(), DockerRingchat()):
        assert "\n" not in engine.durability
        assert engine.tool_figures() == {}
