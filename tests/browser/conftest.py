"""Chromium, driven by Playwright; skipped where there is none, unless REQUIRE_BROWSER=1."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.gateways import Gateways
from tests.unit.client.web.fake_chat import FakeChat

expect.set_options(timeout=20_000)
NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(180))  # browsers are slow where much goes on


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = "there is no chromium here; on Debian: apt-get install chromium"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        # Not as root, and not without a large /dev/shm, does Chromium's own sandbox run.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture
def chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
async def gateways(chat: FakeChat) -> AsyncIterator[Gateways]:
    gateways = Gateways(chat, 2)
    yield gateways
    await gateways.close()
