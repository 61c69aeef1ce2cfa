"""What happened in a run, for a person: one line an event, with a legend."""

from __future__ import annotations

from collections import deque

from ringchat_server.records import Entry, Group
from ringchat_server.replica.values import Append, Fetched

LINES_MAX = 200_000

LEGEND = """\
# seconds  who   what
# r0, r1, ...    a replica        c3, c4, ...   a client        net   the network
# r1 <- r0 X     r1 got the message X from r0        -> r1 X   it sends X to r1
# A view v belongs to replica v mod n. Entries are shown as index@view kind."""


class Trace:
    """The last lines of a run."""

    def __init__(self) -> None:
        self._lines: deque[tuple[float, str, str, tuple[object, ...]]] = deque(maxlen=LINES_MAX)

    def add(self, seconds: float, who: str, template: str, arguments: tuple[object, ...]) -> None:
        """One event."""
        told = tuple(_told(argument) for argument in arguments)
        self._lines.append((seconds, who, template, told))

    def lines(self) -> list[str]:
        """The legend, then a line for each event."""
        found = [
            f"{seconds:9.4f}  {who:4}  {template.format(*told)}"
            for seconds, who, template, told in self._lines
        ]
        return [*LEGEND.splitlines(), *found]


def _told(value: object) -> object:
    """Short, and as it is now: what is told may change later."""
    if isinstance(value, Append):
        what = _entries(value.group) or "heartbeat"
        return (
            f"Append(view {value.view}, {what}, after {value.previous_index}, "
            f"commit {value.commit_index}, set {list(value.in_sync)})"
        )
    if isinstance(value, Fetched):
        return f"Fetched(view {value.view}, {_entries(value.group)})"
    if isinstance(value, int | str | float):
        return value
    text = str(value)
    return text if len(text) < 400 else f"{text[:400]}…"


def _entries(group: Group) -> str:
    found = [
        f"{index}@{entry.view} {_kind(entry)}"
        for index, entry in enumerate(group.entries, group.first_index)
    ]
    return ", ".join(found if len(found) < 5 else [*found[:2], "…", found[-1]])


def _kind(entry: Entry) -> str:
    match entry.request:
        case ("send", _, tuple(texts)):
            return f"send {', '.join(map(repr, texts))}"
    return str(entry.request[0])
