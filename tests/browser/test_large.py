"""Much of everything, names that are no words, and what a screen reader hears."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Download, Page, expect

from ringchat_client.errors import NotDone
from tests.browser.gateways import Gateways
from tests.browser.pages import account_button, composer, confirmed, page_of, say
from tests.unit.client.fake_cluster import until
from tests.unit.client.web.fake_chat import FakeChat, FakeClient
from tests.unit.client.web.fake_house import Place

BEGIN = "New conversation or room"


@pytest.fixture
async def ann(browser: Browser, chat: FakeChat, gateways: Gateways) -> Page:
    token = chat.sign_up("ann")
    for name in ("bob", "Carl Q"):
        chat.sign_up(name)
    page = await page_of(browser, gateways.url(), token=token)
    await expect(page.get_by_text("Nobody yet.")).to_be_visible()  # it has read everything
    return page


async def room_of(ann: Page, chat: FakeChat) -> tuple[Place, int]:
    """A room of ann, bob and Carl Q that is open."""
    place = chat.make_room("bob", "Harbour")
    place.members |= {"ann": 0, "Carl Q": 0}
    assert place.room is not None
    chat.post("bob", place.room.id, "welcome @ann")
    await ann.get_by_role("link", name="Harbour").click()
    await expect(confirmed(ann, "welcome")).to_be_visible()
    await expect(ann.locator(".mention")).to_be_visible()  # the members are known
    return place, place.room.id


async def test_no_more_names_are_asked_for_than_shown(ann: Page, chat: FakeChat) -> None:
    for i in range(60):
        chat.sign_up(f"name-{i:02}")
        chat.make_room("bob", f"Room {i:02}", public=True)
    await ann.get_by_role("button", name=BEGIN).click()
    await expect(ann.locator(".person")).to_have_count(50)
    await ann.get_by_role("tab", name="Public rooms").click()
    await expect(ann.locator(".people .room-line")).to_have_count(50)
    assert chat.limits == [50, 50]


async def test_members_are_read_when_they_change_only(ann: Page, chat: FakeChat) -> None:
    place, room = await room_of(ann, chat)
    chat.post("bob", room, "before")
    await expect(confirmed(ann, "before")).to_be_visible()
    count = chat.members_read
    for _ in range(5):
        chat.tell_state(place)  # somebody's marks have moved
    chat.post("bob", room, "between")
    await expect(confirmed(ann, "between")).to_be_visible()
    assert chat.members_read == count
    del place.members["Carl Q"]
    chat.tell_state(place)
    await until(lambda: chat.members_read == count + 1)
    await expect(ann.get_by_text("2 members")).to_be_visible()


async def test_members_are_read_by_one_reading_at_a_time(
    ann: Page, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = await room_of(ann, chat)
    real = FakeClient.members
    running, most = 0, 0
    all_told = asyncio.Event()

    async def members(client: FakeClient, *args: Any, **more: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await all_told.wait()
        running -= 1
        return await real(client, *args, **more)

    monkeypatch.setattr(FakeClient, "members", members)
    count = chat.members_read
    for i in range(8):
        chat.sign_up(f"name-{i}")
        place.members[f"name-{i}"] = 0
        chat.tell_state(place)
    await expect(ann.get_by_text("11 members")).to_be_visible()
    all_told.set()
    await until(lambda: chat.members_read >= count + 2)
    await asyncio.sleep(0.5)
    assert most == 1
    assert chat.members_read == count + 2  # the second for all that came during the first
    await ann.get_by_role("button", name="About this conversation").click()
    await expect(ann.get_by_role("dialog").get_by_text("name-7")).to_be_visible()


async def test_mentions_are_those_of_the_server(ann: Page, chat: FakeChat) -> None:
    _, room = await room_of(ann, chat)
    chat.post("bob", room, 'now @ann, then @"Carl Q". (@bob) @nobody a@bob')
    message = confirmed(ann, "now @ann")
    await expect(message.locator(".mention")).to_have_text(["@ann", '@"Carl Q"', "@bob", "@bob"])
    await expect(message.locator(".to-me")).to_have_text("@ann")


async def test_a_name_with_blanks_is_put_in_quotes(ann: Page, chat: FakeChat) -> None:
    await room_of(ann, chat)
    await composer(ann).press_sequentially("hi @car")
    await ann.keyboard.press("Tab")
    await expect(composer(ann)).to_have_value('hi @"Carl Q" ')
    await composer(ann).press_sequentially('and @"carl ')
    await ann.keyboard.press("Tab")
    await expect(composer(ann)).to_have_value('hi @"Carl Q" and @"Carl Q" ')
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "hi").locator(".mention")).to_have_count(2)


async def test_a_choice_that_is_closed_is_pointed_at_no_more(ann: Page, chat: FakeChat) -> None:
    await room_of(ann, chat)
    await composer(ann).press_sequentially("@b")
    await expect(composer(ann)).to_have_attribute("aria-activedescendant", "mention-0")
    await ann.keyboard.press("Escape")
    await expect(ann.get_by_role("listbox")).to_be_hidden()
    assert await composer(ann).get_attribute("aria-activedescendant") is None


async def test_only_what_arrives_is_read_out(ann: Page, chat: FakeChat) -> None:
    for i in range(120):
        chat.post("bob", "ann", f"message {i}.")
    await ann.get_by_role("link", name="bob").click()
    await expect(confirmed(ann, "message 119.")).to_be_visible()
    log = ann.get_by_role("log", name="Messages")
    await expect(log).to_have_attribute("aria-live", "off")
    await log.evaluate("log => { log.scrollTop = 0 }")
    await expect(ann.locator(".message")).to_have_count(100)
    said = ann.locator("#announcer")
    await expect(said).to_have_text("")
    await say(ann, "of ann")
    await expect(confirmed(ann, "of ann")).to_be_visible()
    chat.post("bob", "ann", "news")
    chat.post("bob", "ann", "more")
    await expect(said.locator("p")).to_have_text(["bob: news", "bob: more"])


async def test_tabs_and_panels_know_each_other(ann: Page) -> None:
    await ann.get_by_role("button", name=BEGIN).click()
    for name in ("New room", "Somebody"):
        tab = ann.get_by_role("tab", name=name)
        await tab.click()
        panel = ann.get_by_role("tabpanel", name=name)
        await expect(panel).to_be_visible()
        assert await tab.get_attribute("aria-controls") == await panel.get_attribute("id")


async def test_an_export_that_fails_is_one_line_and_no_file(
    ann: Page, chat: FakeChat, tmp_path: Path
) -> None:
    downloads: list[str] = []

    def note(download: Download) -> None:
        downloads.append(download.url)

    ann.on("download", note)
    await account_button(ann).click()
    button = ann.get_by_role("button", name="Export everything")
    chat.errors.append(NotDone("no master answered"))
    await button.click()
    await expect(ann.get_by_text("no master answered")).to_be_visible()
    assert downloads == []
    async with ann.expect_download() as download:
        await button.click()
    await (await download.value).save_as(tmp_path / "all.json")
    assert '"account": "ann"' in (tmp_path / "all.json").read_text()
