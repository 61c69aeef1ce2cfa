"""What becomes of a message of which it is not known, or not clear, whether it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from ringchat_client.errors import AlreadyExists, PermissionDenied
from ringchat_client.values import Message, NewMessage
from tests.browser.gateways import Gateways
from tests.browser.pages import composer, confirmed, page_of, pending, say, texts
from tests.unit.client.fake_cluster import until
from tests.unit.client.web.fake_chat import FakeChat, FakeClient

Patch = pytest.MonkeyPatch
DAY_MS = 86_400_000
STORAGE_IS_FULL = """
  const before = Storage.prototype.setItem;
  Storage.prototype.setItem = function (key, value) {
    if (key.startsWith("ringchat/out/")) throw new DOMException("full", "QuotaExceededError");
    before.call(this, key, value);
  };
"""


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


def first_answer(patch: Patch, answer: Callable[[], Any], *, done: bool) -> None:
    """The first message that a page sends is answered with that, done or not."""
    real = FakeClient.send_message
    first = [True]

    async def send_message(client: FakeClient, *args: Any, **more: Any) -> Any:
        if not first:
            return await real(client, *args, **more)
        first.clear()
        if done:
            await real(client, *args, **more)
        return await answer()

    patch.setattr(FakeClient, "send_message", send_message)


async def test_the_same_words_from_another_device_do_not_hide_a_refusal(
    ann: Page, chat: FakeChat, monkeypatch: Patch
) -> None:
    answer = asyncio.Event()

    async def refused() -> None:
        await answer.wait()
        raise PermissionDenied("bob takes no messages from you")

    first_answer(monkeypatch, refused, done=False)
    await say(ann, "same")
    await expect(pending(ann, "same")).to_be_visible()
    chat.post("ann", "bob", "same")
    await expect(confirmed(ann, "same")).to_be_visible()
    answer.set()
    await expect(pending(ann, "same").get_by_text("bob takes no messages")).to_be_visible()
    await expect(confirmed(ann, "same")).to_have_count(1)


async def test_what_was_done_too_long_ago_for_an_answer_is_confirmed(
    ann: Page, chat: FakeChat, monkeypatch: Patch
) -> None:
    async def forgotten() -> None:
        raise AlreadyExists("this request is already applied; its answer is no longer kept")

    first_answer(monkeypatch, forgotten, done=True)
    await say(ann, "done")
    await expect(confirmed(ann, "done")).to_be_visible()
    await expect(ann.locator(".pending")).to_have_count(0)
    assert await texts(ann) == ["hello ann", "done"]


async def test_a_failure_of_the_gateway_is_no_refusal(
    ann: Page, chat: FakeChat, monkeypatch: Patch
) -> None:
    async def failed() -> None:
        raise ZeroDivisionError

    first_answer(monkeypatch, failed, done=True)
    await say(ann, "once")
    await expect(ann.locator(".pending")).to_have_count(0)
    await expect(ann.get_by_role("button", name="Send again")).to_have_count(0)
    await say(ann, "after")
    await expect(confirmed(ann, "after")).to_be_visible()
    assert stored(chat) == ["hello ann", "once", "after"]


async def test_a_message_can_be_changed_before_its_event_has_come(
    ann: Page, chat: FakeChat, monkeypatch: Patch
) -> None:
    tell = chat.tell

    def without_news(place: Any, event: Callable[[str], Any]) -> None:
        tell(place, lambda one: None if isinstance(event(one), NewMessage) else event(one))

    monkeypatch.setattr(chat, "tell", without_news)
    await say(ann, "one")
    await expect(confirmed(ann, "one")).to_be_visible()
    await composer(ann).press("ArrowUp")
    await composer(ann).fill("two")
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "two").get_by_text("edited")).to_be_visible()


async def test_no_number_is_wasted(ann: Page, chat: FakeChat) -> None:
    place = chat.make_room("ann", "Harbour")
    chat.tell_state(place)
    await ann.get_by_role("link", name="Harbour").click()
    await ann.get_by_role("button", name="About this conversation").click()
    await ann.get_by_label("Invite").fill("x" * 2000)
    await ann.get_by_role("button", name="Invite").click()
    await expect(ann.get_by_text("This is too long.")).to_be_visible()
    await ann.keyboard.press("Escape")
    await say(ann, "after")
    await expect(confirmed(ann, "after")).to_be_visible()
    numbers = sorted(number for _, number in chat.answers)
    assert numbers == list(range(1, len(numbers) + 1))


async def test_own_messages_are_not_marked_as_read(ann: Page, chat: FakeChat) -> None:
    await until(lambda: len(chat.marked) == 1)  # of what bob said
    for text in ("one", "two"):
        await say(ann, text)
        await expect(confirmed(ann, text)).to_be_visible()
    three = chat.post("bob", "ann", "three").message_id
    await until(lambda: three in chat.marked)
    assert chat.marked == [1, three]


async def test_what_arrives_is_acknowledged_by_its_whole_name(ann: Page, chat: FakeChat) -> None:
    chat.view = 5
    receipt = chat.post("bob", "ann", "of another view")

    def named() -> bool:
        newest = chat.acknowledged[-1] if chat.acknowledged else 0
        return isinstance(newest, Message) and newest.id == receipt.message_id and newest.view == 5

    await until(named)


async def test_one_whose_browser_keeps_nothing_is_told(
    browser: Browser, chat: FakeChat, gateways: Gateways
) -> None:
    token = chat.sign_up("ann")
    chat.sign_up("bob")
    chat.post("bob", "ann", "hello ann")
    page = await page_of(browser, gateways.url(), token=token)
    await page.add_init_script(STORAGE_IS_FULL)
    await page.goto(gateways.url(path="/c/bob"))
    await expect(confirmed(page, "hello ann")).to_be_visible()
    await gateways.kill(0)
    await gateways.kill(1)
    await say(page, "unsure")
    await expect(pending(page, "unsure").get_by_text("Kept only in this tab")).to_be_visible()
    gateways.start_again(0)
    await expect(confirmed(page, "unsure")).to_be_visible()


async def test_what_else_stands_in_the_storage_hides_no_message(ann: Page) -> None:
    entry = {"account": "ann", "clientId": "ab" * 16, "number": 3, "to": "bob", "reply_to": 0}
    entry |= {"text": "of yesterday"}
    await ann.evaluate(
        """([entry, ago]) => {
          for (let i = 0; i < 50; i += 1) localStorage.setItem(`ringchat/out/${i}`, "{");
          const text = JSON.stringify({ ...entry, at: Date.now() - ago });
          localStorage.setItem("ringchat/out/ann/m", text);
        }""",
        [entry, DAY_MS],
    )
    await ann.reload()
    await expect(pending(ann, "of yesterday")).to_be_visible()
