"""Two who always have something to say to each other."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from pathlib import Path
from typing import NamedTuple

from demo.tally import Tally
from ringchat_client import AlreadyExists, Client, NotKnown
from ringchat_client.values import Asking, Connected, ConnectionEvent, Lost, Refused

PASSWORD = "nobody has to guess it"
PAUSE_SECONDS = 0.25
LINES_KEPT = 200
SAYINGS = (
    "did you notice anything?",
    "no, what?",
    "somebody keeps killing the master",
    "again? I was in the middle of a sentence",
    "and yet here we are",
    "which one leads now?",
    "whoever is next in the ring",
    "nobody asked me to vote",
    "there is nothing to vote about",
    "is my last message still there?",
    "on all three disks, before you read this",
)


class Line(NamedTuple):
    """What stands on somebody's side of the screen."""

    who: str
    text: str
    confirmed: bool


class Bot:
    """One side: says things to the other, reads what comes, and shows both."""

    def __init__(self, name: str, other: str, cluster: Path) -> None:
        self.name = name
        self.other = other
        self.sent = Tally()
        self.connection = "looking for the master"
        self.lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self.reader: Tally | None = None
        """Where what comes is counted: the other one's `sent`."""
        self._client = Client(cluster=cluster, on_connection=self._on_connection)

    async def __aenter__(self) -> Bot:
        await self._client.__aenter__()
        try:
            await self._client.create_account(self.name, PASSWORD)
        except AlreadyExists:
            pass  # from a demo before
        await self._client.log_in(self.name, PASSWORD)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.close()

    async def talk(self, ending: asyncio.Event) -> None:
        """Says one thing after the other until told to end; none is left unconfirmed."""
        for number in itertools.count(1):
            if ending.is_set():
                return
            at = (2 * number + (self.name > self.other)) % len(SAYINGS)
            text = f"{number} {SAYINGS[at]}"
            self.lines.append(Line(self.name, text, False))
            place = len(self.lines) - 1 if len(self.lines) < LINES_KEPT else LINES_KEPT - 1
            await self._send(text)
            self.sent.confirm(number)
            self._confirmed(text, place)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _send(self, text: str) -> None:
        try:
            await self._client.send_message(self.other, text)
        except NotKnown as error:
            while True:
                try:
                    await error.send_again()
                    return
                except NotKnown as newer:
                    error = newer

    def _confirmed(self, text: str, place: int) -> None:
        for at in range(min(place, len(self.lines) - 1), -1, -1):
            if self.lines[at] == Line(self.name, text, False):
                self.lines[at] = Line(self.name, text, True)
                return

    async def listen(self) -> None:
        """Reads and acknowledges for ever."""
        assert self.reader is not None
        async for message in self._client.receive_messages():
            number = message.text.partition(" ")[0]
            if message.sender == self.other and number.isdecimal():
                self.reader.receive(int(number))
                self.lines.append(Line(message.sender, message.text, True))
            await self._client.acknowledge(message.id)

    def _on_connection(self, event: ConnectionEvent) -> None:
        match event:
            case Lost(replica_id=replica_id):
                self.connection = f"replica {replica_id} is gone"
            case Asking(replica_id=replica_id) if replica_id is not None:
                self.connection = f"asking replica {replica_id}"
            case Refused(reason=reason):
                self.connection = reason
            case Connected(master_id=master_id, view=view, seconds=seconds):
                took = f"{seconds * 1000:.0f} ms"
                self.connection = f"replica {master_id} leads view {view}, after {took}"
            case _:
                pass
