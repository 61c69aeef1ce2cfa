"""Pickles that nobody should read without care, and values as our records hold them."""

from __future__ import annotations

import pickle
import random
import zlib
from typing import Any

from ringchat_server.pickled import Unreadable, decode
from tests.fuzz.mutation import mutated, number, small

PROTOCOL = 5
MARK = 1_234_567_890
"""A value that stands where a hostile pickle shall stand."""

DEEP = b"\x80\x05)" + b"\x85" * 1_500 + b"."
HOSTILE = (
    b"cos\nsystem\n(S'true'\ntR.",
    b"\x80\x05\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
    b"\x80\x05\x8c\x08builtins\x94\x8c\x05print\x94\x93.",
    b"\x80\x05Nr\x00\x00\x00\x04.",  # memo index 2**26: half a gigabyte of it
    b"\x80\x05Nr\xff\xff\xff\x0f.",
    b"\x80\x05Np67108864\n.",
    b"\x80\x05\x8e\x00\x00\x00\x00\x01\x00\x00\x00abc.",  # 4 GiB that are not there
    b"\x80\x05\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    b"\x80\x05\x95\x00\x00\x00\x00\x01\x00\x00\x00N.",
    b"\x80\x05\x95\x08\x00\x00\x00\x00\x00\x00\x00N.Nextra",  # a frame longer than its pickle
    # A frame in a frame: the string's bytes were taken for opcodes, that ask for 4 GiB.
    b"\x80\x05\x95\x0b" + bytes(7) + b"\x95\x07" + bytes(7) + b"C\x07Nr\xff\xff\xff\x0f..",
    b"\x80\x05\x95\x04" + bytes(7) + b"C\x07Nr\xff\xff\xff\x0f..",  # over its frame's end
    b"\x80\x05\x95\x08" + bytes(7) + b"X\x07" + bytes(3) + b"Nr\xff\xff\xff\x0f..",
    b"\x80\x05Pid\n.",
    b"\x80\x05\x82\x01.",  # an extension
    b"\x80\x05\x97.",  # a buffer out of band
    b"\x80\x05]\x94h\x00a.",  # a list in itself
    DEEP,
    b"\x80\x05)" + b"\x94h\x00\x86\x94h\x01\x86\x94h\x02\x86" * 20 + b".",
    b"\x80\x05)\x94h\x00\x86" + b"".join(b"\x94h%c\x86" % i for i in range(1, 45)) + b".",  # wide
    b"\x80\x05\x8b\x00\x10\x00\x00" + b"\x7f" * 4_096 + b".",  # an int that nobody prints
    b"\x80\x05I" + b"9" * 4_000 + b"\n.",
    b"\x80\x05\x8f(K\x01K\x02\x90.",
    b"\x80\x05}\x94(]K\x01u.",
    b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94.",
    b"\x80\x05\x96\x03\x00\x00\x00\x00\x00\x00\x00abc.",
)

TEXTS = (
    "",
    "send",
    "update",
    "noop",
    "create",
    "login",
    "logout",
    "delete",
    "ann",
    "bob",
    "\udc80",
)


def value(chance: random.Random, depth: int = 3) -> Any:
    """A built-in value; a tuple or list most times, while there is depth left."""
    if depth > 0 and chance.random() < 0.4:
        parts = [value(chance, depth - 1) for _ in range(chance.randrange(4))]
        return parts if chance.random() < 0.3 else tuple(parts)
    match chance.randrange(9):
        case 0:
            return None
        case 1:
            return chance.random() < 0.5
        case 2 | 3:
            return small(chance)
        case 4:
            return number(chance) << chance.choice((0, 0, 0, 64, 20_000))
        case 5:
            return chance.random()
        case 6:
            return chance.randbytes(chance.choice((0, 1, 16, 32)))
        case 7:
            return chance.choice(TEXTS)
    return {small(chance): value(chance, depth - 1)}


def changed(old: Any, chance: random.Random) -> Any:
    """The value with one part of it, at any depth, replaced, taken away or doubled."""
    if isinstance(old, (tuple, list)) and old and chance.random() < 0.9:
        parts = list(old)
        at = chance.randrange(len(parts))
        match chance.randrange(8):
            case 0:
                del parts[at]
            case 1:
                parts.insert(at, parts[at])
            case 2:
                parts.insert(at, value(chance))
            case _:
                parts[at] = changed(parts[at], chance)
        return parts if isinstance(old, list) else tuple(parts)
    if type(old) is int and chance.random() < 0.7:
        return chance.choice((old + 1, old - 1, -old, small(chance), number(chance)))
    if type(old) is str and chance.random() < 0.7:
        return chance.choice((*TEXTS, old + old, old[1:], old.upper()))
    if type(old) is bytes and chance.random() < 0.7:
        return chance.choice((mutated(old, chance), old[::-1], b"", old * 2))
    return value(chance)


def mutated_pickle(data: bytes, chance: random.Random) -> bytes:
    """A pickle like that one: of a changed value, with changed bytes, or a hostile one in it."""
    dice = chance.random()
    if dice < 0.6 and (written := _written(changed(plain(data), chance))):
        return written
    if dice < 0.75:
        hostile = DEEP if chance.random() < 0.2 else chance.choice(HOSTILE)
        return hostile if chance.random() < 0.2 else _spliced(data, hostile, chance)
    return mutated(data, chance, HOSTILE)


def _spliced(data: bytes, hostile: bytes, chance: random.Random) -> bytes:
    """The pickle with a hostile one in the place of one of its values."""
    whole = _written(_marked(plain(data), chance))
    if whole[2:3] == b"\x95":  # the length of the frame would be wrong: it does without
        whole = whole[:2] + whole[11:]
    return whole.replace(b"J" + MARK.to_bytes(4, "little"), hostile[2:-1])


def _marked(old: Any, chance: random.Random) -> Any:
    if isinstance(old, (tuple, list)) and old and chance.random() < 0.9:
        parts = list(old)
        at = chance.randrange(len(parts))
        parts[at] = _marked(parts[at], chance)
        return parts if isinstance(old, list) else tuple(parts)
    return MARK


def pickles_in(payload: bytes) -> list[bytes]:
    """Cut behind every end of a pickle that another one follows."""
    pieces: list[bytes] = []
    while (cut := payload.find(b".\x80\x05")) >= 0:
        pieces.append(payload[: cut + 1])
        payload = payload[cut + 1 :]
    return [*pieces, payload]


def changed_records(payload: bytes, chance: random.Random) -> bytes:
    """Pickles one after another: one of them changed, or something behind them."""
    pieces = pickles_in(payload)
    at = chance.randrange(len(pieces) + 1)
    if at == len(pieces):
        return payload + chance.choice((*HOSTILE, *pieces, b"", b"\x00"))
    pieces[at] = mutated_pickle(pieces[at], chance)
    return b"".join(pieces)


def changed_state(payload: bytes, chance: random.Random) -> bytes:
    """A state record with another label, or with another state that its label is right about."""
    pieces = pickles_in(payload)
    label = plain(pieces[0])
    if len(pieces) != 2 or not isinstance(label, tuple) or len(label) != 4 or chance.random() < 0.2:
        return changed_records(payload, chance)
    state = pieces[1]
    if chance.random() < 0.3:
        return _written(changed(label, chance)) + state
    state = mutated_pickle(state, chance)
    return _written((*label[:3], zlib.crc32(state))) + state


def plain(data: bytes) -> Any:
    """The value of a pickle that the fuzzer made; `None` if it is not one to be loaded here."""
    try:
        return None if data in HOSTILE else decode(data)
    except Unreadable:
        return None


def _written(value: object) -> bytes:
    try:
        return pickle.dumps(value, PROTOCOL)
    except RecursionError:
        return b""  # a value that is nested too deeply came in, and goes no further
