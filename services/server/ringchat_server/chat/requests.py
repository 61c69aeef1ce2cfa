"""The shapes of the requests inside entries.

| kind     | behind it                                                               |
|----------|-------------------------------------------------------------------------|
| noop     |                                                                         |
| create   | name, password_hash: str                                                |
| delete   | (handed over: verified: 16 bytes)                                       |
| login    | name, verified: 16 bytes, token_hash: 32 bytes, nonce: 32 bytes         |
| logout   | (handed over: token_hash: 32 bytes)                                     |
| send     | to: tuple of names, one for all or one each; texts: tuple of 1 to 1,024 |
| update   | up_to: int, delivered: tuple of (client: bytes, number: int)            |

An entry comes from a journal or a peer that says it holds one. Whatever it holds is
answered, never raised: an exception in `apply` would stop every replica at the same
entry, and again at each restart. A request of another shape is malformed, and these
checks ask nothing that differs between two replicas.
"""

from __future__ import annotations

from collections.abc import Callable

from ringchat_server.chat.names import NAME_CHARS_MAX, are_sound_texts, utf8_length
from ringchat_server.records import SENDS_MAX

Request = tuple[object, ...]

VERIFICATION_BYTES = 16
TOKEN_HASH_BYTES = 32
NONCE_BYTES = 32
PASSWORD_HASH_CHARS_MAX = 512


def is_sound(request: Request) -> bool:
    """Whether a request has one of the shapes above."""
    kind = request[0] if request else None
    # A kind that cannot be hashed cannot be looked up.
    check = _CHECKS.get(kind) if type(kind) is str else None
    return check is not None and check(request)


def is_sound_name(name: object) -> bool:
    """Whether this can stand where a name is expected."""
    return type(name) is str and 0 < len(name) <= NAME_CHARS_MAX and utf8_length(name) is not None


def _is_alone(request: Request) -> bool:
    return len(request) == 1


def _is_create(request: Request) -> bool:
    if len(request) != 3:
        return False
    _, name, password_hash = request
    return (
        is_sound_name(name)
        and type(password_hash) is str
        and len(password_hash) <= PASSWORD_HASH_CHARS_MAX
        and utf8_length(password_hash) is not None
    )


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
    if type(to) is not tuple or type(texts) is not tuple or not 0 < len(texts) <= SENDS_MAX:
        return False
    if len(to) not in (1, len(texts)) or not all(map(is_sound_name, set(to) if _str(to) else to)):
        return False
    return _str(texts) and are_sound_texts(texts)


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
    "noop": _is_alone,
    "create": _is_create,
    "delete": _is_delete,
    "login": _is_login,
    "logout": _is_logout,
    "send": _is_send,
    "update": _is_update,
}
