"""Acknowledges messages after they were shown, without making the reader wait."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from ringchat_client.client import Client

__all__ = ["Acknowledger"]

LEAVING_SECONDS_MAX = 1.0
"""How long somebody who interrupts has to wait for the last acknowledgement."""


class Acknowledger:
    """`async with Acknowledger(client) as acknowledger:`, then `shown(id)` after each message.

    One acknowledgement is under way at a time; those that come meanwhile become one, since
    each stands for all messages before it. Leaving the block waits for the last, but not for long
    if an exception leaves it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._newest = 0
        self._acknowledged = 0
        self._wake = asyncio.Event()
        self._leaving = False
        self._task: asyncio.Task[None] | None = None

    def shown(self, message_id: int) -> None:
        """Everything up to and including this message is on the screen. Raises what failed."""
        if self._task is not None and self._task.done():
            self._task.result()
        self._newest = message_id
        self._wake.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._leaving = True
        self._wake.set()
        if error is None:
            await self._task
            return
        # Interrupted, or something failed: a message that comes twice is the smaller evil.
        done, _ = await asyncio.wait({self._task}, timeout=LEAVING_SECONDS_MAX)
        if not done:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            newest = self._newest
            if newest != self._acknowledged:
                await self._client.acknowledge(newest)
                self._acknowledged = newest
            elif self._leaving:
                return
            if self._leaving:
                self._wake.set()
