"""The line chat: `@bob hello`, and what others write appears as it arrives.

`LineChat` knows nothing of terminals: lines come from an iterator and go to a function.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from ringchat_client.acknowledger import Acknowledger
from ringchat_client.client import Client
from ringchat_client.errors import AlreadyExists, NotKnown, RingchatError
from ringchat_client.plain_text import harmless, one_harmless_line, shown
from ringchat_client.tables import status_lines
from ringchat_client.terminal import Show
from ringchat_client.values import Asking, Connected, ConnectionEvent, Lost, Refused

__all__ = ["LineChat", "log_in_or_sign_up"]

SENDS_MAX = 256
"""Lines on their way at a time; a pipe that is faster waits."""
ADDRESSED = re.compile(r'@(?:"(?P<quoted>[^"]+)"|(?P<plain>\S+))\s*(?P<text>.*)', re.DOTALL)
HELP = (
    "@bob hello    say hello to bob; from then on lines go to bob",
    '@"a b" hello  the same for a name with a blank',
    "@bob          lines go to bob from now on",
    "/who a*       who there is (* any run of characters, ? any one)",
    "/status       the replicas",
    "/quit         leave (also Ctrl-D); what you have not seen waits for you",
)


async def log_in_or_sign_up(client: Client, name: str, password: str) -> bool:
    """Log in; make the account first if there is none of that name. True if it was made."""
    # Names hold no wildcards, so a name is a pattern for itself and nothing else.
    new = not await client.list_accounts(name)
    if new:
        try:
            await client.create_account(name, password)
        except AlreadyExists:
            new = False  # in another spelling, or just now
    await client.log_in(name, password)
    return new


class Walk:
    """Puts the connection's events into words: what a person wants to know of a failover."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._lost: Lost | None = None
        self._was_connected = False
        self._told: list[int | None] = []  # who was already said to be asked, this time

    def __call__(self, event: ConnectionEvent) -> None:
        """Take an event; show a line if it is worth one."""
        if isinstance(event, Lost):
            self._lost = event
            self._told = []
        elif isinstance(event, Asking):
            self._asking(event)
        elif isinstance(event, Connected):
            if self._lost is not None or self._told:
                relayed = f", through replica {event.replica_id}"
                through = relayed if event.replica_id != event.master_id else ""
                self._show(
                    f"replica {event.master_id} is the master{through}; "
                    f"it took {event.seconds:.2f} s",
                    True,
                )
            self._lost, self._was_connected, self._told = None, True, []
        else:
            assert isinstance(event, Refused)
            if not self._was_connected and not self._told:
                self._told = [event.replica_id]
                self._show(f"looking for the master: {one_harmless_line(event.reason)}", True)

    def _asking(self, event: Asking) -> None:
        if not self._was_connected or event.replica_id in self._told:
            return
        first = not self._told
        self._told.append(event.replica_id)
        if first and self._lost is not None:
            gone = f"replica {self._lost.replica_id} is gone"
            self._show(f"{gone}; asking replica {event.replica_id}", True)
        else:
            self._show(f"asking replica {event.replica_id}", True)


class LineChat:
    """One person's chat, from being logged in to /quit."""

    def __init__(self, client: Client, show: Show) -> None:
        self._client = client
        self._show = show
        self._addressee = ""
        self._room = asyncio.Semaphore(SENDS_MAX)
        self._sends: set[asyncio.Task[None]] = set()

    @property
    def prompt(self) -> str:
        """What stands before the line being typed."""
        return f"@{harmless(self._addressee)}> " if self._addressee else "> "

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Chat until the lines end or /quit; what was said is confirmed by then.

        Raises RingchatError if nothing can be received any more.
        """
        typing = asyncio.create_task(self._obey(lines))
        showing = asyncio.create_task(self._show_messages())
        tasks = (typing, showing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if typing.done() and self._sends:
                await asyncio.wait(self._sends)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _show_messages(self) -> None:
        async with Acknowledger(self._client) as acknowledger:
            async for message in self._client.receive_messages():
                clock = message.sent_at.astimezone().strftime("%H:%M")
                self._show(shown(f"[{clock}] {harmless(message.sender)}: ", message.text), False)
                acknowledger.shown(message.id)

    # ------------------------------------------------------------------- lines

    async def _obey(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            command = line.strip()
            if command == "/quit":
                return
            if command.startswith("/"):
                await self._command(command)
            elif command:
                await self._say(command)

    async def _command(self, command: str) -> None:
        word, _, rest = command.partition(" ")
        try:
            if word == "/help":
                for line in HELP:
                    self._show(line, True)
            elif word == "/who":
                names = await self._client.list_accounts(rest.strip() or "*")
                self._show(", ".join(map(harmless, names)) or "nobody", True)
            elif word == "/status":
                for line in status_lines(await self._client.status()):
                    self._show(line, True)
            else:
                self._show(f"{one_harmless_line(word)}: no such command; see /help", True)
        except RingchatError as error:
            self._show(one_harmless_line(str(error)), True)

    async def _say(self, line: str) -> None:
        text = line
        if line.startswith("@"):
            match = ADDRESSED.fullmatch(line)
            if match is None:
                self._show("say it as: @name text", True)
                return
            self._addressee = match["quoted"] or match["plain"]
            text = match["text"]
            if not text:
                self._show(f"lines go to {one_harmless_line(self._addressee)} now", True)
                return
        if not self._addressee:
            self._show("to whom? @name text", True)
            return
        await self._room.acquire()
        task = asyncio.create_task(self._send(self._addressee, text))
        self._sends.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        self._room.release()

    async def _send(self, to: str, text: str) -> None:
        """Send until it is certain; say so if it is not."""
        try:
            try:
                await self._client.send_message(to, text)
            except NotKnown as error:
                await self._send_again(error)
        except RingchatError as error:
            self._show(f"not sent to {harmless(to)}: {one_harmless_line(str(error))}", True)

    async def _send_again(self, error: NotKnown) -> None:
        while True:
            self._show("not confirmed yet; sending it again", True)
            try:
                await error.send_again()
                return
            except NotKnown as newer:
                error = newer
