"""Values to bytes and back: pickle, with every global refused.

A pickle can name any function and call it. Ours hold built-in values only
(tuples, lists, dictionaries, strings, bytes, numbers), so the reader refuses to
look up a name at all, and a hostile file or peer can run nothing.
"""

from __future__ import annotations

import io
import pickle
from typing import NoReturn

from ringchat_server.records import Entry, Group

PROTOCOL = 5


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
    # The C unpickler reads ahead only where the stream can peek; BytesIO cannot.
    try:
        return _Unpickler(stream).load()
    except Unreadable:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise Unreadable(f"not a readable pickle: {error}") from error


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
        Unreadable: if the value has another shape.
    """
    match value:
        case ("entries", int() as first_index, list() as rows) if first_index > 0:
            return Group(first_index, [entry_of(row) for row in rows], data)
    raise Unreadable("not a group of entries")


def entry_of(row: object) -> Entry:
    """The entry of a decoded tuple, checked field by field.

    Raises:
        Unreadable: if the tuple has another shape.
    """
    match row:
        case (
            int(),
            int(),
            bytes(),
            int(),
            str(),
            bytes(),
            (str(), *_),
        ):
            return Entry._make(row)
    raise Unreadable("not an entry")
