"""What a target is: bytes go in; one word comes out, or a `Finding`.

The word names what became of the input («refused», «a journal», ...). Their counts show
whether a run has reached more than the first check.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast
from unicodedata import category

ROOT = Path(__file__).resolve().parents[2]

_JOURNAL = ("ringchat_server.journal", "ringchat_server.pickled")
WATCHED = {
    "journal": _JOURNAL,
    "damage": _JOURNAL,
    "records": (*_JOURNAL, "ringchat_server.chat.requests", "ringchat_server.chat.hand_over"),
    "chat": ("ringchat_server.transport", "ringchat_server.chat"),
    "replica": (
        "ringchat_server.replica",
        "ringchat_server.transport.wire",
        "ringchat_server.engine",
        "ringchat_server.pickled",
    ),
    "links": (
        "ringchat_server.transport.links",
        "ringchat_server.transport.wire",
        "ringchat_server.pickled",
    ),
    "cluster": ("ringchat_server.settings", "ringchat_client.cluster_file"),
}
"""By target: the modules whose branches guide the fuzzer. Watching costs, so no others."""

NAMES = tuple(WATCHED)
"""Every target; each is the `TARGET` of the module `tests.fuzz.NAME_target`."""

SOURCES = ("proto", "services/server", "services/client", ".")
"""Where a target's imports are found, from the root."""


_NOT_SHOWN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


class Finding(Exception):
    """What was fuzzed did what it must never do; the text says what."""


class Target(Protocol):
    """One reader of bytes and what is promised of it."""

    bytes_max: int
    """No input is longer."""

    def seeds(self) -> Sequence[bytes]:
        """Inputs as they should be, to begin with."""
        ...

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """An input that is like another one, but for something that the format tells."""
        ...

    def run(self, data: bytes) -> str:
        """Give the reader these bytes; what became of them.

        Raises:
            Finding: or any other exception but those that are promised.
        """
        ...


def load(name: str) -> Target:
    """The target of that name. Imported here and not before: the fuzzer looks on."""
    return cast("Target", import_module(f"tests.fuzz.{name}_target").TARGET)


def one_line(text: str, characters_max: int = 1_000) -> None:
    """A complaint is one line that a person can read."""
    # Code points that nobody has given a meaning to yet may stand in a name.
    bad = any(category(char) in _NOT_SHOWN for char in text if not char.isprintable())
    if not text or bad or len(text) > characters_max:
        raise Finding(f"not one line for a person: {len(text)} characters, {text[:200]!r}")


Mutate = Callable[[bytes, random.Random], bytes]
