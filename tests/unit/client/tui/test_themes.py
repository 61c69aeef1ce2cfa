"""Which colours suit a terminal."""

from __future__ import annotations

import pytest

from ringchat_client.tui.themes import suiting


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({}, "ringchat-dark"),
        ({"RINGCHAT_THEME": "Light"}, "ringchat-light"),
        ({"RINGCHAT_THEME": "dark", "COLORFGBG": "0;15"}, "ringchat-dark"),
        ({"COLORFGBG": "0;15"}, "ringchat-light"),
        ({"COLORFGBG": "15;default;0"}, "ringchat-dark"),
    ],
)
def test_the_theme_that_suits(environment: dict[str, str], theme: str) -> None:
    assert suiting(environment) == theme
