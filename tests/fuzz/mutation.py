"""Bytes made of other bytes: the mutations that need no knowledge of a format."""

from __future__ import annotations

import random
from collections.abc import Sequence

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 511, 512, 1 << 15, 1 << 16, (1 << 31) - 1, 1 << 31)
BIG_NUMBERS = (
    1 << 32,
    (1 << 53) + 1,
    (1 << 62) - 1,
    1 << 62,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
"""Where machine integers, and those of the formats, end."""


def number(chance: random.Random) -> int:
    """A number at or beside a border, negative ones among them."""
    value = chance.choice(NUMBERS if chance.random() < 0.6 else BIG_NUMBERS)
    value += chance.choice((0, 0, 0, -1, 1))
    return -value if chance.random() < 0.2 else value


def small(chance: random.Random) -> int:
    """A number as a short log has them."""
    return chance.randrange(12)


def mutated(data: bytes, chance: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """A few changes at random places; `words` are pieces that mean something."""
    out = bytearray(data)
    for _ in range(1 + int(chance.expovariate(1.2))):
        _change(out, chance, words)
    return bytes(out)


def _change(out: bytearray, chance: random.Random, words: Sequence[bytes]) -> None:
    at = chance.randrange(len(out) + 1)
    size = 1 + int(chance.expovariate(0.2))
    match chance.randrange(10 if words else 8):
        case 0 if at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        case 1 if at < len(out):
            out[at] = chance.randrange(256)
        case 2:
            del out[at : at + size]
        case 3:
            out[at:at] = chance.randbytes(size)
        case 4:
            out[at:at] = out[at : at + size]
        case 5:
            width = chance.choice((2, 4, 8))
            value = number(chance) % (1 << 8 * width)
            out[at : at + width] = value.to_bytes(width, chance.choice(("little", "big")))
        case 6 if chance.random() < 0.3:
            del out[at:]
        case 7:
            source = chance.randrange(len(out) + 1)
            out[at : at + size] = out[source : source + size]
        case 8:
            out[at:at] = chance.choice(words)
        case 9:
            word = chance.choice(words)
            out[at : at + len(word)] = word
