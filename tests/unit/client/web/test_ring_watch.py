"""The replicas are asked once, however many look, and not at all if nobody does."""

from __future__ import annotations

import pytest

from ringchat_client.errors import Unavailable
from ringchat_client.web import ring_watch
from ringchat_client.web.ring_watch import RingWatch
from tests.unit.client.fake_cluster import until
from tests.unit.client.web.fake_chat import FakeChat, FakeClient


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_watch, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(ring_watch, "NUDGED_SECONDS", 0)


async def test_many_look_and_each_hears_of_changes_only() -> None:
    chat = FakeChat()
    watch = RingWatch(chat.open)
    heard: tuple[list[object], list[object]] = ([], [])
    watch.look("one", heard[0].append)
    watch.look("two", heard[1].append)
    await until(lambda: chat.status_calls > 5)
    assert len(chat.clients) == 1
    chat.fail_over()
    await until(lambda: len(heard[0]) == 2)
    assert heard[0] == heard[1]
    await watch.close()


async def test_who_comes_later_sees_at_once_what_is_known() -> None:
    chat = FakeChat()
    watch = RingWatch(chat.open)
    first: list[object] = []
    watch.look("one", first.append)
    await until(lambda: len(first) == 1)
    second: list[object] = []
    watch.look("two", second.append)
    assert second == first
    await watch.close()


async def test_nobody_looking_costs_nothing() -> None:
    chat = FakeChat()
    watch = RingWatch(chat.open)
    watch.look("one", lambda _: None)
    await until(lambda: chat.status_calls > 0)
    watch.look_away("one")
    watch.look_away("one")
    await until(lambda: not chat.clients)


async def test_that_nobody_answers_is_news_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def status(_: FakeClient) -> None:
        raise Unavailable("no replica answers")

    monkeypatch.setattr(FakeClient, "status", status)
    watch = RingWatch(FakeChat().open)
    heard: list[dict[str, object]] = []
    watch.look("one", heard.append)
    await until(lambda: bool(heard))
    assert heard[0]["reason"] == "no replica answers"
    await watch.close()
