"""What is marked, and with which message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringchat_client.errors import NotDone
from ringchat_client.tui.marks import Marks
from ringchat_client.values import ConversationName, Message, MessageName
from tests.unit.client.tui.fake_client import FakeClient, message


class Client(FakeClient):
    """It remembers the messages themselves."""

    async def acknowledge(self, message: MessageName, *, timeout: float = 30.0) -> None:
        await self._do("acknowledge", message)

    async def mark_read(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None:
        await self._do("mark_read", conversation, message)


class Work:
    """Marks on their way."""

    def __init__(self) -> None:
        self.client = Client()
        self.marks = Marks(self.client)

    async def settled(self) -> list[Message]:
        for _ in range(20):
            await asyncio.sleep(0)
        return [call[-1] for call in self.client.calls]


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    work = Work()
    task = asyncio.create_task(work.marks.run())
    yield work
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_mark_goes_with_the_view_of_its_message(work: Work) -> None:
    arrived, seen = message(7, view=3), message(5, view=2)
    work.marks.delivered(arrived)
    work.marks.read(seen)
    await work.settled()
    assert work.client.called("acknowledge") == [(arrived,)]
    assert work.client.called("mark_read") == [("bob", seen)]


async def test_marks_that_come_meanwhile_become_one(work: Work) -> None:
    work.client.hold.clear()
    for i in (1, 2, 3):
        work.marks.delivered(message(i))
        await work.settled()
    work.client.hold.set()
    assert [one.id for one in await work.settled()] == [1, 3]


async def test_what_is_forgotten_is_not_sent_any_more_and_may_be_set_anew(work: Work) -> None:
    old, waiting, new = message(9, view=1), message(10, view=1), message(8, view=2)
    work.client.hold.clear()
    work.client.refusals = [NotDone("no master")]
    work.marks.delivered(old)
    await work.settled()
    work.marks.delivered(waiting)
    work.marks.forget()
    work.client.hold.set()
    assert await work.settled() == [old], "neither again, nor what waited behind it"
    work.marks.delivered(new)
    assert await work.settled() == [old, new]


async def test_a_mark_of_the_old_order_hides_none_of_the_new_one(work: Work) -> None:
    work.client.hold.clear()
    work.marks.delivered(message(9, view=1))
    await work.settled()
    work.marks.forget()
    work.client.hold.set()
    await work.settled()
    work.marks.delivered(message(8, view=2))
    assert [one.id for one in await work.settled()] == [9, 8]


async def test_what_did_not_come_through_is_sent_again(work: Work) -> None:
    work.client.refusals = [NotDone("no master")]
    work.marks.delivered(message(9))
    assert [one.id for one in await work.settled()] == [9, 9]
