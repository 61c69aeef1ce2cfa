"""An app that can ask in windows of its own: choose, confirm, type."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from textual.app import App
from textual.screen import ModalScreen

from ringchat_client.errors import RingchatError
from ringchat_client.tui.line_view import Key
from ringchat_client.tui.lines import Line
from ringchat_client.tui.screens import AskScreen, EntryScreen, ListScreen, PasswordScreen

__all__ = ["Windows"]


class Windows(App[RingchatError]):
    """What of a screen asks a person, and waits for the answer beside the typing."""

    async def choose(self, title: str, lines: Sequence[Line], hint: str) -> Key | None:
        """Show lines in a window; the key of the one that was chosen."""
        chosen: Key | None = await self._window(ListScreen(title, lines, hint))
        return chosen

    async def confirm(self, question: str) -> bool:
        """Ask; anything but yes is no."""
        return bool(await self._window(AskScreen(question)))

    async def entry(self, question: str) -> str | None:
        """Ask for a line; None if it was not given."""
        entered: str | None = await self._window(EntryScreen(question))
        return entered

    async def passwords(self) -> tuple[str, str] | None:
        """The old and the new password."""
        passwords: tuple[str, str] | None = await self._window(PasswordScreen())
        return passwords

    async def typing_pause(self) -> None:
        """Wait until a window takes nobody's keys."""

    async def _window(self, screen: ModalScreen[Any]) -> Any:
        """Show a window, and wait for its answer.

        An answer that took its time does not take the keys of who has gone on typing.
        """
        await self.typing_pause()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def answered(result: Any) -> None:
            if not answer.done():
                answer.set_result(result)

        self.push_screen(screen, answered)
        return await answer
