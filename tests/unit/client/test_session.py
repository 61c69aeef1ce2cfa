"""Numbers, frames and windows, without a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ringchat_client.errors import NotFound
from ringchat_client.session import FIRST_READ_TAG, FRAME_BYTES_MAX, WINDOW, Pending, Session
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.frames import (
    CLIENT_ID,
    all_numbers,
    answer,
    columns,
    create,
    created,
    frame_of,
    frames_of,
    numbers,
    opened,
    read,
    receipt,
    refused,
    send,
    sent_numbers,
)


class Messages:
    """Writes that travel in columns and are answered by receipts."""

    submit: Callable[..., Pending] = staticmethod(send)
    answer = staticmethod(answer)

    @staticmethod
    def texts(frame: pb.ClientFrame) -> list[str]:
        assert len(frame.requests) == 0
        return list(frame.sends.text)

    @staticmethod
    def is_answer_to(number: int, pending: Pending) -> bool:
        return pending.future.result() == receipt(10 * number)


class Accounts:
    """Writes that travel one by one and are answered so."""

    submit: Callable[..., Pending] = staticmethod(create)
    answer = staticmethod(created)

    @staticmethod
    def texts(frame: pb.ClientFrame) -> list[str]:
        assert not frame.HasField("sends")
        return [request.create_account.name for request in frame.requests]

    @staticmethod
    def is_answer_to(number: int, pending: Pending) -> bool:
        result = pending.future.result()
        return isinstance(result, pb.Response) and result.number == number


Kind = type[Messages] | type[Accounts]


@pytest.fixture(params=[Messages, Accounts])
def kind(request: pytest.FixtureRequest) -> Kind:
    """What holds for all writes is tested with both."""
    param: Kind = request.param
    return param


async def test_the_first_frame_names_the_client_and_its_token_even_without_requests() -> None:
    session = Session(CLIENT_ID, "t")
    session.begin_stream()
    frame = frame_of(session)
    assert (frame.client_id, frame.token, len(frame.requests)) == (CLIENT_ID, "t", 0)
    assert not frame.HasField("sends")
    assert session.next_frame() is None


async def test_what_is_queued_goes_into_one_frame_in_order(kind: Kind) -> None:
    session = opened()
    for i in range(256):
        kind.submit(session, str(i))
    frame = frame_of(session)
    assert numbers(frame) == list(range(1, 257))
    assert kind.texts(frame) == [str(i) for i in range(256)]
    assert not frame.client_id
    assert not frame.HasField("token")
    assert session.next_frame() is None


async def test_answers_go_to_those_who_wait(kind: Kind) -> None:
    session = opened()
    first, second = kind.submit(session), kind.submit(session)
    frame_of(session)
    assert session.take(kind.answer(2)) is None
    assert kind.is_answer_to(2, second)
    assert not first.future.done()
    assert session.outstanding == 1


async def test_an_error_becomes_an_exception_of_its_kind(kind: Kind) -> None:
    session = opened()
    pending = kind.submit(session)
    frame_of(session)
    session.take(refused(1, 5, "no account\nnamed 'x'"))
    with pytest.raises(NotFound, match="^no account named 'x'$"):
        pending.future.result()


async def test_at_most_a_window_of_requests_is_unanswered() -> None:
    session = opened()
    for _ in range(WINDOW + 10):
        read(session)
    assert len(frame_of(session).requests) == WINDOW
    assert session.next_frame() is None
    session.take(pb.ServerFrame(responses=[pb.Response(number=FIRST_READ_TAG + 5)]))
    assert len(frame_of(session).requests) == 1


async def test_no_number_runs_further_than_a_window_ahead_of_the_oldest_unanswered(
    kind: Kind,
) -> None:
    session = opened()
    for _ in range(WINDOW + 10):
        kind.submit(session)
    frame_of(session)
    session.take(kind.answer(*range(2, 12)))  # all but the first: room, but for no higher number
    assert session.next_frame() is None
    session.take(kind.answer(1))
    assert numbers(frame_of(session)) == list(range(WINDOW + 1, WINDOW + 11))


async def test_after_a_failover_the_unanswered_go_first_with_their_numbers_in_order(
    kind: Kind,
) -> None:
    session = opened()
    for i in range(5):
        kind.submit(session, str(i))
    frame_of(session)
    session.take(kind.answer(2, 4))
    kind.submit(session, "new")
    session.begin_stream()
    frames = frames_of(session)
    assert [frame.client_id for frame in frames] == [CLIENT_ID] + [b""] * (len(frames) - 1)
    assert [n for frame in frames for n in numbers(frame)] == [1, 3, 5, 6]
    assert [text for frame in frames for text in kind.texts(frame)] == ["0", "2", "4", "new"]
    assert session.outstanding == 4


async def test_what_was_given_up_in_the_queue_takes_no_number(kind: Kind) -> None:
    session = opened()
    given_up = kind.submit(session, "given up")
    kind.submit(session, "kept")
    session.abandon(given_up)
    frame = frame_of(session)
    assert numbers(frame) == [1]
    assert kind.texts(frame) == ["kept"]


async def test_what_was_given_up_after_writing_is_not_sent_again(kind: Kind) -> None:
    session = opened()
    given_up, kept = kind.submit(session), kind.submit(session)
    frame_of(session)
    session.abandon(given_up)
    session.begin_stream()
    assert all_numbers(session) == [2]
    assert not kept.future.done()


async def test_what_was_given_up_holds_back_nobody(kind: Kind) -> None:
    session = opened()
    given_up = kind.submit(session)
    for _ in range(WINDOW):
        kind.submit(session)
    assert len(numbers(frame_of(session))) == WINDOW
    session.take(kind.answer(*range(2, WINDOW + 1)))
    assert session.next_frame() is None
    session.abandon(given_up)
    assert numbers(frame_of(session)) == [WINDOW + 1]


async def test_a_cancelled_caller_is_not_sent_again_and_its_late_answer_is_ignored(
    kind: Kind,
) -> None:
    session = opened()
    cancelled = kind.submit(session)
    frame_of(session)
    cancelled.future.cancel()
    assert session.take(kind.answer(1)) is None
    assert session.idle
    session.begin_stream()
    assert all_numbers(session) == []


async def test_a_request_can_be_sent_again_later_under_its_number(kind: Kind) -> None:
    session = opened()
    old = kind.submit(session, "again")
    frame_of(session)
    session.abandon(old)
    kind.submit(session, "other")
    repeated = session.submit_again(old)
    frames = frames_of(session)
    assert [n for frame in frames for n in numbers(frame)] == [2, 1]
    assert [text for frame in frames for text in kind.texts(frame)] == ["other", "again"]
    session.take(kind.answer(1))
    assert kind.is_answer_to(1, repeated)


async def test_reads_have_tags_that_no_write_ever_has(kind: Kind) -> None:
    session = opened()
    read(session)
    kind.submit(session)
    read(session)
    assert all_numbers(session) == [FIRST_READ_TAG + 1, 1, FIRST_READ_TAG + 2]


async def test_a_request_acts_under_the_token_of_its_submission_whenever_it_is_written(
    kind: Kind,
) -> None:
    session = Session(CLIENT_ID, "ann")
    kind.submit(session, "from ann")
    session.token = "bob"
    kind.submit(session, "from bob")
    session.begin_stream()
    first, second = frame_of(session), frame_of(session)
    assert (first.token, numbers(first)) == ("ann", [1])
    assert (second.token, numbers(second)) == ("bob", [2])
    session.begin_stream()
    assert [frame_of(session).token, frame_of(session).token] == ["ann", "bob"]


async def test_logging_out_is_written_as_an_empty_token() -> None:
    session = opened("ann")
    session.token = ""
    read(session)
    frame = frame_of(session)
    assert frame.HasField("token")
    assert frame.token == ""


@pytest.mark.parametrize(
    ("kind", "character", "frames"),
    [
        (Accounts, "x", 3),
        (Messages, "\N{GRINNING FACE}", 3),  # four bytes each, as every character is counted
        (Messages, "x", 14),
    ],
)
async def test_large_requests_are_spread_over_frames(
    kind: Kind, character: str, frames: int
) -> None:
    session = opened()
    text = character * (65_536 // len(character.encode()))
    for _ in range(40):
        kind.submit(session, text)
    written = frames_of(session)
    assert all(frame.ByteSize() <= FRAME_BYTES_MAX + 4096 for frame in written)
    assert sum(len(numbers(frame)) for frame in written) == 40
    assert len(written) == frames


async def test_an_unavailable_master_leaves_the_request_unanswered(kind: Kind) -> None:
    session = opened()
    pending = kind.submit(session)
    frame_of(session)
    useless = session.take(refused(1, 14, "no majority"))
    assert useless == "no majority"
    assert not pending.future.done()
    session.begin_stream()
    assert all_numbers(session) == [1]


async def test_an_answer_that_nobody_asked_for_is_ignored(kind: Kind) -> None:
    session = opened()
    assert session.take(kind.answer(77)) is None


async def test_giving_up_everything_names_who_waits(kind: Kind) -> None:
    session = opened()
    written = kind.submit(session)
    frame_of(session)
    queued = kind.submit(session)
    assert session.abandon_all() == [written, queued]
    assert session.idle
    assert isinstance(written.future, asyncio.Future)


# ------------------------------------------------------------------------- columns


async def test_messages_to_one_receiver_name_it_once() -> None:
    session = opened()
    for text in ("one", "two", "two", ""):
        send(session, text)
    [frame] = frames_of(session)
    assert columns(frame) == (1, ["bob"], ["one", "two", "two", ""])
    assert len(frame.requests) == 0
    send(session, "alone")
    assert columns(frame_of(session)) == (5, ["bob"], ["alone"])


@pytest.mark.parametrize(
    "receivers",
    [["bob", "cleo"], ["bob", "bob", "cleo"], ["bob", "cleo", "bob"], ["cleo", "bob", "bob"]],
)
async def test_messages_to_several_receivers_name_one_each(receivers: list[str]) -> None:
    session = opened()
    texts = [f"text {i}" for i in range(len(receivers))]
    for to, text in zip(receivers, texts, strict=True):
        send(session, text, to)
    [frame] = frames_of(session)
    assert columns(frame) == (1, receivers, texts)
    assert len(frame.requests) == 0


async def test_a_request_after_messages_stands_in_their_frame() -> None:
    session = opened()
    send(session, "one")
    send(session, "two")
    create(session)
    read(session)
    create(session)
    [frame] = frames_of(session)
    assert columns(frame) == (1, ["bob"], ["one", "two"])
    assert [r.number for r in frame.requests] == [3, FIRST_READ_TAG + 1, 4]


@pytest.mark.parametrize(("before", "first"), [(create, 1), (read, FIRST_READ_TAG + 1)])
async def test_a_message_after_another_request_stands_in_the_next_frame(
    before: Callable[[Session], Pending], first: int
) -> None:
    """A server takes a frame's messages first."""
    session = opened()
    before(session)
    message = send(session, "after")
    one, two = frames_of(session)
    assert (sent_numbers(one), [r.number for r in one.requests]) == ([], [first])
    assert (sent_numbers(two), [r.number for r in two.requests]) == ([message.number], [])


async def test_messages_and_other_requests_keep_their_order() -> None:
    session = opened()
    order: list[Callable[[Session], Pending]]
    order = [send, send, create, send, read, create, send, send, read]
    submitted = [submit(session) for submit in order]
    frames = frames_of(session)
    tag = FIRST_READ_TAG
    assert [(sent_numbers(f), [r.number for r in f.requests]) for f in frames] == [
        ([1, 2], [3]),
        ([4], [tag + 1, 5]),
        ([6, 7], [tag + 2]),
    ]
    assert [pending.number for pending in submitted] == [1, 2, 3, 4, tag + 1, 5, 6, 7, tag + 2]
    assert session.outstanding == len(order)
