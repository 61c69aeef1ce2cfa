"""Whether a message holds what is searched for, as one would look for it by eye. Plain ASCII."""

from __future__ import annotations

import re

BEGINNING_CHARS_MIN = 3
"""A shorter last word of a query is that word."""


def holds(text: str, query: str) -> bool:
    """All words and phrases of the query; the last word may be the beginning of one."""
    parts = [[part] if at % 2 else part.split() for at, part in enumerate(query.split('"'))]
    terms = [term for part in parts for term in part]
    last = parts[-1][-1] if len(parts) % 2 and parts[-1] else ""
    begun = len(last) >= BEGINNING_CHARS_MIN and query.endswith(last) and last[-1].isalnum()
    words = _words(text)
    return all(
        _stands_in(words, _words(term), begun=begun and at == len(terms))
        for at, term in enumerate(terms, 1)
    )


def _words(text: str) -> list[str]:
    return re.findall("[a-z0-9]+", text.lower())


def _stands_in(text: list[str], words: list[str], *, begun: bool) -> bool:
    """These words, one behind the other; of the last one perhaps only the beginning."""
    runs = (text[at : at + len(words)] for at in range(len(text) - len(words) + 1))
    return any(
        run[:-1] == words[:-1]
        and (run[-1] == words[-1] or (begun and run[-1].startswith(words[-1])))
        for run in runs
    )
