"""What somebody does in conversations besides sending and reading: rooms, replies, edits, marks.

And what he remembers of them: the rooms that people have told each other of, messages
that he wrote, messages that he has seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulator.booth import (
    CONVERSATIONS,
    HISTORY,
    MEMBERS,
    PROFILE,
    ROOMS,
    SEARCH,
    SESSIONS,
    Name,
)

if TYPE_CHECKING:
    from tests.simulator.person import Errand, Person

POST, ROOM, EDIT, ERASE, MARK = "post", "room", "edit", "erase", "mark"
JOIN, LEAVE, INVITE, REMOVE, CHANGE = "join", "leave", "invite", "remove", "change"
PASSWORD, RENAME, END, BLOCK = "password", "profile", "end", "block"
LOGIN_AGAIN = "login"
TALK: dict[str, float] = {
    ROOM: 2.0,
    JOIN: 1.5,
    INVITE: 2.0,
    LEAVE: 0.6,
    REMOVE: 0.6,
    CHANGE: 1.0,
    POST: 9.0,
    EDIT: 4.0,
    ERASE: 1.2,
    MARK: 2.5,
    PASSWORD: 0.4,
    RENAME: 0.4,
    BLOCK: 0.5,
    END: 0.5,
    LOGIN_AGAIN: 0.5,
    HISTORY: 3.0,
    CONVERSATIONS: 3.0,
    MEMBERS: 1.2,
    ROOMS: 0.8,
    PROFILE: 0.5,
    SESSIONS: 0.4,
    SEARCH: 4.0,
}
"""How often each is done, of all this."""
_KINDS, _SHARES = list(TALK), list(TALK.values())

ROOMS_MAX = 6
"""So many rooms people make; later on only now and then one more."""
REMEMBERED = 12
"""Messages, of either kind."""
TITLES = ("Tea", "Kitchen", "Garden", "tea")
BURSTS = (1, 1, 2, 3)
WORDS = ("tea", "teapot", "kettle", "lemon", "lemonade", "green", "spoon", "sugar")
"""What is talked about, and searched for."""


def is_a_letter(text: str) -> bool:
    """It was sent to one account, by itself, and nobody edits it."""
    return "'s " in text


Known = tuple[Name, int, int | None]
"""A message: where it is, its id, and the view that ordered it, if he was shown that."""


class Habits:
    """Of one person."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._world = person.world
        self._chance = person.world.chance
        self._mine: list[Known] = []
        self._texts: dict[tuple[Name, int], str] = {}
        """What he has said there, at first."""
        self._seen: list[Known] = []
        self._letters: list[Known] = []
        """Seen, too: those that only the checkers of mailboxes judge, so that nobody edits them."""
        self._rooms: list[int] = []
        self._former: list[bytes] = []
        """Sessions besides the one in use."""
        self._said = 0
        self._heard: list[str] = []
        """What has been said lately, by anybody: it may say something else by now."""

    def act(self) -> None:
        """Does one of these things, if there is anything to do it to."""
        kind = self._chance.choices(_KINDS, _SHARES)[0]
        if kind in (POST, EDIT, ERASE, MARK):
            self._write(kind)
        elif kind in (ROOM, JOIN, INVITE, LEAVE, REMOVE, CHANGE):
            self._go_about(kind)
        elif kind in (HISTORY, CONVERSATIONS, MEMBERS, ROOMS, PROFILE, SESSIONS):
            self._look(kind)
        elif kind == SEARCH:
            self._search()
        else:
            self._keep_house(kind)

    def _ask(self, kind: str, *what: Any) -> Errand:
        return self._person.begin(kind, self._person.name, None, what)

    def _somebody(self) -> str:
        return self._chance.choice(self._world.people).name

    def _a_room(self) -> int | None:
        """Mostly one that he has been in."""
        mine = self._rooms if self._chance.random() < 0.6 else []
        known = mine or self._world.rooms[-ROOMS_MAX:]
        return self._chance.choice(known) if known else None

    def _a_place(self) -> Name:
        room = self._a_room()
        return self._somebody() if room is None or self._chance.random() < 0.3 else room

    @property
    def _known(self) -> list[Known]:
        """Messages to read up to, to answer, to look around."""
        return self._mine + self._seen + self._letters

    def _text(self) -> str:
        """One that nobody has written before; now and then it names somebody."""
        self._said += 1
        about = " ".join(self._chance.choices(WORDS, k=2))
        named = f" @{self._somebody()}" if self._chance.random() < 0.2 else ""
        named *= self._chance.choice((1, 1, 1, 2))
        return f"{self._person.name} says {self._said} {about}{named}"

    # ------------------------------------------------------------------ messages

    def _write(self, kind: str) -> None:
        chance = self._chance
        if kind == POST:
            self._post()
        elif kind == MARK and self._known:
            self._ask(MARK, *chance.choice(self._known))
        elif kind in (EDIT, ERASE):
            # Mostly one's own; a stranger's must be refused.
            known = self._mine if chance.random() < 0.8 else self._seen
            if not known:
                return
            place, message_id, view = chance.choice(known)
            text = self._texts.get((place, message_id))
            new = (self._text(),) if kind == EDIT else ()
            self._person.begin(kind, self._person.name, text, (place, message_id, *new, view))

    def _post(self) -> None:
        chance = self._chance
        if self._known and chance.random() < 0.4:
            place, message_id, _ = chance.choice(self._known)
            if chance.random() < 0.1:
                place, _, _ = chance.choice(self._known)
            self._ask_to_post(place, message_id)
            return
        room = self._a_room()
        if room is not None:
            with self._person.gathering():
                for _ in range(chance.choice(BURSTS)):
                    self._ask_to_post(room, 0)

    def post_one(self) -> Errand | None:
        """Says something in a room, if he knows one."""
        return self._ask_to_post(self._rooms[-1], 0) if self._rooms else None

    def _ask_to_post(self, place: Name, reply_to: int) -> Errand:
        text = self._text()
        return self._person.begin(POST, self._person.name, text, (place, text, reply_to))

    # --------------------------------------------------------------------- rooms

    def _go_about(self, kind: str) -> None:
        chance, world = self._chance, self._world
        if kind == ROOM:
            if len(world.rooms) >= ROOMS_MAX and chance.random() < 0.8:
                return
            asked = tuple({self._somebody(): None for _ in range(chance.randrange(4))})
            title = chance.choice(TITLES)
            self._ask(ROOM, title, "", chance.random() < 0.5, asked)
            return
        room = self._a_room()
        if room is None:
            return
        if kind in (JOIN, LEAVE):
            self._ask(kind, room)
        elif kind in (INVITE, REMOVE):
            self._ask(kind, room, self._somebody())
        else:
            what = chance.randrange(3)
            new_title = chance.choice(TITLES) if what == 0 else None
            topic = self._text() if what == 1 else None
            owner = self._somebody() if what == 2 else None
            self._ask(CHANGE, room, new_title, topic, owner)

    # ----------------------------------------------------------- one's own account

    def _keep_house(self, kind: str) -> None:
        chance, person = self._chance, self._person
        if kind == PASSWORD:
            self._ask(PASSWORD)
        elif kind == RENAME:
            self._ask(RENAME, f"{person.name} the {chance.randrange(9)}th")
        elif kind == BLOCK:
            self._ask(BLOCK, self._somebody(), chance.random() < 0.5)
        elif kind == END:
            former = chance.choice(self._former) if self._former else b""
            self._ask(END, former if chance.random() < 0.7 else b"")
        elif not person.creating:
            if person.session not in self._former:
                self._former.append(person.session)
            del self._former[:-3]
            person.log_in()

    # --------------------------------------------------------------------- looking

    def _look(self, kind: str) -> None:
        chance = self._chance
        if kind == HISTORY:
            place: Name = self._a_place()
            before = after = 0
            if self._known and chance.random() < 0.5:
                place, message_id, _ = chance.choice(self._known)
                before, after = (message_id, 0) if chance.random() < 0.5 else (0, message_id)
            self._ask(HISTORY, place, before, after, chance.choice((1, 3, 100)))
        elif kind == MEMBERS:
            self._ask(MEMBERS, self._a_place(), chance.choice((1, 100)))
        elif kind in (CONVERSATIONS, ROOMS):
            self._ask(kind, chance.choice((1, 2, 100)))
        elif kind == PROFILE:
            self._ask(PROFILE, self._somebody())
        else:
            self._ask(kind)

    def _search(self) -> None:
        chance = self._chance
        if self._mine and chance.random() < 0.15:
            self._search_for_what_goes()
            return
        where = self._a_place() if chance.random() < 0.3 else None
        before = chance.choice(self._known)[1] if self._known and chance.random() < 0.2 else 0
        self._ask(SEARCH, self._query(), where, before, chance.choice((1, 3, 100)))

    def _search_for_what_goes(self) -> None:
        """Something of his own, which he takes away while it is searched for."""
        place, message_id, view = self._mine[-1]
        text = self._texts.get((place, message_id))
        if text is None:
            return
        self._ask(SEARCH, '"' + " ".join(text.split()[:3]) + '"', None, 0, 3)
        if isinstance(place, int) and self._chance.random() < 0.3:
            self._ask(LEAVE, place)
        else:
            self._person.begin(ERASE, self._person.name, text, (place, message_id, view))

    def _query(self) -> str:
        """A word or two, a phrase, the beginning of a word; or who has said it."""
        chance = self._chance
        first, second = chance.choices(WORDS, k=2)
        number = chance.randrange(1, self._said + 2)
        if self._heard and chance.random() < 0.7:
            _, _, said, first, second, *_ = chance.choice(self._heard).split()
            number = int(said)
        query = chance.choice(
            (
                first,
                first[:3],
                f"{first} {second}",
                f'"{first} {second}"',
                f'"{first} {second[:3]}"',
                f'"says {number}" {first[:4]}',
                f"{first}, ",
                f"{self._somebody()} {first[:2]}",
                f"{self._somebody()}'s",
                f"{self._somebody()} says",
            )
        )
        return query.upper() if chance.random() < 0.2 else query

    # ---------------------------------------------------------------- remembering

    def answered(self, errand: Errand, answer: tuple[Any, ...]) -> None:
        """Remembers what there is to learn of an answer."""
        if answer[0] != 0:
            return
        kind, what = errand.kind, errand.what
        if kind == POST:
            self._mine = [*self._mine, (what[0], answer[1], None)][-REMEMBERED:]
            self._texts[what[0], answer[1]] = what[1]
            self._hear(what[1])
        elif kind == EDIT:
            self._hear(what[2])
        elif kind == ROOM:
            self._world.rooms.append(answer[1])
            self._come_in(answer[1])
        elif kind == JOIN:
            self._come_in(what[0])
        elif kind == HISTORY:
            for one, view in zip(answer[1][0], answer[2], strict=True):
                known = (one[4], one[0], view)
                (self._letters if is_a_letter(one[2]) else self._seen).append(known)
                self._hear(one[2])
            del self._seen[:-REMEMBERED], self._letters[:-REMEMBERED]
        elif kind == CONVERSATIONS:
            rooms = (state[0] for state in answer[1] if isinstance(state[0], int))
            self._world.rooms += (one for one in rooms if one not in self._world.rooms)

    def _hear(self, text: str) -> None:
        if text and not is_a_letter(text):
            self._heard = [*self._heard, text][-REMEMBERED:]

    def _come_in(self, room: int) -> None:
        if room not in self._rooms:
            self._rooms = [*self._rooms, room][-ROOMS_MAX:]

    def forget(self) -> None:
        """The account is gone, and with it all that was its own."""
        self._former, self._rooms, self._seen, self._letters = [], [], [], []
        self.forget_own()

    def go_on(self) -> None:
        """He is attached anew, and perhaps goes on where he was: on the other side of a split."""
        known = self._seen + self._letters
        if known and self._chance.random() < 0.5:
            self._ask(MARK, *known[-1])

    def forget_own(self) -> None:
        """On another side of a split the ids are others, perhaps, and of these no view is known."""
        self._mine, self._texts = [], {}
