"""The colours, dark and light, and which of them suits this terminal."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

__all__ = ["DARK", "LIGHT", "suiting"]

THEME_VARIABLE = "RINGCHAT_THEME"
LIGHT_BACKGROUNDS = frozenset(("7", "15"))
DARK_AUTHORS = ("#7fb4f0", "#e5a06f", "#8fcf8a", "#d694e0", "#e3c66b", "#6fcfc8")
LIGHT_AUTHORS = ("#1f5fae", "#a5501a", "#2f7d32", "#8b3aa0", "#876300", "#0d7a74")


def _authors(colors: tuple[str, ...]) -> dict[str, str]:
    return {f"author-{i}": color for i, color in enumerate(colors)}


DARK = Theme(
    name="ringchat-dark",
    primary="#5fa8ff",
    secondary="#7a8aa0",
    accent="#ffb454",
    foreground="#d7dde6",
    background="#11151c",
    surface="#171c25",
    panel="#1e2530",
    success="#6cc98a",
    warning="#f0b35a",
    error="#f0736a",
    dark=True,
    variables={
        "faint": "#7c899b",
        "chosen": "#243247",
        "cursor": "#2d4366",
        "badge": "#5fa8ff",
        "badge-text": "#0b1018",
        **_authors(DARK_AUTHORS),
    },
)
LIGHT = Theme(
    name="ringchat-light",
    primary="#1d63c4",
    secondary="#5c6b80",
    accent="#b25e00",
    foreground="#1c232d",
    background="#fbfcfd",
    surface="#f2f4f7",
    panel="#e6eaf0",
    success="#21794a",
    warning="#9a5b00",
    error="#b8261c",
    dark=False,
    variables={
        "faint": "#667385",
        "chosen": "#d5e3f7",
        "cursor": "#bfd6f5",
        "badge": "#1d63c4",
        "badge-text": "#ffffff",
        **_authors(LIGHT_AUTHORS),
    },
)


def suiting(environment: Mapping[str, str]) -> str:
    """The theme by RINGCHAT_THEME=light or dark, else by what the terminal says of itself."""
    wanted = environment.get(THEME_VARIABLE, "").lower()
    if wanted not in {"light", "dark"}:
        background = environment.get("COLORFGBG", "").rpartition(";")[2]
        wanted = "light" if background in LIGHT_BACKGROUNDS else "dark"
    return LIGHT.name if wanted == "light" else DARK.name
