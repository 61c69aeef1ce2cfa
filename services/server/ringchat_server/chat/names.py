"""Names, texts and patterns, as people write them: checked before anything is proposed.

`normal_name` and `check_pattern` ask the interpreter's Unicode tables, which differ
between versions of Python. So they belong to admission: `apply` never calls them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

NAME_CHARS_MAX = 32
TITLE_CHARS_MAX = 64
TOPIC_CHARS_MAX = 256
DISPLAY_NAME_CHARS_MAX = 64
TEXT_BYTES_MAX = 64 * 1024
PATTERN_CHARS_MAX = 128
_UTF8_CHAR_BYTES_MAX = 4

# More than any name that normalises to NAME_CHARS_MAX needs: refused unread beyond.
_RAW_CHARS_MAX = 8 * NAME_CHARS_MAX
# Control, format (invisible) and surrogate characters, separators of lines and paragraphs.
_CATEGORIES_REFUSED = ("Cc", "Cf", "Cs", "Zl", "Zp")


class BadRequest(ValueError):
    """Input that can never be accepted; its text is one line for the person who sent it."""


def normal_name(raw: str) -> str:
    """An account's name as it is stored: NFKC, 1 to 32 characters.

    Raises:
        BadRequest: for an empty or too long name, control or invisible characters,
            '*' or '?', or a space at either end.
    """
    if len(raw) > _RAW_CHARS_MAX:
        raise BadRequest(f"a name has at most {NAME_CHARS_MAX} characters")
    name = unicodedata.normalize("NFKC", raw)
    if not name:
        raise BadRequest("a name has at least 1 character")
    if len(name) > NAME_CHARS_MAX:
        raise BadRequest(f"a name has at most {NAME_CHARS_MAX} characters")
    _refuse_invisible(name, "a name")
    if "*" in name or "?" in name:
        raise BadRequest("a name may not contain '*' or '?'")
    if name != name.strip():
        raise BadRequest("a name may not begin or end with a space")
    return name


def normal_title(raw: str) -> str:
    """A room's title as it is stored: NFKC, 1 to 64 characters, blanks at the ends cut off.

    Raises:
        BadRequest: for an empty or too long one, control or invisible characters.
    """
    title = _normal_line(raw, "a title", TITLE_CHARS_MAX)
    if not title:
        raise BadRequest("a title has at least 1 character")
    return title


def normal_topic(raw: str) -> str:
    """A room's topic as it is stored: NFKC, at most 256 characters.

    Raises:
        BadRequest: for a too long one, control or invisible characters.
    """
    return _normal_line(raw, "a topic", TOPIC_CHARS_MAX)


def normal_display_name(raw: str) -> str:
    """What is shown beside an account's name: NFKC, at most 64 characters.

    Raises:
        BadRequest: for a too long one, control or invisible characters.
    """
    return _normal_line(raw, "a display name", DISPLAY_NAME_CHARS_MAX)


def _normal_line(raw: str, what: str, chars_max: int) -> str:
    if len(raw) > 8 * chars_max:
        raise BadRequest(f"{what} has at most {chars_max} characters")
    line = unicodedata.normalize("NFKC", raw).strip()
    if len(line) > chars_max:
        raise BadRequest(f"{what} has at most {chars_max} characters")
    _refuse_invisible(line, what)
    return line


def check_text(text: str) -> None:
    """Accept a message's text: 1 byte to 64 KiB of UTF-8, no NUL (see `journal/recovery.py`).

    Raises:
        BadRequest: for any other.
    """
    if not text:
        raise BadRequest("a message may not be empty")
    if "\0" in text:
        raise BadRequest("a message may not hold a NUL character")
    if (utf8_bytes := utf8_length(text)) is None:
        raise BadRequest("a message must be UTF-8 text")
    if utf8_bytes > TEXT_BYTES_MAX:
        raise BadRequest(f"a message has at most {TEXT_BYTES_MAX} bytes, not {utf8_bytes}")


def are_sound_texts(texts: Sequence[str]) -> bool:
    """Whether `check_text` would accept each, found out for all together where that is possible."""
    together = "".join(texts)
    if "\0" in together or "" in texts:
        return False
    if len(max(texts, key=len)) * _UTF8_CHAR_BYTES_MAX <= TEXT_BYTES_MAX:
        return utf8_length(together) is not None
    lengths = map(utf8_length, texts)
    return all(length is not None and length <= TEXT_BYTES_MAX for length in lengths)


def check_pattern(pattern: str) -> str:
    """A pattern for names in the form they are stored in; an empty one means all names.

    Raises:
        BadRequest: if it is too long or contains control or invisible characters.
    """
    if len(pattern) > PATTERN_CHARS_MAX:
        raise BadRequest(f"a pattern has at most {PATTERN_CHARS_MAX} characters")
    normal = unicodedata.normalize("NFKC", pattern)
    if len(normal) > PATTERN_CHARS_MAX:
        raise BadRequest(f"a pattern has at most {PATTERN_CHARS_MAX} characters")
    _refuse_invisible(normal, "a pattern")
    return normal or "*"


def utf8_length(text: str) -> int | None:
    """Bytes of the text in UTF-8; None if it has no UTF-8 (a lone surrogate)."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None


def literal_prefix(pattern: str) -> str:
    """What every name that matches begins with."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def matcher(pattern: str) -> Callable[[str], bool]:
    """A test for names: '*' is any run of characters, '?' any one, the rest itself."""
    first, *rest = pattern.split("*")
    expression = _fixed(first)
    if rest:
        # Atomic groups: each piece is taken where it first fits and never reconsidered.
        # That loses no match and keeps a pattern full of stars from taking for ever.
        middle = "".join(f"(?>.*?{_fixed(piece)})" for piece in rest[:-1] if piece)
        expression += f"{middle}.*{_fixed(rest[-1])}"
    fullmatch = re.compile(expression, re.DOTALL).fullmatch
    return lambda name: fullmatch(name) is not None


def _fixed(piece: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in piece)


def _refuse_invisible(value: str, what: str) -> None:
    for char in value:
        if unicodedata.category(char) in _CATEGORIES_REFUSED:
            raise BadRequest(f"{what} may not contain control or invisible characters")
