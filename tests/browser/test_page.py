"""What people do in the page, over a chat that is a fake."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.gateways import Gateways
from tests.browser.pages import (
    PHONE,
    account_button,
    composer,
    confirmed,
    page_of,
    say,
    sign_up,
    texts,
    watch_for_errors,
)
from tests.unit.client.fake_cluster import until
from tests.unit.client.web.fake_chat import FakeChat, FakeClient

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>&amp; \"'"


@pytest.fixture
async def ann(browser: Browser, chat: FakeChat, gateways: Gateways) -> AsyncIterator[Page]:
    """Ann's page on a desk; bob and carl exist. An error in it fails the test."""
    token = chat.sign_up("ann")
    chat.sign_up("bob")
    chat.sign_up("carl")
    page = await page_of(browser, gateways.url(), token=token)
    errors: list[str] = []
    watch_for_errors(page, errors)
    await expect(page.get_by_text("Nobody yet.")).to_be_visible()  # it has read everything
    yield page
    assert errors == []


async def with_bob(ann: Page, chat: FakeChat) -> None:
    """The conversation with bob is open, and has a message of each."""
    chat.post("bob", "ann", "hello ann")
    chat.post("ann", "bob", "hello bob")
    await ann.get_by_role("link", name="bob").click()
    await expect(confirmed(ann, "hello bob")).to_be_visible()


async def read_by_bob(chat: FakeChat) -> None:
    """All that stands in the first conversation."""
    bob = chat.open(token="token-1-of-bob", client_id=b"b" * 16)
    with bob.numbered(1):
        await bob.mark_read("ann", chat.places[0].messages[-1].id)


async def news_by_bob(ann: Page, chat: FakeChat) -> None:
    """The page has heard from him, and so all that was told before."""
    await chat.open(token="token-1-of-bob", client_id=b"c" * 16).set_typing("ann")
    await expect(ann.get_by_role("main").get_by_text("bob is writing…")).to_be_visible()


async def press(page: Page, target: Locator) -> None:
    """The button of the mouse goes down on it, and stays down."""
    box = await target.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()


# ---------------------------------------------------------------------- logging in


async def test_signing_up_logging_out_and_in(
    browser: Browser, chat: FakeChat, gateways: Gateways
) -> None:
    page = await page_of(browser, gateways.url())
    await sign_up(page, "ann")
    assert await page.evaluate("document.cookie") == ""
    await account_button(page).click()
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_label("Name").fill("ann")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_text("wrong name or password")).to_be_visible()
    assert chat.tokens == {}
    await page.get_by_label("Password").fill("a password")
    await page.keyboard.press("Enter")
    await expect(account_button(page)).to_be_visible()


async def test_a_session_that_is_ended_elsewhere_ends_the_page(ann: Page, chat: FakeChat) -> None:
    chat.tokens.clear()
    await ann.get_by_role("button", name="New conversation or room").click()
    await ann.get_by_role("tab", name="New room").click()
    await ann.get_by_label("Title").fill("t")
    await ann.get_by_role("button", name="Make the room").click()
    await expect(ann.get_by_role("button", name="Log in")).to_be_visible()
    await expect(ann.get_by_role("dialog")).to_have_count(0)


# ----------------------------------------------------------------------- messages


async def test_text_stays_text(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    chat.accounts["bob"].display_name = MARKUP
    place = chat.make_room("bob", MARKUP[:64], MARKUP)
    place.members["ann"] = 0
    assert place.room is not None
    chat.post("bob", place.room.id, MARKUP)
    await say(ann, MARKUP)
    await expect(confirmed(ann, MARKUP)).to_be_visible()
    await ann.locator(f'a[href="/r/{place.room.id}"]').click()
    await expect(ann.get_by_role("heading", name=MARKUP[:20])).to_be_visible()
    await expect(confirmed(ann, MARKUP)).to_be_visible()
    assert await texts(ann) == [MARKUP]
    assert await ann.locator("img, .message script").count() == 0


async def test_several_lines_and_grouping(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    await composer(ann).press_sequentially("one")
    await ann.keyboard.press("Shift+Enter")
    await composer(ann).press_sequentially("two")
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "one\ntwo")).to_be_visible()
    await expect(composer(ann)).to_have_value("")
    assert await ann.locator(".message.grouped").count() == 1
    assert await ann.locator(".day").count() == 1


async def test_receipts_go_from_confirmed_to_read(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    message = confirmed(ann, "hello bob")
    await expect(message.get_by_text("Confirmed: on the disk")).to_be_attached()
    bob = chat.open(token="token-1-of-bob", client_id=b"b" * 16)
    newest = chat.places[0].messages[-1].id
    with bob.numbered(1):
        await bob.acknowledge(newest)
    await expect(message.get_by_text("Delivered")).to_be_attached()
    with bob.numbered(2):
        await bob.mark_read("ann", newest)
    await expect(message.get_by_text("Read", exact=True)).to_be_attached()


async def test_a_press_counts_though_the_message_changes_meanwhile(
    ann: Page, chat: FakeChat
) -> None:
    await with_bob(ann, chat)
    message = confirmed(ann, "hello bob")
    await message.hover()
    await press(ann, message.get_by_role("button", name="Delete"))
    await read_by_bob(chat)
    await news_by_bob(ann, chat)
    await expect(message.locator(".receipt.read")).to_have_count(0)  # as it was, while pressed
    await ann.mouse.up()
    await expect(ann.get_by_text("Delete this message?")).to_be_visible()
    await ann.keyboard.press("Escape")
    await expect(message.locator(".receipt.read")).to_be_attached()


async def test_what_is_walked_to_keeps_the_focus_when_it_changes(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    await ann.get_by_role("log", name="Messages").focus()
    await ann.keyboard.press("ArrowUp")
    message = confirmed(ann, "hello bob")
    await expect(message).to_be_focused()
    await read_by_bob(chat)
    await expect(message.locator(".receipt.read")).to_be_attached()
    await expect(message).to_be_focused()


async def test_what_was_being_written_comes_back_after_an_edit(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    await confirmed(ann, "hello ann").hover()
    await confirmed(ann, "hello ann").get_by_role("button", name="Reply").click()
    await composer(ann).fill("half a thou")
    message = confirmed(ann, "hello bob")
    await message.hover()
    await message.get_by_role("button", name="Edit").click()
    await expect(composer(ann)).to_have_value("hello bob")
    await composer(ann).fill("hello Bob")
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "hello Bob").get_by_text("edited")).to_be_visible()
    await expect(composer(ann)).to_have_value("half a thou")
    await expect(ann.get_by_text("Reply to bob")).to_be_visible()


async def test_reply_edit_and_delete(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    await confirmed(ann, "hello ann").hover()
    await confirmed(ann, "hello ann").get_by_role("button", name="Reply").click()
    await say(ann, "an answer")
    await expect(
        confirmed(ann, "an answer").get_by_role("button", name="hello ann")
    ).to_be_visible()
    await composer(ann).press("ArrowUp")  # edits the newest of one's own
    await expect(composer(ann)).to_have_value("an answer")
    await composer(ann).fill("a better answer")
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "a better answer").get_by_text("edited")).to_be_visible()
    await confirmed(ann, "a better answer").hover()
    await confirmed(ann, "a better answer").get_by_role("button", name="Delete").click()
    await ann.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(confirmed(ann, "Message deleted")).to_be_visible()
    assert chat.places[0].messages[-1].deleted_at is not None


async def test_what_is_refused_says_why_and_can_be_discarded(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    chat.accounts["bob"].blocked.add("ann")
    await say(ann, "are you there?")
    await expect(ann.get_by_text("bob takes no messages from you")).to_be_visible()
    chat.accounts["bob"].blocked.clear()
    await ann.get_by_role("button", name="Send again").click()
    await expect(confirmed(ann, "are you there?")).to_have_count(1)
    await expect(ann.locator(".pending")).to_have_count(0)


async def test_history_comes_by_the_page_and_links_lead_into_it(ann: Page, chat: FakeChat) -> None:
    ids = [chat.post("bob", "ann", f"message {i}.").message_id for i in range(180)]
    await ann.goto(ann.url + "c/bob")
    await expect(confirmed(ann, "message 179.")).to_be_visible()
    assert len(await texts(ann)) == 50
    await ann.get_by_role("log", name="Messages").evaluate("log => { log.scrollTop = 0 }")
    await expect(ann.locator(".message")).to_have_count(100)
    await ann.goto(f"{ann.url}/{ids[20]}")
    await expect(confirmed(ann, "message 20.")).to_be_in_viewport()
    assert "message 179." not in await texts(ann)
    await ann.get_by_role("button", name="To the newest message").click()
    await expect(confirmed(ann, "message 179.")).to_be_in_viewport()
    await ann.go_back()
    await expect(confirmed(ann, "message 20.")).to_be_in_viewport()


async def test_unread_counts_and_where_the_new_begins(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    place = chat.make_room("carl", "Harbour")
    place.members["ann"] = 0
    assert place.room is not None
    for text in ("first", "@ann look", "@annabel no"):
        chat.post("carl", place.room.id, text)
    room = ann.get_by_role("link", name="Harbour")
    await expect(room.get_by_text("3 unread, 1 to you")).to_be_attached()
    await expect(ann).to_have_title("(3) bob – Ringchat")
    await room.click()
    await expect(ann.locator(".unread-line")).to_be_visible()
    await expect(room.get_by_text("unread")).to_have_count(0)
    await until(lambda: place.members["ann"] == place.messages[-1].id)


async def test_search_leads_to_the_message(ann: Page, chat: FakeChat) -> None:
    for i in range(80):
        chat.post("bob", "ann", f"line {i}{' with a lantern' if i == 3 else ''}")
    await with_bob(ann, chat)
    await ann.keyboard.press("Control+k")
    await ann.get_by_label("Words").fill("lantern")
    await ann.keyboard.press("Enter")
    await expect(ann.locator("mark")).to_have_text("lantern")
    await ann.get_by_role("link", name="line 3 with a lantern").click()
    await expect(confirmed(ann, "with a lantern")).to_be_in_viewport()


async def test_an_answer_to_the_search_before_is_not_shown(
    ann: Page, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_bob(ann, chat)
    for text in ("a pear", "an apple"):
        chat.post("bob", "ann", text)
    answer, answered = asyncio.Event(), asyncio.Event()
    real = FakeClient.search

    async def search(client: FakeClient, query: str, **more: Any) -> Any:
        if query == "pear":
            await answer.wait()
            answered.set()
        return await real(client, query, **more)

    monkeypatch.setattr(FakeClient, "search", search)
    await ann.keyboard.press("Control+k")
    box = ann.get_by_role("dialog")
    await box.get_by_label("Words").fill("pear")
    await ann.keyboard.press("Enter")
    await box.get_by_label("Words").fill("apple")
    await box.get_by_role("search").evaluate("form => form.requestSubmit()")
    await expect(box.get_by_role("link", name="an apple")).to_be_visible()
    answer.set()
    await answered.wait()
    await news_by_bob(ann, chat)
    await expect(box.get_by_role("link")).to_have_count(1)


async def test_a_row_that_rises_keeps_the_press_and_the_focus(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    chat.post("carl", "ann", "hello from carl")
    chat.post("bob", "ann", "newer")
    rows = ann.get_by_role("navigation").get_by_role("link")
    await expect(rows.first).to_contain_text("newer")
    await press(ann, rows.nth(1))
    chat.post("carl", "ann", "risen")
    await news_by_bob(ann, chat)
    await ann.mouse.up()
    await expect(ann).to_have_url(re.compile("/c/carl$"))
    await expect(rows.first).to_contain_text("carl")
    chat.post("bob", "ann", "risen")
    await expect(rows.first).to_contain_text("bob")
    await rows.first.focus()
    chat.post("carl", "ann", "again")
    await expect(rows.first).to_contain_text("carl")
    await expect(rows.nth(1)).to_be_focused()
    chat.post("bob", "ann", "risen again")
    await expect(rows.first).to_contain_text("bob")
    await expect(rows.first).to_be_focused()


async def test_typing_and_presence_are_seen(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    bob = chat.open(token="token-1-of-bob", client_id=b"b" * 16)
    async with bob:
        events = bob.events()
        await anext(events)
        await expect(ann.get_by_role("heading", name="here now")).to_be_visible()
        await bob.set_typing("ann")
        await expect(ann.get_by_role("main").get_by_text("bob is writing…")).to_be_visible()
        await composer(ann).press_sequentially("x")
        async for event in events:
            if type(event).__name__ == "Typing":
                break
        await events.aclose()
    await expect(ann.get_by_role("heading", name="last seen")).to_be_visible()


# -------------------------------------------------------------------------- rooms


async def test_a_room_from_its_making_to_its_leaving(ann: Page, chat: FakeChat) -> None:
    await ann.get_by_role("button", name="New conversation or room").click()
    await ann.get_by_role("tab", name="New room").click()
    await ann.get_by_label("Title").fill("Harbour")
    await ann.get_by_label("Invite").fill("bob, carl")
    await ann.get_by_label("Public").check()
    await ann.get_by_role("button", name="Make the room").click()
    await expect(ann.get_by_role("heading", name="Harbour")).to_be_visible()
    place = chat.places[-1]
    assert place.room is not None
    assert place.invited == {"bob": "ann", "carl": "ann"}

    bob = chat.open(token="token-1-of-bob", client_id=b"b" * 16)
    with bob.numbered(1):
        await bob.join_room(place.room.id)
    await expect(ann.get_by_text("2 members")).to_be_visible()
    await composer(ann).press_sequentially("hi @b")
    await expect(ann.get_by_role("option", name="bob")).to_be_visible()
    await ann.keyboard.press("Tab")
    await expect(composer(ann)).to_have_value("hi @bob ")
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "hi @bob").locator(".mention")).to_have_text("@bob")

    await ann.get_by_role("button", name="About this conversation").click()
    about = ann.get_by_role("dialog")
    await about.get_by_label("Title").fill("Pier")
    await about.get_by_label("Topic").fill("boats")
    await about.get_by_role("button", name="Save").click()
    await expect(about.get_by_text("Saved")).to_be_visible()
    await expect(ann.get_by_role("heading", name="Pier")).to_be_visible()
    await about.get_by_role("button", name="Withdraw").click()
    await expect(about.get_by_text("carl")).to_have_count(0)
    await about.get_by_role("button", name="Leave the room").click()
    await ann.get_by_role("dialog").last.get_by_role("button", name="Leave", exact=True).click()
    await expect(ann.get_by_role("link", name="Pier")).to_have_count(0)
    assert "ann" not in place.members


async def test_what_one_types_about_a_room_outlives_the_news_of_others(
    ann: Page, chat: FakeChat
) -> None:
    chat.sign_up("dora")
    place = chat.make_room("ann", "Harbour", "boats")
    chat.tell_state(place)
    await ann.get_by_role("link", name="Harbour").click()
    await ann.get_by_role("button", name="About this conversation").click()
    about = ann.get_by_role("dialog")
    await about.get_by_label("Invite").fill("dora")
    await about.get_by_label("Title").fill("Pier ")
    await about.get_by_role("button", name="Close").focus()  # as a press on a button does
    assert place.room is not None
    place.room = replace(place.room, title="Quay", topic="ships")
    place.members["bob"] = 0
    chat.tell_state(place)
    await expect(about.get_by_text("bob")).to_be_visible()
    await expect(about.get_by_label("Topic")).to_have_value("ships")
    await expect(about.get_by_label("Title")).to_have_value("Pier ")
    await expect(about.get_by_label("Invite")).to_have_value("dora")
    await about.get_by_role("button", name="Invite").click()
    await expect(about.get_by_text("Invited", exact=True)).to_be_visible()
    await expect(about.get_by_text("dora")).to_be_visible()
    await expect(about.get_by_label("Invite")).to_have_value("")
    await about.get_by_role("button", name="Save").click()
    await expect(about.get_by_text("Saved")).to_be_visible()
    assert (place.room.title, place.room.topic) == ("Pier", "ships")
    chat.tell_state(place)
    await expect(about.get_by_label("Title")).to_have_value("Pier")  # as the server has it
    place.room = replace(place.room, owner="bob")
    chat.tell_state(place)
    await expect(about.get_by_label("Title")).to_be_hidden()
    await expect(about.get_by_label("Topic")).to_have_value("ships")


async def test_an_invitation_is_taken(ann: Page, chat: FakeChat) -> None:
    place = chat.make_room("bob", "Attic")
    place.invited["ann"] = "bob"
    chat.tell_state(place)
    assert place.room is not None
    chat.post("bob", place.room.id, "welcome")
    await ann.get_by_role("link", name="Attic").click()
    await expect(ann.get_by_text("bob invites you into this room")).to_be_visible()
    await ann.get_by_role("button", name="Join").click()
    await expect(confirmed(ann, "welcome")).to_be_visible()


async def test_a_public_room_is_found_and_joined(ann: Page, chat: FakeChat) -> None:
    place = chat.make_room("bob", "Market square", "fruit", public=True)
    await ann.get_by_role("button", name="New conversation or room").click()
    await ann.get_by_role("tab", name="Public rooms").click()
    await ann.get_by_label("Title").fill("square")
    await ann.get_by_role("button", name="Join").click()
    await expect(ann.get_by_role("heading", name="Market square")).to_be_visible()
    assert "ann" in place.members


# ---------------------------------------------------------------------- the page itself


async def test_a_page_of_which_a_part_was_lost_on_the_way_is_loaded_again(
    browser: Browser, gateways: Gateways
) -> None:
    page = await (await browser.new_context()).new_page()
    await page.route("**/static/times.js", lambda route: route.abort(), times=1)
    await page.goto(gateways.url())
    await expect(page.get_by_role("button", name="Log in")).to_be_visible()


# ------------------------------------------------------------------------ account


async def test_the_account_is_looked_after(ann: Page, chat: FakeChat, tmp_path: Path) -> None:
    chat.tokens["another"] = "ann"
    await account_button(ann).click()
    box = ann.get_by_role("dialog")
    await box.get_by_label("Shown name").fill("Ann A.")
    await box.get_by_role("button", name="Save").click()
    await expect(box.get_by_text("Saved")).to_be_visible()
    await box.get_by_text("Password", exact=True).click()
    await box.get_by_label("Password now").fill("wrong")
    await box.get_by_label("New password").fill("better")
    await box.get_by_role("button", name="Change").click()
    await expect(box.get_by_text("wrong password")).to_be_visible()
    await box.get_by_label("Password now").fill("a password")
    await box.get_by_role("button", name="Change").click()
    await expect(box.get_by_text("Changed")).to_be_visible()
    await box.get_by_text("Sessions", exact=True).click()
    await box.get_by_role("button", name="End", exact=True).click()
    await expect(box.get_by_role("button", name="End", exact=True)).to_have_count(0)
    await box.get_by_text("Blocked accounts").click()
    await box.get_by_label("Block").fill("bob")
    await box.get_by_role("button", name="Block", exact=True).click()
    await expect(box.get_by_role("button", name="Unblock")).to_be_visible()
    account = chat.accounts["ann"]
    assert (account.display_name, account.password) == ("Ann A.", "better")
    assert account.blocked == {"bob"}
    assert "another" not in chat.tokens
    async with ann.expect_download() as download:
        await box.get_by_role("button", name="Export everything").click()
    path = tmp_path / "export.json"
    await (await download.value).save_as(path)
    assert json.loads(path.read_text())["profile"]["account"] == "ann"


async def test_light_and_dark(ann: Page) -> None:
    await account_button(ann).click()
    colour = "getComputedStyle(document.body).backgroundColor"
    seen = []
    for choice in ("Light", "Dark"):
        await ann.get_by_label("Colours").select_option(choice)
        seen.append(await ann.evaluate(colour))
    assert seen == ["rgb(243, 244, 249)", "rgb(15, 17, 25)"]
    await ann.reload()
    assert await ann.evaluate(colour) == seen[1]


# ----------------------------------------------------------------------- the ring


async def test_the_ring_turns_when_the_master_dies(ann: Page, chat: FakeChat) -> None:
    await expect(ann.get_by_text("replica 0 is the master", exact=False).first).to_be_visible()
    await expect(ann.get_by_role("img", name="The ring in view 0")).to_be_visible()
    chat.lagging.add(2)
    chat.fail_over()
    picture = ann.get_by_role("img", name="The ring in view 1: 2 of 3 up, 1 in sync")
    await expect(picture).to_be_visible()
    for row in ("0 down", "1 master 1", "2 lagging 1"):
        await expect(ann.get_by_role("row", name=row)).to_be_visible()
    await expect(ann.locator(".ring-hand")).to_have_attribute("style", "transform: rotate(120deg);")
    await expect(ann.get_by_text("replica 1 is the master of view 1;")).to_be_visible()


# ----------------------------------------------------------- a phone, a keyboard


async def test_on_a_phone_one_view_at_a_time(
    browser: Browser, chat: FakeChat, gateways: Gateways
) -> None:
    token = chat.sign_up("ann")
    chat.sign_up("bob")
    chat.post("bob", "ann", "x" * 300 + " " + "word " * 60)
    page = await page_of(browser, gateways.url(), token=token, size=PHONE)
    await page.get_by_role("link", name="bob").tap()
    await say(page, "from the phone")
    await expect(confirmed(page, "from the phone")).to_be_visible()
    await expect(page.get_by_role("navigation")).to_be_hidden()
    await confirmed(page, "from the phone").tap()
    await expect(page.get_by_role("button", name="Edit")).to_be_visible()
    await page.get_by_role("button", name="The ring").tap()
    await expect(page.get_by_role("heading", name="The ring")).to_be_in_viewport()
    await page.get_by_role("button", name="Close the ring").tap()
    await page.get_by_role("button", name="Back to the conversations").tap()
    await expect(page.get_by_role("navigation")).to_be_visible()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await page.evaluate(wide)


async def test_all_of_it_by_keyboard(ann: Page, chat: FakeChat) -> None:
    chat.post("bob", "ann", "hello ann")
    await ann.get_by_role("link", name="bob").focus()
    await ann.keyboard.press("Enter")
    await expect(composer(ann)).to_be_focused()
    await ann.keyboard.type("hello bob")
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "hello bob")).to_be_visible()
    await ann.get_by_role("log", name="Messages").focus()
    await ann.keyboard.press("ArrowUp")
    await expect(confirmed(ann, "hello bob")).to_be_focused()
    await ann.keyboard.press("ArrowUp")
    await expect(confirmed(ann, "hello ann")).to_be_focused()
    await expect(confirmed(ann, "hello ann").get_by_role("button", name="Reply")).to_be_visible()
    await ann.get_by_role("button", name="New conversation or room").press("Enter")
    await expect(ann.get_by_role("dialog")).to_be_visible()
    await ann.keyboard.press("Escape")
    await expect(ann.get_by_role("button", name="New conversation or room")).to_be_focused()


async def test_everything_one_can_use_has_a_name(ann: Page, chat: FakeChat) -> None:
    await with_bob(ann, chat)
    nameless = """() => [...document.querySelectorAll("button, a, input, textarea, select")]
      .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length))
      .map((one) => one.outerHTML)"""
    assert await ann.evaluate(nameless) == []
    await account_button(ann).click()
    assert await ann.evaluate(nameless) == []
