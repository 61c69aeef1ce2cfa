"""Read and delivered marks on their way: the newest of each, without making anybody wait."""

from __future__ import annotations

import asyncio

from ringchat_client.errors import DeadlineExpired, RingchatError
from ringchat_client.tui.ports import ChatClient
from ringchat_client.values import ConversationName, Message

__all__ = ["Marks"]


class Marks:
    """Each mark stands for all messages before it, so that those that come meanwhile become one.

    The message itself is sent, not its id alone: after a partition has healed, that may name
    another one, which nobody here has seen.
    """

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._wanted: dict[ConversationName | None, Message] = {}
        self._done: dict[ConversationName | None, int] = {}
        self._times_forgotten = 0
        self._wake = asyncio.Event()

    def delivered(self, message: Message) -> None:
        """Everything up to that message has arrived here."""
        self._want(None, message)

    def read(self, message: Message) -> None:
        """Its conversation is read up to that message."""
        self._want(message.conversation, message)

    def forget(self) -> None:
        """Ids may have changed: what was marked before, or was to be, says nothing any more."""
        self._wanted.clear()
        self._done.clear()
        self._times_forgotten += 1

    def _want(self, name: ConversationName | None, message: Message) -> None:
        wanted = self._wanted.get(name)
        if message.id > max(wanted.id if wanted is not None else 0, self._done.get(name, 0)):
            self._wanted[name] = message
            self._wake.set()

    async def run(self) -> None:
        """Send what is wanted, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                name, message = self._wanted.popitem()
                times_forgotten = self._times_forgotten
                try:
                    await self._send(name, message)
                except DeadlineExpired:
                    if times_forgotten == self._times_forgotten:
                        self._want(name, message)  # a mark that is set twice is set once
                except RingchatError:
                    pass  # left the conversation meanwhile, say: then there is nothing to mark
                else:
                    if times_forgotten == self._times_forgotten:
                        self._done[name] = message.id

    async def _send(self, name: ConversationName | None, message: Message) -> None:
        if name is None:
            await self._client.acknowledge(message)
        else:
            await self._client.mark_read(name, message)
