"""Acknowledgements follow what was shown, a few at a time."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from ringchat_client.acknowledger import Acknowledger
from ringchat_client.client import Client
from ringchat_client.errors import ResourceExhausted, RingchatError


class FakeClient:
    """Acknowledges one at a time, when it is let."""

    def __init__(self, error: RingchatError | None = None) -> None:
        self.acknowledged: list[int] = []
        self.let = asyncio.Event()
        self.error = error

    async def acknowledge(self, message_id: int) -> None:
        await self.let.wait()
        if self.error is not None:
            raise self.error
        self.acknowledged.append(message_id)


async def test_those_that_come_meanwhile_become_one_and_the_last_is_waited_for() -> None:
    client = FakeClient()
    async with Acknowledger(cast("Client", client)) as acknowledger:
        acknowledger.shown(1)
        await asyncio.sleep(0)
        for message_id in range(2, 100):
            acknowledger.shown(message_id)
        client.let.set()
    assert client.acknowledged == [1, 99]


async def test_who_interrupts_does_not_wait_for_a_cluster_that_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ringchat_client.acknowledger.LEAVING_SECONDS_MAX", 0.01)
    client = FakeClient()
    async with asyncio.timeout(5):
        with pytest.raises(KeyError):  # noqa: PT012
            async with Acknowledger(cast("Client", client)) as acknowledger:
                acknowledger.shown(1)
                raise KeyError
    assert client.acknowledged == []


async def test_nothing_shown_nothing_acknowledged() -> None:
    client = FakeClient()
    async with Acknowledger(cast("Client", client)):
        pass
    assert client.acknowledged == []


async def test_what_failed_is_raised_at_the_end_or_by_the_next_message() -> None:
    client = FakeClient(ResourceExhausted("full"))
    client.let.set()
    with pytest.raises(ResourceExhausted):
        async with Acknowledger(cast("Client", client)) as acknowledger:
            acknowledger.shown(1)
    shown = 0
    with pytest.raises(ResourceExhausted):  # noqa: PT012 -- which of the rounds is the point
        async with Acknowledger(cast("Client", client)) as acknowledger:
            for shown in range(1, 10):
                acknowledger.shown(shown)
                await asyncio.sleep(0)
    assert shown < 9, "it went on showing what nobody acknowledges"
