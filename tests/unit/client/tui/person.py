"""Somebody before the screen: keys and mouse go in, lines come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from ringchat_client.errors import RingchatError
from ringchat_client.tui.app import RingchatApp
from ringchat_client.tui.composer import Composer
from ringchat_client.tui.line_view import LineLabel, LineView
from ringchat_client.values import Connected
from tests.unit.client.tui.fake_client import FakeClient
from tests.unit.client.tui.scenes import a_busy_day

__all__ = ["Person", "sitting"]


class Person:
    """Somebody before the screen."""

    def __init__(self, client: FakeClient) -> None:
        self.client = client
        self.app = RingchatApp(client, "ann")
        self.pilot: Pilot[RingchatError]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        names = {" ": "space", "/": "slash", "@": "at", "*": "asterisk", "\n": "ctrl+j"}
        await self.pilot.press(*(names.get(character, character) for character in text))

    @property
    def composer(self) -> Composer:
        return self.app.screen_stack[0].query_one(Composer)

    def view(self, name: str = "messages") -> LineView:
        return self.app.screen.query_one(f"#{name}", LineView)

    def lines(self, name: str = "messages") -> list[str]:
        return [line.text.strip() for line in self.view(name).lines]

    def label(self, name: str) -> str:
        return self.app.screen_stack[0].query_one(f"#{name}", LineLabel).line.text.strip()

    async def sees(self, holds: Callable[[], object]) -> None:
        """Wait until it is on the screen."""
        async with asyncio.timeout(10):
            while not holds():
                await self.pilot.pause(0.01)


@asynccontextmanager
async def sitting(size: tuple[int, int] = (100, 30), *, day: bool = True) -> AsyncIterator[Person]:
    client = FakeClient()
    if day:
        a_busy_day(client)
    person = Person(client)
    async with person.app.run_test(size=size) as pilot:
        person.pilot = pilot
        person.app.desk.on_connection(Connected(0, 0, 3, 0.01))
        if day:
            await person.sees(lambda: person.app.state.opened is not None or size[0] < 72)
            person.app.open("bob")
            await person.sees(
                lambda: "see https://example.org/ring for the figure" in person.lines()
            )
        yield person
