"""What peers feed into the readers of pickles: a value, or `Unreadable`; and what follows.

What was read as entries is written, dumped and applied like any other: nothing there may
raise either, for it would at every replica and at each restart.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from ringchat_server.chat import Chat, hand_over, verification
from ringchat_server.journal.encoding import (
    Founding,
    decode_founding,
    decode_records,
    decode_state,
    encode_founding,
    encode_record,
    encode_state,
)
from ringchat_server.journal.ledger import Ledger
from ringchat_server.pickled import Unreadable, decode, decode_group, encode, encode_group
from ringchat_server.records import (
    NOOP,
    Aside,
    Entry,
    Group,
    HandedOverRecord,
    Meta,
    Record,
    Truncate,
    message_id,
)
from tests.fuzz.journals import proposal
from tests.fuzz.mutation import mutated
from tests.fuzz.pickles import HOSTILE, changed_records, changed_state
from tests.fuzz.target import Finding, one_line
from tests.simulator.journals import entry

REQUESTS: tuple[tuple[object, ...], ...] = (
    ("noop",),
    ("create", "ann", "a hash"),
    ("login", "ann", b"v" * 16, b"t" * 32, b"n" * 32),
    ("send", ("ann",), ("hello", "you")),
    ("send", ("ann", "bob"), ("hello", "you")),
    ("update", 3, ((b"c" * 16, 4), (b"c" * 16, 5))),
    ("logout", b"t" * 32),
    ("delete", b"v" * 16),
)
MESSAGE, ROOM = message_id(4, 0), message_id(5, 0)
TALK: tuple[tuple[object, ...], ...] = (
    NOOP,
    ("create", "ann", "a hash"),
    ("create", "bob", "a hash"),
    ("send", ("bob",), ("hello", "you")),
    ("room", "Tea", "a topic", True, ("bob",)),
    ("post", ROOM, ("hello @bob", "you"), 0),
    ("post", "bob", ("no",), MESSAGE),
    ("edit", "bob", MESSAGE, "hullo"),
    ("erase", ROOM, (b"c" * 16, 60)),
    ("read", "bob", MESSAGE),
    ("invite", ROOM, "bob"),
    ("join", ROOM),
    ("change", ROOM, "Cake", None, "ann"),
    ("remove", ROOM, "bob"),
    ("block", "bob", True),
    ("profile", "Ann"),
    ("password", verification("a hash"), "another hash"),
    ("end", b"t" * 32),
    ("leave", (b"c" * 16, 50)),
)
"""What ann asks for in a chat of this version, on the word of a master."""


class RecordsTarget:
    """One byte names the reader; it gets the rest."""

    bytes_max = 4_096

    def seeds(self) -> Sequence[bytes]:
        """What each reader should get, and the hostile pickles."""
        entries = [
            entry(index)._replace(request=request) for index, request in enumerate(REQUESTS, 1)
        ]
        talk = [
            entry(index)._replace(number=10 * index, account=account, session=b"", request=request)
            for index, request in enumerate(TALK, 1)
            for account in ("ann" if request[0] not in ("noop", "create") else "",)
        ]
        group = encode_group(Group(1, entries))
        aside = encode_record(Aside((proposal(1), proposal(2))))
        others: tuple[Record, ...] = (Meta(), HandedOverRecord(), Truncate(2))
        rest = map(encode_record, others)
        state = encode_state(3, ((1, 0), (3, 2)), ("a state", (1, 2)))
        return [
            b"\x00" + group,
            b"\x01" + group + aside + b"".join(rest),
            b"\x02" + state,
            b"\x03" + encode_founding(Founding(1, 0)),
            b"\x04" + encode((1, "a", {"k": 2**70}, [None, True, 1.5])),
            *(b"\x04" + hostile for hostile in HOSTILE),
            *(b"\x00" + encode_group(Group(4, [one])) for one in entries),
            *(b"\x01" + encode_group(Group(1, entries[at:])) + aside for at in range(7)),
            b"\x00" + encode_group(Group(1, talk)),
            *(b"\x00" + encode_group(Group(1, [*talk[:5], one])) for one in talk[5:]),
        ]

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """Another pickle for the same reader, mostly."""
        if len(data) < 2 or chance.random() < 0.05:
            return mutated(data, chance)
        change = changed_state if data[0] % 5 == 2 else changed_records
        return data[:1] + change(data[1:], chance)

    def run(self, data: bytes) -> str:
        """Read, and use what was read."""
        reader = data[0] % 5 if data else 4
        try:
            match reader:
                case 0:
                    _use_group(decode_group(data[1:]))
                case 1:
                    _use_records(data[1:])
                case 2:
                    label, _ = decode_state(data[1:])
                    if label.index < 0 or len(label.runs) > len(data):
                        raise Finding("an impossible label of a state")
                case 3:
                    decode_founding(data[1:])
                case 4:
                    decode(data[1:])
        except Unreadable as error:
            one_line(str(error), 3_000)
            return "unreadable"
        return ("a group", "records", "a state", "a founding", "a value")[reader]


def _use_group(group: Group) -> None:
    """As a backup does: write a part of it, apply it, hand it over, propose that."""
    for cut in range(min(len(group.entries), 2)):
        part = Group(group.first_index + cut, group.entries[cut:])
        back = decode_group(encode_group(part))
        if back.first_index != part.first_index or len(back.entries) != len(part.entries):
            raise Finding("a part of a group does not read back")
    chat = Chat()
    for index, one in enumerate(group.entries, 1):
        chat.apply(index, one)
    for index, again in enumerate(hand_over(group.entries, 1, 0, Chat), len(group.entries) + 1):
        chat.apply(index, Entry(1 << 61, 1_000, *again))
    state = chat.export()
    if Chat.load(state).export() != state:
        raise Finding("a state is another one when it is loaded")


def _use_records(payload: bytes) -> None:
    """As a journal does: sum them up; what cannot follow is a `ValueError` and no more."""
    ledger = Ledger(0, (), 0)
    for record in decode_records(payload):
        encode_record(record)
        try:
            ledger.take(record)
        except ValueError as error:
            one_line(str(error))
            return


TARGET = RecordsTarget()
