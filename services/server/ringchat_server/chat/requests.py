"""The shapes of the requests inside entries.

| kind     | behind it                                                               |
|----------|-------------------------------------------------------------------------|
| noop     | (the version of the chat that this view speaks: int)                    |
| create   | name, password_hash: str                                                |
| delete   | (handed over: verified: 16 bytes)                                       |
| login    | name, verified: 16 bytes, token_hash: 32 bytes, nonce: 32 bytes         |
| logout   | (handed over: token_hash: 32 bytes)                                     |
| password | verified: 16 bytes, password_hash: str (handed over: its session)       |
| profile  | display_name: str                                                       |
| end      | token_hash: 32 bytes, or none for all other sessions (as above)         |
| block    | name, blocked: bool                                                     |
| send     | to: tuple of names, one for all or one each; texts: tuple of 1 to 1,024 |
| post     | conversation, texts: as above, reply_to: reference, or 0                |
| update   | up_to: int, delivered: tuple of (client: bytes, number: int)            |
| read     | conversation, up_to: reference                                          |
| edit     | conversation, message: reference, text                                  |
| erase    | conversation, message: reference                                        |
| room     | title, topic, public: bool, invited: tuple of names                     |
| join     | room: reference                                                         |
| leave    | room: reference                                                         |
| invite   | room: reference, name                                                   |
| remove   | room: reference, name                                                   |
| change   | room: reference, title, topic, owner: each a str, or None for as it is  |

A reference is the id of a message or room. A handed-over request names one by the
request that made it, (client: bytes, number: int): ids differ in the other order.
A conversation is a name, for the direct one with that account, or a room's reference.

An entry comes from a journal or a peer that says it holds one. Whatever it holds is
answered, never raised: an exception in `apply` would stop every replica at the same
entry, and again at each restart. A request of another shape is malformed, and these
checks ask nothing that differs between two replicas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from ringchat_server.chat.names import (
    DISPLAY_NAME_CHARS_MAX,
    NAME_CHARS_MAX,
    TITLE_CHARS_MAX,
    TOPIC_CHARS_MAX,
    are_sound_texts,
    utf8_length,
)
from ringchat_server.records import SENDS_MAX

Request = tuple[object, ...]

VERIFICATION_BYTES = 16
TOKEN_HASH_BYTES = 32
NONCE_BYTES = 32
PASSWORD_HASH_CHARS_MAX = 512
INVITED_AT_ONCE_MAX = 100
REFERENCE_MAX = 2**63 - 1
_CLIENT_BYTES_MAX = 64


def is_sound(request: Request) -> bool:
    """Whether a request has one of the shapes above."""
    kind = request[0] if request else None
    # A kind that cannot be hashed cannot be looked up.
    check = _CHECKS.get(kind) if type(kind) is str else None
    return check is not None and check(request)


def is_sound_name(name: object) -> bool:
    """Whether this can stand where a name is expected."""
    return type(name) is str and 0 < len(name) <= NAME_CHARS_MAX and utf8_length(name) is not None


def _is_noop(request: Request) -> bool:
    return len(request) == 1 or (len(request) == 2 and type(request[1]) is int)


def _is_create(request: Request) -> bool:
    return len(request) == 3 and is_sound_name(request[1]) and _is_hash(request[2])


def _is_password(request: Request) -> bool:
    if len(request) not in (3, 4) or not _is_bytes(request[1], VERIFICATION_BYTES):
        return False
    return _is_hash(request[2]) and all(_is_bytes(one, TOKEN_HASH_BYTES) for one in request[3:])


def _is_hash(value: object) -> bool:
    return _is_line(value, PASSWORD_HASH_CHARS_MAX)


def _is_line(value: object, chars_max: int) -> bool:
    return type(value) is str and len(value) <= chars_max and utf8_length(value) is not None


def _is_profile(request: Request) -> bool:
    return len(request) == 2 and _is_line(request[1], DISPLAY_NAME_CHARS_MAX)


def _is_end(request: Request) -> bool:
    if len(request) == 2:
        return request[1] == b"" or _is_bytes(request[1], TOKEN_HASH_BYTES)
    return len(request) == 3 and request[1] == b"" and _is_bytes(request[2], TOKEN_HASH_BYTES)


def _is_block(request: Request) -> bool:
    return len(request) == 3 and is_sound_name(request[1]) and type(request[2]) is bool


def _is_login(request: Request) -> bool:
    if len(request) != 5:
        return False
    _, name, verified, token_hash, nonce = request
    return (
        is_sound_name(name)
        and _is_bytes(verified, VERIFICATION_BYTES)
        and _is_bytes(token_hash, TOKEN_HASH_BYTES)
        and _is_bytes(nonce, NONCE_BYTES)
    )


def _is_delete(request: Request) -> bool:
    return len(request) == 1 or (len(request) == 2 and _is_bytes(request[1], VERIFICATION_BYTES))


def _is_logout(request: Request) -> bool:
    return len(request) == 1 or (len(request) == 2 and _is_bytes(request[1], TOKEN_HASH_BYTES))


def _is_send(request: Request) -> bool:
    if len(request) != 3:
        return False
    _, to, texts = request
    if type(to) is not tuple or not _are_texts(texts):
        return False
    return len(to) in (1, len(texts)) and all(map(is_sound_name, set(to) if _str(to) else to))


def _are_texts(texts: object) -> TypeGuard[tuple[str, ...]]:
    if type(texts) is not tuple or not 0 < len(texts) <= SENDS_MAX:
        return False
    return _str(texts) and are_sound_texts(texts)


def _is_post(request: Request) -> bool:
    if len(request) != 4:
        return False
    _, conversation, texts, reply_to = request
    return (
        _is_conversation(conversation)
        and _are_texts(texts)
        and _is_reference(reply_to)
        and (len(texts) == 1 or reply_to == 0)
    )


def _is_reference(value: object) -> bool:
    if type(value) is tuple and len(value) == 2:
        client, number = value
        named = type(client) is bytes and len(client) <= _CLIENT_BYTES_MAX
        return named and type(number) is int and 0 <= number <= REFERENCE_MAX
    return type(value) is int and 0 <= value <= REFERENCE_MAX


def _is_conversation(value: object) -> bool:
    return is_sound_name(value) if type(value) is str else _is_reference(value)


def _is_read(request: Request) -> bool:
    return len(request) == 3 and _is_conversation(request[1]) and _is_reference(request[2])


def _is_edit(request: Request) -> bool:
    return (
        len(request) == 4
        and _is_conversation(request[1])
        and _is_reference(request[2])
        and _are_texts((request[3],))
    )


def _is_room(request: Request) -> bool:
    if len(request) != 5:
        return False
    _, title, topic, public, invited = request
    return (
        _is_line(title, TITLE_CHARS_MAX)
        and title != ""
        and _is_line(topic, TOPIC_CHARS_MAX)
        and type(public) is bool
        and type(invited) is tuple
        and len(invited) <= INVITED_AT_ONCE_MAX
        and all(map(is_sound_name, invited))
    )


def _is_visit(request: Request) -> bool:
    return len(request) == 2 and _is_reference(request[1])


def _is_visit_of(request: Request) -> bool:
    return len(request) == 3 and _is_reference(request[1]) and is_sound_name(request[2])


def _is_change(request: Request) -> bool:
    if len(request) != 5:
        return False
    _, room, title, topic, owner = request
    return (
        _is_reference(room)
        and (title is None or (_is_line(title, TITLE_CHARS_MAX) and title != ""))
        and (topic is None or _is_line(topic, TOPIC_CHARS_MAX))
        and (owner is None or is_sound_name(owner))
    )


def _str(values: tuple[object, ...]) -> bool:
    return set(map(type, values)) == {str}


def _is_update(request: Request) -> bool:
    if len(request) != 3:
        return False
    _, up_to, delivered = request
    if type(up_to) is not int or type(delivered) is not tuple:
        return False
    return all(
        type(name) is tuple and len(name) == 2 and type(name[0]) is bytes and type(name[1]) is int
        for name in delivered
    )


def _is_bytes(value: object, length: int) -> bool:
    return type(value) is bytes and len(value) == length


_CHECKS: dict[str, Callable[[Request], bool]] = {
    "noop": _is_noop,
    "create": _is_create,
    "delete": _is_delete,
    "login": _is_login,
    "logout": _is_logout,
    "send": _is_send,
    "update": _is_update,
    "password": _is_password,
    "profile": _is_profile,
    "end": _is_end,
    "block": _is_block,
    "post": _is_post,
    "read": _is_read,
    "edit": _is_edit,
    "erase": _is_read,
    "room": _is_room,
    "join": _is_visit,
    "leave": _is_visit,
    "invite": _is_visit_of,
    "remove": _is_visit_of,
    "change": _is_change,
}
