"""No gateway has anything that a page would miss: nothing is lost, nothing doubled."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.gateways import Gateways
from tests.browser.pages import (
    account_button,
    composer,
    confirmed,
    log_in_as,
    page_of,
    pending,
    say,
    texts,
)
from tests.unit.client.fake_cluster import until
from tests.unit.client.web.fake_chat import FakeChat

OUTBOX = "Object.keys(localStorage).filter((key) => key.startsWith('ringchat/out/'))"
HOUR_MS = 3_600_000


@pytest.fixture
async def ann(browser: Browser, chat: FakeChat, gateways: Gateways) -> Page:
    token = chat.sign_up("ann")
    chat.sign_up("bob")
    chat.post("bob", "ann", "hello ann")
    page = await page_of(browser, gateways.url(path="/c/bob"), token=token)
    await expect(confirmed(page, "hello ann")).to_be_visible()
    return page


def stored(chat: FakeChat) -> list[str]:
    return [message.text for place in chat.places for message in place.messages]


async def held(chat: FakeChat, text: str) -> None:
    """Done by the cluster, while nobody has the answer."""
    await until(lambda: text in stored(chat))


async def test_killed_between_the_write_and_the_answer_nothing_is_doubled(
    ann: Page, chat: FakeChat, gateways: Gateways
) -> None:
    with chat.holding():
        await say(ann, "once")
        await held(chat, "once")
        await gateways.kill(0)
        await until(lambda: len(chat.watchers) == 1)  # the page is with the other one
    await expect(ann.locator(".pending")).to_have_count(0)
    await until(chat.answering.is_set)
    await say(ann, "after")
    await expect(confirmed(ann, "after")).to_be_visible()
    assert await texts(ann) == ["hello ann", "once", "after"]
    assert stored(chat) == ["hello ann", "once", "after"]
    await expect(ann.locator(".banner")).to_be_hidden()


async def test_with_no_gateway_a_message_waits_and_looks_so(
    ann: Page, chat: FakeChat, gateways: Gateways
) -> None:
    await gateways.kill(0)
    await gateways.kill(1)
    await say(ann, "one")
    await say(ann, "two")
    await expect(pending(ann, "one").get_by_text("Not confirmed yet")).to_be_attached()
    await expect(ann.locator(".banner")).to_be_visible()
    await expect(ann.locator(".banner")).to_contain_text("No gateway answers")
    assert stored(chat) == ["hello ann"]
    gateways.start_again(1)
    await expect(confirmed(ann, "two")).to_be_visible()
    await expect(ann.locator(".pending")).to_have_count(0)
    assert stored(chat) == ["hello ann", "one", "two"]
    assert await ann.evaluate(OUTBOX) == []


async def test_a_page_that_is_loaded_again_repeats_what_was_not_confirmed(
    ann: Page, chat: FakeChat
) -> None:
    with chat.holding():
        await say(ann, "once")
        await held(chat, "once")
        assert len(await ann.evaluate(OUTBOX)) == 1
        await ann.reload()
        await expect(account_button(ann)).to_be_visible()
    await expect(confirmed(ann, "once")).to_be_visible()
    await expect(ann.locator(".pending")).to_have_count(0)
    assert await texts(ann) == ["hello ann", "once"]
    assert stored(chat) == ["hello ann", "once"]
    assert await ann.evaluate(OUTBOX) == []


async def test_two_tabs_that_repeat_the_same_do_it_once(
    ann: Page, chat: FakeChat, gateways: Gateways
) -> None:
    with chat.holding():
        await say(ann, "once")
        await held(chat, "once")
        tabs = [await ann.context.new_page() for _ in range(2)]
        for tab in tabs:
            await tab.goto(gateways.url(path="/c/bob"))
            await expect(account_button(tab)).to_be_visible()
    for tab in (ann, *tabs):
        await expect(confirmed(tab, "once")).to_have_count(1)
        await expect(tab.locator(".pending")).to_have_count(0)
    assert stored(chat) == ["hello ann", "once"]


async def test_what_is_too_old_to_be_known_is_left_to_its_author(ann: Page, chat: FakeChat) -> None:
    entry = {"account": "ann", "clientId": "ab" * 16, "number": 3, "to": "bob", "reply_to": 0}
    entry |= {"text": "of yesterday"}
    await ann.evaluate(
        "([entry, ago]) => localStorage.setItem('ringchat/out/ann/x/3',"
        " JSON.stringify({...entry, at: Date.now() - ago}))",
        [entry, 13 * HOUR_MS],
    )
    await ann.reload()
    await expect(ann.get_by_text("Too long ago to be repeated by itself")).to_be_visible()
    assert stored(chat) == ["hello ann"]


async def test_another_accounts_messages_are_not_sent_as_ones_own(
    ann: Page, chat: FakeChat, gateways: Gateways
) -> None:
    carl = chat.sign_up("carl")
    await gateways.kill(0)
    await gateways.kill(1)
    await say(ann, "of ann")
    await expect(pending(ann, "of ann")).to_be_visible()
    await log_in_as(ann.context, carl)
    gateways.start_again(0)
    await expect(ann.get_by_role("button", name="Your account: carl")).to_be_visible()
    assert stored(chat) == ["hello ann"]
    assert len(await ann.evaluate(OUTBOX)) == 1


async def test_what_happened_meanwhile_is_read_again(
    ann: Page, chat: FakeChat, gateways: Gateways
) -> None:
    await gateways.kill(0)
    await gateways.kill(1)
    chat.post("bob", "ann", "you missed this")
    gateways.start_again(0)
    await expect(confirmed(ann, "you missed this")).to_be_visible()
    assert await composer(ann).is_enabled()
