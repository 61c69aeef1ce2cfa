"""The line chat: `@bob hello`, `#12 hello`, and what others write appears as it arrives.

`LineChat` knows nothing of terminals: lines come from an iterator and go to a function.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from ringchat_client.acknowledger import Acknowledger
from ringchat_client.client import Client
from ringchat_client.errors import AlreadyExists, InvalidArgument, NotKnown, RingchatError
from ringchat_client.plain_text import harmless, one_harmless_line, shown
from ringchat_client.tables import status_lines
from ringchat_client.terminal import Show
from ringchat_client.values import (
    Asking,
    Connected,
    ConnectionEvent,
    ConversationName,
    Lost,
    Message,
    Refused,
    Room,
)

__all__ = ["LineChat", "Walk", "addressee", "log_in_or_sign_up"]

T = TypeVar("T")

SENDS_MAX = 256
"""Lines on their way at a time; a pipe that is faster waits."""
ADDRESSED = re.compile(r'@(?:"(?P<quoted>[^"]+)"|(?P<plain>\S+))\s*(?P<text>.*)', re.DOTALL)
TO_A_ROOM = re.compile(r"#(?P<room>[0-9]{1,18})(?:\s+(?P<text>.*))?", re.DOTALL)
HISTORY_MESSAGES = 20
HELP = (
    "@bob hello    say hello to bob; from then on lines go to bob",
    '@"a b" hello  the same for a name with a blank',
    "@bob          lines go to bob from now on",
    "#12 hello     the same to room 12",
    "/rooms        the rooms there are, with their numbers",
    "/create dogs  make a room that anybody may join; /join 12 and /leave 12",
    "/history      what was said last where lines go to",
    "/who a*       who there is (* any run of characters, ? any one)",
    "/status       the replicas",
    "/quit         leave (also Ctrl-D); what you have not seen waits for you",
)


def addressee(word: str) -> ConversationName:
    """`#12` is a room; anything else is an account."""
    match = TO_A_ROOM.fullmatch(word)
    return word if match is None or match["text"] else int(match["room"])


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
        self._addressee: ConversationName = ""
        self._titles: dict[int, str] = {}
        self._room = asyncio.Semaphore(SENDS_MAX)
        self._sends: set[asyncio.Task[None]] = set()

    @property
    def prompt(self) -> str:
        """What stands before the line being typed."""
        return f"{_called(self._addressee)}> " if self._addressee else "> "

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Chat until the lines end or /quit; what was said is confirmed by then.

        Raises RingchatError if nothing can be received any more.
        """
        typing = asyncio.create_task(self._obey(lines))
        showing = asyncio.create_task(self._show_messages())
        tasks = (typing, showing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if typing.done():
                await self._all_said()
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
                await self._show_message(message, "%H:%M")
                acknowledger.shown(message.id)

    async def _show_message(self, message: Message, clock: str) -> None:
        head = f"[{message.sent_at.astimezone().strftime(clock)}] {harmless(message.sender)}"
        if isinstance(message.conversation, int):
            head += f" in #{harmless(await self._title(message.conversation))}"
        text = message.text if message.deleted_at is None else "(deleted)"
        self._show(shown(head + ": ", text), False)

    async def _title(self, room: int) -> str:
        """What a room is called; the number of one that is not there any more."""
        if room not in self._titles:
            try:
                await self._my_rooms()
            except RingchatError:
                return str(room)  # its message matters more
        return self._titles.setdefault(room, str(room))

    async def _my_rooms(self) -> list[Room]:
        """The rooms that one is in or invited to; their titles are known from now on."""
        rooms = [c.room for c in await self._client.conversations() if c.room is not None]
        self._titles.update((room.id, room.title) for room in rooms)
        return rooms

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
        commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "/help": self._help,
            "/who": self._who,
            "/status": self._status,
            "/rooms": self._rooms,
            "/create": self._create,
            "/join": self._join,
            "/leave": self._leave,
            "/history": self._history,
        }
        word, _, rest = command.partition(" ")
        if word not in commands:
            self._show(f"{one_harmless_line(word)}: no such command; see /help", True)
            return
        try:
            await commands[word](rest.strip())
        except RingchatError as error:
            self._show(one_harmless_line(str(error)), True)

    async def _help(self, _: str) -> None:
        for line in HELP:
            self._show(line, True)

    async def _who(self, pattern: str) -> None:
        names = await self._client.list_accounts(pattern or "*")
        self._show(", ".join(map(harmless, names)) or "nobody", True)

    async def _status(self, _: str) -> None:
        for line in status_lines(await self._client.status()):
            self._show(line, True)

    async def _rooms(self, _: str) -> None:
        mine = await self._my_rooms()
        ids = {room.id for room in mine}
        others = [room for room in await self._client.rooms() if room.id not in ids]
        for room, note in [*((r, "") for r in mine), *((r, ": /join it") for r in others)]:
            count = "1 member" if room.members == 1 else f"{room.members} members"
            self._show(f"#{room.id} {one_harmless_line(room.title)}, {count}{note}", True)
        if not mine and not others:
            self._show("there are no rooms; /create TITLE makes one", True)

    async def _create(self, title: str) -> None:
        room = await self._certain(self._client.create_room(title, public=True))
        self._address(room)

    async def _join(self, number: str) -> None:
        room = _room_of(number)
        await self._certain(self._client.join_room(room))
        self._address(room)

    async def _leave(self, number: str) -> None:
        room = _room_of(number)
        await self._all_said()
        await self._certain(self._client.leave_room(room))
        self._titles.pop(room, None)
        if self._addressee == room:
            self._addressee = ""
        self._show(f"you have left #{room}", True)

    async def _history(self, _: str) -> None:
        if not self._addressee:
            raise InvalidArgument("of what? say @name or #number first")
        await self._all_said()
        page = await self._client.history(self._addressee, limit=HISTORY_MESSAGES)
        for message in page.messages:
            await self._show_message(message, "%Y-%m-%d %H:%M")

    async def _all_said(self) -> None:
        """Wait for what was said before: it goes its own way, and a command could overtake it."""
        if self._sends:
            await asyncio.wait(self._sends)

    def _address(self, to: ConversationName) -> None:
        self._addressee = to
        self._show(f"lines go to {_spoken(to)} now", True)

    async def _say(self, line: str) -> None:
        to, text = self._addressee, line
        if (match := TO_A_ROOM.fullmatch(line)) is not None:
            to, text = int(match["room"]), match["text"]
        elif line.startswith("@"):
            match = ADDRESSED.fullmatch(line)
            if match is None:
                self._show("say it as: @name text", True)
                return
            to, text = match["quoted"] or match["plain"], match["text"]
        if not text:
            self._address(to)
            return
        self._addressee = to
        if not self._addressee:
            self._show("to whom? @name text, or #number text", True)
            return
        await self._room.acquire()
        task = asyncio.create_task(self._send(self._addressee, text))
        self._sends.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        self._room.release()

    async def _send(self, to: ConversationName, text: str) -> None:
        try:
            await self._certain(self._client.send_message(to, text))
        except RingchatError as error:
            self._show(f"not sent to {_spoken(to)}: {one_harmless_line(str(error))}", True)

    async def _certain(self, call: Awaitable[T]) -> T:
        """The result of a call, sent again until that is certain."""
        try:
            return await call
        except NotKnown as error:
            unsure = error
        while True:
            self._show("not confirmed yet; sending it again", True)
            try:
                result: T = await unsure.send_again()
                return result
            except NotKnown as newer:
                unsure = newer


def _spoken(to: ConversationName) -> str:
    """A conversation within a sentence."""
    return f"#{to}" if isinstance(to, int) else one_harmless_line(to)


def _called(to: ConversationName) -> str:
    """A conversation as it is addressed."""
    return f"#{to}" if isinstance(to, int) else f"@{harmless(to)}"


def _room_of(number: str) -> int:
    room = addressee("#" + number.removeprefix("#"))
    if isinstance(room, str):
        raise InvalidArgument("which room? its number, as /rooms shows it")
    return room
