"""Who is told, by the shorter way; who is there; what is remembered, and how much of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ringchat_server import newsroom as module
from ringchat_server.chat import Altered, Chat, Conversation, News, Posted
from ringchat_server.chat.conversations import Direct
from ringchat_server.newsroom import Newsroom, Presence, Told, Typing


class Ear:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.news: list[Told] = []

    def told(self, news: Told) -> None:
        self.news.append(news)


class Clock:
    def __init__(self) -> None:
        self.now_ms = 10**12

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def newsroom(clock: Clock) -> Newsroom:
    return Newsroom(clock)


CHAT = Chat()


class Counted(dict[str, Any]):
    """Counts how many names were gone through or asked for."""

    looked = 0

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self.looked += 1
            yield name

    def __contains__(self, name: object) -> bool:
        self.looked += 1
        return super().__contains__(name)


def conversation_of(*names: str) -> Conversation:
    conversation = Direct(7)
    conversation.members = Counted(dict.fromkeys(names))
    return conversation


def looked_at(members: Mapping[str, object]) -> int:
    assert isinstance(members, Counted)
    return members.looked


def test_nobody_listens_at_first(newsroom: Newsroom) -> None:
    assert not newsroom.wants_news
    ear = Ear()
    newsroom.watch(CHAT, "ann", ear)
    assert newsroom.wants_news
    newsroom.watch_no_more(CHAT, "ann", ear)
    assert not newsroom.wants_news
    newsroom.read_all(lambda _: None)
    assert newsroom.wants_news
    newsroom.read_all(None)
    assert not newsroom.wants_news


def test_who_reads_all_is_given_all(newsroom: Newsroom) -> None:
    read: list[News] = []
    newsroom.read_all(read.extend)
    news: list[News] = [Altered(conversation_of("x"))]
    newsroom.tell(CHAT, news)
    assert read == news


def test_a_large_room_costs_no_more_than_those_who_listen(newsroom: Newsroom) -> None:
    ear, woken = Ear(), list[Conversation | None]()
    newsroom.watch(CHAT, "n500", ear)
    newsroom.watch(CHAT, "elsewhere", Ear())
    newsroom.receive(CHAT, "n501", woken.append)
    room = conversation_of(*(f"n{number}" for number in range(1_000)))
    room.history.extend(9, "n1", ("x",), 1)
    posted = Posted(room, 9, 1)
    newsroom.tell(CHAT, [posted])
    assert ear.news == [posted]
    assert woken == [room]
    assert looked_at(room.members) <= 5


def test_a_conversation_of_two_costs_two_however_many_listen(newsroom: Newsroom) -> None:
    ears = {f"n{number}": Ear() for number in range(1_000)}
    for name, ear in ears.items():
        newsroom.watch(CHAT, name, ear)
    pair = conversation_of("n1", "n2")
    newsroom.tell(CHAT, [Altered(pair)])
    assert [name for name, ear in ears.items() if ear.news] == ["n1", "n2"]
    assert looked_at(pair.members) == 2


def test_several_devices_are_one_account(newsroom: Newsroom, clock: Clock) -> None:
    one, two = Ear(), Ear()
    newsroom.watch(CHAT, "ann", one)
    newsroom.watch(CHAT, "ann", two)
    newsroom.watch(CHAT, "ann", two)
    assert newsroom.presence("ann") == Presence(True, 0)
    newsroom.watch_no_more(CHAT, "ann", one)
    newsroom.watch_no_more(CHAT, "ann", one)
    assert newsroom.presence("ann") == Presence(True, 0)
    clock.now_ms += 5
    newsroom.watch_no_more(CHAT, "ann", two)
    assert newsroom.presence("ann") == Presence(False, clock.now_ms)
    assert newsroom.presence("bob") == Presence(False, 0)
    newsroom.forget_presence()
    assert newsroom.presence("ann") == Presence(False, 0)


def test_only_so_many_who_have_gone_are_remembered(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_SEEN_MAX", 2)
    for name in ("ann", "bob", "ann", "cy"):
        ear = Ear()
        newsroom.watch(CHAT, name, ear)
        newsroom.watch_no_more(CHAT, name, ear)
    seen = [name for name in ("ann", "bob", "cy") if newsroom.presence(name).last_seen_ms]
    assert seen == ["ann", "cy"]


def test_typing_is_named_as_each_calls_it_and_not_told_too_often(
    newsroom: Newsroom, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TYPISTS_MAX", 3)
    bob = Ear()
    newsroom.watch(CHAT, "bob", bob)
    both = ["ann", "bob"]
    newsroom.types("ann", "bob", both)
    newsroom.types("ann", "bob", both)
    newsroom.types("ann", 7, both)
    newsroom.types("bob", 7, both)
    assert bob.news == [Typing("ann", "ann"), Typing(7, "ann")]
    for number in range(10):
        newsroom.types("ann", number, both)
    assert len(newsroom._typed_at_ms) == 3
    clock.now_ms += 1_000
    bob.news.clear()
    newsroom.types("ann", 9, both)
    assert bob.news == [Typing(9, "ann")]


def test_a_lost_session_is_looked_at_by_all_devices(newsroom: Newsroom) -> None:
    ear, woken = Ear(), list[Conversation | None]()
    newsroom.watch(CHAT, "ann", ear)
    newsroom.receive(CHAT, "ann", woken.append)
    newsroom.look_again("ann")
    newsroom.look_again("bob")
    assert woken == [None]
    assert len(ear.news) == 1
