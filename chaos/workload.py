"""People at work: a program for a container that sends, reads, makes and deletes accounts.

    python -m chaos.workload '{"number": 0, "people": 2, "seed": 7, ...}'

Every call goes to standard output as it ends, one JSON object to a line; see `Diary`. It
works until SIGTERM, finishes what it has begun, and ends. The clock is `time.monotonic`,
which all containers of one machine share.

**How a whole mailbox is read.** `receive_messages` never says that it has nothing more. So a
reader opens it, sends itself a message, a *marker*, and takes what comes up to the marker.
Delivery is in the order of the ids, nobody else acknowledges, and this reader has no
acknowledgement under way meanwhile; so that is what the mailbox held when the marker came
to stand in it: exactly, and at a moment between the sending of the marker and its arrival. The
read is written down with that interval, the marker as a send of its own.

In availability mode the order may change when a partition heals, and with it what a stream
that goes on has still to bring. A read during which the connection changed is not
written down there, and nothing is acknowledged on the strength of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from chaos.history import (
    ACKNOWLEDGE,
    CREATE,
    DELETE,
    DONE,
    EDIT,
    EXISTS,
    FAILED,
    NOTE,
    READ,
    REFUSED,
    SEND,
    UNKNOWN,
    Call,
    Letters,
)
from ringchat_client import (
    AlreadyExists,
    Client,
    Connected,
    DeadlineExpired,
    Lost,
    NotDone,
    NotFound,
    NotKnown,
    Receipt,
    ResourceExhausted,
    RingchatError,
    Unauthenticated,
)

PASSWORD = "a password"  # noqa: S105 - of nobody
PATIENCE_SECONDS = (1.0, 3.0, 10.0)
"""Timeouts of calls; a call beyond it is tried again as often as not."""
READ_SECONDS_MAX = 60.0
ARCHIVE = "archive"
ARCHIVE_SECONDS = 45.0
"""So long everybody sends to the same archive."""
SENDERS = 2
SEND_PAUSE_SECONDS = 0.06
UNANSWERED_MAX = 5
PADDED_SHARE = 0.03
PADDING_CHARACTERS = (1 << 10, 12 << 10)
"""What is sent stays in the state, which a small volume has to hold several times."""
KEPT_NOTE = "note"
NOTE_PAUSE_SECONDS = 0.1
"""A note that is written anew is as long, and the state keeps only what it says last. With these
a run of ten minutes writes some 80 MB of journal: enough for compactions, and for states that are
sent whole."""
GUEST_SECONDS = 8.0
"""After so long a guest comes under another name: that of a deleted account stays taken."""
PADDED = re.compile(r"(.+) and ([0-9]{1,5}) more")
PAUSE_SECONDS = 0.2
"""After a failure that says to wait, and the least between two reads."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one container's people are told."""

    cluster: str
    """Path of cluster.yaml."""
    prefix: str
    """Of all their accounts, so that other people's are left alone."""
    number: int
    people: int
    """This container's number, and how many there are."""
    seed: int
    strict: bool
    """Consistency mode."""


class Diary(Protocol):
    """Where what happens is written down."""

    def call(self, call: Call) -> None:
        """A call has ended, or was given up."""
        ...

    def event(self, at: float, client: str, kind: str, view: int, master: int) -> None:
        """Of a kind: "connected", with the view and its master, or "lost"."""
        ...


def padded(text: str) -> str:
    """A text as it is sent: "ann's 7 and 2048 more" with that many characters behind it.

    So a history needs to keep the short one only.
    """
    match = PADDED.fullmatch(text)
    if match is None:
        return text
    size = int(match[2])
    return f"{text}\n{(text * (size // len(text) + 1))[:size]}"


def unpadded(text: str) -> str:
    """Undoes `padded`; whatever is not exactly what it makes is left as it is."""
    short = text.partition("\n")[0]
    return short if padded(short) == text else text


class Person:
    """One client with one account."""

    def __init__(self, setting: Setting, name: str, diary: Diary, alias: str = "") -> None:
        """
        Args:
            alias: goes before the name in the texts, if somebody else has used this account.
        """
        self.name = name
        self._alias = alias
        self._setting = setting
        self._diary = diary
        self._chance = random.Random(f"{setting.seed} {name}")
        self._client = Client(cluster=setting.cluster, on_connection=self._connection)
        self._changes = 0
        """Of the connection."""
        self._texts = 0
        # Its own, and without the prefix: so only the seed says how long the texts are.
        self._lengths = random.Random(f"{setting.seed} {name.removeprefix(setting.prefix)} writes")

    async def __aenter__(self) -> Person:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._client.close()

    def _connection(self, event: object) -> None:
        now = time.monotonic()
        if isinstance(event, Connected):
            self._changes += 1
            self._diary.event(now, self.name, "connected", event.view, event.master_id)
        elif isinstance(event, Lost):
            self._changes += 1
            self._diary.event(now, self.name, "lost", -1, -1)

    # ------------------------------------------------------------------- calls

    async def create(self, name: str, *, certain: bool = False) -> Call:
        """Makes an account."""
        return await self._ask(
            Call(self.name, CREATE, name, 0.0),
            lambda timeout: self._client.create_account(name, PASSWORD, timeout=timeout),
            certain,
        )

    async def delete(self) -> Call:
        """Deletes the own account; returns when that is certain."""
        return await self._ask(
            Call(self.name, DELETE, self.name, 0.0),
            lambda timeout: self._client.delete_account(timeout=timeout),
            certain=True,
        )

    async def exists(self, name: str) -> Call:
        """Whether there is such an account."""

        async def ask(timeout: float) -> bool:
            return name in await self._client.list_accounts(name, timeout=timeout)

        return await self._ask(Call(self.name, EXISTS, name, 0.0), ask)

    async def send(self, to: str, text: str = "", *, certain: bool = False) -> Call:
        """Sends a text that nobody else sends."""
        text = text or self.new_text(may_be_long=ARCHIVE not in to)
        sent = padded(text)

        return await self._ask(
            Call(self.name, SEND, to, 0.0, text),
            lambda timeout: self._client.send_message(to, sent, timeout=timeout),
            certain,
        )

    async def acknowledge(self, message_id: int) -> Call:
        """Acknowledges this message and all before it; returns when that is certain."""
        return await self._ask(
            Call(self.name, ACKNOWLEDGE, self.name, 0.0, message_id),
            lambda timeout: self._client.acknowledge(message_id, timeout=timeout),
            certain=True,
        )

    async def note(self) -> int | None:
        """The id of the first message that he has written to himself; None if nobody can tell."""
        try:
            page = await self._client.history(self.name, after=1, limit=1)
            return page.messages[0].id
        except NotFound:
            receipt = await self._client.send_message(self.name, "a note")
            return receipt.message_id
        except (DeadlineExpired, ResourceExhausted):
            return None

    async def edit(self, note: int) -> Call:
        """Writes the note anew, with a text that was never in it; returns when that is certain."""
        self._texts += 1
        text = f"{self.name}'s {self._texts} and {self._lengths.randint(*PADDING_CHARACTERS)} more"
        return await self._ask(
            Call(self.name, EDIT, self.name, 0.0, text),
            lambda timeout: self._client.edit_message(
                self.name, note, padded(text), timeout=timeout
            ),
            certain=True,
        )

    async def read_note(self) -> Call:
        """What the note says."""

        async def ask(timeout: float) -> str:
            page = await self._client.history(self.name, after=1, limit=1, timeout=timeout)
            return unpadded(page.messages[0].text)

        return await self._ask(Call(self.name, NOTE, self.name, 0.0), ask)

    async def read(self, *, acknowledge: bool = False) -> Letters | None:
        """The whole mailbox, up to a marker; None if it could not be read exactly."""
        changes = self._changes
        text = self.new_text()
        begin = time.monotonic()
        # Open until it is acknowledged: it knows in which order the ids were given.
        async with aclosing(self._client.receive_messages()) as messages:
            marker = await self.send(self.name, text, certain=True)
            if marker.outcome != DONE:
                return None
            letters: list[tuple[int, str]] = []
            try:
                async with asyncio.timeout(READ_SECONDS_MAX):
                    async for message in messages:
                        letters.append((message.id, unpadded(message.text)))
                        if letters[-1][1] == text:
                            break
            except TimeoutError:  # nobody serves; if it were lost, the last reads would tell
                return None
            if self._changes != changes and not self._setting.strict:
                return None
            read = Call(self.name, READ, self.name, begin, None, time.monotonic(), DONE)
            read.result = tuple(letters)
            self._diary.call(read)
            if acknowledge:
                await self.acknowledge(letters[-1][0])
            return read.result

    def new_text(self, *, may_be_long: bool = True) -> str:
        """One that nobody has sent. Some say of themselves that they are long: see `padded`.

        Args:
            may_be_long: false for what nobody will ever acknowledge. It stays in the state, which
                a small volume has to hold several times.
        """
        self._texts += 1
        text = f"{self._alias}{self.name}'s {self._texts}"
        if may_be_long and self._lengths.random() < PADDED_SHARE:
            return f"{text} and {self._lengths.randint(*PADDING_CHARACTERS)} more"
        return text

    async def _ask(
        self, call: Call, question: Callable[[float], Awaitable[Any]], certain: bool = False
    ) -> Call:
        """Asks, and writes down how it ended; with `certain`, again and again until it is known.

        A refusal is as good as an answer, but in availability mode, if the connection changed
        meanwhile: there the other side of a partition may have taken the call already, and
        hand it over later.
        """
        changes = self._changes
        call.begin = time.monotonic()
        try:
            answer = await self._until_known(question, certain)
            call.result = answer.message_id if isinstance(answer, Receipt) else answer
            call.outcome = DONE
        except NotDone:
            call.outcome = FAILED
        except DeadlineExpired:
            call.outcome = UNKNOWN
        except RingchatError as error:
            if self._setting.strict or self._changes == changes:
                refused = isinstance(error, AlreadyExists | NotFound)
                call.outcome = REFUSED if refused else FAILED
        finally:  # cancelled, too
            if call.outcome != UNKNOWN:
                call.end = time.monotonic()
            self._diary.call(call)
        return call

    async def _until_known(self, question: Callable[[float], Awaitable[Any]], certain: bool) -> Any:
        again = question
        while True:
            try:
                return await again(self._chance.choice(PATIENCE_SECONDS))
            except NotKnown as error:
                if not certain and self._chance.random() < 0.5:
                    raise
                repeat = error.send_again

                async def again(timeout: float, repeat: Any = repeat) -> Any:
                    return await repeat(timeout=timeout)

            except NotDone:
                if not certain:
                    raise

    async def sign_in(self) -> None:
        """Logs in; makes the account if it is not there.

        Raises:
            Unauthenticated: the name is taken, and nobody's any more.
        """
        taken = False
        while True:
            try:
                await self._client.log_in(self.name, PASSWORD)
                return
            except Unauthenticated:
                if taken:
                    raise
                taken = (await self.create(self.name, certain=True)).outcome == REFUSED
            except (DeadlineExpired, ResourceExhausted):  # nobody serves, or too many ask
                await asyncio.sleep(PAUSE_SECONDS)


# --------------------------------------------------------------------- their days


class Crowd:
    """The people of one container."""

    def __init__(self, setting: Setting, diary: Diary) -> None:
        self._setting = setting
        self._diary = diary
        self._over = asyncio.Event()

    def stop(self) -> None:
        """Everybody finishes what they have begun."""
        self._over.set()

    async def run(self) -> None:
        """Until `stop`."""
        number = self._setting.number
        days = [(f"sender-{number}-{i}", self._send_all_day) for i in range(SENDERS)]
        days += [(f"box-{number}", self._read_all_day), (f"{KEPT_NOTE}-{number}", self._edit)]
        async with asyncio.TaskGroup() as group:
            for name, day in days:
                group.create_task(self._live(f"{self._setting.prefix}-{name}", day))
            group.create_task(self._come_and_go(f"{self._setting.prefix}-guest-{number}"))

    async def _live(self, name: str, day: Callable[[Person], Awaitable[None]]) -> None:
        async with Person(self._setting, name, self._diary) as person:
            while not self._over.is_set():
                try:
                    await person.sign_in()
                    await day(person)
                except Unauthenticated:
                    pass  # a partition has taken the session; log in again

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            pass

    def _a_name(self, chance: random.Random) -> str:
        """Somebody who may be there or not."""
        number = chance.randrange(self._setting.people)
        archive = f"{ARCHIVE}-{int(time.monotonic() // ARCHIVE_SECONDS)}"
        guest = f"guest-{number}-{self._visit()}"
        who = chance.choices((f"box-{number}", guest, archive), (5, 2, 3))
        return f"{self._setting.prefix}-{who[0]}"

    async def _send_all_day(self, person: Person) -> None:
        """To mailboxes that are read, to guests, and to archives that nobody ever reads."""
        chance = random.Random(f"{self._setting.seed} {person.name} sends")
        tried: set[str] = set()
        unanswered: set[asyncio.Task[Call]] = set()
        async with asyncio.TaskGroup() as group:
            while not self._over.is_set():
                name = self._a_name(chance)
                if ARCHIVE in name and name not in tried:
                    tried.add(name)
                    await person.create(name)
                asking = person.exists(name) if chance.random() < 0.05 else person.send(name)
                task = group.create_task(asking)
                unanswered.add(task)
                task.add_done_callback(unanswered.discard)
                if len(unanswered) >= UNANSWERED_MAX:
                    await asyncio.wait(unanswered, return_when=asyncio.FIRST_COMPLETED)
                await self._pause(chance.expovariate(1 / SEND_PAUSE_SECONDS))
                if task.done() and task.result().outcome in (FAILED, UNKNOWN):
                    break  # perhaps nobody is logged in any more

    async def _read_all_day(self, person: Person) -> None:
        """Reads the own mailbox, acknowledges most of the time."""
        chance = random.Random(f"{self._setting.seed} {person.name} reads")
        while not self._over.is_set():
            if await person.read(acknowledge=chance.random() < 0.8) is None:
                return
            await self._pause(PAUSE_SECONDS + chance.expovariate(2))

    @staticmethod
    def _visit() -> int:
        """Counts the visits of every guest."""
        return int(time.monotonic() // GUEST_SECONDS)

    async def _come_and_go(self, name: str) -> None:
        """Comes under a new name, reads a few times, and is gone for a while."""
        while not self._over.is_set():
            visit = self._visit()
            async with Person(self._setting, f"{name}-{visit}", self._diary) as person:
                try:
                    await person.sign_in()
                    await self._stay(person)
                except Unauthenticated:
                    pass  # a partition has taken the session, or the account
            while self._visit() == visit and not self._over.is_set():
                await self._pause(PAUSE_SECONDS)

    async def _stay(self, person: Person) -> None:
        chance = random.Random(f"{self._setting.seed} {person.name} goes")
        for _ in range(chance.randrange(1, 4)):
            await person.read(acknowledge=chance.random() < 0.5)
            await self._pause(chance.expovariate(1))
        if not self._over.is_set() and (await person.delete()).outcome == DONE:
            await person.exists(person.name)

    async def _edit(self, person: Person) -> None:
        """Writes one note anew, all day, and looks now and then what it says."""
        chance = random.Random(f"{self._setting.seed} {person.name} edits")
        note = await person.note()
        while note is not None and not self._over.is_set():
            if (await person.edit(note)).outcome != DONE:
                break  # a partition has healed, perhaps, and the note has another id
            if chance.random() < 0.2:
                await person.read_note()
            await self._pause(chance.expovariate(1 / NOTE_PAUSE_SECONDS))
        await self._pause(PAUSE_SECONDS)


class Printed:
    """A diary on standard output; `people.py` reads it."""

    def call(self, call: Call) -> None:
        """{"call": the fields of it}."""
        self._print({"call": dataclasses.asdict(call)})

    def event(self, at: float, client: str, kind: str, view: int, master: int) -> None:
        """{"event": ...}."""
        event = {"at": at, "client": client, "kind": kind, "view": view, "master": master}
        self._print({"event": event})

    def _print(self, row: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


async def main(argument: str) -> None:
    """Lives until SIGTERM."""
    crowd = Crowd(Setting(**json.loads(argument)), Printed())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, crowd.stop)
    await crowd.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
