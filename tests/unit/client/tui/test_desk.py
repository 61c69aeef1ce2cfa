"""The desk against a client without a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from ringchat_client.errors import AlreadyExists, NotDone, NotFound, NotKnown, Unauthenticated
from ringchat_client.tui.desk import SENDS_MAX, Desk
from ringchat_client.tui.state import Stage, State
from ringchat_client.values import Attached, Connected, ConversationChanged, NewMessage, Receipt
from tests.unit.client.tui.fake_client import NOON, FakeClient, conversation, message, status


class Work:
    """A desk at work, without a screen."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.client.add(conversation("bob"), [message(i) for i in range(1, 121)])
        self.state = State("ann")
        self.remarks: list[str] = []
        self.time = 0.0
        self._changed = asyncio.Event()
        self.desk = Desk(
            self.client,
            self.state,
            self._changed.set,
            lambda line, failed: self.remarks.append(line),
            lambda: self.time,
        )

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                await asyncio.sleep(0)

    def stages(self) -> list[Stage]:
        return [one.stage for one in self.state.thread_of("bob").outgoing]

    def texts(self) -> list[str]:
        return [one.text for one in self.state.thread_of("bob").messages]


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    work = Work()
    task = asyncio.create_task(work.desk.run())
    await work.until(lambda: work.state.conversations)
    work.desk.open("bob")
    await work.until(lambda: work.state.thread_of("bob").loaded)
    yield work
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_newest_page_is_read_and_what_arrived_is_acknowledged(work: Work) -> None:
    thread = work.state.thread_of("bob")
    assert (thread.messages[0].id, thread.messages[-1].id, thread.more) == (71, 120, True)
    await work.until(lambda: work.client.called("acknowledge") == [(120,)])
    work.client.tell(NewMessage(message(130)))
    await work.until(lambda: work.client.called("acknowledge")[-1] == (130,))
    assert thread.newest_id() == 130


async def test_older_pages_until_there_are_none(work: Work) -> None:
    thread = work.state.thread_of("bob")
    work.desk.load_older()
    work.desk.load_older()
    await work.until(lambda: thread.messages[0].id == 21)
    work.desk.load_older()
    await work.until(lambda: thread.messages[0].id == 1)
    assert not thread.more
    work.desk.load_older()
    assert len(work.client.called("history")) == 3


async def test_a_message_far_back_is_reached(work: Work) -> None:
    assert await work.desk.reach(message(3))
    assert not await work.desk.reach(message(999))


async def test_reading_moves_the_mark_once(work: Work) -> None:
    work.client.tell(NewMessage(message(130)))
    await work.until(lambda: work.state.unread_total() == 1)
    work.desk.seen()
    work.desk.seen()
    await work.until(lambda: work.client.called("mark_read"))
    assert work.client.called("mark_read") == [("bob", 130)]
    assert work.state.unread_total() == 0


async def test_messages_show_at_once_and_are_sent_in_order(work: Work) -> None:
    work.client.hold.clear()
    for text in ("one", "two", "three"):
        assert work.desk.send("bob", text)
    assert work.stages() == [Stage.SENDING] * 3
    await work.until(lambda: len(work.client.called("send_message")) == 3)
    assert [call[1] for call in work.client.called("send_message")] == ["one", "two", "three"]
    work.client.hold.set()
    await work.until(lambda: not work.stages())
    assert work.texts()[-3:] == ["one", "two", "three"]


async def test_what_is_not_known_is_sent_again_under_its_name(work: Work) -> None:
    again: list[float] = []

    async def repeat(timeout: float) -> Receipt:
        again.append(timeout)
        if len(again) == 1:
            raise NotKnown("not known", repeat)
        return work.client.stored("bob", "mine")

    work.client.refusals = [NotKnown("not known", repeat)]
    work.desk.send("bob", "mine")
    await work.until(lambda: work.texts()[-1] == "mine")
    assert len(again) == 2
    assert len(work.client.called("send_message")) == 1
    assert work.texts().count("mine") == 1


async def test_what_was_applied_but_has_no_receipt_any_more_is_read(work: Work) -> None:
    async def repeat(timeout: float) -> Receipt:
        work.client.stored("bob", "mine")
        raise AlreadyExists("this request is already applied; its answer is no longer kept")

    work.client.refusals = [NotKnown("not known", repeat)]
    work.desk.send("bob", "mine")
    await work.until(lambda: work.texts()[-1] == "mine" and not work.stages())
    assert work.texts().count("mine") == 1


async def test_what_was_applied_and_is_nowhere_stays(work: Work) -> None:
    work.client.refusals = [AlreadyExists("its answer is no longer kept")]
    work.desk.send("bob", "mine")
    await work.until(lambda: work.stages() == [Stage.FAILED])
    assert "no longer known" in work.state.thread_of("bob").outgoing[0].reason


async def test_what_is_certainly_not_done_is_sent_anew(work: Work) -> None:
    work.client.refusals = [NotDone("no master was found")]
    work.desk.send("bob", "mine")
    await work.until(lambda: work.texts()[-1] == "mine")
    assert len(work.client.called("send_message")) == 2


async def test_what_is_refused_stays_until_it_is_dropped_or_sent_again(work: Work) -> None:
    work.client.refusals = [NotFound("no account\nbob")]
    work.desk.send("bob", "mine")
    await work.until(lambda: work.stages() == [Stage.FAILED])
    (failed,) = work.state.thread_of("bob").outgoing
    assert failed.reason == "no account bob"
    work.desk.send_again(failed.key)
    await work.until(lambda: not work.stages())
    work.client.refusals = [NotFound("no")]
    work.desk.send("bob", "another")
    await work.until(lambda: work.stages() == [Stage.FAILED])
    work.desk.drop(work.state.thread_of("bob").outgoing[0].key)
    assert work.stages() == []


async def test_only_so_many_are_on_their_way(work: Work) -> None:
    work.client.hold.clear()
    assert all(work.desk.send("bob", str(i)) for i in range(SENDS_MAX))
    assert not work.desk.send("bob", "one more")
    assert "on their way" in work.remarks[-1]


async def test_after_a_failover_everything_shown_is_read_again(work: Work) -> None:
    work.client.messages["bob"].append(message(200))
    work.client.known["bob"] = conversation("bob", message(200), unread=1, read_up_to=120)
    work.client.tell(Attached())
    await work.until(lambda: work.state.thread_of("bob").newest_id() == 200)
    assert work.state.unread_total() == 1


async def test_reading_is_tried_until_somebody_answers(work: Work) -> None:
    work.client.refusals = [NotDone("no master"), NotDone("no master")]
    work.client.messages["bob"].append(message(200))
    work.client.tell(Attached())
    await work.until(lambda: work.state.thread_of("bob").newest_id() == 200)


async def test_a_mark_that_was_not_confirmed_is_sent_again(work: Work) -> None:
    await work.until(lambda: work.client.called("acknowledge"))
    work.client.refusals = [NotDone("no master")]
    work.client.tell(NewMessage(message(130)))
    await work.until(lambda: work.client.called("acknowledge")[-2:] == [(130,), (130,)])


async def test_members_are_read_when_the_room_changes_and_not_for_every_mark(work: Work) -> None:
    work.client.add(conversation(7, title="ops"), [message(200, "dan", "hi", 7)])
    work.client.tell(ConversationChanged(conversation(7, title="ops")))
    await work.until(lambda: 7 in work.state.conversations)
    work.desk.open(7)
    await work.until(lambda: work.state.thread_of(7).loaded)
    before = len(work.client.called("members"))
    work.client.tell(ConversationChanged(conversation(7, title="ops", read_up_to=200)))
    work.client.tell(ConversationChanged(conversation(7, title="war room")))
    await work.until(lambda: work.state.title_of(7) == "war room")
    await work.until(lambda: len(work.client.called("members")) > before)
    assert len(work.client.called("members")) == before + 1


async def test_who_is_only_invited_asks_for_nothing_until_joined(work: Work) -> None:
    work.client.add(conversation(7, invited_by="dan"), [message(200, "dan", "hi", 7)])
    work.client.tell(ConversationChanged(work.client.known[7]))
    await work.until(lambda: 7 in work.state.conversations)
    work.desk.open(7)
    await work.client.join_room(7)
    assert work.client.called("members") == [("bob",)]
    await work.until(lambda: work.state.thread_of(7).loaded)
    assert work.state.thread_of(7).newest_id() == 200


async def test_typing_is_told_now_and_then(work: Work) -> None:
    for now in (10.0, 11.0, 12.0, 13.5):
        work.time = now
        work.desk.typing()
        await asyncio.sleep(0)
    assert work.client.called("set_typing") == [("bob",)] * 2


async def test_the_ring_is_asked_after_a_walk(work: Work) -> None:
    work.client.ring = status(1, 4)
    work.desk.on_connection(Connected(1, 1, 4, 0.01))
    await work.until(lambda: work.state.ring.status == status(1, 4))


async def test_edits_and_deletions(work: Work) -> None:
    own = message(120, "ann")
    work.desk.edit(own, "better")
    await work.until(lambda: work.texts()[-1] == "better")
    work.desk.delete(own)
    await work.until(lambda: work.state.thread_of("bob").messages[-1].deleted_at == NOON)


async def test_what_goes_wrong_beside_is_one_line(work: Work) -> None:
    work.client.refusals = [NotFound("no\nsuch message")]
    work.desk.edit(message(120, "ann"), "better")
    await work.until(lambda: work.remarks == ["no such message"])


async def test_a_session_that_ended_ends_the_desk() -> None:
    work = Work()
    work.client.tell(Unauthenticated("the session has ended"))
    with pytest.raises(Unauthenticated):
        await work.desk.run()
