"""What people do in a page, by what a screen reader would find there."""

from __future__ import annotations

from playwright.async_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)


async def page_of(
    browser: Browser,
    url: str,
    *,
    token: str = "",
    size: ViewportSize = DESK,
) -> Page:
    """A page of a browser of its own; what goes wrong in it fails the test at its end."""
    phone = size["width"] < 600
    context = await browser.new_context(
        viewport=size,
        has_touch=phone,
        is_mobile=phone,
        accept_downloads=True,
    )
    if token:
        await log_in_as(context, token)
    page = await context.new_page()
    page.set_default_timeout(15_000)
    await page.goto(url)
    return page


async def log_in_as(context: BrowserContext, token: str) -> None:
    """By the cookie that a gateway would have set."""
    await context.add_cookies(
        [{"name": "ringchat_token", "value": token, "domain": "localhost", "path": "/"}]
    )


async def sign_up(page: Page, name: str, password: str = "a password") -> None:
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Make an account").click()
    await expect(account_button(page)).to_be_visible(timeout=15_000)


def account_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Your account")


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


async def say(page: Page, text: str) -> None:
    await composer(page).fill(text)
    await page.get_by_role("button", name="Send", exact=True).click()


async def texts(page: Page) -> list[str]:
    """What the open conversation says, in its order, unconfirmed ones included."""
    return await page.locator(".message .message-text").all_inner_texts()


def confirmed(page: Page, text: str) -> Locator:
    """A message that is no promise any more."""
    return page.locator(".message:not(.pending)", has_text=text)


def pending(page: Page, text: str) -> Locator:
    return page.locator(".message.pending", has_text=text)


def watch_for_errors(page: Page, errors: list[str]) -> None:
    """What the page complains of; that a gateway went away is no fault of it."""
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and "WebSocket" not in message.text
            else None
        ),
    )
