"""Read and delivered marks on their way: the newest of each, without making anybody wait."""

from __future__ import annotations

import asyncio

from ringchat_client.errors import DeadlineExpired, RingchatError
from ringchat_client.tui.ports import ChatClient
from ringchat_client.values import ConversationName

__all__ = ["Marks"]


class Marks:
    """Each mark stands for all messages before it, so that those that come meanwhile become one."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._wanted: dict[ConversationName | None, int] = {}
        self._done: dict[ConversationName | None, int] = {}
        self._wake = asyncio.Event()

    def delivered(self, message_id: int) -> None:
        """Everything up to that message has arrived here."""
        self._want(None, message_id)

    def read(self, name: ConversationName, message_id: int) -> None:
        """That conversation is read up to that message."""
        self._want(name, message_id)

    def forget(self) -> None:
        """Ids may have changed: what was marked before says nothing any more."""
        self._done.clear()

    def _want(self, name: ConversationName | None, message_id: int) -> None:
        if message_id > max(self._wanted.get(name, 0), self._done.get(name, 0)):
            self._wanted[name] = message_id
            self._wake.set()

    async def run(self) -> None:
        """Send what is wanted, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                name, message_id = self._wanted.popitem()
                try:
                    await self._send(name, message_id)
                except DeadlineExpired:
                    self._want(name, message_id)  # a mark that is set twice is set once
                except RingchatError:
                    pass  # left the conversation meanwhile, say: then there is nothing to mark
                else:
                    self._done[name] = message_id

    async def _send(self, name: ConversationName | None, message_id: int) -> None:
        if name is None:
            await self._client.acknowledge(message_id)
        else:
            await self._client.mark_read(name, message_id)
