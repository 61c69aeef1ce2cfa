"""Passwords and tokens: what of them is stored, and how it is checked.

Passwords are stored as argon2id hashes. Hashing is slow on purpose, so it runs
on threads of its own, and no more requests wait for it than it can do in time.

A token is not stored, nor is it drawn: it is the keyed hash of a random nonce
under the cluster key. The nonce is in the log, so that every replica can give
the same answer to a log-in that is repeated after a failover; without the key it
is of no use, and a stolen journal opens no session.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2 import PasswordHasher

HASHING_THREADS = 2
HASHING_WAITING_MAX = 64
PASSWORD_BYTES_MAX = 1_024
NONCE_BYTES = 32

T = TypeVar("T")

_LABEL = b"ringchat session token"


class TooBusy(Exception):
    """More passwords wait to be checked than can be done in time."""


class Passwords:
    """argon2id, in RFC 9106's setting for machines with little memory to spare."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
        self._threads = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to store.

        Raises:
            TooBusy: if too many wait already.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; for an unknown account (None) it takes as long to say no.

        Raises:
            TooBusy: if too many wait already.
        """
        return await self._run(lambda: self._verify(stored, password))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str | None, password: str) -> bool:
        if self._nobodys is None:
            self._nobodys = self._hasher.hash(os.urandom(16).hex())
        try:
            self._hasher.verify(stored or self._nobodys, password)
            return stored is not None
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= HASHING_WAITING_MAX:
            raise TooBusy("too many log-ins at once; try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def new_nonce() -> bytes:
    """256 random bits, from which a token is made."""
    return os.urandom(NONCE_BYTES)


def token_of(nonce: bytes, cluster_key: bytes) -> str:
    """The token that belongs to a nonce: 256 bits, URL-safe base64."""
    digest = hmac.digest(cluster_key, _LABEL + nonce, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def token_hash(token: str) -> bytes | None:
    """What is stored of a token; None if it cannot be one."""
    if len(token) != 43:
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=")
    except (binascii.Error, ValueError):
        return None
    return hashlib.sha256(raw).digest()
