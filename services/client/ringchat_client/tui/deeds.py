"""What each /command does. Knows the desk, and of the screen only what `Face` names."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ringchat_client.errors import NotFound
from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tables import status_lines
from ringchat_client.tui.commands import COMMANDS, Parsed
from ringchat_client.tui.desk import Desk
from ringchat_client.tui.lines import Line, Span, plain
from ringchat_client.tui.mentions import bare, title_and_names
from ringchat_client.tui.timeline import author_role
from ringchat_client.values import ConversationName, Presence

__all__ = ["Deeds", "Face", "presence_words"]

SHOWN_MAX = 1000
KEYS = (
    ("Enter", "send; choose"),
    ("Shift+Enter, Ctrl+J", "another line"),
    ("Up, Down", "what you sent before"),
    ("Tab", "complete a /command or an @name"),
    ("Esc", "to the messages and back; give up a reply or an edit"),
    ("r e d y g", "on a message: reply, edit, delete, copy, go to the original"),
    ("Ctrl+P", "the palette: every command and conversation"),
    ("Ctrl+F", "search"),
    ("F2, Ctrl+B", "the conversations"),
    ("Alt+Down, Alt+Up", "the next conversation, the one before"),
    ("Ctrl+N", "the next conversation with unread messages"),
    ("F3", "light or dark"),
    ("Ctrl+Q", "leave"),
)


class Face(Protocol):
    """What a command may ask of the screen."""

    # ruff: noqa: D102
    async def choose(self, title: str, lines: Sequence[Line], hint: str) -> str | int | None: ...

    async def confirm(self, question: str) -> bool: ...

    async def entry(self, question: str) -> str | None: ...

    async def passwords(self) -> tuple[str, str] | None: ...

    def open(self, name: ConversationName) -> None: ...

    def search(self, words: str) -> None: ...

    def theme_of(self, name: str) -> None: ...

    def message_deed(self, what: str) -> None: ...

    def leave(self) -> None: ...


class Deeds:
    """The commands of one screen."""

    def __init__(self, desk: Desk, face: Face) -> None:
        self._desk = desk
        self._client = desk.client
        self._face = face
        self._deeds: dict[str, Callable[[str], Awaitable[None]]] = {
            "open": self._open,
            "who": self._who,
            "search": self._search,
            "create": lambda title: self._create(title, public=False),
            "create-public": lambda title: self._create(title, public=True),
            "rooms": self._rooms,
            "join": self._join,
            "leave": self._leave,
            "invite": self._invite,
            "remove": self._remove,
            "rename": lambda title: self._change(title=title),
            "topic": lambda topic: self._change(topic=topic),
            "owner": lambda owner: self._change(owner=owner),
            "members": self._members,
            "reply": lambda _: self._message("reply"),
            "edit": lambda _: self._message("edit"),
            "delete": lambda _: self._message("delete"),
            "profile": self._profile,
            "name": self._name,
            "password": self._password,
            "sessions": self._sessions,
            "end-sessions": self._end_sessions,
            "block": self._block,
            "unblock": self._unblock,
            "export": self._export,
            "delete-account": self._delete_account,
            "status": self._status,
            "theme": self._theme,
            "help": self._help,
            "logout": self._log_out,
            "quit": self._quit,
        }
        assert set(self._deeds) == {command.name for command in COMMANDS}

    async def do(self, parsed: Parsed) -> None:
        """Run a command. Raises RingchatError."""
        if parsed.error:
            self._desk.remark(parsed.error, True)
            return
        command = next(command for command in COMMANDS if command.name == parsed.name)
        opened = self._desk.state.opened
        if command.where == "room" and not isinstance(opened, int):
            self._desk.remark(f"/{parsed.name} is for a room", True)
        elif command.where and opened is None:
            self._desk.remark(f"/{parsed.name} is for a conversation: open one first", True)
        else:
            await self._deeds[parsed.name](parsed.argument)

    def _room(self) -> int:
        room = self._desk.state.opened
        assert isinstance(room, int)
        return room

    # ------------------------------------------------------------- conversations

    async def _open(self, name: str) -> None:
        name = bare(name)
        for one in self._desk.state.ordered():
            titles = {one.title.casefold(), str(one.name).casefold()}
            if name.removeprefix("#").casefold() in titles:
                self._face.open(one.name)
                return
        names = await self._client.list_accounts(name, limit=1)
        if not names:
            raise NotFound(f"there is no account {one_harmless_line(name, 40)}")
        self._face.open(names[0])

    async def _who(self, pattern: str) -> None:
        names = await self._client.list_accounts(pattern or "*", limit=SHOWN_MAX)
        lines = [Line((Span(plain(name), author_role(name)),), name) for name in names]
        title = f"{len(names)} accounts" if names else "nobody"
        chosen = await self._face.choose(title, lines, "Enter opens the conversation, Esc closes")
        if isinstance(chosen, str):
            self._face.open(chosen)

    async def _search(self, words: str) -> None:
        self._face.search(words)

    async def _message(self, what: str) -> None:
        self._face.message_deed(what)

    # ------------------------------------------------------------- rooms

    async def _create(self, argument: str, *, public: bool) -> None:
        title, names = title_and_names(argument)
        if not title:
            self._desk.remark("give the room a title, and behind it who is invited", True)
            return
        work = self._client.create_room(title, public=public, invite=names)
        room = await self._desk.certain(work)
        self._face.open(room)

    async def _rooms(self, pattern: str) -> None:
        rooms = await self._client.rooms(pattern or "*", limit=SHOWN_MAX)
        lines: list[Line] = []
        for room in rooms:
            head = (Span(plain(room.title), "strong"), Span(f"  {room.members} members", "dim"))
            lines.append(Line(head, room.id))
            if room.topic:
                lines.append(Line((Span("  " + one_harmless_line(room.topic), "dim"),), room.id))
        title = "Public rooms" if rooms else "There is no such public room"
        chosen = await self._face.choose(title, lines, "Enter joins, Esc closes")
        if isinstance(chosen, int):
            await self._enter(chosen)

    async def _join(self, title: str) -> None:
        if not title:
            known = self._desk.state.conversation
            if known is None or not known.invited_by:
                self._desk.remark("join which room? /rooms lists the public ones", True)
                return
            await self._enter(self._room())
            return
        wanted = title.removeprefix("#").casefold()
        invited = [one for one in self._desk.state.conversations.values() if one.invited_by]
        found = [one.room.id for one in invited if one.room and one.title.casefold() == wanted]
        if not found:
            rooms = await self._client.rooms(title.removeprefix("#"), limit=2)
            found = [room.id for room in rooms]
        if not found:
            raise NotFound(f"there is no public room {one_harmless_line(title, 64)}")
        if len(found) > 1:
            await self._rooms(title.removeprefix("#"))
        else:
            await self._enter(found[0])

    async def _enter(self, room: int) -> None:
        known = self._desk.state.conversations.get(room)
        if known is None or known.invited_by:
            await self._desk.certain(self._client.join_room(room))
        self._desk.state.threads.pop(room, None)
        self._desk.read_again()
        self._face.open(room)

    async def _leave(self, _: str) -> None:
        room = self._room()
        title = self._desk.state.title_of(room)
        known = self._desk.state.conversation
        verb = "decline the invitation to" if known is not None and known.invited_by else "leave"
        if await self._face.confirm(f"{verb} {title}?"):
            await self._desk.certain(self._client.leave_room(room))

    async def _invite(self, name: str) -> None:
        name = bare(name)
        await self._desk.certain(self._client.invite(self._room(), name))
        self._desk.remark(f"{name} is invited", False)

    async def _remove(self, name: str) -> None:
        name = bare(name)
        if await self._face.confirm(f"remove {name} from this room?"):
            await self._desk.certain(self._client.remove(self._room(), name))

    async def _change(
        self, *, title: str | None = None, topic: str | None = None, owner: str | None = None
    ) -> None:
        owner = bare(owner) if owner is not None else None
        room = self._room()
        if owner is not None and not await self._face.confirm(f"hand this room over to {owner}?"):
            return
        work = self._client.change_room(room, title=title, topic=topic, owner=owner)
        await self._desk.certain(work)

    async def _members(self, _: str) -> None:
        name = self._desk.state.opened
        assert name is not None
        members = await self._client.members(name)
        known = self._desk.state.conversation
        owner = known.room.owner if known is not None and known.room is not None else ""
        newest = self._desk.state.thread_of(name).newest_id()
        lines = []
        for member in members:
            words = [Span(plain(member.account), author_role(member.account))]
            if member.display_name:
                words.append(Span(f" ({plain(member.display_name)})"))
            marks = [presence_words(member.presence)]
            marks += ["owner"] if member.account == owner else []
            marks += ["invited"] if member.invited else []
            if newest and not member.invited:
                if member.read_up_to >= newest:
                    marks.append("has read everything")
                elif member.delivered_up_to >= newest:
                    marks.append("has received everything")
            words.append(Span("  " + " · ".join(filter(None, marks)), "dim"))
            lines.append(Line(tuple(words), member.account))
        title = f"{len(members)} in {self._desk.state.title_of(name)}"
        chosen = await self._face.choose(title, lines, "Enter opens the conversation, Esc closes")
        if isinstance(chosen, str):
            self._face.open(chosen)

    # ------------------------------------------------------------- accounts

    async def _profile(self, name: str) -> None:
        profile = await self._client.profile(bare(name))
        rows = [("shown as", profile.display_name or "-")]
        rows.append(("", "deleted" if profile.gone else presence_words(profile.presence)))
        if profile.blocked:
            rows.append(("blocked", ", ".join(profile.blocked)))
        lines = [
            Line((Span(f"{left:10}", "dim"), Span(one_harmless_line(right))))
            for left, right in rows
        ]
        await self._face.choose(profile.account, lines, "Esc closes")

    async def _name(self, text: str) -> None:
        await self._desk.certain(self._client.change_profile(text))
        self._desk.remark(f"you are shown as {text}" if text else "you show no name", False)

    async def _password(self, _: str) -> None:
        passwords = await self._face.passwords()
        if passwords is not None:
            await self._desk.certain(self._client.change_password(*passwords))
            self._desk.remark("the password is changed; all other sessions have ended", False)

    async def _sessions(self, _: str) -> None:
        sessions = await self._client.sessions()
        lines = []
        for one in sessions:
            until = f"until {one.expires_at.astimezone():%Y-%m-%d %H:%M}"
            words = (Span(one.id[:8]), Span(f"  {until}", "dim"))
            here = (Span("  this one", "good"),) if one.current else ()
            lines.append(Line(words + here, one.id))
        chosen = await self._face.choose("Your sessions", lines, "Enter ends it, Esc closes")
        if isinstance(chosen, str):
            current = any(one.current and one.id == chosen for one in sessions)
            question = "end this very session?" if current else f"end the session {chosen[:8]}?"
            if await self._face.confirm(question):
                await self._desk.certain(self._client.end_session(chosen))
                self._desk.remark("the session has ended", False)

    async def _end_sessions(self, _: str) -> None:
        if await self._face.confirm("end all your other sessions?"):
            await self._desk.certain(self._client.end_other_sessions())
            self._desk.remark("all other sessions have ended", False)

    async def _block(self, name: str) -> None:
        name = bare(name)
        await self._desk.certain(self._client.block(name))
        self._desk.remark(f"{name} is blocked", False)

    async def _unblock(self, name: str) -> None:
        name = bare(name)
        await self._desk.certain(self._client.unblock(name))
        self._desk.remark(f"{name} is not blocked any more", False)

    async def _export(self, name: str) -> None:
        try:
            new_path(name)  # before all is fetched; nor does the writing take what came meanwhile
            value = await self._client.export()
            await asyncio.to_thread(write_new, name, value)
        except OSError as error:
            self._desk.remark(f"{name} is not written: {error.strerror or error}", True)
        else:
            self._desk.remark(f"all that you have is in {name}", False)

    async def _delete_account(self, _: str) -> None:
        account = self._desk.state.account
        entered = await self._face.entry(f"to delete your account for ever, type {account}")
        if entered is None:
            return
        if unicodedata.normalize("NFKC", entered) != account:
            self._desk.remark("that is not your name; nothing was deleted", True)
            return
        await self._desk.certain(self._client.delete_account())
        self._face.leave()

    # ------------------------------------------------------------- the rest

    async def _status(self, _: str) -> None:
        table = status_lines(await self._client.status())
        lines = [Line((Span(line, "" if i else "strong"),)) for i, line in enumerate(table)]
        await self._face.choose("The ring", lines, "Esc closes")

    async def _theme(self, name: str) -> None:
        self._face.theme_of(name)

    async def _help(self, _: str) -> None:
        lines = [Line((Span(f"{keys:20}  ", "strong"), Span(text, "dim"))) for keys, text in KEYS]
        lines.append(Line(()))
        lines += [
            Line((Span(f"{command.usage:20}  ", "strong"), Span(command.help, "dim")))
            for command in COMMANDS
        ]
        await self._face.choose("Help", lines, "Up and Down scroll, Esc closes")

    async def _log_out(self, _: str) -> None:
        if await self._face.confirm("end this session and leave?"):
            await self._desk.certain(self._client.log_out())
            self._face.leave()

    async def _quit(self, _: str) -> None:
        self._face.leave()


def new_path(name: str) -> Path:
    """Of a file that is not there yet; raises FileExistsError."""
    path = Path(os.path.expanduser(name))  # noqa: PTH111 (~nobody is no error)
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "it is there already")
    return path


def write_new(name: str, value: object) -> None:
    """JSON into a new file that only its owner can read. Raises OSError."""
    path = new_path(name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=2)
    except BaseException:
        path.unlink()
        raise


def presence_words(presence: Presence, now: datetime | None = None) -> str:
    """Whether somebody is there, or when they were."""
    if presence.attached:
        return "here"
    if presence.last_seen is None:
        return "away"
    seen = presence.last_seen.astimezone()
    today = (now or datetime.now().astimezone()).date()
    day = "" if seen.date() == today else f"{seen.day} {seen:%b} "
    return f"last seen {day}{seen:%H:%M}"
