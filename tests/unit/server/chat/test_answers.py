"""Answers: a status code first, and one line."""

from __future__ import annotations

import grpc
import pytest

from ringchat_server.chat import answers


@pytest.mark.parametrize(
    "code",
    [
        "OK",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
    ],
)
def test_the_codes_are_those_of_grpc(code: str) -> None:
    assert getattr(answers, code) == getattr(grpc.StatusCode, code).value[0]


def test_every_error_is_a_code_and_one_line() -> None:
    found = [
        value
        for name, value in vars(answers).items()
        if name.isupper() and isinstance(value, tuple) and name != "DONE"
    ]
    assert len(found) >= 9
    for answer in [*found, answers.no_account("ann"), answers.name_taken("ann")]:
        code, line = answer
        assert isinstance(code, int)
        assert code != answers.OK
        assert isinstance(line, str)
        assert line
        assert "\n" not in line
