"""What the demo shows: one side, the other side, and below them the ring and the counts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.bots import Bot
from ringchat_client import Status

LOOKS = {"master": "bold green", "backup": "cyan", "unreachable": "bold red"}


def picture(bots: Sequence[Bot], status: Status | None, kills: int, height: int) -> Layout:
    """The whole screen.

    Args:
        status: None before any replica has answered.
        height: of the screen, in lines.
    """
    layout = Layout()
    below = 9
    layout.split_column(Layout(name="sides"), Layout(_below(bots, status, kills), size=below))
    room = max(1, height - below - 2)
    layout["sides"].split_row(*(Layout(_side(bot, room)) for bot in bots))
    return layout


def _side(bot: Bot, room: int) -> Panel:
    lines = [_line(line.who, line.text, line.confirmed, bot.name) for line in bot.lines]
    return Panel(
        Group(*lines[-room:]), title=f"[bold]{bot.name}[/]", subtitle=Text(bot.connection, "dim")
    )


def _line(who: str, text: str, confirmed: bool, me: str) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{who}: ", "bold magenta" if who == me else "bold blue")
    line.append(text, "" if confirmed else "dim italic")
    line.append(" ✓" if confirmed and who == me else "", "green")
    return line


def _below(bots: Sequence[Bot], status: Status | None, kills: int) -> Panel:
    ring = Table.grid(padding=(0, 3))
    for replica in status.replicas if status is not None else ():
        look = LOOKS.get(replica.role, "yellow")
        in_sync = "in sync" if replica.in_sync else ""
        ring.add_row(
            Text(f"replica {replica.id}", look),
            Text(replica.role, look),
            in_sync,
            f"view {replica.view}" if replica.view >= 0 else "",
            f"{replica.entries} entries" if replica.entries else "",
        )
    lost = sum(bot.sent.lost for bot in bots)
    doubled = sum(bot.sent.doubled for bot in bots)
    counts = Text()
    counts.append(f"masters killed {kills}    ")
    counts.append(f"confirmed {sum(bot.sent.confirmed for bot in bots)}    ", "bold")
    counts.append(f"lost {lost}    ", "bold green" if not lost else "bold red")
    counts.append(f"doubled {doubled}", "bold green" if not doubled else "bold red")
    return Panel(Group(ring, Text(), counts), title="the ring", subtitle="Ctrl-C ends it")
