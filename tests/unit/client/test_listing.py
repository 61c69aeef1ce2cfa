"""Listings in pages of any size."""

from __future__ import annotations

from ringchat_client.listing import listed
from ringchat_client.requests import list_accounts
from ringchat_proto import chat_pb2 as pb


class Pages:
    """A listing whose pages are as the server likes."""

    def __init__(self, *pages: list[str]) -> None:
        self._pages = pages
        self.asked: list[str] = []

    async def ask(self, request: pb.Request) -> pb.Response:
        ask = request.list_accounts
        assert ask.pattern == "*"
        self.asked.append(ask.page_token)
        at = int(ask.page_token or 0)
        token = str(at + 1) if at + 1 < len(self._pages) else ""
        page = pb.ListAccountsResponse(names=self._pages[at], next_page_token=token)
        return pb.Response(list_accounts=page)


async def test_short_and_empty_pages_are_not_the_last() -> None:
    pages = Pages([], ["a", "b"], [], ["c"], [])
    assert await listed(pages.ask, list_accounts("*"), "names") == ["a", "b", "c"]
    assert pages.asked == ["", "1", "2", "3", "4"]


async def test_no_page_more_than_is_wanted() -> None:
    pages = Pages([], ["a", "b"], [], ["c", "d"], ["e"])
    assert await listed(pages.ask, list_accounts("*", 3), "names", 3) == ["a", "b", "c"]
    assert pages.asked == ["", "1", "2", "3"]
