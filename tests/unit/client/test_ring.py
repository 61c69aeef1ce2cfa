"""The walk of a client, question by question, without a network or a clock."""

from __future__ import annotations

from typing import Any

import pytest

from ringchat_client.ring import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_MAX_SECONDS,
    Answer,
    Ask,
    Attach,
    Known,
    Pause,
    Ring,
    Step,
    same_address,
)

ADDRESSES = ("a:1", "b:1", "c:1")


def known_ring(published: bool = False) -> tuple[Known, ...]:
    return tuple(
        Known(i, address, f"127.0.0.1:{5000 + i}" if published else "")
        for i, address in enumerate(ADDRESSES)
    )


def serving(replica_id: int, view: int, **more: object) -> Answer:
    fields: Any = {"ring": known_ring(), **more}
    return Answer(replica_id, view, view % 3, True, **fields)


def refusing(replica_id: int, view: int, reason: str = "no") -> Answer:
    return Answer(replica_id, view, view % 3 if view >= 0 else -1, False, reason, known_ring())


def step_of(ring: Ring) -> Step:
    """What the ring wants now; a call, since a type checker remembers an attribute."""
    return ring.step


def asked(ring: Ring) -> tuple[int | None, int | None]:
    """Whom the ring wants to ask, and for which view."""
    assert isinstance(ring.step, Ask), ring.step
    return ring.step.replica_id, ring.step.view


def attached_ring(view: int = 0, at: float = 0.0) -> Ring:
    ring = Ring(addresses=ADDRESSES, seed=1)
    ring.answered(serving(0, view))
    ring.attached(at)
    return ring


def test_it_inquires_round_the_ring_without_a_view() -> None:
    ring = Ring(addresses=ADDRESSES)
    assert step_of(ring) == Ask("a:1", 0, None, 1.0)
    ring.unreachable("refused")
    assert step_of(ring) == Ask("b:1", 1, None, 1.0)
    ring.answered(serving(1, 2))
    assert step_of(ring) == Attach("c:1", 2, 2, 2)


def test_a_backup_that_hears_the_master_is_the_relay_if_the_master_is_out_of_reach() -> None:
    ring = Ring(addresses=ADDRESSES)
    ring.unreachable("refused")
    ring.answered(serving(1, 0))
    assert step_of(ring) == Attach("a:1", 0, 0, 0)
    ring.attach_failed("refused")
    assert step_of(ring) == Attach("b:1", 1, 0, 0)
    assert Attach("b:1", 1, 0, 0).relayed
    ring.attach_failed("refused")
    assert asked(ring) == (1, 1)


def test_when_the_master_breaks_the_next_replica_is_asked_at_once_for_the_next_view() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    assert asked(ring) == (1, 1)
    ring.answered(serving(1, 1))
    assert step_of(ring) == Attach("b:1", 1, 1, 1)
    ring.attached(10.0)
    ring.broken(20.0, "reset")
    assert asked(ring) == (2, 2)


def test_refused_or_unreachable_it_goes_on_round_the_ring() -> None:
    ring = attached_ring(view=3)
    ring.broken(10.0, "reset")
    assert asked(ring) == (1, 4)
    ring.unreachable("refused")
    assert asked(ring) == (2, 5)
    ring.answered(refusing(2, 3))
    assert asked(ring) == (0, 6)


def test_views_do_not_run_away_while_nobody_takes_one() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    views = []
    for _ in range(9):
        if isinstance(ring.step, Pause):
            ring.paused()
        views.append(asked(ring))
        ring.unreachable("refused")
    assert views == [(1, 1), (2, 2), (0, 3)] * 3


def test_a_pause_comes_only_after_a_full_circle_and_grows_to_a_second() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    pauses = []
    for _ in range(12):
        for _ in range(3):
            assert isinstance(ring.step, Ask)
            ring.unreachable("refused")
        assert isinstance(ring.step, Pause)
        pauses.append(ring.step.seconds)
        ring.paused()
    longest = [min(BACKOFF_FIRST_SECONDS * 2**i, BACKOFF_MAX_SECONDS) for i in range(12)]
    for pause, most in zip(pauses, longest, strict=True):
        assert most / 2 <= pause < most


def test_the_jitter_comes_from_the_seed() -> None:
    def first_pause(seed: int) -> float:
        ring = Ring(addresses=ADDRESSES, seed=seed)
        for _ in range(3):
            ring.unreachable("refused")
        assert isinstance(ring.step, Pause)
        return ring.step.seconds

    assert first_pause(7) == first_pause(7)
    assert len({first_pause(seed) for seed in range(20)}) > 15


def test_the_backoff_starts_afresh_after_a_connection_that_lived() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    for _ in range(5):
        while isinstance(ring.step, Ask):
            ring.unreachable("refused")
        ring.paused()
    ring.answered(serving(1, 1))
    ring.attached(100.0)
    ring.broken(102.0, "reset")
    for _ in range(3):
        ring.unreachable("refused")
    assert isinstance(ring.step, Pause)
    assert ring.step.seconds < BACKOFF_FIRST_SECONDS


def test_a_replica_that_takes_sessions_and_drops_them_is_not_asked_without_a_pause() -> None:
    ring = Ring(addresses=ADDRESSES)
    steps = 0
    while not isinstance(ring.step, Pause):
        steps += 1
        assert steps < 20, "it spins"
        if isinstance(ring.step, Ask):
            ring.answered(serving(ring.step.replica_id or 0, 0))
        else:
            ring.attached(1.0)
            ring.broken(1.001, "dropped")


def test_masters_that_die_twice_a_second_cost_no_pause() -> None:
    ring = attached_ring(view=0)
    for second_half in range(1, 20):
        ring.broken(second_half / 2, "killed")
        replica_id, view = asked(ring)
        assert replica_id is not None
        assert view is not None
        ring.answered(serving(replica_id, view))
        ring.attached(second_half / 2 + 0.01)


def test_told_of_a_newer_view_that_serves_it_attaches_to_its_master() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    ring.answered(serving(1, 5))
    assert step_of(ring) == Attach("c:1", 2, 2, 5)


def test_told_of_a_newer_view_in_the_making_it_asks_for_that_very_view() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    ring.unreachable("refused")
    assert asked(ring) == (2, 2)
    ring.answered(refusing(2, 4, "replica 1 is preparing"))
    assert asked(ring) == (1, 4)
    ring.answered(serving(1, 4))
    assert step_of(ring) == Attach("b:1", 1, 1, 4)


def test_a_newer_view_that_came_to_nothing_is_passed_over() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    ring.answered(refusing(1, 5))
    assert asked(ring) == (2, 5)
    ring.unreachable("refused")
    assert asked(ring) == (0, 6)


def test_a_candidate_that_refuses_its_own_view_is_not_asked_again_at_once() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    ring.answered(refusing(1, 1, "replica 0 is missing"))
    assert ring.reason == "replica 0 is missing"
    assert asked(ring) == (2, 2)


def test_a_healthy_master_that_only_we_cannot_hear_is_not_deposed() -> None:
    ring = attached_ring(view=0)
    ring.broken(10.0, "reset")
    ring.answered(serving(1, 0))
    assert step_of(ring) == Attach("a:1", 0, 0, 0)
    ring.attach_failed("refused")
    assert step_of(ring) == Attach("b:1", 1, 0, 0)


def test_without_one_answer_nobody_is_appointed() -> None:
    ring = Ring(addresses=ADDRESSES)
    for _ in range(4):
        for replica_id in range(3):
            assert asked(ring) == (replica_id, None)
            ring.unreachable("refused")
        assert isinstance(ring.step, Pause)
        ring.paused()


def test_if_all_answer_and_none_serves_the_newest_known_is_asked_first() -> None:
    ring = Ring(addresses=ADDRESSES)
    ring.answered(refusing(0, 3))
    ring.answered(refusing(1, 4))
    ring.answered(refusing(2, 3))
    assert asked(ring) == (1, 4), "it may be at work on it"
    ring.answered(refusing(1, 4))
    assert asked(ring) == (2, 5)


def test_a_dead_master_of_the_newest_view_is_not_asked_for_it() -> None:
    ring = Ring(addresses=ADDRESSES)
    ring.unreachable("refused")
    ring.answered(refusing(1, 3))
    ring.answered(refusing(2, 3))
    assert asked(ring) == (1, 4)


def test_before_the_first_view_replica_0_is_asked_for_view_0() -> None:
    ring = Ring(addresses=ADDRESSES)
    for replica_id in range(3):
        ring.answered(refusing(replica_id, -1, "new"))
    assert asked(ring) == (0, 0)


def test_an_older_view_is_taken_only_if_a_whole_circle_finds_no_newer_one() -> None:
    ring = attached_ring(view=5)
    ring.broken(10.0, "reset")
    assert asked(ring) == (0, 6)
    ring.answered(serving(0, 4))
    assert asked(ring) == (1, 7)
    ring.answered(serving(1, 4))
    assert asked(ring) == (2, 8)
    ring.unreachable("refused")
    assert step_of(ring) == Attach("b:1", 1, 1, 4)
    assert ring.view == 4


def test_a_newer_view_found_in_the_circle_wins_over_an_older_one() -> None:
    ring = attached_ring(view=5)
    ring.broken(10.0, "reset")
    ring.answered(serving(0, 4))
    ring.answered(serving(1, 7))
    assert step_of(ring) == Attach("b:1", 1, 1, 7)


def test_moved_with_its_own_view_is_as_if_it_broke() -> None:
    ring = attached_ring(view=0)
    ring.moved(10.0, 0, "stopping")
    assert asked(ring) == (1, 1)


def test_moved_with_a_newer_view_is_followed() -> None:
    ring = attached_ring(view=0)
    ring.moved(10.0, 2, "deposed")
    assert asked(ring) == (2, 2)


def test_moved_before_anything_else_was_said() -> None:
    ring = Ring(addresses=ADDRESSES)
    ring.answered(serving(0, 0))
    ring.moved(1.0, 4, "deposed")
    assert asked(ring) == (1, 4)


def test_from_one_address_it_learns_the_ring() -> None:
    ring = Ring(address="b:1")
    assert step_of(ring) == Ask("b:1", None, None, 1.0)
    assert not ring.addresses
    ring.answered(Answer(1, 0, 0, True, ring=tuple(reversed(known_ring()))))
    assert ring.addresses == ADDRESSES
    assert step_of(ring) == Attach("a:1", 0, 0, 0)


def test_seen_from_outside_the_published_addresses_are_used() -> None:
    ring = Ring(address="localhost:5001")
    ring.answered(Answer(1, 2, 2, True, ring=known_ring(published=True)))
    assert ring.addresses == ("127.0.0.1:5000", "localhost:5001", "127.0.0.1:5002")
    assert step_of(ring) == Attach("127.0.0.1:5002", 2, 2, 2)


def test_seen_from_inside_the_client_addresses_are_used() -> None:
    ring = Ring(address="a:1")
    ring.answered(Answer(0, 0, 0, True, ring=known_ring(published=True)))
    assert ring.addresses == ADDRESSES


def test_the_address_that_worked_is_kept_for_the_replica_that_answered() -> None:
    ring = Ring(address="10.0.0.9:77")
    ring.answered(Answer(2, 0, 0, True, ring=known_ring()))
    assert ring.addresses == ("a:1", "b:1", "10.0.0.9:77")


def test_one_silent_address_is_asked_again_after_a_pause() -> None:
    ring = Ring(address="b:1")
    ring.unreachable("refused")
    assert isinstance(ring.step, Pause)
    ring.paused()
    assert asked(ring) == (None, None)


def test_a_list_is_not_replaced_by_what_a_replica_says() -> None:
    ring = Ring(addresses=("x:1", "y:1", "z:1"))
    ring.answered(serving(0, 1))
    assert step_of(ring) == Attach("y:1", 1, 1, 1)


def test_a_list_that_names_the_wrong_replica_is_worth_a_word() -> None:
    ring = Ring(addresses=ADDRESSES)
    ring.answered(refusing(2, 0))
    assert ring.reason == "a:1 should be replica 0, but says that it is replica 2"


def test_a_master_that_the_list_does_not_know_is_reached_through_who_named_it() -> None:
    ring = Ring(addresses=ADDRESSES)
    ring.answered(Answer(0, 9, 5, True))
    assert step_of(ring) == Attach("a:1", 0, 5, 9)


def test_a_ring_of_one() -> None:
    ring = Ring(addresses=("a:1",))
    ring.answered(Answer(0, 3, 0, True))
    ring.attached(0.0)
    ring.broken(10.0, "reset")
    assert asked(ring) == (0, 4)
    ring.unreachable("refused")
    assert isinstance(ring.step, Pause)


def test_the_timeouts_follow_what_the_replicas_say() -> None:
    ring = Ring(addresses=ADDRESSES)
    ring.answered(serving(0, 0, suspect_after_seconds=0.25))
    ring.attached(0.0)
    ring.broken(10.0, "silent")
    assert isinstance(ring.step, Ask)
    assert ring.step.timeout_seconds == 2.25


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a:1", "a:1", True),
        ("A:1", "a:1", True),
        ("a:1", "a:2", False),
        ("a:1", "b:1", False),
        ("localhost:5", "127.0.0.1:5", True),
        ("[::1]:5", "localhost:5", True),
        ("localhost:5", "127.0.0.1:6", False),
        ("localhost:5", "a:5", False),
    ],
)
def test_same_address(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same
