from __future__ import annotations

import pytest

from tests.unit.server.chat.room import Room


@pytest.fixture
def room() -> Room:
    return Room()
