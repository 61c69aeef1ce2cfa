"""The line chat against the fake cluster, without a terminal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from ringchat_client.chat_line import LineChat, Walk, log_in_or_sign_up
from ringchat_client.client import Client
from ringchat_client.errors import NotKnown, Unauthenticated
from ringchat_client.values import Asking, Connected, Lost, Refused
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.fake_cluster import FakeCluster, until


class Screen:
    """Keyboard and screen: lines are typed into it, and read from it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.remarks: list[str] = []
        self._typed: asyncio.Queue[str | None] = asyncio.Queue()
        self._changed = asyncio.Event()

    def show(self, line: str, dim: bool) -> None:
        (self.remarks if dim else self.lines).append(line)
        self._changed.set()

    def type(self, *lines: str) -> None:
        for line in lines:
            self._typed.put_nowait(line)

    def hang_up(self) -> None:
        self._typed.put_nowait(None)

    async def typed(self) -> AsyncIterator[str]:
        while (line := await self._typed.get()) is not None:
            yield line

    async def seen(self, part: str) -> None:
        """Wait until a line with this part is on the screen."""
        async with asyncio.timeout(10):
            while not any(part in line for line in self.lines + self.remarks):
                self._changed.clear()
                await self._changed.wait()


class Person:
    """Somebody who chats."""

    def __init__(self, cluster: FakeCluster, name: str) -> None:
        self.screen = Screen()
        walk = Walk(self.screen.show)
        self.client = Client(master=cluster.addresses[0], on_connection=walk)
        self.name = name

    async def __aenter__(self) -> Person:
        await self.client.__aenter__()
        self.new = await log_in_or_sign_up(self.client, self.name, "pw of " + self.name)
        self.chat = LineChat(self.client, self.screen.show)
        self.task = asyncio.create_task(self.chat.run(self.screen.typed()))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.client.close()


async def test_two_people_chat(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann, Person(cluster, "bob") as bob:
        ann.screen.type("@bob hello", "how are you")
        await bob.screen.seen("ann: how are you")
        assert [line.split("] ")[1] for line in bob.screen.lines] == [
            "ann: hello",
            "ann: how are you",
        ]
        bob.screen.type("@ann fine")
        await ann.screen.seen("bob: fine")
        assert ann.chat.prompt == "@bob> "


async def test_signing_up_happens_once(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        assert ann.new
    async with Person(cluster, "ann") as ann:
        assert not ann.new
    async with Client(master=cluster.addresses[0]) as client:
        with pytest.raises(Unauthenticated):
            await log_in_or_sign_up(client, "ann", "wrong")


async def test_what_waited_comes_first_and_is_gone_once_shown(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann"):
        pass
    async with Person(cluster, "bob") as bob:
        bob.screen.type("@ann while you were away")
        bob.screen.hang_up()
        await bob.task
    async with Person(cluster, "ann") as ann:
        await ann.screen.seen("while you were away")
        ann.screen.type("/quit")
        await ann.task
    assert cluster.state.mailboxes["ann"] == []


async def test_leaving_waits_until_what_was_said_is_confirmed(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        ann.screen.type(*(f"@ann {i}" for i in range(500)))
        await ann.screen.seen("ann: 499")
        await until(lambda: not cluster.state.mailboxes["ann"])  # and acknowledged
        cluster.replicas[0].swallow = True
        ann.screen.type("@ann the last")
        ann.screen.hang_up()
        await asyncio.sleep(0.05)
        assert not ann.task.done()
        await cluster.kill(0)
        await ann.task
    assert sum(kind == "send_message" for _, _, kind in cluster.state.log) == 501


async def test_commands(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        ann.screen.type("/who a*", "/who zz*", "/help", "/status", "/dance", "hello", "@", "@bob")
        await ann.screen.seen("lines go to bob now")
        remarks = ann.screen.remarks
        assert remarks[:2] == ["ann", "nobody"]
        assert any(line.startswith("/quit") for line in remarks)
        assert any("master" in line and cluster.addresses[0] in line for line in remarks)
        assert "/dance: no such command; see /help" in remarks
        assert "to whom? @name text, or #number text" in remarks
        assert "say it as: @name text" in remarks
        assert ann.chat.prompt == "@bob> "


async def test_people_in_a_room(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann, Person(cluster, "bob") as bob:
        ann.screen.type("/rooms", "/create dogs")
        await ann.screen.seen("there are no rooms")
        await ann.screen.seen("lines go to #")
        [room] = cluster.state.rooms
        bob.screen.type("/rooms", f"/join {room}")
        await bob.screen.seen(f"#{room} dogs, 1 member: /join it")
        await bob.screen.seen(f"lines go to #{room} now")
        assert bob.chat.prompt == f"#{room}> "
        ann.screen.type("hello", f"#{room} how are you", "# a heading is text")
        await bob.screen.seen("ann in #dogs: # a heading is text")
        assert [line.split("] ")[1] for line in bob.screen.lines] == [
            "ann in #dogs: hello",
            "ann in #dogs: how are you",
            "ann in #dogs: # a heading is text",
        ]
        bob.screen.type("@ann fine", "/rooms", f"#{room}", f"/leave #{room}", "anybody?")
        await ann.screen.seen("bob: fine")
        await bob.screen.seen(f"#{room} dogs, 2 members")
        await bob.screen.seen(f"you have left #{room}")
        await bob.screen.seen("to whom?")


async def test_history_is_of_where_lines_go_to(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann, Person(cluster, "bob") as bob:
        ann.screen.type("/history", "@bob hello", "helo", "what?")
        await bob.screen.seen("what?")
        await ann.screen.seen("of what? say @name or #number first")
        await bob.client.send_message("ann", "nothing")
        await ann.screen.seen("bob: nothing")
        helo = (await ann.client.history("bob")).messages[1]
        await ann.client.delete_message("bob", helo.id)
        ann.screen.type("/history", "/who")
        await ann.screen.seen("ann, bob")
        assert [line.split("] ")[1] for line in ann.screen.lines[1:]] == [
            "ann: hello",
            "ann: (deleted)",
            "ann: what?",
            "bob: nothing",
        ]


async def test_no_command_overtakes_what_was_said_before_it(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        ann.screen.type("/create dogs", "hello", "/history", "again")
        await ann.screen.seen("ann in #dogs: hello")
        [room] = cluster.state.rooms
        ann.screen.type("the last", f"/leave {room}", "/who")
        await ann.screen.seen("you have left")
        assert [m.text for m in cluster.state.messages[room]] == ["hello", "again", "the last"]
        assert not any("not sent" in remark for remark in ann.screen.remarks)


async def test_a_room_is_named_by_its_number_once_it_is_gone(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        message = pb.Message(id=900, sender="eve", text="boo", conversation=pb.Conversation(room=7))
        cluster.state.mailboxes["ann"].append(message)
        ann.screen.type("/who")
        await ann.screen.seen("eve in #7: boo")


async def test_a_room_that_is_no_number_is_one_line(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        ann.screen.type("/join", "/join dogs", "/leave 12 now", "/join 99", "#99 hello", "/who")
        await ann.screen.seen("not sent to #99: no such room")
        which = "which room? its number, as /rooms shows it"
        assert ann.screen.remarks[:4] == [which, which, which, "no such room"]


async def test_a_room_that_is_not_confirmed_is_made_once(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        calls: list[int] = []

        async def again(_: float) -> int:
            calls.append(1)
            if len(calls) == 1:
                raise NotKnown("not known", again)
            return 12

        async def call() -> int:
            raise NotKnown("not known", again)

        assert await ann.chat._certain(call()) == 12
        assert ann.screen.remarks == ["not confirmed yet; sending it again"] * 2


async def test_a_name_with_a_blank(cluster: FakeCluster) -> None:
    async with Person(cluster, "a b") as other, Person(cluster, "ann") as ann:
        ann.screen.type('@"a b" hello')
        await other.screen.seen("ann: hello")


async def test_an_error_is_one_line_and_the_chat_goes_on(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        ann.screen.type("@nobody hello", "@ann " + "x" * 70_000, "@ann still here")
        await ann.screen.seen("ann: still here")
        await ann.screen.seen("not sent to nobody: no account named 'nobody'")
        await ann.screen.seen("not sent to ann: the text is 70000 bytes long")


async def test_nobody_can_send_terminal_escapes(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        await ann.client.send_message("ann", "\x1b]0;title\x07 \x1b[2J\r\nbob: trust me")
        await ann.screen.seen("trust me")
        (shown,) = ann.screen.lines
        assert "\x1b" not in shown
        assert "\r" not in shown
        assert shown.split("\n")[1] == "  | bob: trust me"


async def test_a_failover_is_told_in_two_lines(cluster: FakeCluster) -> None:
    async with Person(cluster, "ann") as ann:
        ann.screen.type("@ann before")
        await ann.screen.seen("ann: before")
        await cluster.kill(0)
        ann.screen.type("after")
        await ann.screen.seen("ann: after")
        first, second = ann.screen.remarks
        assert first == "replica 0 is gone; asking replica 1"
        assert re.fullmatch(r"replica 1 is the master; it took \d+\.\d\d s", second)


def test_the_walk_names_each_replica_once() -> None:
    lines: list[str] = []
    walk = Walk(lambda line, dim: lines.append(line))
    walk(Asking(0, "a:1", None))
    walk(Refused(0, "a:1: refused\x1b"))
    walk(Refused(1, "b:1: refused"))
    walk(Connected(2, 2, 2, 0.5))
    assert lines == [
        "looking for the master: a:1: refused␛",
        "replica 2 is the master; it took 0.50 s",
    ]
    lines.clear()
    walk(Lost(2, "reset"))
    for _ in range(3):
        walk(Asking(0, "a:1", 3))
        walk(Refused(0, "no"))
        walk(Asking(1, "b:1", 4))
        walk(Refused(1, "no"))
    walk(Connected(1, 0, 3, 1.25))
    assert lines == [
        "replica 2 is gone; asking replica 0",
        "asking replica 1",
        "replica 0 is the master, through replica 1; it took 1.25 s",
    ]


def test_a_connection_at_the_first_attempt_is_not_worth_a_word() -> None:
    lines: list[str] = []
    walk = Walk(lambda line, dim: lines.append(line))
    walk(Asking(0, "a:1", None))
    walk(Connected(0, 0, 0, 0.01))
    assert lines == []
