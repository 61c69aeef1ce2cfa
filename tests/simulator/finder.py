"""The index for searches, without its thread: what that does is done when somebody asks.

What it is told of, and how, is the product's; so is the database.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from concurrent import futures
from typing import cast

from ringchat_server.chat import Chat
from ringchat_server.search import Hit, Index, Search, _rows_of

_MADE: futures.Future[None] = futures.Future()
_MADE.set_result(None)


class Finder(Search):
    """Made from the chat when it is first asked, and kept up to date by the news from then on."""

    def __init__(self) -> None:
        super().__init__()
        self._index: Index | None = None

    def seek(
        self, chat: Chat, words: str, conversation_ids: Sequence[int], before_id: int, limit: int
    ) -> list[Hit]:
        """The newest messages that hold the words, newest first: `Search.find`, at once."""
        if self._index is None:
            self._index = Index()
            self._made = cast("Future[None]", _MADE)
            for one in chat.views.every_conversation():
                self._put(_rows_of(one, 0, len(one.history)))
        while self._rows:
            _, rows = self._next()
            self._index.take(rows)
        return self._index.find(words, conversation_ids, before_id, limit)

    def forget(self) -> None:
        """Drops the index."""
        super().forget()
        if self._index is not None:
            self._index.close()
            self._index = None
