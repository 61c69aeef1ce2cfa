"""Accounts: blocking, sessions, leaving for good."""

from __future__ import annotations

import pytest

from ringchat_server.chat.accounts import verification
from ringchat_server.chat.answers import (
    DONE,
    NO_SESSION,
    NOT_LOGGED_IN,
    NOT_ONESELF,
    OK,
    TOO_MANY_BLOCKED,
    WRONG_PASSWORD,
    join_first,
    no_account,
    not_accepted,
)
from ringchat_server.chat.views import MemberState, Profile
from tests.unit.server.chat.room import NOW_MS, TOKEN, House, send

# ---------------------------------------------------------------------- accounts


def test_who_is_blocked_does_not_get_through(house: House, hall: int) -> None:
    before = house.id_of("bob", *send("ann", "before"))
    assert house.says("ann", "block", "bob", True) == DONE
    assert house.chat.blocked("ann") == ("bob",)
    assert house.says("bob", *send("ann", "psst")) == not_accepted("ann")
    assert house.says("bob", "edit", "ann", before, "psst") == not_accepted("ann")
    assert house.texts("ann", "bob") == ["before"]
    assert house.says("bob", "erase", "ann", before) == DONE, "to take back is no message"
    assert house.says("bob", "post", "ann", ("psst",), 0) == not_accepted("ann")
    other = house.id_of("bob", "room", "bob's", "", False, ())
    assert house.says("bob", "invite", other, "ann") == not_accepted("ann")
    assert house.says("bob", "room", "trap", "", False, ("cy", "ann")) == not_accepted("ann")
    assert house.says("bob", "post", hall, ("here I may",), 0)[0] == OK
    assert house.says("ann", *send("bob", "one way"))[0] == OK
    assert house.says("ann", "block", "bob", False) == DONE
    assert house.says("bob", *send("ann", "hello again"))[0] == OK
    assert house.says("ann", "block", "ann", True) == NOT_ONESELF
    assert house.says("ann", "block", "nobody", True) == no_account("nobody")
    assert house.says("ann", "block", "nobody", False) == DONE


def test_only_so_many_are_blocked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringchat_server.chat.chat.BLOCKED_MAX", 1)
    assert house.says("ann", "block", "bob", True) == DONE
    assert house.says("ann", "block", "bob", True) == DONE
    assert house.says("ann", "block", "cy", True) == TOO_MANY_BLOCKED


def test_another_password_ends_the_other_sessions(house: House) -> None:
    phone = b"phone".ljust(32)
    house.log_in("ann", phone)
    assert house.says("ann", "password", verification("wrong"), "new hash") == WRONG_PASSWORD
    assert house.says("ann", "password", verification("hash of ann"), "new hash") == DONE
    assert house.chat.password_hash("ann") == "new hash"
    assert house.chat.account_of(phone, NOW_MS) is None
    assert house.chat.account_of(TOKEN["ann"], NOW_MS) == "ann"


def test_ones_sessions(house: House) -> None:
    phone, desk = b"phone".ljust(32), b"desk".ljust(32)
    for token in (phone, desk):
        house.log_in("ann", token)
    assert [one for one, _ in house.chat.sessions("ann", NOW_MS)] == [TOKEN["ann"], phone, desk]
    assert house.says("bob", "end", phone) == NO_SESSION
    assert house.says("ann", "end", phone) == DONE
    assert house.says("ann", "end", phone) == NO_SESSION
    assert house.says("ann", "end", b"") == DONE
    assert [one for one, _ in house.chat.sessions("ann", NOW_MS)] == [TOKEN["ann"]]
    assert house.says("ann", "end", TOKEN["ann"]) == DONE
    assert house.says("ann", "profile", "Ann") == NOT_LOGGED_IN


def test_who_leaves_for_good_leaves_what_he_wrote(house: House, hall: int) -> None:
    house.says("ann", "profile", "Ann A.")
    house.id_of("ann", *send("bob", "keep this"))
    house.id_of("ann", "post", hall, ("and this",), 0)
    house.id_of("ann", *send("ann", "but not my notes"))
    dans = house.id_of("dan", "room", "dan's", "", False, ("ann",))
    assert house.state("bob", "ann").display_name == "Ann A."
    assert house.says("ann", "delete") == DONE
    assert house.texts("bob", "ann") == ["keep this"]
    assert house.texts("bob", hall) == ["and this"]
    state = house.state("bob", "ann")
    assert (state.gone, state.display_name) == (True, "")
    room = house.state("bob", hall).room
    assert room is not None
    assert room.owner == "bob"
    assert house.chat.views.members("dan", dans, "", 9)[0] == [MemberState("dan", "", False, 0, 0)]
    assert house.chat.profile("ann") == Profile("ann", "", True)
    assert house.chat.profile("nobody") is None
    assert house.chat.stored_bytes == len("keep this") + len("and this") + 2 * 12
    house.says("bob", "delete")
    assert next(iter(house.chat.views.every_conversation())).id == dans
    assert house.chat.stored_bytes == 0


def test_whom_one_knows_is_told_first_of_those_one_speaks_with(house: House) -> None:
    garden = house.id_of("ann", "room", "garden", "", True, ())
    for name in ("bob", "cy", "dan"):
        house.says(name, "join", garden)
    house.id_of("ann", *send("eve", "hi"))
    views = house.chat.views
    assert list(dict.fromkeys(views.acquaintances("ann", 4))) == ["ann", "eve", "bob", "cy", "dan"]
    assert set(views.acquaintances("ann", 3)) == {"ann", "eve"}
    assert list(views.acquaintances("nobody", 9)) == []
    assert views.few_members("ann", garden, 4) == ["ann", "bob", "cy", "dan"]
    assert views.few_members("ann", garden, 3) == []
    assert views.few_members("eve", garden, 9) == join_first(garden)
