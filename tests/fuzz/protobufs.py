"""Messages like other messages: their fields are found by their descriptors."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from tests.fuzz.mutation import mutated, number, small

InBytes = Callable[[str, bytes, random.Random], bytes]
"""(name of the field, what it holds, chance): what it shall hold."""

_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), 1 << 31),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), 1 << 63),
    FieldDescriptor.CPPTYPE_UINT32: (0, 1 << 32),
    FieldDescriptor.CPPTYPE_UINT64: (0, 1 << 64),
}
_TEXTS = ("", "ann", "bob", "*", "a*?", "x" * 33, "availability", "\x00", "a\u202eb", "ﬁ", "é" * 20)


def any_bytes(name: str, old: bytes, chance: random.Random) -> bytes:
    """What a field of bytes may hold: the same with changes, or as many as an id has."""
    return mutated(old, chance) if chance.random() < 0.7 else chance.randbytes(16)


def change(message: Any, chance: random.Random, in_bytes: InBytes = any_bytes) -> None:
    """Change one field of a protobuf message, at any depth."""
    fields: list[FieldDescriptor] = list(message.DESCRIPTOR.fields)
    present = [field for field, _ in message.ListFields()]
    pool = present if present and chance.random() < 0.75 else fields
    if not pool:
        return
    field = chance.choice(pool)
    if field.is_repeated:
        _change_repeated(getattr(message, field.name), field, chance, in_bytes)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        if chance.random() < 0.1:
            message.ClearField(field.name)
        else:
            below = getattr(message, field.name)
            below.SetInParent()
            change(below, chance, in_bytes)
    elif chance.random() < 0.1:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _scalar(field, getattr(message, field.name), chance, in_bytes))


def _change_repeated(
    rows: Any, field: FieldDescriptor, chance: random.Random, in_bytes: InBytes
) -> None:
    is_message = field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
    match chance.randrange(5):
        case 0 if rows:
            del rows[chance.randrange(len(rows))]
        case 1 if rows:
            rows.append(rows[chance.randrange(len(rows))])
        case 2 if len(rows) > 1:
            kept = list(rows)
            chance.shuffle(kept)
            del rows[:]
            rows.extend(kept)
        case _ if is_message:
            change(chance.choice(rows) if rows else rows.add(), chance, in_bytes)
        case _:
            nothing: Any = "" if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else 0
            rows.append(_scalar(field, nothing, chance, in_bytes))


def _scalar(field: FieldDescriptor, old: Any, chance: random.Random, in_bytes: InBytes) -> Any:
    kind = field.cpp_type
    if kind in _BITS:
        lowest, end = _BITS[kind]
        new = chance.choice((old + 1, old - 1, small(chance), small(chance), number(chance), -1))
        return lowest + (new - lowest) % (end - lowest)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return not old
    if kind == FieldDescriptor.CPPTYPE_STRING and field.type == FieldDescriptor.TYPE_STRING:
        return chance.choice(_TEXTS) if chance.random() < 0.6 else old + chance.choice(_TEXTS)
    return in_bytes(field.name, old, chance)
