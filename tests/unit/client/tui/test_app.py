"""The screen, driven by keys and the mouse."""

from __future__ import annotations

import pytest
from textual.command import Command, CommandList

from ringchat_client.errors import NotFound, Unauthenticated
from ringchat_client.tui.screens import EntryScreen, ListScreen, PasswordScreen, SearchScreen
from ringchat_client.values import Asking, Connected, Lost, NewMessage, Typing
from tests.unit.client.tui.fake_client import FakeClient, conversation, member, message
from tests.unit.client.tui.person import Person, sitting
from tests.unit.client.tui.scenes import a_busy_day

pytestmark = pytest.mark.slow


async def test_a_message_shows_at_once_and_looks_unconfirmed_until_it_is_not() -> None:
    async with sitting() as ann:
        ann.client.hold.clear()
        await ann.type("hello there\nsecond line")
        await ann.press("enter")
        await ann.sees(lambda: ann.lines()[-2:] != [])
        await ann.sees(lambda: "hello there" in ann.lines())
        assert ann.lines()[-1].endswith("◌")
        assert ann.composer.text == ""
        ann.client.hold.set()
        await ann.sees(lambda: ann.lines()[-1].endswith("✓"))
        assert ann.client.called("send_message") == [("bob", "hello there\nsecond line", 0)]


async def test_names_with_blanks_are_completed_in_quotes() -> None:
    async with sitting() as ann:
        ann.app.state.members_read("bob", [member("ann"), member("cy young")])
        await ann.type("hello @cy")
        await ann.press("tab")
        assert ann.composer.text == 'hello @"cy young" '


async def test_an_account_is_deleted_by_typing_its_name() -> None:
    async with sitting() as ann:
        for answer in ("escape", "enter"):
            await ann.type("/delete-account")
            await ann.press("enter")
            await ann.sees(lambda: isinstance(ann.app.screen, EntryScreen))
            assert ann.client.called("delete_account") == []
            await ann.type("ann")
            await ann.press(answer)
            await ann.sees(lambda: not isinstance(ann.app.screen, EntryScreen))
        await ann.sees(lambda: ann.client.called("delete_account"))


async def test_typing_goes_on_while_the_master_dies() -> None:
    async with sitting() as ann:
        ann.client.hold.clear()
        await ann.type("one")
        await ann.press("enter")
        ann.app.desk.on_connection(Lost(0, "gone"))
        await ann.type("two ")
        ann.app.desk.on_connection(Asking(1, "a:1", 4))
        await ann.type("words")
        await ann.sees(lambda: "replica 0 is gone; asking 1" in ann.label("ring"))
        assert ann.composer.text == "two words"
        ann.app.desk.on_connection(Connected(1, 1, 4, 0.012))
        ann.client.hold.set()
        await ann.sees(lambda: "replica 1 leads" in ann.label("ring"))
        assert "0 ✗ → 1 ✓ in 12 ms" in ann.label("ring")
        await ann.sees(lambda: ann.lines()[-1].endswith("✓"))
        assert ann.composer.text == "two words"


async def test_a_late_answer_does_not_take_the_keys_of_who_goes_on_typing() -> None:
    async with sitting() as ann:
        ann.client.hold.clear()
        await ann.type("/who")
        await ann.press("enter")
        await ann.type("half a sen")
        ann.client.hold.set()
        await ann.type("tence")
        assert ann.composer.text == "half a sentence"
        await ann.sees(lambda: isinstance(ann.app.screen, ListScreen))


async def test_what_is_typed_before_anything_was_read_stays() -> None:
    client = FakeClient()
    a_busy_day(client)
    client.hold.clear()
    ann = Person(client)
    async with ann.app.run_test(size=(100, 30)) as ann.pilot:
        await ann.type("early")
        client.hold.set()
        await ann.sees(lambda: ann.app.state.opened == 9)
        assert ann.composer.text == "early"


async def test_what_is_refused_says_why_and_can_be_sent_again() -> None:
    async with sitting() as ann:
        ann.client.refusals = [NotFound("no account bob")]
        await ann.type("hello")
        await ann.press("enter")
        await ann.sees(lambda: any("not sent: no account bob" in line for line in ann.lines()))
        await ann.press("escape", "r")
        await ann.sees(lambda: ann.lines()[-1].startswith("hello") and ann.lines()[-1][-1] == "✓")


async def test_history_several_lines_and_tab() -> None:
    async with sitting() as ann:
        for text in ("first", "second"):
            await ann.type(text)
            await ann.press("enter")
        await ann.type("draft")
        await ann.press("up", "up")
        assert ann.composer.text == "first"
        await ann.press("down", "down")
        assert ann.composer.text == "draft"
        await ann.press(*["backspace"] * 5)
        await ann.type("/mem")
        await ann.press("tab")
        assert ann.composer.text == "/members "
        ann.composer.put("hi @bo")
        await ann.press("tab")
        assert ann.composer.text == "hi @bob "


async def test_reply_edit_and_delete_by_keys() -> None:
    async with sitting() as ann:
        await ann.press("escape", "r")
        assert ann.label("hint").startswith("↪ bob: see https")
        await ann.type("nice")
        await ann.press("enter")
        await ann.sees(lambda: ann.client.called("send_message") == [("bob", "nice", 7)])
        await ann.sees(lambda: ann.lines()[-1].endswith("✓"))
        await ann.type("/edit")
        await ann.press("enter")
        await ann.sees(lambda: ann.composer.text == "nice")
        await ann.type("r")
        await ann.press("enter")
        await ann.sees(lambda: any("nicer (edited)" in line for line in ann.lines()))
        await ann.press("escape", "end", "up", "down", "slash")
        await ann.type("delete")
        await ann.press("enter")
        await ann.sees(lambda: len(ann.app.screen_stack) == 2)
        await ann.press("y")
        await ann.sees(lambda: ann.lines()[-1] == "this message was deleted")


async def test_the_mouse_opens_conversations_and_chooses_messages() -> None:
    async with sitting() as ann:
        place = ann.lines("sidebar").index(next(x for x in ann.lines("sidebar") if "oper" in x))
        await ann.pilot.click("#sidebar", offset=(4, place + 1))
        await ann.sees(lambda: ann.app.state.opened == 9)
        await ann.sees(lambda: "fine by me" in ann.lines())
        place = ann.lines().index("fine by me") - round(ann.view().scroll_y)
        await ann.pilot.click("#messages", offset=(6, place))
        assert ann.view().chosen == 22


async def test_reading_marks_as_read_but_not_while_scrolled_away() -> None:
    async with sitting() as ann:
        ann.client.tell(NewMessage(message(50, text="new one")))
        await ann.sees(lambda: ("bob", 50) in ann.client.called("mark_read"))
        ann.view().scroll_to(y=0, animate=False, immediate=True)
        await ann.pilot.pause()
        ann.client.tell(NewMessage(message(51, text="unseen")))
        await ann.sees(lambda: "unseen" in ann.lines())
        assert ann.app.state.conversations["bob"].unread == 1
        await ann.press("escape", "end")
        await ann.sees(lambda: ("bob", 51) in ann.client.called("mark_read"))


async def test_older_messages_come_when_scrolled_up_and_nothing_jumps() -> None:
    async with sitting(day=False) as ann:
        said = [message(i, text=f"number {i}") for i in range(1, 201)]
        ann.client.add(conversation("bob"), said)
        ann.app.open("bob")
        ann.app.desk.read_again()
        await ann.sees(lambda: "number 200" in ann.lines())
        view = ann.view()
        await ann.press("escape")
        view.scroll_to(y=2, animate=False, immediate=True)
        top = view.lines[6].text
        before = round(view.scroll_y)
        await ann.sees(lambda: "number 101" in ann.lines())
        assert view.lines[round(view.scroll_y) + 6 - before].text == top


async def test_drafts_stay_with_their_conversation() -> None:
    async with sitting() as ann:
        await ann.type("for bob")
        await ann.press("alt+up")
        assert ann.composer.text == ""
        ann.app.open("bob")
        assert ann.composer.text == "for bob"


def found(person: Person) -> str:
    """What the palette would do on Enter."""
    option = person.app.screen.query_one(CommandList).highlighted_option
    return option.hit.text or "" if isinstance(option, Command) else ""


async def test_the_palette_finds_conversations_and_commands() -> None:
    async with sitting() as ann:
        await ann.press("ctrl+p")
        await ann.type("operations")
        await ann.sees(lambda: found(ann) == "#operations")
        await ann.press("enter")
        await ann.sees(lambda: ann.app.state.opened == 9)
        await ann.press("ctrl+p")
        await ann.type("create-pub")
        await ann.sees(lambda: found(ann).startswith("/create-public"))
        await ann.press("enter")
        await ann.sees(lambda: ann.composer.text == "/create-public ")


async def test_search_goes_to_what_was_found() -> None:
    async with sitting() as ann:
        await ann.press("ctrl+f")
        await ann.type("lunch")
        await ann.sees(lambda: isinstance(ann.app.screen, SearchScreen) and ann.lines("found"))
        await ann.press("down", "enter")
        await ann.sees(lambda: ann.app.state.opened == "dan")
        await ann.sees(lambda: ann.view().chosen == 15)


async def test_in_front_of_a_window_the_chats_keys_mean_nothing() -> None:
    async with sitting() as ann:
        await ann.press("f1", "alt+up", "ctrl+n", "ctrl+f")
        await ann.sees(lambda: isinstance(ann.app.screen, ListScreen))
        assert ann.app.state.opened == "bob"


async def test_windows_open_and_close() -> None:
    async with sitting() as ann:
        await ann.press("f1")
        await ann.sees(lambda: isinstance(ann.app.screen, ListScreen))
        await ann.press("escape")
        await ann.type("/password")
        await ann.press("enter")
        await ann.sees(lambda: isinstance(ann.app.screen, PasswordScreen))
        for word in ("old", "new", "new"):
            await ann.type(word)
            await ann.press("enter")
        await ann.sees(lambda: ann.client.called("change_password") == [("old", "new")])


async def test_a_narrow_terminal_shows_one_or_the_other() -> None:
    async with sitting(size=(60, 20)) as ann:
        assert not ann.view("sidebar").display
        assert ann.label("title").startswith("‹F2 4›")
        await ann.type("a draft")
        await ann.press("f2")
        await ann.pilot.pause()
        assert ann.view("sidebar").display
        assert not ann.view().is_on_screen
        await ann.press("up", "enter")
        await ann.pilot.pause()
        await ann.pilot.click("#title")
        await ann.pilot.pause()
        assert ann.view("sidebar").display
        await ann.press("enter")
        await ann.pilot.pause()
        assert not ann.view("sidebar").display
        assert ann.app.state.opened == "ann"


async def test_a_narrow_terminal_begins_with_the_choice() -> None:
    client = FakeClient()
    a_busy_day(client)
    ann = Person(client)
    async with ann.app.run_test(size=(60, 20)) as ann.pilot:
        await ann.sees(lambda: ann.view("sidebar").has_focus)
        await ann.press("down", "enter")
        await ann.sees(lambda: ann.app.state.opened == 9)


async def test_with_no_conversation_it_says_how_to_begin_one() -> None:
    async with sitting(size=(60, 20), day=False) as ann:
        await ann.sees(lambda: any("/open NAME" in line for line in ann.lines()))
        await ann.type("/open dan")
        await ann.press("enter")
        await ann.sees(lambda: ann.app.state.opened == "dan")
        await ann.type("hello")
        await ann.press("enter")
        await ann.sees(lambda: ann.lines()[-1].endswith("✓"))
        assert ann.client.called("send_message") == [("dan", "hello", 0)]


async def test_light_and_dark() -> None:
    async with sitting() as ann:
        dark = ann.app.current_theme.dark
        await ann.press("f3")
        assert ann.app.current_theme.dark is not dark


async def test_who_is_typing_is_shown_and_told() -> None:
    async with sitting() as ann:
        ann.client.tell(Typing("bob", "bob"))
        await ann.sees(lambda: ann.label("hint") == "bob is typing …")
        await ann.type("x")
        assert ann.client.called("set_typing") == [("bob",)]


async def test_markup_of_others_is_shown_as_it_is() -> None:
    async with sitting() as ann:
        evil = "[red]x[/red] [@click=app.leave]y[/] \x1b[2J"
        ann.client.tell(NewMessage(message(50, text=evil)))
        await ann.sees(
            lambda: any("[red]x[/red] [@click=app.leave]y[/] ␛[2J" in x for x in ann.lines())
        )
        ann.client.accounts = ["[bold]", "[/]"]
        await ann.type("/who")
        await ann.press("enter")
        await ann.sees(lambda: isinstance(ann.app.screen, ListScreen))
        await ann.sees(lambda: ann.lines("list") == ["[bold]", "[/]"])


async def test_leaving_asks_once_if_something_is_not_confirmed() -> None:
    async with sitting() as ann:
        ann.client.hold.clear()
        await ann.type("hello")
        await ann.press("enter", "ctrl+q")
        assert "not confirmed yet" in ann.label("hint")
        assert ann.app.is_running
        await ann.press("ctrl+q")
        await ann.pilot.pause()
        assert ann.app.return_value is None


async def test_a_session_that_ended_ends_the_app() -> None:
    async with sitting() as ann:
        ann.client.tell(Unauthenticated("the session has ended"))
        await ann.sees(lambda: isinstance(ann.app.return_value, Unauthenticated))


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (300, 80)])
async def test_any_size_is_borne(size: tuple[int, int]) -> None:
    async with sitting(size=(100, 30)) as ann:
        await ann.pilot.resize_terminal(*size)
        await ann.pilot.pause(0.1)
        await ann.type("x")
        assert ann.composer.text == "x"
