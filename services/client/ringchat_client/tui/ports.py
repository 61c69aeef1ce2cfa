"""What the terminal app asks of the SDK: `Client` has it, and so has the fake of the tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from ringchat_client.values import (
    AccountSession,
    Conversation,
    ConversationName,
    Event,
    Member,
    MessageName,
    Page,
    Profile,
    Receipt,
    Room,
    Status,
)

__all__ = ["ChatClient"]


class ChatClient(Protocol):
    """A client that is logged in. What each call does is told by `Client`."""

    # ruff: noqa: D102
    async def list_accounts(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[str]: ...

    async def send_message(
        self, to: ConversationName, text: str, *, reply_to: int = 0, timeout: float = 30.0
    ) -> Receipt: ...

    async def acknowledge(self, message: MessageName, *, timeout: float = 30.0) -> None: ...

    async def status(self, *, timeout: float = 1.0) -> Status: ...

    async def delete_account(self, *, timeout: float = 30.0) -> None: ...

    async def export(self, *, timeout: float = 600.0) -> dict[str, Any]: ...

    async def log_out(self, *, timeout: float = 30.0) -> None: ...

    async def conversations(self, *, timeout: float = 30.0) -> list[Conversation]: ...

    async def members(
        self, conversation: ConversationName, *, timeout: float = 30.0
    ) -> list[Member]: ...

    async def history(
        self,
        conversation: ConversationName,
        *,
        before: int = 0,
        after: int = 0,
        limit: int = 50,
        timeout: float = 30.0,
    ) -> Page: ...

    async def search(
        self,
        query: str,
        conversation: ConversationName | None = None,
        *,
        before: int = 0,
        limit: int = 20,
        timeout: float = 30.0,
    ) -> Page: ...

    async def edit_message(
        self,
        conversation: ConversationName,
        message: MessageName,
        text: str,
        *,
        timeout: float = 30.0,
    ) -> None: ...

    async def delete_message(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None: ...

    async def mark_read(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None: ...

    async def create_room(
        self,
        title: str,
        *,
        topic: str = "",
        public: bool = False,
        invite: Sequence[str] = (),
        timeout: float = 30.0,
    ) -> int: ...

    async def join_room(self, room: int, *, timeout: float = 30.0) -> None: ...

    async def leave_room(self, room: int, *, timeout: float = 30.0) -> None: ...

    async def invite(self, room: int, account: str, *, timeout: float = 30.0) -> None: ...

    async def remove(self, room: int, account: str, *, timeout: float = 30.0) -> None: ...

    async def change_room(
        self,
        room: int,
        *,
        title: str | None = None,
        topic: str | None = None,
        owner: str | None = None,
        timeout: float = 30.0,
    ) -> None: ...

    async def rooms(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[Room]: ...

    async def profile(self, account: str = "", *, timeout: float = 30.0) -> Profile: ...

    async def change_password(self, old: str, new: str, *, timeout: float = 30.0) -> None: ...

    async def change_profile(self, display_name: str, *, timeout: float = 30.0) -> None: ...

    async def block(self, account: str, *, timeout: float = 30.0) -> None: ...

    async def unblock(self, account: str, *, timeout: float = 30.0) -> None: ...

    async def sessions(self, *, timeout: float = 30.0) -> list[AccountSession]: ...

    async def end_session(self, session_id: str, *, timeout: float = 30.0) -> None: ...

    async def end_other_sessions(self, *, timeout: float = 30.0) -> None: ...

    async def set_typing(
        self, conversation: ConversationName, *, timeout: float = 30.0
    ) -> None: ...

    def events(self) -> AsyncGenerator[Event, None]: ...
