from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from ringchat_server.replica.values import (
    Ack,
    Append,
    Fetch,
    HandedOver,
    Message,
    Ping,
    Prepare,
    Run,
    StateChunk,
)


def test_every_message_carries_a_view() -> None:
    for message in Message.__args__:
        assert "view" in message.__dataclass_fields__, message


def test_values_can_be_compared_and_not_changed() -> None:
    ack = Ack(1, 2, 3)
    assert ack == Ack(1, 2, 3) != Ack(1, 2, 4)
    with pytest.raises(FrozenInstanceError):
        ack.length = 3  # type: ignore[misc]
    assert Run(1, 2) == (1, 2)


def test_what_only_the_owner_of_a_view_may_say_has_its_view() -> None:
    for message in (Append, Prepare, Fetch, HandedOver, StateChunk, Ping):
        assert next(iter(message.__dataclass_fields__)) == "view"
