"""The palette: every command and every conversation, found as one types."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from ringchat_client.tui.commands import COMMANDS, CommandInfo
from ringchat_client.tui.lines import plain
from ringchat_client.values import ConversationName

if TYPE_CHECKING:
    from ringchat_client.tui.app import RingchatApp

__all__ = ["Palette"]


class Palette(Provider):
    """Names are shown as plain `Content`: the matcher's own highlighting would read markup."""

    @property
    def _ringchat(self) -> RingchatApp:
        from ringchat_client.tui.app import RingchatApp  # noqa: PLC0415 -- it imports this

        app = self.app
        assert isinstance(app, RingchatApp)
        return app

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for text, help_text, run in self._entries():
            yield DiscoveryHit(Content(text), run, text=text, help=help_text)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for text, help_text, run in self._entries():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, Content(text), run, text=text, help=help_text)

    def _entries(self) -> list[tuple[str, str, partial[None]]]:
        app = self._ringchat
        entries: list[tuple[str, str, partial[None]]] = [
            (_go_to(one.name, one.title), "conversation", partial(app.open, one.name))
            for one in app.state.ordered()
        ]
        entries += [
            (command.usage, command.help, partial(app.begin_command, command))
            for command in COMMANDS
            if self._fits(command)
        ]
        return entries

    def _fits(self, command: CommandInfo) -> bool:
        opened = self._ringchat.state.opened
        if command.where == "room":
            return isinstance(opened, int)
        return not command.where or opened is not None


def _go_to(name: ConversationName, title: str) -> str:
    sign = "#" if isinstance(name, int) else "@"
    return f"{sign}{plain(title)}"
