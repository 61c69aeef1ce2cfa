"""What a page's parameters may be. Sizes here only keep nonsense out; the server judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ringchat_client.errors import InvalidArgument
from ringchat_client.values import Message, time_of

__all__ = [
    "Check",
    "checked",
    "conversation",
    "flag",
    "identifier",
    "limit",
    "message",
    "name",
    "names",
    "optional",
    "password",
    "text",
    "words",
]

Check = Callable[[object], object]
"""Gives a parameter back, or raises InvalidArgument with what it should be."""

ID_MAX = 2**53 - 1
"""What a number of JavaScript holds exactly."""
TEXT_CHARS_MAX = 64 << 10
WORDS_CHARS_MAX = 1024
NAMES_MAX = 100


def checked(params: object, checks: Mapping[str, Check]) -> dict[str, Any]:
    """The parameters of a request, each as its check gives it back.

    One that is missing is given to its check as None.

    Raises:
        InvalidArgument: one is missing, is none of the table, or is not what it should be.
    """
    if not isinstance(params, dict):
        raise InvalidArgument("params is an object")
    if foreign := [key for key in params if key not in checks]:
        raise InvalidArgument(f"no parameter {str(foreign[0])[:40]!r}")
    answer: dict[str, Any] = {}
    for key, check in checks.items():
        try:
            value = check(params.get(key))
        except InvalidArgument as error:
            raise InvalidArgument(f"{key} is {error}") from None
        if value is not None:
            answer[key] = value
    return answer


def optional(check: Check) -> Check:
    """As that check, or left out."""
    return lambda value: None if value is None else check(value)


def _string(value: object, chars_max: int) -> str:
    if not isinstance(value, str) or len(value) > chars_max:
        raise InvalidArgument(f"a text of at most {chars_max} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument("a text in valid Unicode") from None
    return value


def text(value: object) -> str:
    """The text of a message."""
    return _string(value, TEXT_CHARS_MAX)


def words(value: object) -> str:
    """A title, a topic, a pattern, a query."""
    return _string(value, WORDS_CHARS_MAX)


def name(value: object) -> str:
    """An account's name."""
    return _string(value, 256)


def password(value: object) -> str:
    """A password."""
    return _string(value, 1024)


def names(value: object) -> list[str]:
    """Names of accounts."""
    if not isinstance(value, list) or len(value) > NAMES_MAX:
        raise InvalidArgument(f"a list of at most {NAMES_MAX} names")
    return [name(one) for one in value]


def identifier(value: object) -> int:
    """The id of a message or a room, or 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= ID_MAX:
        raise InvalidArgument("an integer from 0 on")
    return value


def message(value: object) -> Message:
    """A message by its id and the view that ordered it; the rest of it is not asked for."""
    if not isinstance(value, dict) or value.keys() != {"id", "view"}:
        raise InvalidArgument("an object of an id and a view")
    view = value["view"]  # -1: not known
    if isinstance(view, bool) or not isinstance(view, int) or not -1 <= view <= ID_MAX:
        raise InvalidArgument("an object of an id and a view")
    return Message(identifier(value["id"]), "", "", time_of(0), view=view)


def limit(value: object) -> int:
    """How many of what is asked for at once."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise InvalidArgument("an integer from 1 to 100")
    return value


def flag(value: object) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise InvalidArgument("true or false")
    return value


def conversation(value: object) -> str | int:
    """The name of a conversation: an account's name, or a room's id."""
    if isinstance(value, str):
        return name(value)
    try:
        return identifier(value)
    except InvalidArgument:
        raise InvalidArgument("an account's name or a room's id") from None
