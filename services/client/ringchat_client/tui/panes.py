"""The conversations on the left, the messages on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message as Notice

from ringchat_client.tui.line_view import Key, LineView
from ringchat_client.tui.lines import Line

__all__ = ["ConversationPane", "MessagePane"]

NEAR_TOP_LINES = 3


class ConversationPane(LineView):
    """A conversation is two lines; Enter or a click opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("enter,right", "pick", "open", show=False),
    ]

    def action_move(self, by: int) -> None:
        """To the next conversation."""
        self.move(by)

    def action_pick(self) -> None:
        """Open it."""
        if self.chosen is not None:
            self.post_message(self.Picked(self, self.chosen))

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; the cursor stays with its conversation."""
        super().show(lines)
        if self.has_focus:
            self._be_somewhere()

    def _be_somewhere(self) -> None:
        """At a conversation that is there: the opened one, or the first."""
        keys = [line.key for line in self.lines if line.key is not None]
        if keys and self.chosen not in keys:
            self.choose(self.marked if self.marked in keys else keys[0])

    def on_focus(self) -> None:
        """Begin where one is."""
        self.chosen = self.marked
        self._be_somewhere()
        self.refresh()

    def on_blur(self) -> None:
        """The cursor is shown only while it can be moved."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Open what was clicked."""
        key = self.key_at(event.y)
        if key is not None:
            self.choose(key)
            self.post_message(self.Picked(self, key))


class MessagePane(LineView):
    """The messages; stays at the newest one unless somebody has scrolled away from it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "previous", show=False),
        Binding("down,j", "move(1)", "next", show=False),
        Binding("end,G", "newest", "newest", show=False),
        Binding("r", "deed('reply')", "reply or again", show=False),
        Binding("e", "deed('edit')", "edit", show=False),
        Binding("d,delete", "deed('delete')", "delete or drop", show=False),
        Binding("y,c", "deed('copy')", "copy", show=False),
        Binding("enter", "deed('reply')", "reply", show=False),
        Binding("g", "deed('original')", "go to what it replies to", show=False),
        Binding("escape", "deed('leave')", "back", show=False),
        Binding("slash", "deed('command')", "a command", show=False),
    ]

    class Deed(Notice):
        """Something is to be done with the chosen message."""

        def __init__(self, what: str, key: Key | None) -> None:
            super().__init__()
            self.what = what
            self.key = key

    class Moved(Notice):
        """Scrolled; `at_top`: older messages are wanted."""

        def __init__(self, *, at_top: bool) -> None:
            super().__init__()
            self.at_top = at_top

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.following = True

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; what was at the top stays there, unless the newest is followed."""
        top = round(self.scroll_y)
        anchor, above = self._anchor(top)
        room = self.size.height - len(lines)
        super().show([Line(())] * room + list(lines) if room > 0 else lines)
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
        elif anchor is not None:
            place = self._last_line_of(anchor)
            if place is not None and place + above != top:
                self.scroll_to(y=place + above, animate=False, immediate=True)

    def _anchor(self, top: int) -> tuple[Key | None, int]:
        """The first message at or below the top, and how far above its last line the top is.

        Its last line: the first is its head, which it loses to an older one of the same author.
        """
        for i in range(top, len(self.lines)):
            key = self.lines[i].key
            if key is not None:
                last = self._last_line_of(key)
                assert last is not None
                return key, top - last
        return None, 0

    def _last_line_of(self, key: Key) -> int | None:
        lines = self.lines
        return next((i for i in reversed(range(len(lines))) if lines[i].key == key), None)

    def follow(self) -> None:
        """To the newest message, and stay there."""
        self.following = True
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def choose(self, key: Key | None) -> None:
        """Choosing an older message ends following."""
        super().choose(key)
        if key is not None:
            self.following = round(self.scroll_y) >= self.max_scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Somebody scrolled, or the lines moved."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < round(old_value):
            self.following = round(new_value) >= self.max_scroll_y
        elif round(new_value) >= self.max_scroll_y:
            self.following = True
        self.post_message(self.Moved(at_top=round(new_value) <= NEAR_TOP_LINES))

    def action_move(self, by: int) -> None:
        """To the next message; at the oldest one, older ones are wanted."""
        before = self.chosen
        self.move(by)
        if by < 0 and self.chosen == before:
            self.scroll_to(y=0, animate=False)
            self.post_message(self.Moved(at_top=True))

    def action_newest(self) -> None:
        """To the newest message."""
        self.choose(None)
        self.follow()

    def action_deed(self, what: str) -> None:
        """Something with the chosen message."""
        self.post_message(self.Deed(what, self.chosen))

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        self.choose(self.key_at(event.y))

    def on_focus(self) -> None:
        """Begin at the newest."""
        if self.chosen is None:
            self.move(-1)
        self.refresh()

    def on_blur(self) -> None:
        """Nothing is chosen while one types."""
        self.refresh()
