"""Values to bytes and back: pickle, with everything refused that our pickles do not hold.

A pickle is a program. It can name any function and call it, and ten bytes of it can ask
for all the memory there is: the index of a memo is believed by the C unpickler, which
makes room for as many values. Ours hold built-in values only (tuples, lists,
dictionaries, strings, bytes, numbers) and need few of its opcodes. So they are looked
through before they are loaded: a pickle with another opcode in it is refused, as is an
integer longer than any of ours, and one whose frames do not hold whole opcodes: of such a
frame the C unpickler drops the end, and goes on in the middle of an opcode that was looked
at as a whole. What is left builds no more than its bytes hold. The
unpickler itself refuses to look up a name, too: a hostile file or peer can run nothing.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import NoReturn

from ringchat_server.records import SENDS_MAX, Entry, Group, Proposal

PROTOCOL = 5

VIEW_MAX = TIME_MAX_MS = (1 << 62) - 1
INDEX_MAX = (1 << 62) // SENDS_MAX - 1
"""No view, time or index, as part of an id, is greater: sums of a few still fit where they
are sent."""

_BEGINNING = b"\x80\x05"
_FRAME = b"\x95"
_FRAME_HEAD_BYTES = 9
# Opcodes with nothing behind them; a byte; a short string; and numbers of 2, 4, 5 to 9 and
# 8 bytes. An alternative for each length of a string, so that the whole search is one call.
_STRING = b"|".join(re.escape(bytes((size,))) + b".{%d}" % size for size in range(256))
_LONG = b"|".join(b"\\x%02x.{%d}" % (size, size) for size in range(5, 10))
_OPCODES = re.compile(
    rb"(?:[\x94\x85-\x87(tN\x88\x89)\]aesu}]++|[Kh].|[C\x8c](?:" + _STRING + rb")|M..|[Jj].{4}"
    rb"|\x8a(?:" + _LONG + rb")|G.{8})*+",
    re.DOTALL,
)
_LONG_STRINGS = (b"X", b"B")
_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))


class Unreadable(ValueError):
    """These bytes are not a pickle of built-in values, or not of the shape expected."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise Unreadable(f"a pickle that names {module}.{name}: refused")

    def persistent_load(self, pid: object) -> NoReturn:
        raise Unreadable("a pickle with a persistent id: refused")


def encode(value: object) -> bytes:
    """The pickle of a built-in value."""
    return pickle.dumps(value, PROTOCOL)


def decode(data: bytes | memoryview) -> object:
    """The value of one pickle.

    Raises:
        Unreadable: for anything but exactly one pickle of built-in values.
    """
    stream = io.BytesIO(data)
    value = decode_next(stream)
    if stream.read(1):
        raise Unreadable("bytes after the end of the pickle")
    return value


def decode_next(stream: io.BytesIO) -> object:
    """The value of the next pickle in a stream, which is left right behind it.

    Raises:
        Unreadable: if what stands there is not a pickle of built-in values.
    """
    end = _end_of(stream.getvalue(), stream.tell())
    try:
        value: object = _Unpickler(stream).load()
    except Unreadable:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise Unreadable(f"not a readable pickle: {error}") from error
    assert stream.tell() == end, "what runs is what was looked through"
    return value


def _end_of(data: bytes, at: int) -> int:
    """Where the pickle ends that stands there; raises `Unreadable` for one that is not ours."""
    if data[at : at + 2] != _BEGINNING:
        raise Unreadable(f"not a readable pickle: not one of protocol {PROTOCOL}")
    at += 2
    frame_end = at
    while True:
        framed = at < frame_end
        found = _OPCODES.match(data, at, frame_end if framed else len(data))
        assert found is not None, "it matches nothing as well"
        at = found.end()
        if framed and at == frame_end:
            continue
        opcode = data[at : at + 1]
        if opcode == b".":
            at += 1
            if framed and at != frame_end:
                raise Unreadable("a pickle in a frame that is longer than itself")
            return at
        if opcode == _FRAME and not framed:
            size = int.from_bytes(data[at + 1 : at + _FRAME_HEAD_BYTES], "little")
            at += _FRAME_HEAD_BYTES
            frame_end = at + size
            if frame_end > len(data):
                raise Unreadable("a pickle that is cut short: its frame is longer than it")
        elif opcode in _LONG_STRINGS:
            at += 5 + int.from_bytes(data[at + 1 : at + 5], "little")
            if framed and at > frame_end:
                raise Unreadable("a pickle with a string that reaches over its frame")
        else:
            raise Unreadable(f"a pickle that is cut short, or with opcode {opcode!r}: refused")


def encode_group(group: Group) -> bytes:
    """The bytes that stand for a group in the journal and between replicas; made once."""
    if group.encoded is None:
        group.encoded = encode(("entries", group.first_index, list(map(tuple, group.entries))))
    return group.encoded


def decode_group(data: bytes) -> Group:
    """The group of those bytes, which it keeps.

    Raises:
        Unreadable: if they are not those of a group.
    """
    return group_of(decode(data), data)


def group_of(value: object, data: bytes | None = None) -> Group:
    """The group of a decoded record, checked field by field.

    Raises:
        Unreadable: if the value has another shape, or its views go back.
    """
    match value:
        case ("entries", int() as first_index, list() as rows) if 0 < first_index <= INDEX_MAX:
            entries = [entry_of(row) for row in rows]
            view = 0
            for entry in entries:
                if entry.view < view:
                    raise Unreadable(f"a group of entries whose views go back to {entry.view}")
                view = entry.view
            return Group(first_index, entries, data)
    raise Unreadable("not a group of entries")


def entry_of(row: object) -> Entry:
    """The entry of a decoded tuple, checked field by field.

    Raises:
        Unreadable: if the tuple has another shape.
    """
    match row:
        case (
            int() as view,
            int() as time_ms,
            bytes(),
            int(),
            str(),
            bytes(),
            (str(), *_) as request,
        ) if 0 <= view <= VIEW_MAX and 0 <= time_ms <= TIME_MAX_MS and is_request(request):
            return Entry._make(row)
    raise Unreadable("not an entry")


def proposal_of(row: object) -> Proposal:
    """The proposal of a decoded tuple, checked field by field.

    Raises:
        Unreadable: if the tuple has another shape.
    """
    match row:
        case (bytes(), int(), str(), bytes(), (str(), *_) as request) if is_request(request):
            return Proposal._make(row)
    raise Unreadable("not a proposal")


def is_request(request: object) -> bool:
    """Whether this may be an entry's request: a tuple of plain values, and of rows of them.

    What is nested deeper than ours ever is could not be written again.
    """
    if type(request) is not tuple:
        return False
    for part in request:
        if type(part) in _PLAIN:
            continue
        if type(part) is not tuple:
            return False
        if not (_PLAIN.issuperset(map(type, part)) or all(map(_is_row, part))):
            return False
    return True


def _is_row(value: object) -> bool:
    if type(value) is tuple and len(value) <= 2:
        return all(type(part) in _PLAIN for part in value)
    return type(value) in _PLAIN
