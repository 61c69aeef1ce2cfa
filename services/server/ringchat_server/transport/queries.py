"""Reads: each is checked as it comes, and answered when it may be (rule 12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any, TypeVar

from google.protobuf.message import Message

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import BadRequest, Name, check_pattern, normal_name
from ringchat_server.newsroom import MARKS_MEMBERS_MAX
from ringchat_server.search import Unsearchable, words_of
from ringchat_server.transport.gate import (
    BAD_TOKEN,
    NO_TOKEN,
    NOT_FOUND,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    Author,
    Gate,
    Refused,
    now_ms,
    page_of,
)
from ringchat_server.transport.messages import (
    conversation_name,
    member_of,
    message_id,
    message_of,
    presence_of,
    room_of,
    state_of,
)

T = TypeVar("T", bound=Message)

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1_000
HISTORY_DEFAULT = 50
HISTORY_MAX = 500
PAGE_BYTES_MAX = 1 << 20
"""A page ends early with so much in it: a client's gRPC takes 4 MiB, with what else is there."""
FOUND_DEFAULT = 20
FOUND_MAX = 100
SEARCHES_AT_ONCE = 2
"""Of one account."""
SEARCHES_MAX = 3
"""Tries to fill a page of what was found, when some of it has just been deleted."""
ACQUAINTED_MAX = 10_000
"""So many of those who share conversations with an account are gone through for one of them."""

FOR_ANYBODY = frozenset(("list_accounts",))
"""What needs no token."""

Answerer = Callable[[], Awaitable[Any]]
"""Gives the response when the read may be answered. May raise `Refused`."""


class Queries:
    """Each method checks one kind of request, or raises BadRequest, and gives its answerer."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._searching = Counter[str]()
        self._of: dict[str, Callable[[Any, str, bytes], Answerer]] = {
            "list_accounts": self._list_accounts,
            "list_rooms": self._list_rooms,
            "list_conversations": self._list_conversations,
            "list_members": self._list_members,
            "read_history": self._read_history,
            "search_messages": self._search_messages,
            "get_profile": self._get_profile,
            "list_sessions": self._list_sessions,
            "set_typing": self._set_typing,
        }

    def __contains__(self, kind: str) -> bool:
        """Whether requests of that kind are reads."""
        return kind in self._of

    def prepare(self, kind: str, message: Any, author: Author | None) -> Answerer:
        """What answers that request.

        Raises:
            BadRequest: if nothing could.
        """
        account, session = author or ("", b"")
        answer = self._of[kind](message, account, session)

        async def when_confirmed() -> Any:
            if not account and kind not in FOR_ANYBODY:
                raise Refused(BAD_TOKEN if author is None else NO_TOKEN)
            await self._gate.confirm_read()
            holder = self._gate.chat.account_of(session, now_ms())
            if holder != account and kind not in FOR_ANYBODY:
                raise Refused(BAD_TOKEN)
            return await answer()

        return when_confirmed

    def _list_accounts(
        self, message: pb.ListAccountsRequest, account: str, session: bytes
    ) -> Answerer:
        pattern = check_pattern(message.pattern or "*")
        size = _size(message.page_size)

        async def answer() -> pb.ListAccountsResponse:
            names, token = self._gate.chat.list_accounts(pattern, message.page_token, size)
            return pb.ListAccountsResponse(names=names, next_page_token=token)

        return answer

    def _list_rooms(self, message: pb.ListRoomsRequest, account: str, session: bytes) -> Answerer:
        pattern = check_pattern(message.pattern or "*")
        size, after = _size(message.page_size), _number_of(message.page_token)

        async def answer() -> pb.ListRoomsResponse:
            rooms, behind = self._gate.chat.views.rooms(pattern, after, size)
            token = str(behind) if behind else ""
            return pb.ListRoomsResponse(rooms=map(room_of, rooms), next_page_token=token)

        return answer

    def _list_conversations(
        self, message: pb.ListConversationsRequest, account: str, session: bytes
    ) -> Answerer:
        size, before = _size(message.page_size), _number_of(message.page_token)

        async def answer() -> pb.ListConversationsResponse:
            states, token = self._gate.chat.views.conversations(account, before, size)
            whole = [state_of(one, self._gate.view_of) for one in states]
            page, cut = _cut(whole)
            while page and cut and not page[-1].HasField("newest"):
                page.pop()  # only a message says where the next page begins
            if page and cut:
                token = page[-1].newest.id
            return pb.ListConversationsResponse(
                conversations=page or whole, next_page_token=str(token) if token else ""
            )

        return answer

    def _list_members(
        self, message: pb.ListMembersRequest, account: str, session: bytes
    ) -> Answerer:
        size, where = _size(message.page_size), conversation_name(message.conversation)

        async def answer() -> pb.ListMembersResponse:
            found = self._gate.chat.views.members(account, where, message.page_token, size)
            members, more = page_of(found)
            return pb.ListMembersResponse(
                members=[
                    member_of(one, self._presence_of(one.account, account)) for one in members
                ],
                next_page_token=members[-1].account if more else "",
            )

        return answer

    def _read_history(
        self, message: pb.ReadHistoryRequest, account: str, session: bytes
    ) -> Answerer:
        where = conversation_name(message.conversation)
        before = message_id(message.before_message_id, or_none=True)
        after = message_id(message.after_message_id, or_none=True)
        forward = message.WhichOneof("from") == "after_message_id"
        limit = _limit(message.limit, HISTORY_DEFAULT, HISTORY_MAX)

        async def answer() -> pb.ReadHistoryResponse:
            views = self._gate.chat.views
            # Behind 0 is the beginning, which is not the newest page: no message has an id of 1.
            found = views.history(
                account, where, before, 1 if forward and not after else after, limit
            )
            messages, more = page_of(found)
            page = [message_of(one, self._gate.view_of(one.id)) for one in messages]
            page, cut = _cut(page if forward else page[::-1])
            return pb.ReadHistoryResponse(
                messages=page if forward else page[::-1], more=more or cut
            )

        return answer

    def _search_messages(
        self, message: pb.SearchMessagesRequest, account: str, session: bytes
    ) -> Answerer:
        words = words_of(message.query)
        where = (
            conversation_name(message.conversation) if message.HasField("conversation") else None
        )
        before = message_id(message.before_message_id, or_none=True)
        limit = _limit(message.limit, FOUND_DEFAULT, FOUND_MAX)
        return lambda: self._found(account, words, where, before, limit)

    async def _found(
        self, account: str, words: str, where: Name | None, before: int, limit: int
    ) -> pb.SearchMessagesResponse:
        if self._searching[account] >= SEARCHES_AT_ONCE:
            raise Refused((RESOURCE_EXHAUSTED, "you are searching already; wait for the answers"))
        self._searching[account] += 1
        try:
            return await self._find(account, words, where, before, limit)
        finally:
            self._searching[account] -= 1
            if not self._searching[account]:
                del self._searching[account]

    async def _find(
        self, account: str, words: str, where: Name | None, before: int, limit: int
    ) -> pb.SearchMessagesResponse:
        found = pb.SearchMessagesResponse()
        for _ in range(SEARCHES_MAX):
            ids = self._gate.chat.views.conversation_ids(account, where)
            if isinstance(ids, tuple):
                raise Refused(ids)
            wanted = limit - len(found.messages)
            try:
                hits = await self._gate.find(words, ids, before, wanted + 1)
            except Unsearchable as error:
                raise Refused((RESOURCE_EXHAUSTED, str(error))) from error
            # The index knows where to look; what is there, and who may see it, the chat does.
            seen = self._gate.chat.views.seen(account, hits[:wanted])
            view_of = self._gate.view_of
            found.messages.extend(message_of(one, view_of(one.id)) for one in seen)
            found.more = len(hits) > wanted
            if not found.more or len(found.messages) >= limit:
                break
            before = hits[wanted - 1].message_id
        return found

    def _get_profile(self, message: pb.GetProfileRequest, account: str, session: bytes) -> Answerer:
        name = normal_name(message.account) if message.account else account

        async def answer() -> pb.GetProfileResponse:
            chat = self._gate.chat
            profile = chat.profile(name)
            if profile is None:
                raise Refused((NOT_FOUND, f"no account named '{name}'"))
            response = pb.GetProfileResponse(
                account=profile.name, display_name=profile.display_name, gone=profile.gone
            )
            if name == account:
                response.blocked.extend(chat.blocked(account))
            if self._are_acquainted(account, name):
                response.presence.CopyFrom(self._presence_of(name, account))
            return response

        return answer

    def _presence_of(self, other: str, account: str) -> pb.Presence:
        """As far as `account` may know: who has blocked him is not there for him."""
        chat, newsroom = self._gate.chat, self._gate.newsroom
        if account in chat.blocked(other):
            return pb.Presence()
        return presence_of(newsroom.presence(other))

    def _are_acquainted(self, account: str, other: str) -> bool:
        """Whether one is told of the other's coming and going; or they are in one room, as far
        as that is looked for."""
        views = self._gate.chat.views
        if other == account or isinstance(views.conversation_ids(account, other), list):
            return True
        known = views.acquaintances(account, MARKS_MEMBERS_MAX)
        return other in islice(known, ACQUAINTED_MAX)

    def _list_sessions(
        self, message: pb.ListSessionsRequest, account: str, session: bytes
    ) -> Answerer:
        async def answer() -> pb.ListSessionsResponse:
            response = pb.ListSessionsResponse()
            for one, expires_at_ms in self._gate.chat.sessions(account, now_ms()):
                response.sessions.add(id=one, expires_at_ms=expires_at_ms, current=one == session)
            return response

        return answer

    def _set_typing(self, message: pb.SetTypingRequest, account: str, session: bytes) -> Answerer:
        where = conversation_name(message.conversation)

        async def answer() -> pb.SetTypingResponse:
            chat = self._gate.chat
            members = chat.views.few_members(account, where, MARKS_MEMBERS_MAX)
            if isinstance(members, tuple):
                raise Refused(members)
            if isinstance(where, str) and account in chat.blocked(where):
                raise Refused((PERMISSION_DENIED, f"'{where}' does not accept this from you"))
            self._gate.newsroom.types(account, where, members)
            return pb.SetTypingResponse()

        return answer


def _cut(values: list[T]) -> tuple[list[T], bool]:
    """The first ones, as far as they fit into an answer, and whether that leaves some out."""
    left = PAGE_BYTES_MAX
    for at, value in enumerate(values):
        left -= value.ByteSize()
        if left < 0 and at:
            return values[:at], True
    return values, False


def _size(page_size: int) -> int:
    if page_size > PAGE_SIZE_MAX:
        raise BadRequest(f"page_size is at most {PAGE_SIZE_MAX}")
    return page_size or PAGE_SIZE_DEFAULT


def _limit(limit: int, default: int, most: int) -> int:
    if limit > most:
        raise BadRequest(f"limit is at most {most}")
    return limit or default


def _number_of(page_token: str) -> int:
    """What stands in a page token that was given by a page before."""
    if not page_token:
        return 0
    if not (page_token.isascii() and page_token.isdigit() and len(page_token) <= 19):
        raise BadRequest("a page_token is the next_page_token of the page before")
    return int(page_token)
