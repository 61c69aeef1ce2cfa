from __future__ import annotations

import pytest

from ringchat_server.chat.answers import DONE
from tests.unit.server.chat.room import House, Room


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def hall(house: House) -> int:
    """A room of ann's by invitation; bob is in it, cy is invited."""
    room = house.id_of("ann", "room", "hall", "what we talk of", False, ("bob", "cy"))
    assert house.says("bob", "join", room) == DONE
    return room
