"""The SDK's values as JSON: objects of their fields, times as Unix milliseconds."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from ringchat_client.values import Conversation

__all__ = ["plain", "plain_event"]


def plain(value: object) -> Any:
    """A value in what JSON has.

    Raises:
        TypeError: for a value that the SDK does not hand out.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        answer = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, Conversation):
            answer["title"] = value.title
        return answer
    raise TypeError(f"no JSON for a {type(value).__name__}")


def plain_event(event: object) -> dict[str, Any]:
    """An event: the name of its kind, and its fields."""
    return {"event": type(event).__name__, **plain(event)}
