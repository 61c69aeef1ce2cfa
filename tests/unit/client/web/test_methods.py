"""The table of what a page may ask is that of the SDK."""

from __future__ import annotations

import inspect

import pytest

from ringchat_client import Client
from ringchat_client.web.methods import METHODS
from tests.unit.client.web.fake_chat import FakeClient


@pytest.mark.parametrize("name", METHODS)
def test_each_is_a_method_of_the_client_with_those_parameters(name: str) -> None:
    method = METHODS[name]
    real = inspect.signature(getattr(Client, name)).parameters
    assert set(method.checks) == set(real) - {"self", "timeout"}
    for parameter, check in method.checks.items():
        if real[parameter].default is not inspect.Parameter.empty:
            assert check(None) is None, f"{parameter} may be left out"


@pytest.mark.parametrize("name", [*METHODS, "log_in", "log_out", "create_account"])
def test_the_fake_client_has_the_parameters_of_the_real_one(name: str) -> None:
    fake = inspect.signature(getattr(FakeClient, name)).parameters
    real = inspect.signature(getattr(Client, name)).parameters
    if name not in {"set_typing", "change_room"}:
        assert set(fake) == set(real)


def test_what_changes_something_is_a_write() -> None:
    reads = {name for name, method in METHODS.items() if not method.write}
    assert reads == {
        *("conversations", "members", "history", "search", "rooms"),
        *("list_accounts", "profile", "sessions", "set_typing"),
    }
