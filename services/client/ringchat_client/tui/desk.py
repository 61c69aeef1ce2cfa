"""Between the state and the SDK: sends, loads, marks, follows the events. No widgets.

What a person asks for begins at once and shows in the state at once; what the cluster says
to it comes when it comes. Nothing here is awaited by a widget but what fills a window of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from ringchat_client.errors import AlreadyExists, DeadlineExpired, NotDone, NotKnown, RingchatError
from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tui.marks import Marks
from ringchat_client.tui.ports import ChatClient
from ringchat_client.tui.state import Outgoing, Stage, State
from ringchat_client.values import (
    Attached,
    Connected,
    ConnectionEvent,
    ConversationChanged,
    ConversationName,
    Event,
    Message,
    NewMessage,
    Page,
    Receipt,
)

__all__ = ["Desk"]

PAGE = 50
PAGE_MAX = 500
"""The most that the protocol gives at once."""
SENDS_MAX = 256
"""Messages on their way at a time."""
STATUS_SECONDS = 5.0
STATUS_AFTER_WALK_SECONDS = 1.5
"""After a walk the others join the new master: then the line is soon right again."""
TYPING_EVERY_SECONDS = 3.0
JUMP_PAGES_MAX = 10

Remark = Callable[[str, bool], None]
"""Shows one line; the second argument: whether something failed."""


class Desk:
    """The work behind one person's screen."""

    def __init__(
        self,
        client: ChatClient,
        state: State,
        changed: Callable[[], None],
        remark: Remark,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.state = state
        self.clock = clock
        self._changed = changed
        self.remark = remark
        self._marks = Marks(client)
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._ask_status = asyncio.Event()
        self._loading: set[ConversationName] = set()
        self._typing_told: dict[ConversationName, float] = {}
        self._sent = 0

    # ------------------------------------------------------------- as long as it runs

    async def run(self) -> None:
        """Follow the cluster until cancelled. Raises RingchatError if that cannot go on."""
        others = (asyncio.create_task(self._marks.run()), asyncio.create_task(self._statuses()))
        try:
            async with aclosing(self.client.events()) as events:
                async for event in events:
                    if isinstance(event, Attached):
                        self.read_again()
                    else:
                        self._happened(event)
                    self._changed()
        finally:
            ending = [*others, *self._tasks]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    def _happened(self, event: Event) -> None:
        before = self.state.conversation
        self.state.apply(event, self.clock())
        if isinstance(event, NewMessage):
            self._marks.delivered(event.message)
        elif isinstance(event, ConversationChanged) and event.conversation.name == (
            self.state.opened
        ):
            now = event.conversation
            if before is None or before.invited_by != now.invited_by:
                self.start(self._read_thread(now.name))
            elif before.room != now.room:  # and not only one's own marks
                self.start(self._read_members(now.name))

    def on_connection(self, event: ConnectionEvent) -> None:
        """Take an event of the connection; at once, as `Client` demands."""
        self.state.ring.connection(event, self.clock())
        if isinstance(event, Connected):
            self._ask_status.set()
        self._changed()

    async def _statuses(self) -> None:
        """Ask the replicas now and then, and soon after each walk."""
        seconds = STATUS_SECONDS
        while True:
            try:
                self.state.ring.told(await self.client.status())
                self._changed()
            except RingchatError:
                pass  # nobody answers: the line says so already
            try:
                async with asyncio.timeout(seconds):
                    await self._ask_status.wait()
                self._ask_status.clear()
                seconds = STATUS_AFTER_WALK_SECONDS
            except TimeoutError:
                seconds = STATUS_SECONDS

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside the typing; what goes wrong is told in one line."""
        task = asyncio.create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step has not begun to await it.
        task.add_done_callback(lambda _: work.close())
        return task

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except RingchatError as error:
            self.remark(one_harmless_line(str(error)), True)
        self._changed()

    # ------------------------------------------------------------- reading

    def read_again(self) -> None:
        """Something may have been missed: read what is shown."""
        if self._reading is not None:
            self._reading.cancel()
        self._marks.forget()
        self._reading = self.start(self._read_all())

    async def _read_all(self) -> None:
        while True:
            try:
                self.state.listed(await self.client.conversations())
                self.state.stale()
                self._changed()
                if (newest := self.state.newest_known()) is not None:
                    self._marks.delivered(newest)
                if self.state.opened is not None:
                    await self._read_thread(self.state.opened)
                return
            except DeadlineExpired:
                continue  # the next master is asked by the same call

    async def _read_thread(self, name: ConversationName) -> None:
        known = self.state.conversations.get(name)
        thread = self.state.thread_of(name)
        if known is None:
            thread.loaded, thread.more = True, False
            return
        if not known.invited_by:  # who is only invited sees neither
            self.state.members_read(name, await self.client.members(name))
            limit = min(max(PAGE, len(thread.messages)), PAGE_MAX)
            self.state.newest_page(name, await self.client.history(name, limit=limit))
        self._changed()

    async def _read_members(self, name: ConversationName) -> None:
        self.state.members_read(name, await self.client.members(name))

    def open(self, name: ConversationName) -> None:
        """Show a conversation, and load it if it is not."""
        self.state.open(name)
        if not self.state.thread_of(name).loaded:
            self.start(self._read_thread(name))
        elif name in self.state.conversations:
            self.start(self._read_members(name))
        self._changed()

    def load_older(self) -> None:
        """The page before the oldest message that is loaded; once at a time."""
        thread = self.state.thread
        if thread is None or not thread.loaded or not thread.more or not thread.messages:
            return
        if thread.name not in self._loading:
            self._loading.add(thread.name)
            self.start(self._load_older(thread.name, thread.messages[0].id, PAGE))

    async def _load_older(self, name: ConversationName, before: int, limit: int) -> None:
        try:
            page = await self.client.history(name, before=before, limit=limit)
            self.state.older_page(name, before, page)
        finally:
            self._loading.discard(name)

    async def reach(self, message: Message) -> bool:
        """Load a thread back to a message. False: it is further away than is good."""
        name = message.conversation
        thread = self.state.thread_of(name)
        if self.state.opened != name:
            self.state.open(name)
        if not thread.loaded:
            await self._read_thread(name)
        for _ in range(JUMP_PAGES_MAX):
            if thread.find(message.id) is not None:
                return True
            if not thread.more or not thread.messages:
                return False
            await self._load_older(name, thread.messages[0].id, PAGE_MAX)
        return False

    def seen(self) -> None:
        """The newest message of the opened thread is before somebody's eyes."""
        thread = self.state.thread
        known = self.state.conversation
        if thread is None or known is None or not thread.loaded or known.invited_by:
            return
        newest = thread.messages[-1] if thread.messages else None
        if newest is not None and newest.id > known.read_up_to:
            self.state.read(known.name, newest.id)
            self._marks.read(newest)

    async def search(self, query: str, name: ConversationName | None, before: int) -> Page:
        """Messages that hold the words, newest first."""
        return await self.client.search(query, name, before=before)

    # ------------------------------------------------------------- sending

    def send(self, name: ConversationName, text: str, reply_to: int = 0) -> bool:
        """Send a message; it shows at once. False: too many are on their way."""
        on_their_way = sum(
            one.stage is not Stage.FAILED
            for thread in self.state.threads.values()
            for one in thread.outgoing
        )
        if on_their_way >= SENDS_MAX:
            self.remark(
                f"{SENDS_MAX} messages are on their way; wait until they are confirmed", True
            )
            return False
        self._sent += 1
        one = Outgoing(f"out-{self._sent}", name, text, reply_to, datetime.now(UTC))
        self.state.sending(one)
        self.start(self._send(one))
        self._changed()
        return True

    def send_again(self, key: str) -> None:
        """Send once more what was refused."""
        thread = self.state.thread
        one = next((o for o in thread.outgoing if o.key == key), None) if thread else None
        if one is not None and one.stage is Stage.FAILED:
            self.drop(key)
            self.send(one.conversation, one.text, one.reply_to)

    def drop(self, key: str) -> None:
        """Forget what was refused; what is on its way cannot be called back."""
        thread = self.state.thread
        one = next((o for o in thread.outgoing if o.key == key), None) if thread else None
        if one is not None and one.stage is Stage.FAILED:
            self.state.taken_back(one.conversation, key)
            self._changed()

    async def _send(self, one: Outgoing) -> None:
        """Send until it is certain; if it is refused, that stands beside it."""
        try:
            receipt = await self._certain_receipt(one)
        except AlreadyExists:
            await self._look_for(one)
        except RingchatError as error:
            reason = one_harmless_line(str(error))
            self.state.stage(one.conversation, one.key, Stage.FAILED, reason)
        else:
            self.state.confirmed(one.conversation, one.key, receipt)

    async def _look_for(self, one: Outgoing) -> None:
        """It was applied so long ago that its answer is no longer kept: was it refused?"""
        await self._read_thread(one.conversation)
        messages = self.state.thread_of(one.conversation).messages
        like = (self.state.account, one.text, one.reply_to)
        if any((m.sender, m.text, m.reply_to) == like for m in messages):
            self.state.taken_back(one.conversation, one.key)
        else:
            reason = "perhaps: it is no longer known what came of it"
            self.state.stage(one.conversation, one.key, Stage.FAILED, reason)

    async def _certain_receipt(self, one: Outgoing) -> Receipt:
        error: DeadlineExpired | None = None
        while True:
            try:
                if isinstance(error, NotKnown):
                    receipt = await error.send_again()
                    assert isinstance(receipt, Receipt)
                    return receipt
                # Never sent, or certainly not done: then once more is not twice.
                return await self.client.send_message(
                    one.conversation, one.text, reply_to=one.reply_to
                )
            except (NotDone, NotKnown) as newer:
                error = newer
                self.state.stage(one.conversation, one.key, Stage.AGAIN)
                self._changed()
                await asyncio.sleep(0)

    def edit(self, message: Message, text: str) -> None:
        """Give one's own message another text."""
        self.start(self.certain(self.client.edit_message(message.conversation, message, text)))

    def delete(self, message: Message) -> None:
        """Take the text of one's own message away."""
        self.start(self.certain(self.client.delete_message(message.conversation, message)))

    async def certain(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a write, sent again by itself for as long as it is not known."""
        try:
            return await work
        except NotKnown as first:
            error = first
        while True:
            self.remark("not confirmed yet; sending it again", False)
            try:
                return await error.send_again()
            except NotKnown as newer:
                error = newer

    def typing(self) -> None:
        """One is writing in the opened conversation; told now and then."""
        name = self.state.opened
        if name is None or name not in self.state.conversations:
            return
        now = self.clock()
        if now - self._typing_told.get(name, -TYPING_EVERY_SECONDS) >= TYPING_EVERY_SECONDS:
            self._typing_told[name] = now
            self.start(self.client.set_typing(name))
