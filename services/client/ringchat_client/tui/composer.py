"""Where one types: several lines, a history, Tab for commands and names."""

from __future__ import annotations

from textual import events
from textual.message import Message as Notice
from textual.widgets import TextArea

__all__ = ["HISTORY_MAX", "Composer", "History"]

HISTORY_MAX = 200


class History:
    """What was sent, newest last; walking through it keeps what was being typed."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._at: int | None = None
        self._typed = ""

    def add(self, line: str) -> None:
        """Something was sent."""
        self._at = None
        if not self._lines or self._lines[-1] != line:
            self._lines.append(line)
            del self._lines[:-HISTORY_MAX]

    def older(self, typed: str) -> str | None:
        """The one before; None at the end."""
        if self._at is None:
            at, self._typed = len(self._lines), typed
        else:
            at = self._at
        if at == 0:
            return None
        self._at = at - 1
        return self._lines[self._at]

    def newer(self) -> str | None:
        """The one after, at last what was being typed; None if that is what stands there."""
        if self._at is None:
            return None
        self._at += 1
        if self._at < len(self._lines):
            return self._lines[self._at]
        self._at = None
        return self._typed


class Composer(TextArea):
    """Enter sends; Shift+Enter, Alt+Enter or Ctrl+J begins another line."""

    NEW_LINE_KEYS = frozenset(("shift+enter", "alt+enter", "ctrl+enter", "ctrl+j"))

    class Submitted(Notice):
        """Enter was pressed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class TabPressed(Notice):
        """Something is to be completed."""

    class Escaped(Notice):
        """Escape was pressed: what was begun, a reply or an edit, is given up."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            compact=True,
        )
        self.history_lines = History()

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            self._taken(event)
            self.post_message(self.Submitted(self.text))
        elif event.key in self.NEW_LINE_KEYS:
            self._taken(event)
            self.insert("\n")
        elif event.key == "tab":
            self._taken(event)
            self.post_message(self.TabPressed())
        elif event.key == "escape":
            self._taken(event)
            self.post_message(self.Escaped())
        elif event.key == "up" and self.cursor_location[0] == 0:
            self._taken(event)
            self.put(self.history_lines.older(self.text))
        elif event.key == "down" and self.cursor_location[0] == self.document.line_count - 1:
            self._taken(event)
            self.put(self.history_lines.newer())
        else:
            await super()._on_key(event)

    @staticmethod
    def _taken(event: events.Key) -> None:
        event.stop()
        event.prevent_default()

    def put(self, text: str | None) -> None:
        """Replace what stands there, and go to its end; None: leave it."""
        if text is not None:
            self.text = text
            self.move_cursor(self.document.end)

    def take(self) -> str:
        """What stands there; afterwards nothing does."""
        text = self.text
        self.text = ""
        return text
