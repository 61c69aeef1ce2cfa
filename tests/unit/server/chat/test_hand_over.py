"""Rule 6: what a replica gives up, told in the words of the new order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ringchat_server.chat.accounts import verification
from ringchat_server.chat.answers import NOT_FOUND, OK
from ringchat_server.chat.chat import Chat
from ringchat_server.chat.hand_over import hand_over
from ringchat_server.records import NOOP, Entry, Proposal, message_id
from tests.unit.server.chat.orders import (
    ANN,
    BOB,
    CY,
    DAN,
    NAMES,
    Order,
    after_healing,
    everybody,
    last_id,
    nine_entries,
    send,
)


def test_an_acknowledgement_of_one_side_does_not_remove_a_message_of_the_other() -> None:
    before = everybody()
    before.ask(DAN, 3, *send("bob", "from before"))
    common = len(before.entries)

    lost = before.fork(view=1)
    hi = lost.ask(ANN, 3, *send("bob", "hi"))
    lost.ask(ANN, 4, *send("bob", "not read yet"))
    lost.ask(BOB, 3, "update", hi, ())
    assert lost.texts("bob") == ["not read yet"]

    kept = before.fork(view=2)
    hello = kept.ask(CY, 3, *send("bob", "hello"))
    assert hello == hi, "the story needs two messages of one id"

    after_healing(lost, kept, common)
    assert kept.texts("bob") == ["hello", "not read yet"]


def test_taken_literally_the_same_acknowledgement_would_lose_it() -> None:
    # The same story without the rewriting: what the rewriting is there for.
    before = everybody()
    common = len(before.entries)
    lost = before.fork(view=1)
    lost.ask(BOB, 3, "update", lost.ask(ANN, 3, *send("bob", "hi")), ())
    kept = before.fork(view=2)
    kept.ask(CY, 3, *send("bob", "hello"))
    kept.propose([Proposal(*e[2:5], b"", e.request) for e in lost.entries[common + 1 :]])
    assert "hello" not in kept.texts("bob")


def test_a_dropped_suffix_that_is_dropped_again_still_means_the_same() -> None:
    before = everybody()
    old = before.ask(DAN, 3, *send("bob", "from before"))
    common = len(before.entries)
    first = before.fork(view=1)
    first.ask(BOB, 3, "update", first.ask(ANN, 3, *send("bob", "hi")), ())
    second = before.fork(view=2)
    second.ask(CY, 3, *send("bob", "hello"))
    after_healing(first, second, common)
    assert second.texts("bob") == ["hello"]
    third = before.fork(view=3)
    third.ask(DAN, 4, *send("bob", "good morning"))
    third.ask(DAN, 5, *send("bob", "good evening"))
    proposals = after_healing(second, third, common)
    assert third.texts("bob") == ["good morning", "good evening", "hello"]
    assert proposals[-1].request == ("update", last_id(common), ((ANN, 3),))
    assert old <= last_id(common)


def test_what_one_side_refused_and_the_other_confirmed_is_done() -> None:
    before = everybody()
    common = len(before.entries)
    lost = before.fork(view=1)
    lost.ask(CY, 3, "create", "eve", "hash of eve", account="")
    lost.ask(ANN, 3, *send("eve", "hello"))
    kept = before.fork(view=2)
    kept.ask(ANN, 3, *send("eve", "hello"))  # there is no eve here
    refusal = kept.chat.recall(ANN, 3)
    assert refusal is not None
    assert refusal[0] == NOT_FOUND
    proposals = after_healing(lost, kept, common)
    assert kept.texts("eve") == ["hello"]
    assert kept.chat.recall(ANN, 3) == (0, message_id(len(kept.entries), 0), 1_000)
    kept.propose(proposals)
    assert kept.texts("eve") == ["hello"]


def test_a_refusal_stands_for_whoever_only_asks_again() -> None:
    order = everybody()
    order.ask(ANN, 3, *send("eve", "hello"))
    order.ask(CY, 3, "create", "eve", "hash of eve", account="")
    order.ask(ANN, 3, *send("eve", "hello"))
    assert order.texts("eve") == []


def test_handing_over_twice_changes_nothing() -> None:
    before = everybody()
    common = len(before.entries)
    lost = before.fork(view=1)
    lost.ask(BOB, 3, "update", lost.ask(ANN, 3, *send("bob", "hi")), ())
    lost.ask(ANN, 4, *send("bob", "again"))
    kept = before.fork(view=2)
    proposals = after_healing(lost, kept, common)
    kept.propose(proposals)
    assert kept.texts("bob") == ["again"]


def test_a_named_message_is_removed_once_and_only_from_its_receiver() -> None:
    order = everybody()
    order.ask(ANN, 3, *send("bob", "one"))
    order.ask(ANN, 4, *send("cy", "two"))
    order.ask(ANN, 5, *send("bob", "three"))
    named = ((ANN, 4), (ANN, 5), (ANN, 99), (BOB, 1), (b"nobody", 1), (ANN, 5))
    order.ask(BOB, 3, "update", 0, named)
    assert order.texts("bob") == ["one"]
    assert order.texts("cy") == ["two"]


def test_a_named_message_is_removed_from_among_those_it_came_with() -> None:
    order = everybody()
    order.ask(ANN, 3, *send("bob", "one", "two", "three", "four"))
    order.ask(
        ANN, 7, *send(("bob", "cy", "bob", "eve", "bob"), "five", "six", "seven", "-", "nine")
    )
    order.ask(BOB, 3, "update", 0, ((ANN, 4), (ANN, 6), (ANN, 8), (ANN, 9), (ANN, 10), (ANN, 12)))
    assert order.texts("bob") == ["one", "three", "five", "nine"]
    assert order.texts("cy") == ["six"]


def test_the_rewriting_field_by_field() -> None:
    def entry(client: bytes, number: int, account: str, session: bytes, *request: object) -> Entry:
        return Entry(3, 5, client, number, account, session, request)

    entries = [
        entry(b"", 0, "", b"", *NOOP),
        entry(ANN, 1, "ann", ANN * 2, *send("bob", "x")),  # 11
        entry(CY, 1, "cy", CY * 2, *send("dan", "x")),
        # Before the orders part: as it is.
        entry(BOB, 1, "bob", BOB * 2, "update", message_id(9, 0), ()),
        entry(BOB, 1, "bob", BOB * 2, "update", last_id(9), ()),
        entry(BOB, 2, "bob", BOB * 2, "update", message_id(10, 0), ()),
        entry(BOB, 3, "bob", BOB * 2, "update", message_id(11, 0), ((b"z", 1),)),
        entry(BOB, 4, "bob", BOB * 2, "update", message_id(11, 0), ()),  # named already
        entry(ANN, 2, "ann", ANN * 2, *send("bob", "y")),  # 18
        entry(BOB, 5, "bob", b"", "update", 2**70, ((b"z", 1),)),
        entry(ANN, 3, "ann", ANN * 2, "logout"),
        entry(ANN, 4, "ann", b"", "logout", ANN * 2),
        entry(DAN, 1, "", DAN * 2, *send("bob", "nobody vouches for this")),
        entry(DAN, 2, "", b"", "create", "dan", "hash"),
        entry(DAN, 3, "dan", DAN * 2, "delete"),
        entry(CY, 2, "cy", CY * 2, "delete"),
        entry(CY, 3, "cy", CY * 2, "update", "malformed"),
        entry(CY, 4, "cy", CY * 2, "of tomorrow", 1),
    ]
    proposals = hand_over(entries, 10, 9, nine_entries)
    assert [(p.number, p.account, p.session, p.request) for p in proposals] == [
        (1, "ann", b"", send("bob", "x")),
        (1, "cy", b"", send("dan", "x")),
        (1, "bob", b"", ("update", message_id(9, 0), ())),
        (1, "bob", b"", ("update", last_id(9), ())),
        (2, "bob", b"", ("update", last_id(9), ())),
        (3, "bob", b"", ("update", last_id(9), ((b"z", 1), (ANN, 1)))),
        (4, "bob", b"", ("update", last_id(9), ())),
        (2, "ann", b"", send("bob", "y")),
        (5, "bob", b"", ("update", last_id(9), ((b"z", 1), (ANN, 2)))),
        (3, "ann", b"", ("logout", ANN * 2)),
        (4, "ann", b"", ("logout", ANN * 2)),
        (1, "", DAN * 2, send("bob", "nobody vouches for this")),
        (2, "", b"", ("create", "dan", "hash")),
        (3, "dan", b"", ("delete", verification("hash"))),
        (2, "cy", b"", ("delete",)),
        (3, "cy", b"", ("update", "malformed")),
        (4, "cy", b"", ("of tomorrow", 1)),
    ]


def test_an_acknowledgement_of_some_that_came_together_spares_the_others() -> None:
    before = everybody()
    common = len(before.entries)
    lost = before.fork(view=1)
    first = lost.ask(ANN, 3, *send("bob", "one", "two", "three", "four"))
    lost.ask(BOB, 3, "update", first + 1, ())
    assert lost.texts("bob") == ["three", "four"]
    lost.ask(BOB, 4, "update", first + 2, ())
    kept = before.fork(view=2)
    hello = kept.ask(CY, 3, *send("bob", "hello", "and", "good", "morning", "bob"))
    assert hello == first, "the story needs two messages of one id"
    proposals = after_healing(lost, kept, common)
    assert kept.texts("bob") == ["hello", "and", "good", "morning", "bob", "four"]
    assert [proposal.request for proposal in proposals] == [
        send("bob", "one", "two", "three", "four"),
        ("update", last_id(common), ((ANN, 3), (ANN, 4))),
        ("update", last_id(common), ((ANN, 5),)),
    ]


def test_each_receiver_of_several_acknowledges_what_is_its_own() -> None:
    mixed = send(("bob", "dan", "bob", "dan", "bob"), "a", "b", "c", "d", "e")
    entries = [
        Entry(3, 5, ANN, 7, "ann", ANN * 2, mixed),  # 10
        Entry(3, 5, BOB, 1, "bob", BOB * 2, ("update", message_id(10, 2), ())),
        Entry(3, 5, DAN, 1, "dan", DAN * 2, ("update", message_id(10, 2), ())),
        Entry(3, 5, ANN, 12, "ann", ANN * 2, send("bob", "f", "g")),  # 13
        Entry(3, 5, BOB, 2, "bob", BOB * 2, ("update", message_id(13, 0), ())),
        Entry(3, 5, DAN, 2, "dan", DAN * 2, ("update", last_id(13), ())),
        Entry(3, 5, CY, 1, "cy", CY * 2, ("update", last_id(13), ())),
    ]
    proposals = hand_over(entries, 10, 9, nine_entries)
    assert [(p.client, p.number, p.request) for p in proposals] == [
        (ANN, 7, mixed),
        (BOB, 1, ("update", last_id(9), ((ANN, 7), (ANN, 9)))),
        (DAN, 1, ("update", last_id(9), ((ANN, 8),))),
        (ANN, 12, send("bob", "f", "g")),
        (BOB, 2, ("update", last_id(9), ((ANN, 11), (ANN, 12)))),
        (DAN, 2, ("update", last_id(9), ((ANN, 10),))),
        (CY, 1, ("update", last_id(9), ())),
    ]


def test_of_several_what_one_side_refused_and_the_other_confirmed_is_done() -> None:
    before = everybody()
    common = len(before.entries)
    lost = before.fork(view=1)
    lost.ask(CY, 3, "create", "eve", "hash of eve", account="")
    lost.ask(ANN, 3, *send(("bob", "eve", "bob", "eve"), "one", "two", "three", "four"))
    kept = before.fork(view=2)
    # The client went on here, and cut its messages otherwise: there is no eve on this side.
    at = kept.ask(ANN, 3, *send(("bob", "eve", "bob"), "one", "two", "three"))
    proposals = after_healing(lost, kept, common)
    assert kept.texts("bob") == ["one", "three"]
    assert kept.texts("eve") == ["two", "four"]
    last = len(kept.entries)
    assert [kept.chat.recall(ANN, number) for number in range(3, 7)] == [
        (0, at, 1_000),
        (0, message_id(last, 1), 1_000),
        (0, at + 2, 1_000),
        (0, message_id(last, 3), 1_000),
    ]
    kept.propose(proposals)
    assert (kept.texts("bob"), kept.texts("eve")) == (["one", "three"], ["two", "four"])


def test_an_acknowledgement_does_not_name_what_came_after_it() -> None:
    before = everybody()
    common = len(before.entries)
    second = before.fork(view=2)
    second.ask(ANN, 3, *send("eve", "hi"))  # refused: there is no eve yet
    second.ask(CY, 3, "create", "eve", "hash of eve", account="")
    welcome = second.ask(CY, 4, *send("eve", "welcome"))
    # A third side had confirmed the first one, and hands it over.
    second.append(Entry(2, 1_000, ANN, 3, "ann", b"", send("eve", "hi")))
    second.append(Entry(2, 1_000, DAN, 3, "eve", b"", ("update", welcome, ())))
    assert second.texts("eve") == ["hi"], "confirmed, and not read yet"
    # Now this side is given up, too.
    third = before.fork(view=3)
    after_healing(second, third, common)
    assert third.texts("eve") == ["hi"]


def test_an_acknowledgement_does_not_name_what_only_the_other_side_delivered() -> None:
    before = everybody()
    lost, kept = before.fork(view=1), before.fork(view=2)
    lost.ask(ANN, 3, *send("eve", "hi"))  # refused, and the answer is lost
    lost.ask(CY, 3, "create", "eve", "hash of eve", account="")
    welcome = lost.ask(CY, 4, *send("eve", "welcome"))
    lost.append(Entry(1, 1_000, DAN, 3, "eve", b"", ("update", welcome, ())))
    kept.ask(DAN, 4, "create", "eve", "hash of eve", account="")
    kept.ask(ANN, 3, *send("eve", "hi"))  # confirmed
    after_healing(lost, kept, len(before.entries))
    assert kept.texts("eve") == ["hi"]


def test_where_nobody_knows_what_was_delivered_an_acknowledgement_names_nothing() -> None:
    before = everybody()
    lost, kept = before.fork(view=1), before.fork(view=2)
    lost.ask(BOB, 3, "update", lost.ask(ANN, 3, *send("bob", "hi")), ())
    common = len(before.entries)
    kept.propose(hand_over(lost.entries[common:], common + 1, common, lambda: None))
    assert kept.texts("bob") == ["hi"], "read again: better than lost"


def test_the_state_before_is_asked_for_only_where_an_acknowledgement_needs_it() -> None:
    order = everybody()
    sent = order.ask(ANN, 3, *send("bob", "hi"))
    order.ask(BOB, 3, "update", sent, ())

    def never() -> Chat:
        raise AssertionError("to read it takes long")

    assert len(hand_over(order.entries[9:10], 10, 9, never)) == 1
    assert len(hand_over(order.entries[10:], 11, 10, never)) == 1


def test_a_session_ended_on_one_side_is_ended_on_both() -> None:
    before = everybody()
    lost, kept = before.fork(view=1), before.fork(view=2)
    lost.ask(ANN, 3, "logout")
    after_healing(lost, kept, len(before.entries))
    assert kept.chat.account_of(ANN * 2, 1_000) is None
    assert kept.chat.account_of(BOB * 2, 1_000) == "bob"


def test_what_ends_all_other_sessions_spares_its_own_on_both_sides() -> None:
    before = everybody()
    verified = verification("hash of ann")
    before.ask(DAN, 3, "login", "ann", verified, b"phone".ljust(32), bytes(32), account="")
    for request in (("end", b""), ("password", verified, "another hash")):
        lost, kept = before.fork(view=1), before.fork(view=2)
        lost.ask(ANN, 3, *request)
        after_healing(lost, kept, len(before.entries))
        assert kept.chat.account_of(ANN * 2, 1_000) == "ann"
        assert kept.chat.account_of(b"phone".ljust(32), 1_000) is None
    lost, kept = before.fork(view=1), before.fork(view=2)
    lost.ask(ANN, 3, "end", b"phone".ljust(32))
    [proposal] = after_healing(lost, kept, len(before.entries))
    assert proposal.request == ("end", b"phone".ljust(32))
    assert kept.chat.account_of(b"phone".ljust(32), 1_000) is None


def test_a_deletion_spares_the_account_that_another_person_made_of_that_name() -> None:
    before = everybody()
    lost, kept = before.fork(view=1), before.fork(view=2)
    lost.ask(ANN, 3, "create", "eve", "hash of one eve", account="")
    verified = verification("hash of one eve")
    lost.ask(ANN, 4, "login", "eve", verified, b"e" * 32, bytes(32), account="")
    lost.append(Entry(1, 1_000, ANN, 5, "eve", b"e" * 32, ("delete",)))
    assert lost.chat.password_hash("eve") is None
    kept.ask(CY, 3, "create", "eve", "hash of the other eve", account="")
    kept.ask(CY, 4, *send("eve", "welcome"))
    after_healing(lost, kept, len(before.entries))
    assert kept.texts("eve") == ["welcome"]


def test_an_account_made_on_the_lost_side_keeps_its_messages() -> None:
    before = everybody()
    lost, kept = before.fork(view=1), before.fork(view=2)
    lost.ask(ANN, 3, "create", "eve", "hash of eve", account="")
    lost.ask(ANN, 4, *send("eve", "welcome"))
    after_healing(lost, kept, len(before.entries))
    assert kept.texts("eve") == ["welcome"]


def test_naming_is_not_quadratic() -> None:
    order = everybody()
    count = 2_000
    for number in range(3, count + 3):
        sent = order.ask(ANN, number, *send("bob", "x"))
        order.ask(BOB, number, "update", sent, ())
    named = [p.request[2] for p in hand_over(order.entries, 1, 0, Chat) if p.request[0] == "update"]
    assert [len(names) for names in named if isinstance(names, tuple)] == [1] * count


# Who; and to whom it writes, how many it reads, or "again": what it sent last, once more.
Step = tuple[bytes, tuple[str, ...] | int | str]
EVE = b"e" * 16
receivers = st.lists(st.sampled_from(["bob", "dan", "eve"]), min_size=1, max_size=5).map(tuple)
of_everybody: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.sampled_from([ANN, CY]), receivers),
    st.tuples(st.sampled_from([BOB, DAN, EVE]), st.integers(0, 9)),
    st.tuples(st.just(EVE), st.just("appear")),
)
around_eve: st.SearchStrategy[Step] = st.sampled_from(
    [(ANN, ("eve",)), (CY, ("eve",)), (ANN, "again"), (EVE, 9), (EVE, "appear")]
)
side = st.one_of(st.lists(of_everybody, max_size=12), st.lists(around_eve, max_size=6))


@settings(max_examples=200, deadline=None)
@given(side, side, side, side)
def test_no_message_is_lost_and_none_that_was_read_comes_back(
    before: list[Step], on_lost: list[Step], on_second: list[Step], on_kept: list[Step]
) -> None:
    """Three sides: one gives itself up to the second, and that to the third."""
    common = everybody()
    asked: set[tuple[str, str]] = set()
    confirmed: set[tuple[str, str]] = set()
    read: set[tuple[str, str]] = set()
    numbers = dict.fromkeys((*NAMES, EVE), 2)
    sent: dict[bytes, tuple[int, tuple[str, ...], list[str]]] = {}

    def write(order: Order, client: bytes) -> None:
        number, value, texts = sent[client]
        to = value[:1] if len(set(value)) == 1 else value
        order.ask(client, number, *send(to, *texts))
        for at, one in enumerate(zip(value, texts, strict=True)):
            asked.add(one)
            answer = order.chat.recall(client, number + at)
            assert answer is not None
            if answer[0] == OK:
                confirmed.add(one)

    def live(order: Order, steps: list[Step]) -> None:
        for client, value in steps:
            if value == "again":
                if client in sent:
                    write(order, client)
                continue
            number = numbers[client] + 1  # numbers never repeat: they are the client's own
            numbers[client] += len(value) if isinstance(value, tuple) else 1
            if isinstance(value, tuple):
                texts = [f"{client[:1].decode()}{number + at}" for at in range(len(value))]
                sent[client] = (number, value, texts)
                write(order, client)
            elif value == "appear":
                order.ask(client, number, "create", "eve", "hash of eve", account="")
            else:
                assert isinstance(value, int)
                name = "eve" if client == EVE else NAMES[client]
                seen = order.chat.undelivered(name, 0, 10**6, 10**9)[:value]
                if seen:
                    done = Entry(
                        order.view, 1_000, client, number, name, b"", ("update", seen[-1].id, ())
                    )
                    order.append(done)
                    read.update((name, message.text) for message in seen)

    live(common, before)
    lost, second, kept = common.fork(view=1), common.fork(view=2), common.fork(view=3)
    live(lost, on_lost)
    live(second, on_second)
    after_healing(lost, second, len(common.entries))
    live(kept, on_kept)
    after_healing(second, kept, len(common.entries))
    left = [(name, text) for name in ("bob", "dan", "eve") for text in kept.texts(name)]
    assert len(set(left)) == len(left), "twice"
    assert confirmed - read <= set(left), "lost"
    assert set(left) <= asked - read, "comes back"


def test_an_acknowledgement_does_not_reach_into_what_was_compacted_on_the_lost_side() -> None:
    # The orders part after 5; entries 6 to 9 were compacted, so 10 is the first to hand over.
    ack = Entry(1, 0, BOB, 1, "bob", b"s" * 32, ("update", message_id(9, 0), ()))
    (proposal,) = hand_over([ack], 10, 5, nine_entries)
    assert proposal.request == ("update", last_id(5), ())
