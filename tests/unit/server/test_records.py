from __future__ import annotations

import pytest

from ringchat_server.pickled import decode, encode, entry_of
from ringchat_server.records import (
    NO_VIEW,
    NOOP,
    SENDS_MAX,
    Entry,
    Group,
    Meta,
    Recovered,
    count_of,
    index_of,
    message_id,
    weight_of,
)
from ringchat_server.replica.log import Log

ENTRY = Entry(3, 1_000, b"c" * 16, 1, "ann", b"h" * 32, ("send", ("bob",), ("hello", "again")))


def test_message_ids_are_in_the_order_of_the_log() -> None:
    places = [(index, at) for index in (1, 2, 3, 1_000) for at in (0, 1, SENDS_MAX - 1)]
    ids = [message_id(*place) for place in places]
    assert ids == sorted(set(ids))
    assert [index_of(one) for one in ids] == [index for index, _ in places]
    assert message_id(1, SENDS_MAX - 1) + 1 == message_id(2, 0), "no id is left out"


def test_how_many_numbers_a_request_takes() -> None:
    assert count_of(ENTRY.request) == 2
    assert count_of(("send", ("bob", "cy", "bob"), ("a", "b", "c"))) == 3
    for one in (NOOP, ("logout",), ("update", 7, ((b"c", 1), (b"c", 2))), ("send",), ()):
        assert count_of(one) == 1, "anything else has one, whatever it holds"
    assert count_of(("send", (), ())) == 1


def test_what_a_request_weighs() -> None:
    assert weight_of(("send", ("bob",), ("x" * 5_000,))) >= 5_100
    assert weight_of(("send", ("bob",), ("x" * 5_000,) * 4)) >= 20_100
    assert weight_of(("send", ("bob",), ("x",) * 1_024)) >= 1_024 * 50, "a string is an object"
    assert weight_of(NOOP) >= 100
    names = tuple((b"c" * 16, number) for number in range(100))
    assert weight_of(("update", 7, names)) >= 100 * 60


@pytest.mark.parametrize(
    "request_", [("update", 3, (1, None, ("a", 2))), ("send", ("bob",), (None,))], ids=repr
)
def test_whatever_can_be_read_has_a_weight(request_: tuple[object, ...]) -> None:
    # A peer or a journal may hold it; the log that sends it on and the pieces that are handed
    # over ask for its weight, and an exception there would end every master in turn.
    entry = entry_of(tuple(ENTRY._replace(request=request_)))
    log = Log(0, (), [entry])
    assert list(log.slice(0).entries) == [entry]


def test_where_a_group_ends() -> None:
    assert Group(1, [ENTRY]).last_index == 1
    assert Group(5, [ENTRY] * 3).last_index == 7
    assert Group(5, []).last_index == 4, "right before where it would begin"


def test_a_group_is_itself_and_no_other() -> None:
    """Its bytes are made once and kept in it: comparing entries would hide a second copy."""
    group = Group(1, [ENTRY])
    assert group == group  # noqa: PLR0124
    assert group != Group(1, [ENTRY])
    assert group.encoded is None


def test_a_group_prints_without_its_bytes() -> None:
    assert "secret bytes" not in repr(Group(1, [ENTRY], b"secret bytes"))


def test_a_replica_begins_with_nothing_promised() -> None:
    meta = Meta()
    assert (meta.promised, meta.log_view, meta.birth_view) == (NO_VIEW, NO_VIEW, NO_VIEW)
    assert NO_VIEW < 0, "before the first view of all"
    assert not (meta.sole or meta.cluster_id or meta.birth_promises or meta.rebuilding)


def test_the_values_are_built_of_built_in_types() -> None:
    """Pickles that name a class are refused, so what lasts must do without."""
    noop = Entry(0, 1, b"", 0, "", b"", NOOP)
    for value in (ENTRY, noop, Meta(birth_promises=(1, 2))):
        again = decode(encode(tuple(value)))
        assert again == value
        assert type(value)._make(again) == value


def test_they_compare_by_what_they_say_and_can_stand_in_sets() -> None:
    assert ENTRY._replace(view=4) != ENTRY
    assert len({ENTRY, ENTRY._replace(), ENTRY._replace(view=4)}) == 2
    recovered = Recovered(Meta(), 7, ((1, 0), (5, 3)), [ENTRY], 8, ())
    assert recovered._replace(commit_index=9) != recovered
