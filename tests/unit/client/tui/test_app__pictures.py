"""The screen as it looks: each scene is compared with the picture of it in `pictures/`.

One that differs is put into `build/pictures/`. Look at both, in a browser; if the new one is
as it should be, copy it over the old one, as the failure says.
"""

from __future__ import annotations

import ast
import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from ringchat_client.tui import app, desk
from ringchat_client.tui.screens import ListScreen, SearchScreen
from ringchat_client.tui.themes import DARK, LIGHT
from ringchat_client.values import Asking, Connected, Lost, NewMessage, Typing
from tests.unit.client.tui.fake_client import NOON, message, status
from tests.unit.client.tui.person import Person, sitting

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[4]
PICTURES = Path(__file__).resolve().parent / "pictures"
NEW = ROOT / "build" / "pictures"
SETTLE_SECONDS = 5.0


class Noon(datetime):
    """It is always a quarter past twelve."""

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        return cls.fromtimestamp((NOON + timedelta(minutes=15)).timestamp(), tz)


@pytest.fixture(autouse=True)
def always_the_same(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No time, time zone, or terminal of the machine."""
    monkeypatch.setattr(app, "datetime", Noon)
    monkeypatch.setattr(desk, "datetime", Noon)
    for name in ("NO_COLOR", "COLORFGBG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Clock:
    """Stands still, until told otherwise."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def before_the_screen(
    size: tuple[int, int] = (100, 30), theme: str = DARK.name
) -> AsyncIterator[tuple[Person, Clock]]:
    async with sitting(size) as ann:
        clock = Clock()
        ann.app.desk.clock = clock
        ann.app.animation_level = "none"
        ann.app.theme = theme
        ann.composer.cursor_blink = False
        ann.app.state.ring.told(status())
        ann.app.desk.on_connection(Connected(0, 0, 3, 0.01))
        yield ann, clock


def picture_of(ann: Person) -> str:
    """As SVG; with the fonts of whoever looks at it, not those of a host somewhere."""
    svg = ann.app.export_screenshot(title="Ringchat", simplify=True)
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


async def is_as_in(name: str, ann: Person) -> None:
    """The screen comes to look like that picture."""
    known = PICTURES / f"{name}.svg"
    expected = known.read_text("utf-8") if known.exists() else ""
    seen = ""
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while (seen := picture_of(ann)) != expected:
                await ann.pilot.pause(0.02)
    except TimeoutError:
        NEW.mkdir(parents=True, exist_ok=True)
        new = NEW / known.name
        new.write_text(seen, "utf-8")
        new, known = new.relative_to(ROOT), known.relative_to(ROOT)
        pytest.fail(f"not the picture {known}; if it is better: cp {new} {known}")


async def test_a_conversation_of_two_days() -> None:
    async with before_the_screen() as (ann, _):
        ann.client.tell(Typing("dan", "dan"))
        await ann.sees(lambda: any("typing" in line for line in ann.lines("sidebar")))
        await is_as_in("conversation", ann)


async def test_the_walk_to_the_next_master() -> None:
    async with before_the_screen() as (ann, clock):
        ann.client.hold.clear()
        await ann.type("does this one get through?")
        await ann.press("enter")
        ann.app.desk.on_connection(Lost(0, "gone"))
        ann.app.desk.on_connection(Asking(1, "a:1", 4))
        clock.seconds += 0.012
        await ann.type("typing goes on")
        await ann.sees(lambda: "asking 1 … 12 ms" in ann.label("ring"))
        await is_as_in("walk", ann)


async def test_the_walk_is_over_in_the_light() -> None:
    async with before_the_screen(theme=LIGHT.name) as (ann, _):
        ann.app.desk.on_connection(Lost(0, "gone"))
        ann.app.desk.on_connection(Asking(1, "a:1", 4))
        ann.app.desk.on_connection(Connected(1, 1, 4, 0.014))
        ann.client.ring = status(1, 4, (1, 2))
        ann.app.state.ring.told(ann.client.ring)
        await ann.sees(lambda: "2/3 in sync" in ann.label("ring"))
        await is_as_in("light", ann)


async def test_a_room_with_what_is_new_and_what_was_changed() -> None:
    async with before_the_screen() as (ann, _):
        ann.app.open(9)
        late = NOON + timedelta(minutes=5)
        for one in (
            message(30, "dan", "done at five", 9, sent_at=late, edited_at=late),
            message(31, "dan", "", 9, sent_at=late, deleted_at=late),
            message(32, "ann", "watching it", 9, sent_at=late, reply_to=21),
        ):
            ann.client.tell(NewMessage(one))
        await ann.sees(lambda: "watching it" in " ".join(ann.lines()))
        await ann.press("escape", "up", "up", "r")
        await ann.sees(lambda: ann.label("hint").startswith("↪"))
        await is_as_in("room", ann)


async def test_a_search() -> None:
    async with before_the_screen() as (ann, _):
        await ann.press("ctrl+f")
        await ann.type("the ")
        await ann.sees(lambda: isinstance(ann.app.screen, SearchScreen) and ann.lines("found"))
        await is_as_in("search", ann)


async def test_the_help() -> None:
    async with before_the_screen() as (ann, _):
        await ann.press("f1")
        await ann.sees(lambda: isinstance(ann.app.screen, ListScreen))
        await is_as_in("help", ann)


async def test_a_narrow_terminal() -> None:
    async with before_the_screen(size=(60, 20)) as (ann, _):
        await is_as_in("narrow", ann)
        await ann.press("f2")
        await ann.sees(lambda: ann.view("sidebar").display)
        await is_as_in("narrow-choice", ann)


def test_every_picture_is_of_a_scene() -> None:
    source = ast.parse(Path(__file__).read_text("utf-8"))
    calls = (node for node in ast.walk(source) if isinstance(node, ast.Call))
    scenes = {ast.literal_eval(c.args[0]) for c in calls if ast.unparse(c.func) == "is_as_in"}
    assert {path.name for path in PICTURES.iterdir()} == {f"{name}.svg" for name in scenes}


def test_the_clock_of_the_pictures() -> None:
    assert Noon.now(UTC) == NOON + timedelta(minutes=15)
