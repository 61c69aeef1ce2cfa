"""The windows in front of the chat: a list, a question, a password, the search."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static
from textual.worker import Worker

from ringchat_client.errors import RingchatError
from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tui.line_view import Key, LineView
from ringchat_client.tui.lines import Line, Span, plain, wrapped
from ringchat_client.tui.timeline import author_role
from ringchat_client.values import Message, Page

__all__ = ["AskScreen", "EntryScreen", "ListScreen", "PasswordScreen", "SearchScreen"]

SEARCH_AFTER_SECONDS = 0.25
RESULTS_MAX = 200
CHANGE_HINT = "Enter goes on, Esc cancels; all other sessions end"


class PickList(LineView):
    """Lines to choose one from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("enter", "pick", "choose", show=False),
    ]

    def action_move(self, by: int) -> None:
        """To the next one; where nothing can be chosen, scroll."""
        if any(line.key is not None for line in self.lines):
            self.move(by)
        else:
            self.scroll_relative(y=by, animate=False)

    def action_pick(self) -> None:
        """Choose it."""
        if self.chosen is not None:
            self.post_message(self.Picked(self, self.chosen))

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        key = self.key_at(event.y)
        if key is not None:
            self.choose(key)
            self.post_message(self.Picked(self, key))


class ListScreen(ModalScreen[Key | None]):
    """Lines under a title; Enter answers with the key of one, Escape with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "close")]

    def __init__(self, title: str, lines: Sequence[Line], hint: str = "Esc closes") -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._hint = hint
        self._view = PickList(id="list")

    def compose(self) -> ComposeResult:
        """The window."""
        with Vertical(classes="window wide"):
            yield Static(Content(plain(self._title)), classes="window-title")
            yield self._view
            yield Static(Content(self._hint), classes="window-hint")

    def on_mount(self) -> None:
        """Fill it."""
        self._view.focus()
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        """Once the width is known."""
        view = self._view
        lines = [
            Line(row, line.key)
            for line in self._lines
            for row in wrapped(line.spans, view.room - 1)
        ]
        view.styles.height = min(max(len(lines), 1), max(self.app.size.height - 8, 3))
        view.show(lines)
        if any(line.key is not None for line in lines):
            view.move(1)

    @on(LineView.Picked)
    def _picked(self, event: LineView.Picked) -> None:
        event.stop()
        self.dismiss(event.key)


class AskScreen(ModalScreen[bool]):
    """A question that is answered with yes or no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "yes"),
        Binding("n,escape", "dismiss(False)", "no"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The window."""
        with Vertical(classes="window"):
            yield Static(Content(one_harmless_line(self._question)), classes="window-title")
            yield Static(Content("y: yes   n: no"), classes="window-hint")


class EntryScreen(ModalScreen[str | None]):
    """A question that is answered with a line."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question
        self._input = Input()

    def compose(self) -> ComposeResult:
        """The window."""
        with Vertical(classes="window"):
            yield Static(Content(one_harmless_line(self._question)), classes="window-title")
            yield self._input
            yield Static(Content("Enter goes on, Esc cancels"), classes="window-hint")

    def on_mount(self) -> None:
        """Ready to type."""
        self._input.focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)


class PasswordScreen(ModalScreen[tuple[str, str] | None]):
    """The old password and twice the new one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]

    def __init__(self) -> None:
        super().__init__()
        places = ("the present one", "the new one", "the new one again")
        self._inputs = [Input(placeholder=place, password=True) for place in places]
        self._told = Static(Content(CHANGE_HINT), classes="window-hint")

    def compose(self) -> ComposeResult:
        """The window."""
        with Vertical(classes="window"):
            yield Static(Content("Change the password"), classes="window-title")
            yield from self._inputs
            yield self._told

    def on_mount(self) -> None:
        """Begin with the old one."""
        self._inputs[0].focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is not self._inputs[-1]:
            self.focus_next()
            return
        old, new, again = (entered.value for entered in self._inputs)
        if new != again or not new:
            hint = "the two new ones differ" if new != again else "the new one is empty"
            self._told.update(Content(hint))
            self._inputs[1].focus()
        else:
            self.dismiss((old, new))


Search = Callable[[str, bool, int], Awaitable[Page]]
"""Words, whether only in the opened conversation, and before which message."""


class SearchScreen(ModalScreen[Message | None]):
    """Search as one types; Enter goes to the message."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "close"),
        Binding("down", "into", "results", show=False),
        Binding("ctrl+s", "scope", "here or everywhere"),
    ]

    def __init__(
        self, search: Search, title_of: Callable[[Message], str], words: str, *, can_narrow: bool
    ) -> None:
        super().__init__()
        self._search = search
        self._title_of = title_of
        self._can_narrow = can_narrow
        self._here = False
        self._found: list[Message] = []
        self._more = False
        self._worker: Worker[None] | None = None
        self._view = PickList(id="found")
        self._input = Input(words, placeholder='words, or "a phrase"', id="words")
        self._told = Static(Content(""), classes="window-hint")

    def compose(self) -> ComposeResult:
        """The window."""
        with Vertical(classes="window wide"):
            yield Static(Content("Search"), classes="window-title")
            yield self._input
            yield self._view
            yield self._told

    def on_mount(self) -> None:
        """Ready to type."""
        self._view.styles.height = max(self.app.size.height - 12, 3)
        self._input.focus()
        self._hint("")

    @on(Input.Changed, "#words")
    def _typed(self) -> None:
        self._begin(delay=SEARCH_AFTER_SECONDS)

    @on(Input.Submitted, "#words")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._found and self._worker is not None and self._worker.is_finished:
            self.action_into()
        else:
            self._begin(delay=0)

    def action_into(self) -> None:
        """From the words to what was found."""
        view = self._view
        if self._found and not view.has_focus:
            view.focus()
            view.move(1)

    def action_scope(self) -> None:
        """Only the opened conversation, or all again."""
        if self._can_narrow:
            self._here = not self._here
            self._begin(delay=0)

    def _begin(self, delay: float) -> None:
        self._worker = self.run_worker(self._run(delay), exclusive=True)

    async def _run(self, delay: float, before: int = 0) -> None:
        words = self._input.value.strip()
        if delay:
            await asyncio.sleep(delay)
        if not words:
            self._found, self._more = [], False
            self._show("")
            return
        try:
            page = await self._search(words, self._here, before)
        except RingchatError as error:
            self._hint(one_harmless_line(str(error)))
            return
        self._found = [*(self._found if before else ()), *page.messages][:RESULTS_MAX]
        self._more = page.more and len(self._found) < RESULTS_MAX
        self._show("" if self._found else "nothing found")

    def _show(self, hint: str) -> None:
        lines: list[Line] = []
        for message in self._found:
            lines += self._result(message)
        if self._more:
            lines.append(Line((Span("more …", "dim"),), "more"))
        self._view.show(lines)
        self._hint(hint)

    def _result(self, message: Message) -> list[Line]:
        at: datetime = message.sent_at.astimezone()
        head = (
            Span(plain(message.sender), author_role(message.sender)),
            Span(f" {at:%d %b %H:%M} in {plain(self._title_of(message))}", "dim"),
        )
        body = Span("  " + one_harmless_line(message.text), "text")
        return [Line(head, message.id), Line((body,), message.id)]

    def _hint(self, text: str) -> None:
        where = "in this conversation" if self._here else "everywhere"
        keys = f"{where} (Ctrl+S) · " if self._can_narrow else ""
        count = f"{len(self._found)}{'+' if self._more else ''} found · " if self._found else ""
        said = f"{text} · " if text else ""
        self._told.update(Content(f"{said}{count}{keys}Enter goes there, Esc closes"))

    @on(LineView.Picked)
    def _picked(self, event: LineView.Picked) -> None:
        event.stop()
        if event.key == "more":
            self._worker = self.run_worker(self._run(0, self._found[-1].id), exclusive=True)
            return
        self.dismiss(next(one for one in self._found if one.id == event.key))
