from __future__ import annotations

import asyncio

import pytest

from ringchat_server.transport import secrets
from ringchat_server.transport.secrets import Passwords, TooBusy, new_nonce, token_hash, token_of


async def test_a_password_matches_its_hash_and_no_other() -> None:
    passwords = Passwords()
    stored = await passwords.hash("pässword")
    assert stored.startswith("$argon2id$")
    assert "pässword" not in stored
    assert await passwords.matches(stored, "pässword")
    assert not await passwords.matches(stored, "password")
    assert not await passwords.matches(None, "password")
    assert not await passwords.matches("not a hash", "password")
    passwords.close()


async def test_no_more_wait_than_can_be_done_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "HASHING_WAITING_MAX", 2)
    passwords = Passwords()
    results = await asyncio.gather(*(passwords.hash("x") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, TooBusy) for result in results) == 3
    assert await passwords.hash("x")
    passwords.close()


def test_a_token_comes_from_its_nonce_and_the_key() -> None:
    nonce = new_nonce()
    token = token_of(nonce, b"key")
    assert token == token_of(nonce, b"key")
    assert token != token_of(nonce, b"another key")
    assert token != token_of(new_nonce(), b"key")
    assert len(token) == 43  # 256 bits


def test_what_is_stored_of_a_token() -> None:
    token = token_of(b"n" * 32, b"key")
    stored = token_hash(token)
    assert stored is not None and len(stored) == 32
    assert token_hash(token_of(b"m" * 32, b"key")) != stored
    for no_token in ("", "short", "A" * 44, "é" * 43):
        assert token_hash(no_token) is None
