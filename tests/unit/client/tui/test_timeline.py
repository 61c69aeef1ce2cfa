"""A thread as lines."""

from __future__ import annotations

from datetime import UTC, date, timedelta

from ringchat_client.tui.lines import Line
from ringchat_client.tui.state import Outgoing, Stage, State
from ringchat_client.tui.timeline import Reached, Timeline, day_name, mark_of, reached, text_spans
from ringchat_client.values import Message, NewMessage, Page, Receipt
from tests.unit.client.tui.fake_client import NOON, conversation, member, message


def screen(*messages: Message, more: bool = False, name: str | int = "bob") -> State:
    state = State("ann")
    state.listed([conversation(name, messages[-1] if messages else None)])
    state.open(name)
    state.newest_page(name, Page(messages, more))
    return state


def lines(state: State, width: int = 40) -> list[Line]:
    return Timeline(UTC).lines(state, width, NOON)


def text(state: State, width: int = 40) -> list[str]:
    return [line.text.rstrip() for line in lines(state, width)]


def roles(state: State) -> dict[str, str]:
    """What each span of the picture plays."""
    return {span.text.strip(): span.role for line in lines(state) for span in line.spans}


def test_messages_are_grouped_by_day_and_author() -> None:
    yesterday = NOON - timedelta(days=1)
    shown = text(
        screen(
            message(1, text="old", sent_at=yesterday),
            message(2, text="one", sent_at=NOON),
            message(3, text="two", sent_at=NOON + timedelta(minutes=1)),
            message(4, "ann", "three", sent_at=NOON + timedelta(minutes=2)),
            message(5, "ann", "later", sent_at=NOON + timedelta(minutes=30)),
        )
    )
    assert [line.strip("─ ") for line in shown] == [
        *("", "Yesterday", "bob 12:00", "old", "", "Today", "bob 12:00", "one", "two"),
        *("", "ann 12:02", "three" + " " * 32 + "✓", "", "ann 12:30", "later" + " " * 32 + "✓"),
    ]


def test_days_are_named_as_people_name_them() -> None:
    today = date(2026, 11, 25)
    assert day_name(today, today) == "Today"
    assert day_name(date(2026, 11, 24), today) == "Yesterday"
    assert day_name(date(2026, 11, 20), today) == "Friday, 20 November"
    assert day_name(date(2025, 11, 20), today) == "Thursday, 20 November 2025"


def test_unconfirmed_messages_look_unconfirmed() -> None:
    state = screen(message(1))
    state.sending(Outgoing("out-1", "bob", "mine", 0, NOON))
    assert roles(state)["mine"] == "pending"
    assert roles(state)["◌"] == "pending"
    state.stage("bob", "out-1", Stage.AGAIN)
    assert "  not confirmed yet; sending it again" in text(state)
    state.stage("bob", "out-1", Stage.FAILED, "no\nsuch account")
    assert roles(state)["mine"] == "failed"
    assert "not sent: no such account" in " ".join(text(state))
    state.confirmed("bob", "out-1", Receipt(2, NOON))
    assert roles(state)["mine"] == "text"
    assert roles(state)["✓"] == "confirmed"


def test_marks_tell_how_far_ones_own_message_has_come() -> None:
    state = screen(message(1, "ann"), message(2, "ann", deleted_at=NOON))
    thread = state.thread_of("bob")
    own = thread.messages[0]
    seen = []
    for bob in (member("bob"), member("bob", 1, 0), member("bob", 1, 1)):
        state.members_read("bob", [member("ann"), bob])
        seen.append(mark_of(own, "ann", reached(thread, "ann")).role)
    assert seen == ["confirmed", "delivered", "read"]
    assert mark_of(thread.messages[1], "ann", Reached(9, 9)).text == ""
    assert mark_of(message(3, "bob"), "ann", Reached(9, 9)).text == ""
    state.members_read("bob", [member("ann")])
    assert reached(thread, "ann") == Reached(0, 0)


def test_replies_edits_and_deletions() -> None:
    shown = text(
        screen(
            message(1, text="first\nline"),
            message(2, text="", deleted_at=NOON),
            message(3, "ann", "yes", reply_to=1, edited_at=NOON),
            message(4, reply_to=99),
            message(5, reply_to=2),
        ),
        60,
    )
    assert "  this message was deleted" in shown
    assert "  ↪ bob: first line" in shown
    assert any(line.startswith("  yes (edited)") for line in shown)
    assert "  ↪ an earlier message" in shown
    assert "  ↪ bob: a deleted message" in shown


def test_mentions_and_links_stand_out() -> None:
    spans = text_spans("hi @ann, @bob: https://x.org/a.", "ann")[0]
    assert [(span.text, span.role) for span in spans] == [
        ("hi ", "text"),
        ("@ann", "mention-me"),
        (", ", "text"),
        ("@bob", "mention"),
        (": ", "text"),
        ("https://x.org/a", "link"),
        (".", "text"),
    ]


def test_no_text_of_others_is_taken_for_instructions() -> None:
    state = screen(message(1, "b[red]b", "[bold]x[/] \x1b[31mred\n\x07", conversation="bob"))
    shown = text(state)
    assert "  [bold]x[/] ␛[31mred" in shown
    assert "  ␇" in shown
    assert any(line.startswith("b[red]b 12:01") for line in shown)


def test_where_one_stopped_reading() -> None:
    state = State("ann")
    state.listed([conversation("bob", message(2), unread=1, read_up_to=1)])
    state.open("bob")
    state.newest_page("bob", Page((message(1), message(2)), False))
    shown = [line.strip("─ ") for line in text(state)]
    assert shown.index("new") > shown.index("hello")


def test_what_stands_above_the_oldest() -> None:
    assert text(screen(message(1), more=True))[0].strip() == "↑ older messages"
    assert text(screen())[0].startswith("Nobody has said")
    invited = State("ann")
    invited.listed([conversation(7, invited_by="dan")])
    invited.open(7)
    assert text(invited) == [
        "dan invites you to this room.",
        "/join to enter it, /leave to decline",
    ]
    assert "/open NAME" in " ".join(text(State("ann")))


def test_every_line_fits_and_belongs_to_its_message() -> None:
    state = screen(message(1, text="word " * 40 + "x" * 200), message(2, "ann", "日本語" * 30))
    for width in (12, 20, 41):
        made = lines(state, width)
        assert max(len(line.text) for line in made) <= width
        assert {line.key for line in made} == {None, 1, 2}


def test_what_has_not_changed_is_not_made_again() -> None:
    timeline = Timeline(UTC)
    state = screen(message(1), message(2, "ann"))
    before = timeline.lines(state, 40, NOON)
    state.members_read("bob", [member("bob", 2, 2)])
    after = timeline.lines(state, 40, NOON)
    first = [next(line for line in made if line.key == 1) for made in (before, after)]
    assert first[0] is first[1]
    assert before[-1].spans[-1].role == "confirmed"
    assert after[-1].spans[-1].role == "read"


def test_a_mention_is_what_the_server_takes_for_one() -> None:
    text = 'hi @ann, @anna and (@"cy young"): @"ann"! "https://a.example/x".'
    [spans] = text_spans(text, "ann")
    assert [(span.text, span.role) for span in spans if span.role != "text"] == [
        ("@ann", "mention-me"),
        ("@anna", "mention"),
        ('@"cy young"', "mention"),
        ('@"ann"', "mention-me"),
        ("https://a.example/x", "link"),
    ]
    assert "".join(span.text for span in spans) == text


def test_what_was_seen_already_is_not_shown_twice() -> None:
    state = screen(message(1))
    state.sending(Outgoing("out-1", "bob", "mine", 0, NOON))
    state.apply(NewMessage(message(5, "ann", "mine")), 0)
    assert len([line for line in text(state) if "mine" in line]) == 1
    state.stage("bob", "out-1", Stage.FAILED, "no")
    assert len([line for line in text(state) if "mine" in line]) == 2
