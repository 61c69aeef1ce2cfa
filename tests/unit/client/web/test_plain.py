"""Values as JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ringchat_client.values import Conversation, Room, Typing
from ringchat_client.web.plain import plain, plain_event


def test_a_conversation_has_its_title_and_times_in_milliseconds() -> None:
    at = datetime(2026, 1, 1, 0, 0, 0, 5000, UTC)
    room = Room(7, "Harbour", "", True, "ann", 1, at)
    value = plain([Conversation(7, room, "", None, 0, 0, 0, "", False)])[0]
    assert value["title"] == "Harbour"
    assert value["room"]["created_at"] == 1_767_225_600_005
    assert value["newest"] is None


def test_an_event_has_its_kind() -> None:
    assert plain_event(Typing(7, "ann")) == {
        "event": "Typing",
        "conversation": 7,
        "account": "ann",
    }


def test_what_is_no_value_of_the_sdk_is_a_bug() -> None:
    with pytest.raises(TypeError):
        plain(object())
