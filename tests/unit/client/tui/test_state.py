"""The model of the screen: events in, state out."""

from __future__ import annotations

from ringchat_client.tui.state import MESSAGES_MAX, Outgoing, Stage, State
from ringchat_client.values import (
    ConversationChanged,
    ConversationGone,
    Marked,
    MessageChanged,
    NewMessage,
    Page,
    Presence,
    PresenceChanged,
    Receipt,
    Typing,
)
from tests.unit.client.tui.fake_client import NOON, conversation, member, message


def opened(*ids: int, more: bool = False) -> State:
    """Ann's screen with bob's conversation open and those messages loaded."""
    state = State("ann")
    messages = [message(i) for i in ids]
    state.listed([conversation("bob", messages[-1] if messages else None)])
    state.open("bob")
    state.newest_page("bob", Page(tuple(messages), more))
    return state


def ids(state: State) -> list[int]:
    return [one.id for one in state.thread_of("bob").messages]


def outgoing(key: str = "out-1", text: str = "mine") -> Outgoing:
    return Outgoing(key, "bob", text, 0, NOON)


def test_a_new_message_is_unread_and_moves_its_conversation_up() -> None:
    state = opened(1, 2)
    state.listed([conversation("bob", message(2)), conversation("cleo", message(3, "cleo"))])
    state.apply(NewMessage(message(4)), 0)
    assert ids(state) == [1, 2, 4]
    assert [one.name for one in state.ordered()] == ["bob", "cleo"]
    assert (state.conversations["bob"].unread, state.unread_total()) == (1, 1)
    state.read("bob", 4)
    assert state.unread_total() == 0


def test_the_same_message_twice_counts_once() -> None:
    state = opened(1)
    for _ in range(2):
        state.apply(NewMessage(message(2)), 0)
    assert ids(state) == [1, 2]
    assert state.conversations["bob"].unread == 1


def test_a_sent_message_is_confirmed_by_its_receipt() -> None:
    state = opened(1)
    state.sending(outgoing())
    assert ids(state) == [1]
    state.confirmed("bob", "out-1", Receipt(5, NOON))
    state.apply(NewMessage(message(5, "ann", "mine")), 0)
    assert ids(state) == [1, 5]
    assert state.thread_of("bob").outgoing == []
    assert state.conversations["bob"].unread == 0


def test_or_by_the_event_that_comes_before_the_receipt() -> None:
    state = opened(1)
    state.sending(outgoing())
    state.sending(outgoing("out-2"))
    state.apply(NewMessage(message(5, "ann", "mine")), 0)
    assert [one.key for one in state.thread_of("bob").waiting] == ["out-2"]
    state.confirmed("bob", "out-1", Receipt(5, NOON))
    assert ids(state) == [1, 5]
    state.confirmed("bob", "out-2", Receipt(6, NOON))
    assert ids(state) == [1, 5, 6]


def test_what_is_refused_shows_again_though_another_device_said_the_same() -> None:
    state = opened(1)
    state.sending(outgoing())
    state.apply(NewMessage(message(5, "ann", "mine")), 0)
    assert state.thread_of("bob").waiting == []
    state.stage("bob", "out-1", Stage.AGAIN)
    assert state.thread_of("bob").waiting == []
    state.stage("bob", "out-1", Stage.FAILED, "no")
    [failed] = state.thread_of("bob").waiting
    assert (failed.key, failed.stage, failed.reason) == ("out-1", Stage.FAILED, "no")
    assert ids(state) == [1, 5]


def test_a_receipt_tells_which_message_it_was() -> None:
    state = opened(1)
    for key in ("out-1", "out-2"):
        state.sending(outgoing(key))
    for i in (5, 6):  # 5 is another device's, 6 is out-1
        state.apply(NewMessage(message(i, "ann", "mine")), 0)
    assert state.thread_of("bob").waiting == []
    state.confirmed("bob", "out-1", Receipt(6, NOON))
    assert [one.key for one in state.thread_of("bob").waiting] == ["out-2"]
    state.confirmed("bob", "out-2", Receipt(7, NOON))
    assert ids(state) == [1, 5, 6, 7]
    assert state.thread_of("bob").outgoing == []


def test_what_another_device_said_is_not_taken_for_a_failed_one() -> None:
    state = opened(1)
    state.sending(outgoing())
    state.stage("bob", "out-1", Stage.FAILED, "no")
    state.apply(NewMessage(message(5, "ann", "mine")), 0)
    assert [one.stage for one in state.thread_of("bob").outgoing] == [Stage.FAILED]
    assert state.taken_back("bob", "out-1") is not None
    assert state.taken_back("bob", "out-1") is None


def test_older_pages_come_before_and_only_where_they_belong() -> None:
    state = opened(10, 11, more=True)
    state.older_page("bob", 10, Page((message(8), message(9)), False))
    assert ids(state) == [8, 9, 10, 11]
    assert not state.thread_of("bob").more
    state.older_page("bob", 10, Page((message(8), message(9)), False))
    assert ids(state) == [8, 9, 10, 11]


def test_the_newest_page_read_anew_leaves_no_hole() -> None:
    state = opened(1, 2, 3)
    state.newest_page("bob", Page((message(3), message(4)), True))
    assert ids(state) == [1, 2, 3, 4]
    state.newest_page("bob", Page((message(9), message(10)), True))
    assert ids(state) == [9, 10]
    assert state.thread_of("bob").more


def test_a_page_takes_away_what_is_there_no_more_but_not_what_came_meanwhile() -> None:
    state = opened(1, 2, 3)
    state.apply(NewMessage(message(7)), 0)
    state.newest_page("bob", Page((message(1), message(3), message(5)), False))
    assert ids(state) == [1, 3, 5, 7]


def test_a_message_that_is_older_than_what_is_loaded_waits_for_its_page() -> None:
    state = opened(10, more=True)
    state.thread_of("bob").put(message(5))
    assert ids(state) == [10]


def test_a_thread_is_not_kept_for_ever() -> None:
    state = opened(1)
    thread = state.thread_of("bob")
    thread.messages = [message(i) for i in range(1, MESSAGES_MAX + 1)]
    state.apply(NewMessage(message(MESSAGES_MAX + 1)), 0)
    assert len(thread.messages) == MESSAGES_MAX
    assert (thread.messages[0].id, thread.more) == (2, True)


def test_an_edit_shows_in_the_thread_and_beside_the_conversation() -> None:
    state = opened(1, 2)
    state.apply(MessageChanged(message(2, text="better", edited_at=NOON)), 0)
    assert state.thread_of("bob").messages[-1].text == "better"
    newest = state.conversations["bob"].newest
    assert newest is not None
    assert newest.text == "better"
    state.apply(MessageChanged(message(99)), 0)
    assert ids(state) == [1, 2]


def test_marks_move_and_never_back() -> None:
    state = opened(1, 2)
    state.members_read("bob", [member("ann"), member("bob", 1, 1)])
    state.apply(Marked("bob", None, 2, 0), 0)
    state.apply(Marked("bob", "bob", 0, 2), 0)
    state.apply(Marked("bob", "bob", 0, 1), 0)
    bob = state.thread_of("bob").members["bob"]
    assert (bob.delivered_up_to, bob.read_up_to) == (2, 2)


def test_reading_on_another_device_counts_here() -> None:
    state = opened(1)
    state.apply(NewMessage(message(2)), 0)
    state.apply(Marked("ann", "bob", 0, 2), 0)
    assert state.unread_total() == 0


def test_typing_ends_with_the_message_or_by_itself() -> None:
    state = opened(1)
    state.apply(Typing("bob", "bob"), 100)
    state.apply(Typing("bob", "ann"), 100)
    assert state.typing_in("bob", 101) == ["bob"]
    assert state.typing_in("bob", 110) == []
    state.apply(Typing("bob", "bob"), 200)
    state.apply(NewMessage(message(2)), 201)
    assert state.typing_in("bob", 201) == []


def test_presence_is_known_wherever_somebody_is() -> None:
    state = opened(1)
    state.members_read("bob", [member("bob")])
    state.apply(PresenceChanged("bob", Presence(False, NOON)), 0)
    assert state.thread_of("bob").members["bob"].presence == Presence(False, NOON)


def test_a_conversation_that_is_gone_is_closed() -> None:
    state = opened(1)
    state.apply(ConversationChanged(conversation(7)), 0)
    state.open(7)
    state.apply(ConversationGone(7), 0)
    assert state.opened is None
    assert 7 not in state.conversations


def test_a_conversation_begins_with_its_first_message() -> None:
    state = State("ann")
    state.open("dan")
    assert state.conversation is None
    state.apply(NewMessage(message(1, "dan", conversation="dan")), 0)
    assert state.conversations["dan"].unread == 1


def test_mentions_in_rooms_are_counted() -> None:
    state = State("ann")
    state.apply(ConversationChanged(conversation(7)), 0)
    state.apply(NewMessage(message(1, "dan", "@ann look", 7)), 0)
    state.apply(NewMessage(message(2, "dan", "nobody", 7)), 0)
    state.apply(NewMessage(message(3, "dan", "@anna look", 7)), 0)
    assert state.conversations[7].unread_mentions == 1
    state.apply(NewMessage(message(4, "dan", '(@ann) or @"ann"?', 7)), 0)
    assert state.conversations[7].unread_mentions == 2


def test_invitations_stand_first() -> None:
    state = State("ann")
    state.listed([conversation("bob", message(5)), conversation(7, invited_by="dan")])
    assert [one.name for one in state.ordered()] == [7, "bob"]


def test_a_line_marks_where_one_stopped_reading() -> None:
    state = State("ann")
    state.listed([conversation("bob", message(5), unread=2, read_up_to=3)])
    state.open("bob")
    assert state.thread_of("bob").new_from == 3
    state.read("bob", 5)
    state.open("bob")
    assert state.thread_of("bob").new_from == 0


def test_what_was_missed_is_read_anew_when_it_is_opened() -> None:
    state = opened(1)
    state.newest_page("cleo", Page((message(2, "cleo", conversation="cleo"),), False))
    state.stale()
    assert ids(state) == [1]
    assert not state.thread_of("cleo").loaded


def test_the_newest_of_ones_own_that_can_be_edited() -> None:
    state = opened(1)
    assert state.own_last() is None
    for one in (message(2, "ann"), message(3, "ann", "", deleted_at=NOON), message(4)):
        state.apply(NewMessage(one), 0)
    own = state.own_last()
    assert own is not None
    assert own.id == 2
