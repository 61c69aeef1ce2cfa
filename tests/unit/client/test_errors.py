"""Status codes become kinds of errors."""

from __future__ import annotations

import pytest

from ringchat_client import errors


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (3, errors.InvalidArgument),
        (5, errors.NotFound),
        (6, errors.AlreadyExists),
        (8, errors.ResourceExhausted),
        (9, errors.FailedPrecondition),
        (14, errors.Unavailable),
        (16, errors.Unauthenticated),
    ],
)
def test_kinds(code: int, kind: type[errors.RingchatError]) -> None:
    error = errors.error_of(code, "why\nso")
    assert type(error) is kind
    assert str(error) == "why so"


def test_an_unknown_status_is_an_error_all_the_same() -> None:
    assert str(errors.error_of(13, "oops")) == "status 13: oops"
    assert str(errors.error_of(5, "")) == "the server answered with status 5"


async def test_not_known_repeats_what_it_was_given() -> None:
    async def again(timeout: float) -> str:
        return f"again within {timeout}"

    assert await errors.NotKnown("?", again).send_again(timeout=2.0) == "again within 2.0"
