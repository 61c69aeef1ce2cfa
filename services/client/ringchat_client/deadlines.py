"""When calls are given up.

Hardly any is, and thousands wait at a time. So there is a timer for each hundredth of a
second in which some are due, and not one for each call: those took a sixth of a busy client's
time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from ringchat_client.session import Pending

__all__ = ["Deadlines"]

Complete = Callable[[Any], Any]

SLOT_SECONDS = 0.01
"""A call may be given up so much later than at its deadline."""
SECONDS_MAX = 365 * 24 * 60 * 60.0
"""Whoever would wait longer, or for ever, is given up then."""


class Deadlines:
    """The requests that wait, by the time until which they do."""

    def __init__(self, on_due: Callable[[Pending, Complete], None]) -> None:
        """
        Args:
            on_due: given what was to wait no longer, and what was given with it.
        """
        self._on_due = on_due
        self._slots: dict[int, tuple[dict[Pending, Complete], asyncio.TimerHandle]] = {}

    def add(self, pending: Pending, complete: Complete, at_seconds: float) -> int:
        """Calls `on_due` at that time of the event loop, unless it is discarded before.

        Returns:
            What `discard` takes.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        # In this order: what is no number is due at once.
        slot = math.ceil(min(max(now, at_seconds), now + SECONDS_MAX) / SLOT_SECONDS)
        if slot not in self._slots:
            self._slots[slot] = ({}, loop.call_at(slot * SLOT_SECONDS, self._due, slot))
        self._slots[slot][0][pending] = complete
        return slot

    def discard(self, slot: int, pending: Pending) -> None:
        """It waits no more."""
        if slot not in self._slots:
            return
        waiting, timer = self._slots[slot]
        waiting.pop(pending, None)
        if not waiting:
            timer.cancel()
            del self._slots[slot]

    def _due(self, slot: int) -> None:
        waiting, _ = self._slots.pop(slot)
        for pending, complete in waiting.items():
            self._on_due(pending, complete)
