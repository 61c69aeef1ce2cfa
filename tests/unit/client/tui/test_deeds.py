"""The commands, against a client without a cluster and a face without a screen."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from ringchat_client.errors import NotFound
from ringchat_client.tui.commands import parse
from ringchat_client.tui.deeds import SHOWN_MAX, Deeds, presence_words, write_new
from ringchat_client.tui.desk import Desk
from ringchat_client.tui.lines import Line
from ringchat_client.tui.state import State
from ringchat_client.values import ConversationName, Presence
from tests.unit.client.tui.fake_client import NOON, FakeClient, conversation, member, room
from tests.unit.client.tui.scenes import a_busy_day


class Face:
    """Answers every question with what was prepared, and remembers what it was told."""

    def __init__(self) -> None:
        self.desk: Desk
        self.answers: list[str | int | None] = []
        self.agrees = True
        self.entered: str | None = None
        self.windows: list[tuple[str, list[str]]] = []
        self.told: list[tuple[str, object]] = []

    async def choose(self, title: str, lines: Sequence[Line], hint: str) -> str | int | None:
        self.windows.append((title, [line.text for line in lines]))
        return self.answers.pop(0) if self.answers else None

    async def confirm(self, question: str) -> bool:
        self.told.append(("confirm", question))
        return self.agrees

    async def entry(self, question: str) -> str | None:
        self.told.append(("entry", question))
        return self.entered

    async def passwords(self) -> tuple[str, str] | None:
        return ("old", "new")

    def open(self, name: ConversationName) -> None:
        self.desk.open(name)

    def search(self, words: str) -> None:
        self.told.append(("search", words))

    def theme_of(self, name: str) -> None:
        self.told.append(("theme", name))

    def message_deed(self, what: str) -> None:
        self.told.append(("message", what))

    def leave(self) -> None:
        self.told.append(("leave", None))


class Room:
    """Somebody who types commands."""

    def __init__(self) -> None:
        self.client = FakeClient()
        a_busy_day(self.client)
        self.state = State("ann")
        self.remarks: list[str] = []
        self.face = Face()
        self.desk = Desk(
            self.client, self.state, lambda: None, lambda line, _: self.remarks.append(line)
        )
        self.face.desk = self.desk
        self.deeds = Deeds(self.desk, self.face)

    async def type(self, line: str) -> None:
        parsed = parse(line)
        assert parsed is not None
        await self.deeds.do(parsed)


@pytest.fixture
async def typed() -> AsyncIterator[Room]:
    room = Room()
    task = asyncio.create_task(room.desk.run())
    async with asyncio.timeout(5):
        while not room.state.conversations:
            await asyncio.sleep(0)
    yield room
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_opening_by_name_by_title_and_not_at_all(typed: Room) -> None:
    for line, name in (("/open @dan", "dan"), ("/open #Operations", 9), ("/open cleo", "cleo")):
        await typed.type(line)
        assert typed.state.opened == name
    with pytest.raises(NotFound, match="no account nobody"):
        await typed.type("/open nobody")


async def test_what_needs_a_conversation_says_so(typed: Room) -> None:
    await typed.type("/members")
    typed.desk.open("bob")
    await typed.type("/leave")
    assert typed.remarks == [
        "/members is for a conversation: open one first",
        "/leave is for a room",
    ]


async def test_rooms_are_made_found_and_joined(typed: Room) -> None:
    await typed.type("/create the ring")
    assert typed.client.called("create_room") == [("the ring", False)]
    assert isinstance(typed.state.opened, int)
    typed.client.public = [room(31, "go", "the game"), room(32, "go")]
    typed.face.answers = [31]
    await typed.type("/rooms go")
    assert typed.client.called("join_room") == [(31,)]
    assert typed.face.windows[-1][1][:2] == ["go  3 members", "  the game"]
    assert typed.client.called("rooms") == [("go", SHOWN_MAX)]
    typed.client.public = [room(33, "chess")]
    await typed.type("/join chess")
    assert typed.client.called("join_room")[-1] == (33,)
    with pytest.raises(NotFound):
        await typed.type("/join bridge")


async def test_invitations_are_accepted_and_declined(typed: Room) -> None:
    await typed.type("/join")
    assert "join which room?" in typed.remarks[-1]
    typed.desk.open(11)
    await typed.type("/join")
    assert typed.client.called("join_room") == [(11,)]
    await typed.type("/leave")
    assert typed.client.called("leave_room") == [(11,)]
    typed.face.agrees = False
    typed.desk.open(9)
    await typed.type("/leave")
    assert len(typed.client.called("leave_room")) == 1


async def test_what_is_done_in_a_room(typed: Room) -> None:
    typed.desk.open(9)
    for line in ("/invite @zoe", "/remove dan", "/rename war room", "/topic", "/owner @cleo"):
        await typed.type(line)
    assert typed.client.called("invite") == [(9, "zoe")]
    assert typed.client.called("remove") == [(9, "dan")]
    assert typed.client.called("change_room") == [
        (9, "war room", None, None),
        (9, None, "", None),
        (9, None, None, "cleo"),
    ]
    typed.client.people[9] = [member("ann", 22, 22), member("dan", 22, 1, attached=False)]
    await asyncio.sleep(0.01)
    await typed.type("/members")
    assert typed.face.windows[-1] == (
        "2 in operations",
        ["ann  here · owner · has read everything", "dan  away · has received everything"],
    )


async def test_accounts(typed: Room) -> None:
    for line in (
        *("/name Ann A.", "/block eve", "/unblock @eve", "/password", "/end-sessions"),
        "/profile bob",
    ):
        await typed.type(line)
    assert typed.client.called("change_profile") == [("Ann A.",)]
    assert typed.client.called("block") == typed.client.called("unblock") == [("eve",)]
    assert typed.client.called("change_password") == [("old", "new")]
    assert typed.client.called("end_other_sessions") == [()]
    assert typed.face.windows[-1][0] == "bob"
    assert "eve" in " ".join(typed.face.windows[-1][1])
    typed.face.answers = ["cd" * 32]
    await typed.type("/sessions")
    assert typed.client.called("end_session") == [("cd" * 32,)]
    typed.face.answers = ["dan"]
    await typed.type("/who")
    assert typed.state.opened == "dan"
    assert typed.client.called("list_accounts") == [("*", SHOWN_MAX)]


async def test_a_name_may_be_typed_as_a_mention(typed: Room) -> None:
    for line in ('/block @"eve b"', "/unblock eve b", "/profile @eve"):
        await typed.type(line)
    assert typed.client.called("block") == typed.client.called("unblock") == [("eve b",)]
    assert typed.client.called("profile") == [("eve",)]


async def test_who_is_invited_stands_behind_the_title(typed: Room) -> None:
    await typed.type('/create the @ ring @bob @"cy young"')
    await typed.type("/create-public all @dan")
    await typed.type("/create @bob")
    assert typed.client.called("create_room") == [
        ("the @ ring", False, "bob", "cy young"),
        ("all", True, "dan"),
    ]
    assert "title" in typed.remarks[-1]


async def test_everything_into_a_new_file(typed: Room, tmp_path: Path) -> None:
    path = tmp_path / "all of it.json"
    await typed.type(f"/export {path}")
    assert json.loads(path.read_text())["profile"] == {"account": "ann"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_text()
    await typed.type(f"/export {path}")
    assert "there already" in typed.remarks[-1]
    assert path.read_text() == before
    assert len(typed.client.called("export")) == 1
    await typed.type(f"/export {tmp_path / 'nowhere' / 'x'}")
    assert "not written: No such file" in typed.remarks[-1]


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_new(str(tmp_path / "x"), object())
    assert list(tmp_path.iterdir()) == []


async def test_an_account_is_deleted_by_who_types_its_name(typed: Room) -> None:
    for entered in (None, "", "bob", "ann"):
        assert typed.client.called("delete_account") == []
        typed.face.entered = entered
        await typed.type("/delete-account")
    assert typed.client.called("delete_account") == [()]
    assert typed.face.told[-1] == ("leave", None)
    assert "nothing was deleted" in typed.remarks[-1]


async def test_the_rest(typed: Room) -> None:
    typed.desk.open("bob")
    for line in ("/search the ring", "/theme light", "/edit", "/logout", "/quit"):
        await typed.type(line)
    assert typed.face.told == [
        ("search", "the ring"),
        ("theme", "light"),
        ("message", "edit"),
        ("confirm", "end this session and leave?"),
        ("leave", None),
        ("leave", None),
    ]
    await typed.type("/help")
    assert any("/create TITLE" in line for line in typed.face.windows[-1][1])
    await typed.type("/status")
    assert typed.face.windows[-1][1][1].split()[2] == "master"


async def test_a_name_that_exists_twice_is_asked_about(typed: Room) -> None:
    typed.client.public = [room(31, "go"), room(32, "go")]
    typed.face.answers = [32]
    await typed.type("/join go")
    assert typed.client.called("join_room") == [(32,)]


def test_presence_in_words() -> None:
    assert presence_words(Presence(True, None)) == "here"
    assert presence_words(Presence(False, None)) == "away"
    assert presence_words(Presence(False, NOON), NOON).startswith("last seen ")


def test_conversations_have_titles() -> None:
    assert conversation(7, title="ops").title == "ops"
