"""Names in texts: `@name`, or `@"a name"` for one with blanks, as the server reads them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from ringchat_client.tui.commands import common_beginning

__all__ = ["MENTION", "PUNCTUATION", "bare", "completed", "mentioned", "title_and_names"]

MENTION = r'(?a:@(?:"(?P<quoted>[^"]+)"|(?P<name>[^\s@"]+)))'
"""As the server has it: only ASCII blanks end a name that stands without quotes."""
PUNCTUATION = ".,;:!?)]}'"
_MENTION = re.compile(MENTION)
_BEGUN = re.compile(r'(?a:@(?:"(?P<quoted>[^"\n]*)|(?P<name>[^\s@"]*))\Z)')
_PLAIN = re.compile(r'(?a:[^\s@"]*)')
_LAST = re.compile(r'(?a:(?:^|\s+)@(?:"(?P<quoted>[^"]+)"|(?P<name>[^\s@"]+))\Z)')


def mentioned(text: str) -> Iterator[str]:
    """Names that may be meant in a text; of `@ann,` both `ann,` and `ann`."""
    for match in _MENTION.finditer(text):
        name = match["quoted"] or match["name"]
        yield name
        if (shorter := name.rstrip(PUNCTUATION)) != name:
            yield shorter


def bare(name: str) -> str:
    """The name that somebody typed where only a name can stand, with or without its signs."""
    match = _MENTION.fullmatch(name)
    return (match["quoted"] or match["name"]) if match is not None else name.removeprefix("@")


def completed(text: str, names: Iterable[str]) -> str | None:
    """The text with the name at its end as long as is certain; None if no name begins so."""
    match = _BEGUN.search(text)
    if match is None:
        return None
    begun = unicodedata.normalize("NFKC", match["quoted"] or match["name"] or "")
    found = [name for name in names if name.startswith(begun)]
    if not found:
        return None
    stem = common_beginning(found)
    head = text[: match.start()]
    in_quotes = (match["quoted"] is not None or not _PLAIN.fullmatch(stem)) and '"' not in stem
    if len(found) == 1:
        return head + (f'@"{stem}" ' if in_quotes else f"@{stem} ")
    return head + (f'@"{stem}' if in_quotes else f"@{stem}")


def title_and_names(argument: str) -> tuple[str, list[str]]:
    """A title, and the @names behind it."""
    names: list[str] = []
    while (match := _LAST.search(argument)) is not None:
        names.insert(0, match["quoted"] or match["name"])
        argument = argument[: match.start()]
    return argument, names
