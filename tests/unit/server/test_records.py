from __future__ import annotations

from ringchat_server.pickled import decode, encode
from ringchat_server.records import NO_VIEW, NOOP, Entry, Group, Meta, Recovered

ENTRY = Entry(3, 1_000, b"c" * 16, 1, "ann", b"h" * 32, ("send", "bob", "hello"))


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
