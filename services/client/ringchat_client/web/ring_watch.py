"""The state of the replicas, asked about once a second while a page looks at it.

However many pages look, each replica is asked once. Nobody looking costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ringchat_client.client import Client
from ringchat_client.errors import RingchatError
from ringchat_client.web.plain import plain

__all__ = ["RingWatch"]

POLL_SECONDS = 1.0
NUDGED_SECONDS = 0.15
"""So long after something was heard of the ring, it is asked again out of turn."""

Looker = Callable[[dict[str, Any]], None]


class RingWatch:
    """Tells everybody who looks how the ring is; belongs to one event loop."""

    def __init__(self, open_client: Callable[[], Client]) -> None:
        self._open_client = open_client
        self._lookers: dict[object, Looker] = {}
        self._task: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()
        self._last: dict[str, Any] | None = None

    def look(self, who: object, looker: Looker) -> None:
        """Call `looker` with what is known, now and whenever it has changed."""
        self._lookers[who] = looker
        if self._last is not None:
            looker(self._last)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="ring watch")

    def look_away(self, who: object) -> None:
        """Stop calling; of no effect if nobody did."""
        self._lookers.pop(who, None)
        if not self._lookers and self._task is not None:
            self._task.cancel()
            self._task, self._last = None, None

    def nudge(self) -> None:
        """Something has happened in the ring: do not wait for the second to pass."""
        self._nudged.set()

    async def close(self) -> None:
        """Stop for good."""
        self._lookers.clear()
        if (task := self._task) is not None:
            self._task = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        async with self._open_client() as client:
            while True:
                self._nudged.clear()
                try:
                    news = {"event": "Ring", **plain(await client.status())}
                except RingchatError as error:
                    news = {"event": "Ring", "replicas": [], "reason": str(error)}
                if news != self._last:
                    self._last = news
                    for looker in list(self._lookers.values()):
                        looker(news)
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._nudged.wait()
                    await asyncio.sleep(NUDGED_SECONDS)
                except TimeoutError:
                    pass  # nothing was heard: it is simply time
