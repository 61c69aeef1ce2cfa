"""Conversations as one would tell of them to a friend: what the real ones are compared with.

Plain lists and dictionaries, looked through from end to end. Accounts with their sessions,
rooms, messages, marks. Limits and the ends of sessions by time are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ringchat_server.chat import verification
from tests.simulator.search_model import holds

OK, WRONG, NOT_FOUND, TAKEN, DENIED, NOT_NOW, NOT_LOGGED_IN = 0, 3, 5, 6, 7, 9, 16
Answer = tuple[Any, ...]
CLOSED: Answer = (NOT_FOUND, "nobody is in that room any more")
"""Before what the other side of a split said there has come."""
Name = str | int
Reference = int | tuple[bytes, int]
"""An id, or the request that made it."""
Row = tuple[Any, ...]


@dataclass(slots=True)
class Account:
    """Somebody."""

    password: bytes
    display_name: str = ""
    sessions: list[bytes] = field(default_factory=list)
    blocked: dict[str, None] = field(default_factory=dict)
    delivered_up_to: int = 0
    delivered_apart: set[int] = field(default_factory=set)
    gone: bool = False


@dataclass(slots=True)
class Letter:
    """A message."""

    id: int
    sender: str
    text: str
    sent_at_ms: int
    reply_to: int = 0
    edited_at_ms: int = 0
    deleted_at_ms: int = 0
    mentioned: set[str] = field(default_factory=set)
    first_text: str = ""
    """What it said before it was edited or erased."""


@dataclass(slots=True)
class Member:
    """Somebody in a conversation."""

    read_up_to: int
    came_at: int
    """Messages up to that id were there before."""


@dataclass(slots=True)
class Place:
    """A conversation: a room if it has an owner."""

    id: int
    members: dict[str, Member] = field(default_factory=dict)
    """In the order in which they came."""
    letters: list[Letter] = field(default_factory=list)
    owner: str = ""
    title: str = ""
    topic: str = ""
    public: bool = False
    created_at_ms: int = 0
    invited: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Who may come in -> who has asked him, and in which entry."""

    def name_for(self, account: str) -> Name:
        """What it is called by somebody in it."""
        if self.owner:
            return self.id
        return next((one for one in self.members if one != account), account)

    @property
    def newest_id(self) -> int:
        """Of a message, or of its beginning."""
        return self.letters[-1].id if self.letters else self.id

    def row(self, letter: Letter, account: str) -> Row:
        """A message as somebody in it sees it."""
        return (
            letter.id,
            letter.sender,
            letter.text,
            letter.sent_at_ms,
            self.name_for(account),
            letter.reply_to,
            letter.edited_at_ms,
            letter.deleted_at_ms,
        )

    def find(self, message_id: int) -> Letter | None:
        """The message of that id."""
        return next((one for one in self.letters if one.id == message_id), None)


class Conversations:
    """Requests in, answers out; and what everybody sees."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.places: list[Place] = []
        self.ids: dict[tuple[bytes, int], int] = {}
        """Request -> the id of the message or room that it made."""
        self.closed: set[Reference] = set()
        """Rooms that nobody is in any more, or that somebody made who had gone already."""

    # ------------------------------------------------------------------ who is there

    def get(self, name: str) -> Account | None:
        """The account, if it is not deleted."""
        account = self.accounts.get(name)
        return None if account is None or account.gone else account

    def may(self, account: str, session: bytes) -> bool:
        """Whether that is a session of his; none at all is a master's word for him."""
        found = self.get(account)
        return not session or (found is not None and session in found.sessions)

    def create(self, name: str, password_hash: str) -> Answer:
        """Names are given once."""
        if name in self.accounts:
            return (TAKEN,)
        self.accounts[name] = Account(verification(password_hash))
        return (OK,)

    def log_in(self, name: str, verified: bytes, session: bytes) -> Answer:
        """The password has been looked at before; but it may be another one now."""
        account = self.get(name)
        if account is None or account.password != verified:
            return (NOT_LOGGED_IN,)
        account.sessions.append(session)
        return (OK,)

    def delete(self, name: str, made: bytes | None) -> Answer:
        """He leaves all rooms; the others keep what he wrote."""
        account = self.get(name)
        if account is None:
            return (OK,)
        if made not in (None, account.password):
            return (TAKEN,)
        for place in list(self.places):
            if place.owner:
                self._put_out(place, name)
        account.gone = True
        account.sessions.clear()
        self.places = [one for one in self.places if any(map(self.get, one.members))]
        return (OK,)

    # ------------------------------------------------------------------ requests

    def apply(self, place_id: int, now_ms: int, who: str, session: bytes, request: Row) -> Answer:
        """One request of somebody who may ask; without a session a master vouches for it."""
        match request:
            case ("send", to, text):
                return self._tell(place_id, now_ms, who, session, to, text, 0)
            case ("post", str(to), text, reply_to):
                return self._tell(place_id, now_ms, who, session, to, text, self._id(reply_to))
            case ("post", room, text, reply_to):
                found = self._room_to_post_to(who, session, room)
                if isinstance(found, tuple):
                    return found
                return self._add(place_id, now_ms, who, session, found, text, self._id(reply_to))
        account = self.get(who)
        if account is None:  # a master vouches for somebody who has gone meanwhile
            return (OK if request[0] in ("update", "logout") else NOT_LOGGED_IN,)
        match request:
            case ("update", up_to, named):
                return self._delivered(account, min(up_to, place_id), named)
            case ("read", where, message):
                return self._mark(who, where, self._id(message))
            case ("edit" | "erase", where, message, *text):
                return self._alter(who, now_ms, session, where, self._id(message), *text)
            case ("profile", display_name):
                account.display_name = display_name
            case ("block", name, blocked):
                return self._block(account, name, blocked)
            case ("password", verified, password_hash, *own):
                if verified != account.password:
                    return (NOT_LOGGED_IN,)
                account.password = verification(password_hash)
                account.sessions = [one for one in account.sessions if one in (session, *own)]
            case ("end", b"", *own):
                account.sessions = [one for one in account.sessions if one in (session, *own)]
            case ("end", token):
                if token not in account.sessions:
                    return (NOT_FOUND,)
                account.sessions.remove(token)
            case _:
                return self._about_rooms(place_id, now_ms, who, session, request)
        return (OK,)

    def _id(self, reference: Reference) -> int:
        """Of what was made by that request, if it is named so."""
        return reference if isinstance(reference, int) else self.ids.get(reference, 0)

    def _delivered(
        self, account: Account, up_to: int, named: tuple[tuple[bytes, int], ...]
    ) -> Answer:
        account.delivered_up_to = max(account.delivered_up_to, up_to)
        account.delivered_apart |= {self._id(one) for one in named}
        return (OK,)

    # -------------------------------------------------------------------- messages

    def _tell(
        self, place_id: int, now_ms: int, who: str, session: bytes, to: str, text: str, reply: int
    ) -> Answer:
        """Something for one account."""
        place = self.between(who, to)
        receiver = self.get(to)
        if receiver is None and (session or place is None):
            return (NOT_FOUND,)
        if receiver is not None and session and who in receiver.blocked:
            return (DENIED,)
        if place is None:
            if session and reply:
                return (NOT_FOUND,)
            place = Place(place_id, {one: Member(0, 0) for one in (who, to)})
            self.places.append(place)
        return self._add(place_id, now_ms, who, session, place, text, reply)

    def _room_to_post_to(self, who: str, session: bytes, room: Reference) -> Place | Answer:
        if session:
            return self.find(who, room)
        found = self._room(self._id(room))
        if found is None:
            return CLOSED if room in self.closed else (NOT_FOUND,)
        return found

    def _add(
        self,
        place_id: int,
        now_ms: int,
        who: str,
        session: bytes,
        place: Place,
        text: str,
        reply: int,
    ) -> Answer:
        if reply and place.find(reply) is None:
            if session:
                return (NOT_FOUND,)
            reply = 0
        letter = Letter(place_id, who, text, now_ms, reply)
        if place.owner:
            named = set(re.findall(r"@(\S+)", text)) - {who}
            letter.mentioned = {one for one in named if one in place.members}
        place.letters.append(letter)
        if who in place.members:
            member = place.members[who]
            member.read_up_to = max(member.read_up_to, place_id)
        return (OK, place_id, now_ms)

    def _mark(self, who: str, where: Name, message_id: int) -> Answer:
        place = self.find(who, where)
        if isinstance(place, tuple):
            return place
        member = place.members[who]
        newest = place.letters[-1].id if place.letters else 0
        member.read_up_to = max(member.read_up_to, min(message_id, newest))
        return (OK,)

    def _alter(
        self,
        who: str,
        now_ms: int,
        session: bytes,
        where: Name,
        message_id: int,
        text: str | None = None,
    ) -> Answer:
        """Another text, or none."""
        place = self.find(who, where)
        if isinstance(place, tuple):
            return place
        letter = place.find(message_id)
        if letter is None:
            return (NOT_FOUND,)
        if letter.sender != who:
            return (DENIED,)
        if text is not None and session and not letter.deleted_at_ms and self._shuns(place, who):
            return (DENIED,)
        letter.first_text = letter.first_text or letter.text
        if text is None:
            letter.text, letter.deleted_at_ms = "", letter.deleted_at_ms or now_ms
        elif letter.deleted_at_ms:
            return (NOT_NOW,)
        else:
            letter.text, letter.edited_at_ms = text, now_ms
        return (OK,)

    def _shuns(self, place: Place, who: str) -> bool:
        """The other one of a direct conversation has blocked him."""
        other = None if place.owner else self.get(str(place.name_for(who)))
        return other is not None and who in other.blocked

    def _block(self, account: Account, name: str, blocked: bool) -> Answer:
        if not blocked:
            account.blocked.pop(name, None)
        elif self.get(name) is account:
            return (WRONG,)
        elif self.get(name) is None:
            return (NOT_FOUND,)
        else:
            account.blocked[name] = None
        return (OK,)

    # ----------------------------------------------------------------------- rooms

    def _about_rooms(
        self, place_id: int, now_ms: int, who: str, session: bytes, request: Row
    ) -> Answer:
        if request[0] == "room":
            return self._make(place_id, now_ms, who, session, *request[1:])
        kind, reference, *what = request
        room = self._known_room(who, self._id(reference))
        if isinstance(room, tuple):
            return room
        if kind == "join":
            if who not in room.members:
                room.invited.pop(who, None)
                newest = room.letters[-1].id if room.letters else 0
                room.members[who] = Member(newest, newest)
            return (OK,)
        if kind == "leave":
            self._put_out(room, who)
            return (OK,)
        if who not in room.members:
            return (DENIED,)
        if kind == "invite":
            return self._invite(place_id, room, who, *what)
        if kind == "remove":
            return self._remove(room, who, *what)
        return self._change(room, who, *what)

    def _make(
        self,
        room_id: int,
        now_ms: int,
        who: str,
        session: bytes,
        title: str,
        topic: str,
        public: bool,
        asked: tuple[str, ...],
    ) -> Answer:
        room = Place(room_id, {who: Member(0, 0)}, [], who, title, topic, public, now_ms)
        for name in asked:
            if name == who:
                continue
            answer = self._invite(room_id, room, who, name)
            if session and answer[0] != OK:
                return answer
        self.places.append(room)
        return (OK, room_id, now_ms)

    def _invite(self, place_id: int, room: Place, by: str, name: str) -> Answer:
        if name in room.members or name in room.invited:
            return (OK,)
        account = self.get(name)
        if account is None:
            return (NOT_FOUND,)
        if by in account.blocked:
            return (DENIED,)
        room.invited[name] = (by, place_id)
        return (OK,)

    def _remove(self, room: Place, who: str, name: str) -> Answer:
        if room.owner != who:
            return (DENIED,)
        if name not in room.members and name not in room.invited:
            return (NOT_FOUND,)
        self._put_out(room, name)
        return (OK,)

    def _change(
        self, room: Place, who: str, title: str | None, topic: str | None, owner: str | None
    ) -> Answer:
        if room.owner != who and (title is not None or owner is not None):
            return (DENIED,)
        if owner is not None and owner not in room.members:
            return (NOT_FOUND,)
        room.title = room.title if title is None else title
        room.topic = room.topic if topic is None else topic
        room.owner = room.owner if owner is None else owner
        return (OK,)

    def _put_out(self, room: Place, name: str) -> None:
        """Neither a member nor invited any more; the last one takes the room along."""
        room.invited.pop(name, None)
        if room.members.pop(name, None) is None:
            return
        if not room.members:
            self.places.remove(room)
            self.closed.add(room.id)
        elif room.owner == name:
            room.owner = next(iter(room.members))

    # --------------------------------------------------------------------- finding

    def between(self, one: str, other: str) -> Place | None:
        """The direct conversation of these two."""
        alike = (place for place in self.places if not place.owner)
        return next((place for place in alike if place.members.keys() == {one, other}), None)

    def _room(self, room_id: int) -> Place | None:
        rooms = (place for place in self.places if place.owner)
        return next((room for room in rooms if room.id == room_id), None)

    def _known_room(self, who: str, room_id: int) -> Place | Answer:
        room = self._room(room_id)
        if room is None or not (room.public or who in room.members or who in room.invited):
            return (NOT_FOUND,)
        return room

    def find(self, who: str, where: Name | Reference) -> Place | Answer:
        """A conversation that he is in, or why he is told nothing of it."""
        if isinstance(where, str):
            return self.between(who, where) or (NOT_FOUND,)
        room = self._known_room(who, self._id(where))
        if isinstance(room, tuple) or who in room.members:
            return room
        return (DENIED,)

    # --------------------------------------------------------------- what people see

    def look(self, account: str, kind: str, what: Row) -> Row:
        """What the chat must show to that question of a client."""
        match kind, what:
            case "history", (where, before, after, limit):
                return self._history(account, where, before, after, limit)
            case "conversations", _:
                return (OK, tuple(self._states(account)))
            case "members", (where, _):
                place = self.find(account, where)
                if isinstance(place, tuple):
                    return place
                return (OK, tuple(self._members(place)))
            case "rooms", _:
                return (OK, tuple(_room_row(one) for one in self.places if one.public))
            case "search", (query, where, before, limit):
                return self._search(account, query, where, before, limit)
            case "found", hits:
                return (OK, tuple(self._found(account, hits)))
            case "profile_of", (name,):
                blocked = tuple(self.accounts[account].blocked)
                known = self.accounts.get(name)
                if known is None:
                    return (OK, None, blocked)
                display_name = "" if known.gone else known.display_name
                return (OK, (name, display_name, known.gone), blocked)
        return (OK, tuple(self.accounts[account].sessions))

    def _history(self, account: str, where: Name, before: int, after: int, limit: int) -> Row:
        place = self.find(account, where)
        if isinstance(place, tuple):
            return place
        rows = [place.row(letter, account) for letter in place.letters]
        if after:
            rows = [row for row in rows if row[0] > after]
            return (OK, (tuple(rows[:limit]), len(rows) > limit))
        rows = [row for row in rows if not before or row[0] < before]
        return (OK, (tuple(rows[-limit:]), len(rows) > limit))

    def _search(self, account: str, query: str, where: Name | None, before: int, limit: int) -> Row:
        """Which messages hold the words: (place, message), the newest first."""
        places = [place for place in self.places if account in place.members]
        if where is not None:
            place = self.find(account, where)
            if isinstance(place, tuple):
                return place
            places = [place]
        hits = [
            (letter.id, place.id)
            for place in places
            for letter in place.letters
            if (not before or letter.id < before) and holds(letter.text, query)
        ]
        hits.sort(reverse=True)
        return (OK, tuple((place_id, letter_id) for letter_id, place_id in hits[:limit]))

    def _found(self, account: str, hits: Row) -> list[Row]:
        """Of these what there is to see, and not erased."""
        if self.get(account) is None:  # gone while he searched
            return []
        mine = {place.id: place for place in self.places if account in place.members}
        rows: list[Row] = []
        for place_id, letter_id in hits:
            letter = mine[place_id].find(letter_id) if place_id in mine else None
            if letter is not None and not letter.deleted_at_ms:
                rows.append(mine[place_id].row(letter, account))
        return rows

    def _states(self, account: str) -> list[Row]:
        """The one with the newest message first."""
        ranked: list[tuple[int, Row]] = []
        for place in self.places:
            if account in place.members:
                ranked.append((place.newest_id, self._state(place, account)))
            elif account in place.invited:
                by, asked_at = place.invited[account]
                row = (place.id, _room_row(place), "", None, 0, 0, 0, by, False)
                ranked.append((asked_at, row))
        return [row for _, row in sorted(ranked, reverse=True)]

    def _state(self, place: Place, account: str) -> Row:
        name, mark = place.name_for(account), place.members[account].read_up_to
        unread = [letter for letter in place.letters if letter.id > mark]
        naming = [one for one in unread if account in one.mentioned and not one.deleted_at_ms]
        other = self.get(name) if isinstance(name, str) else None
        return (
            name,
            _room_row(place) if place.owner else None,
            other.display_name if other is not None else "",
            place.row(place.letters[-1], account) if place.letters else None,
            len(unread),
            len(naming),
            mark,
            "",
            isinstance(name, str) and other is None,
        )

    def _members(self, place: Place) -> list[Row]:
        rows: list[Row] = []
        for name in sorted((*place.members, *place.invited)):
            account, member = self.get(name), place.members.get(name)
            shown = account.display_name if account is not None else ""
            if member is None:
                rows.append((name, shown, True, 0, 0))
            else:
                delivered = account.delivered_up_to if account is not None else 0
                rows.append((name, shown, False, delivered, member.read_up_to))
        return rows

    def waiting(self, name: str) -> list[Row]:
        """What has not arrived there: of others, or of himself to himself, and not erased."""
        account = self.get(name)
        if account is None:
            return []
        rows = [
            place.row(letter, name)
            for place in self.places
            if name in place.members
            for letter in place.letters
            if letter.sender != name or (place.members.keys() == {name} and not place.owner)
            if letter.id > max(account.delivered_up_to, place.members[name].came_at)
            if letter.id not in account.delivered_apart and not letter.deleted_at_ms
        ]
        return sorted(rows)


def _room_row(room: Place) -> Row:
    return (
        room.id,
        room.title,
        room.topic,
        room.public,
        room.owner,
        len(room.members),
        room.created_at_ms,
    )
