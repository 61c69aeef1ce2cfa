"""Two browsers, two gateways and three replicas, all real; the killing too."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from ringchat_client import Client
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
from tests.integration.cluster import LocalCluster, environment, free_ports, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class GatewayProcesses:
    """`ringchat web`, twice."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self.ports = free_ports(2)
        self.processes: list[subprocess.Popen[str]] = []

    def _start(self, port: int) -> subprocess.Popen[str]:
        siblings = ",".join(map(str, self.ports))
        command = [sys.executable, "-m", "ringchat_client", "web", "--port", str(port)]
        command += ["--siblings", siblings, "--cluster", str(self._cluster.file)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True)

    async def start(self) -> None:
        self.processes += map(self._start, self.ports)
        for process, port in zip(self.processes, self.ports, strict=True):
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            assert line == f"http://localhost:{port}/\n"

    def url(self, i: int) -> str:
        return f"http://localhost:{self.ports[i]}/"

    def kill(self, i: int) -> None:
        self.processes[i].send_signal(signal.SIGKILL)
        self.processes[i].wait()

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    with LocalCluster(tmp_path) as cluster:
        cluster.start()
        await cluster.ready()
        yield cluster


@pytest.fixture
async def gateways(cluster: LocalCluster) -> AsyncIterator[GatewayProcesses]:
    gateways = GatewayProcesses(cluster)
    try:
        await gateways.start()
        yield gateways
    finally:
        gateways.close()


async def show_ring(page: Page) -> None:
    if not await page.get_by_role("heading", name="The ring").is_visible():
        await page.get_by_role("main").get_by_role("button", name="The ring").click()


async def keep_picture(page: Page, name: str) -> None:
    """For somebody to look at, where RINGCHAT_PICTURES says."""
    if folder := os.environ.get("RINGCHAT_PICTURES"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def test_a_conversation_goes_on_when_the_master_and_the_gateway_are_killed(
    browser: Browser, cluster: LocalCluster, gateways: GatewayProcesses
) -> None:
    ann = await page_of(browser, gateways.url(0))
    await sign_up(ann, "ann")
    bob = await page_of(browser, gateways.url(1), size=PHONE)
    await sign_up(bob, "bob")

    await ann.get_by_role("button", name="New conversation or room").click()
    await ann.get_by_role("dialog").get_by_role("button", name="bob").click()
    await say(ann, "hello bob")
    await expect(confirmed(ann, "hello bob")).to_be_visible()
    await bob.get_by_role("link", name="ann").tap()
    await expect(confirmed(bob, "hello bob")).to_be_visible()
    await say(bob, "hello ann")
    await expect(confirmed(ann, "hello ann")).to_be_visible()

    await show_ring(ann)
    await expect(ann.get_by_text("3 of 3 up, 3 in sync")).to_be_visible()
    async with Client(cluster=cluster.file) as client:
        master = (await client.status()).master_id

    expected = ["hello bob", "hello ann"]
    for number in range(12):
        await say(ann, f"ann {number}")
        await say(bob, f"bob {number}")
        expected += [f"ann {number}", f"bob {number}"]
        if number == 3:
            cluster.kill(master)
        if number == 7:
            gateways.kill(0)
    for page in (ann, bob):
        await expect(page.locator(".message:not(.pending)")).to_have_count(26, timeout=30_000)
        await expect(page.locator(".message.pending")).to_have_count(0)
    assert sorted(await texts(ann)) == sorted(expected)
    assert await texts(ann) == await texts(bob)
    said = await texts(ann)
    assert [text for text in said if text.startswith("ann ")] == [f"ann {i}" for i in range(12)]
    assert [text for text in said if text.startswith("bob ")] == [f"bob {i}" for i in range(12)]
    await expect(ann.get_by_text("2 of 3 up, 2 in sync")).to_be_visible()
    await expect(ann.get_by_role("row", name=f"{master} down")).to_be_visible()
    await expect(composer(bob)).to_be_visible()
    await keep_picture(ann, "killed-desk")
    await keep_picture(bob, "killed-phone")


async def receipts_come(ann: Page, bob: Client, last: int) -> None:
    await say(ann, "read me")
    message = confirmed(ann, "read me")
    await expect(message.get_by_text("Confirmed: on the disk")).to_be_attached()
    newest = (await bob.history("ann", limit=1)).messages[0]
    assert newest.text == "read me"
    await bob.acknowledge(newest.id)
    await expect(message.get_by_text("Delivered")).to_be_attached()
    await bob.mark_read("ann", newest.id)
    await expect(message.get_by_text("Read", exact=True)).to_be_attached()

    async def has_all() -> bool:
        mine = {member.account: member for member in await bob.members("ann")}
        return mine["ann"].delivered_up_to >= last

    await until(has_all, "the page has told what was delivered to it")


async def messages_change(ann: Page, bob: Client) -> None:
    newest = (await bob.history("ann", limit=1)).messages[0]
    await composer(ann).press("ArrowUp")
    await composer(ann).fill("read me again")
    await ann.keyboard.press("Enter")
    await expect(confirmed(ann, "read me again").get_by_text("edited")).to_be_visible()
    answer = await bob.send_message("ann", "I did", reply_to=newest.id)
    reply = confirmed(ann, "I did")
    await expect(reply.get_by_role("button", name="read me again")).to_be_visible()
    await bob.delete_message("ann", answer.message_id)
    await expect(confirmed(ann, "Message deleted")).to_be_visible()
    await ann.get_by_role("log", name="Messages").evaluate("log => { log.scrollTop = 0 }")
    await expect(confirmed(ann, "number 0.")).to_be_attached()


async def words_are_found(ann: Page, bob: Client) -> None:
    await ann.keyboard.press("Control+k")
    await ann.get_by_label("Words").fill("number 7")
    await ann.keyboard.press("Enter")
    await ann.get_by_role("link", name="number 7.").click()
    await expect(confirmed(ann, "number 7.")).to_be_in_viewport()
    await bob.set_typing("ann")
    await expect(ann.get_by_role("main").get_by_text("bob is writing…")).to_be_visible()


async def a_room_lives(ann: Page, bob: Client) -> None:
    room = await bob.create_room("Harbour", topic="boats", public=True, invite=["ann"])
    await bob.send_message(room, "welcome @ann")
    link = ann.get_by_role("link", name="Harbour")
    await link.click()
    await ann.get_by_role("button", name="Join").click()
    await expect(confirmed(ann, "welcome @ann").locator(".to-me")).to_be_visible()
    await say(ann, "thank you @bob")
    await expect(confirmed(ann, "thank you").locator(".mention")).to_be_visible()
    await bob.change_room(room, title="Pier", owner="ann")
    await expect(ann.get_by_role("heading", name="Pier")).to_be_visible()
    await keep_picture(ann, "room-desk")
    await ann.get_by_role("button", name="About this conversation").click()
    await ann.get_by_role("button", name="Remove").click()
    await ann.get_by_role("dialog").last.get_by_role("button", name="Remove").click()
    await expect(ann.get_by_role("dialog").get_by_text("1 member")).to_have_count(0)
    await expect(ann.get_by_text("1 member · boats")).to_be_visible()
    await ann.get_by_role("dialog").get_by_role("button", name="Leave the room").click()
    await ann.get_by_role("dialog").last.get_by_role("button", name="Leave").last.click()
    await expect(link).to_have_count(0)
    await expect(ann.get_by_role("link", name="Pier")).to_have_count(0)


async def the_account_ends(ann: Page, folder: Path) -> None:
    await account_button(ann).click()
    box = ann.get_by_role("dialog")
    await box.get_by_text("Password", exact=True).click()
    await box.get_by_label("Password now").fill("a password")
    await box.get_by_label("New password").fill("another")
    await box.get_by_role("button", name="Change").click()
    await expect(box.get_by_text("Changed")).to_be_visible()
    await box.get_by_text("Sessions", exact=True).click()
    await expect(box.get_by_text("This one")).to_be_visible()
    async with ann.expect_download() as download:
        await box.get_by_role("button", name="Export everything").click()
    await (await download.value).save_as(folder / "export.json")
    assert "read me again" in (folder / "export.json").read_text()
    await box.get_by_role("button", name="Delete the account").click()
    await ann.get_by_role("button", name="Delete for ever").click()
    await expect(ann.get_by_role("button", name="Log in")).to_be_visible()


async def test_all_abilities_meet_the_real_server(
    browser: Browser, cluster: LocalCluster, gateways: GatewayProcesses, tmp_path: Path
) -> None:
    ann = await page_of(browser, gateways.url(0))
    errors: list[str] = []
    watch_for_errors(ann, errors)
    await sign_up(ann, "ann")
    async with Client(cluster=cluster.file) as bob:
        await bob.create_account("bob", "b password")
        await bob.log_in("bob", "b password")
        await bob.change_profile("Bob F.")
        receipts = [await bob.send_message("ann", f"number {i}.") for i in range(70)]
        await ann.get_by_role("link", name="Bob F.").click()
        await expect(confirmed(ann, "number 69.")).to_be_visible()
        await receipts_come(ann, bob, receipts[-1].message_id)
        await messages_change(ann, bob)
        await words_are_found(ann, bob)
        await a_room_lives(ann, bob)
    await the_account_ends(ann, tmp_path)
    assert errors == []


async def test_a_session_that_is_ended_elsewhere_shows_nothing_more(
    browser: Browser, cluster: LocalCluster, gateways: GatewayProcesses
) -> None:
    page = await page_of(browser, gateways.url(0))
    await sign_up(page, "ann")
    async with Client(cluster=cluster.file) as other:
        await other.log_in("ann", "a password")
        await other.end_other_sessions()
    await expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=20_000)
