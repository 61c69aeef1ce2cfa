"""Widgets that show lines. The only place where a role becomes a colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.message import Message as Notice
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from ringchat_client.tui.lines import Line
from ringchat_client.tui.timeline import AUTHOR_ROLES

__all__ = ["ROLES", "Key", "LineLabel", "LineView"]

Key = str | int
ROLES = (
    *AUTHOR_ROLES,
    *("text", "strong", "dim", "quote", "clock", "day", "new", "link", "title", "unread"),
    *("mention", "mention-me", "count", "count-mention", "typing"),
    *("confirmed", "delivered", "read", "pending", "failed", "deleted"),
    *("good", "warning", "error"),
)
COMPONENTS = {f"role--{role}" for role in ROLES} | {"role--chosen", "role--cursor"}


class LineLabel(Widget):
    """One line."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    DEFAULT_CSS = "LineLabel { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self._line = Line(())

    @property
    def line(self) -> Line:
        """What is shown."""
        return self._line

    def show(self, line: Line) -> None:
        """Show that line."""
        if line != self._line:
            self._line = line
            self.refresh()

    def render(self) -> Text:
        """The line, coloured."""
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        for span in self._line.spans:
            style = Style()
            if span.role:
                style = self.get_component_rich_style(f"role--{span.role}", partial=True)
            text.append(span.text, style)
        return text


class LineView(ScrollView, can_focus=True):
    """Many lines; those of one key are chosen together, by the arrows or the mouse."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS

    class Picked(Notice):
        """A line was clicked, or Enter was pressed on it."""

        def __init__(self, view: LineView, key: Key) -> None:
            super().__init__()
            self.view = view
            self.key = key

        @property
        def control(self) -> LineView:
            """Whose line it is."""
            return self.view

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()
        self.chosen: Key | None = None
        """The lines that the arrows are at."""
        self.marked: Key | None = None
        """Lines that stand out for another reason: the opened conversation."""

    @property
    def room(self) -> int:
        """How wide a line may be."""
        return max(self.scrollable_content_region.width, 1)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines from now on."""
        self.lines = lines
        self.virtual_size = Size(self.room, len(lines))
        self.refresh()

    def choose(self, key: Key | None) -> None:
        """Move to the lines of that key, and show them whole."""
        self.chosen = key
        places = [i for i, line in enumerate(self.lines) if key is not None and line.key == key]
        if places:
            top, height = round(self.scroll_y), self.size.height
            if places[0] < top:
                self.scroll_to(y=places[0], animate=False)
            elif places[-1] >= top + height:
                self.scroll_to(y=places[-1] - height + 1, animate=False)
        self.refresh()

    def move(self, by: int) -> None:
        """Choose the next key in that direction; from none: the last, or the first."""
        keys = list(dict.fromkeys(line.key for line in self.lines if line.key is not None))
        if not keys:
            return
        if self.chosen not in keys:
            self.choose(keys[-1] if by < 0 else keys[0])
        else:
            i = keys.index(self.chosen) + by
            self.choose(keys[min(max(i, 0), len(keys) - 1)])

    def key_at(self, y: int) -> Key | None:
        """What belongs to a line of the screen, counted from the top of the widget."""
        i = y + round(self.scroll_y)
        return self.lines[i].key if 0 <= i < len(self.lines) else None

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        i = y + self.scroll_offset.y
        width = self.room
        base = self.rich_style
        if i >= len(self.lines):
            return Strip.blank(width, base)
        line = self.lines[i]
        over = self._over(line)
        segments = [
            Segment(span.text, base + self._style(span.role) + over)
            for span in line.spans
            if span.text
        ]
        return Strip(segments).adjust_cell_length(width, base + over)

    def _over(self, line: Line) -> Style:
        if line.key is None:
            return Style()
        if line.key == self.chosen and self.has_focus:
            return self.get_component_rich_style("role--cursor", partial=True)
        if line.key in {self.marked, self.chosen} and line.key == self.marked:
            return self.get_component_rich_style("role--chosen", partial=True)
        return Style()

    def _style(self, role: str) -> Style:
        if not role:
            return Style()
        return self.get_component_rich_style(f"role--{role}", partial=True)
