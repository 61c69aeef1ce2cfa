"""Accounts, sessions and lists of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringchat_server.chat import accounts as module
from ringchat_server.chat.accounts import (
    SESSION_LIFETIME_MS,
    SESSIONS_MAX,
    Account,
    Accounts,
    verification,
)
from ringchat_server.chat.names import literal_prefix, matcher


def with_names(*names: str) -> Accounts:
    accounts = Accounts()
    for name in names:
        accounts.create(name, f"hash of {name}")
    return accounts


def token(number: int) -> bytes:
    return number.to_bytes(32, "big")


def one(accounts: Accounts, name: str) -> Account:
    account = accounts.get(name)
    assert account is not None
    return account


def test_a_session_lasts_30_days() -> None:
    accounts = with_names("ann")
    session = accounts.begin_session(one(accounts, "ann"), token(1), 1_000)
    assert session.expires_at_ms == 1_000 + 30 * 24 * 3600 * 1000
    assert accounts.holder(token(1), session.expires_at_ms - 1) == "ann"
    assert accounts.holder(token(1), session.expires_at_ms) is None
    assert accounts.holder(token(2), 1_000) is None


def test_one_session_too_many_ends_the_oldest() -> None:
    accounts = with_names("ann", "bob")
    for number in range(SESSIONS_MAX):
        accounts.begin_session(one(accounts, "ann"), token(number), number)
    accounts.begin_session(one(accounts, "bob"), token(1000), 99)
    assert accounts.holder(token(0), 99) == "ann"
    accounts.begin_session(one(accounts, "ann"), token(SESSIONS_MAX), 99)
    assert accounts.holder(token(0), 99) is None
    assert accounts.holder(token(1), 99) == "ann"
    assert accounts.holder(token(1000), 99) == "bob"
    assert len(one(accounts, "ann").tokens) == SESSIONS_MAX


def test_sessions_that_are_over_make_room() -> None:
    accounts = with_names("ann")
    for number in range(3):
        accounts.begin_session(one(accounts, "ann"), token(number), number)
    accounts.begin_session(one(accounts, "ann"), token(9), SESSION_LIFETIME_MS + 1)
    assert one(accounts, "ann").tokens == [token(2), token(9)]


def test_the_same_token_again_is_one_session() -> None:
    accounts = with_names("ann", "bob")
    accounts.begin_session(one(accounts, "ann"), token(1), 0)
    accounts.begin_session(one(accounts, "bob"), token(1), 0)
    assert accounts.holder(token(1), 0) == "bob"
    accounts.delete("ann")
    assert accounts.holder(token(1), 0) == "bob"


def test_deleting_ends_the_sessions() -> None:
    accounts = with_names("ann", "bob")
    accounts.begin_session(one(accounts, "ann"), token(1), 0)
    accounts.begin_session(one(accounts, "bob"), token(2), 0)
    accounts.delete("ann")
    assert accounts.get("ann") is None
    assert accounts.holder(token(1), 0) is None
    assert accounts.holder(token(2), 0) == "bob"
    assert accounts.matching("*", "", 9) == (["bob"], "")
    accounts.end_session(token(1))  # no error


@given(
    st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=30),
    st.text("abc*?", min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 7),
)
def test_the_pages_are_all_that_match_and_each_looks_at_few(
    names: list[str], pattern: str, limit: int, looked_at_max: int
) -> None:
    accounts, matches = with_names(*names), matcher(pattern)
    found: list[str] = []
    after = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LOOKED_AT_MAX", looked_at_max)
        while True:
            page, following = accounts.matching(pattern, after, limit)
            assert len(page) <= limit
            found += page
            if not following:
                break
            prefix = literal_prefix(pattern)
            looked_at = sum(after < name <= following and name >= prefix for name in names)
            assert looked_at <= looked_at_max
            after = following
    assert found == [name for name in sorted(names) if matches(name)]


def test_what_is_exported_is_sorted_and_comes_back() -> None:
    accounts = with_names("cy", "ann", "bob")
    for number, name in enumerate(["bob", "ann", "bob"]):
        accounts.begin_session(one(accounts, name), token(number), number)
    export = accounts.export()
    loaded = Accounts.load(export, ())
    assert loaded.export() == export
    assert loaded.holder(token(2), 5) == "bob"
    assert len(loaded) == 3
    assert with_names("ann", "bob", "cy").export() == with_names("cy", "bob", "ann").export()


REST = ("", (), (), 0, ())


@pytest.mark.parametrize(
    ("rows", "gone"),
    [
        (None, ()),
        ([], ()),
        ((7,), ()),
        ((("ann", "hash"),), ()),
        ((("ann", b"hash", *REST),), ()),
        ((("ann", "hash", None, (), (), 0, ()),), ()),
        ((("ann", "hash", "", (), ("bob", 7), 0, ()),), ()),
        ((("ann", "hash", "", (), (), "0", ()),), ()),
        ((("ann", "hash", "", (), (), 0, ("7",)),), ()),
        ((("bob", "hash", *REST), ("ann", "hash", *REST)), ()),
        ((("ann", "hash", *REST), ("ann", "hash", *REST)), ()),
        ((("ann", "hash", "", ((token(1), 0), (token(1), 0)), (), 0, ()),), ()),
        ((("ann", "hash", "", ((token(1),),), (), 0, ()),), ()),
        ((("ann", "hash", "", (("token", 0),), (), 0, ()),), ()),
        ((("ann", "hash", *REST),), None),
        ((("ann", "hash", *REST),), (7,)),
        ((("ann", "hash", *REST),), ("ann",)),
    ],
)
def test_values_of_another_shape_are_refused(rows: object, gone: object) -> None:
    with pytest.raises(ValueError, match=r"account|session"):
        Accounts.load(rows, gone)


def test_a_verification_names_one_hash() -> None:
    assert len(verification("hash")) == 16
    assert verification("hash") == verification("hash")
    assert verification("hash") != verification("hash2")
