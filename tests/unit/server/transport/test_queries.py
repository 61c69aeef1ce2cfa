"""What is read, page by page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import accounts
from ringchat_server.transport import queries
from tests.unit.server.transport.crew import Crew, code_of, direct, in_room
from tests.unit.server.transport.fake_host import VIEW


class Deaf:
    """Watches, and hears nothing."""

    def told(self, news: object) -> None:
        pass


@pytest.fixture
def crew() -> Any:
    crew = Crew("ann", "bob", "cy", "eve")
    yield crew
    crew.search.close()


def texts(page: Any) -> list[str]:
    return [message.text for message in page.messages]


async def history(crew: Crew, who: str, name: pb.Conversation, **more: Any) -> Any:
    request = pb.ReadHistoryRequest(conversation=name, **more)
    return await crew.says(who, "read_history", request)


async def test_history_from_both_ends(crew: Crew) -> None:
    ids = [await crew.sends("ann", "bob", str(number)) for number in range(6)]
    page = await history(crew, "bob", direct("ann"), limit=2)
    assert (texts(page), page.more) == (["4", "5"], True)
    page = await history(crew, "bob", direct("ann"), limit=3, before_message_id=ids[4])
    assert (texts(page), page.more) == (["1", "2", "3"], True)
    page = await history(crew, "bob", direct("ann"), before_message_id=ids[1])
    assert (texts(page), page.more) == (["0"], False)
    page = await history(crew, "bob", direct("ann"), limit=2, after_message_id=ids[1])
    assert (texts(page), page.more) == (["2", "3"], True)
    page = await history(crew, "bob", direct("ann"), limit=2, after_message_id=0)
    assert (texts(page), page.more) == (["0", "1"], True), "from the beginning"
    page = await history(crew, "bob", direct("ann"), after_message_id=ids[5])
    assert (texts(page), page.more) == ([], False)


async def test_a_message_as_it_is_told(crew: Crew) -> None:
    one = await crew.sends("ann", "bob", "hi")
    reply = pb.SendMessageRequest(to="ann", text="ho", reply_to=one)
    two = (await crew.says("bob", "send_message", reply)).message_id
    edit = pb.EditMessageRequest(conversation=direct("ann"), message_id=two, text="hey")
    await crew.says("bob", "edit_message", edit)
    delete = pb.DeleteMessageRequest(conversation=direct("bob"), message_id=one)
    await crew.says("ann", "delete_message", delete)
    first, second = (await history(crew, "ann", direct("bob"))).messages
    assert (first.id, first.text, first.sender, first.view) == (one, "", "ann", VIEW)
    assert first.deleted_at_ms > 0
    assert (second.text, second.reply_to, second.conversation) == ("hey", one, direct("bob"))
    assert second.edited_at_ms > 0
    assert second.sent_at_ms > 0


async def test_a_page_that_is_too_long_ends_early(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_BYTES_MAX", 1_000)
    ids = [await crew.sends("ann", "bob", f"{number}" + "x" * 400) for number in range(6)]
    page = await history(crew, "bob", direct("ann"))
    assert ([one.id for one in page.messages], page.more) == (ids[4:], True)
    page = await history(crew, "bob", direct("ann"), after_message_id=0)
    assert ([one.id for one in page.messages], page.more) == (ids[:2], True)
    huge = await crew.sends("ann", "bob", "x" * 2_000)
    page = await history(crew, "bob", direct("ann"), limit=1)
    assert [one.id for one in page.messages] == [huge]


async def conversations(crew: Crew, who: str, size: int = 0) -> list[Any]:
    found: list[Any] = []
    token = ""
    while True:
        request = pb.ListConversationsRequest(page_token=token, page_size=size)
        page = await crew.says(who, "list_conversations", request)
        found += page.conversations
        token = page.next_page_token
        if not token:
            return found


async def test_conversations_newest_first_over_pages(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await crew.room("ann", "bob")
    await crew.sends("cy", "bob", "x" * 400)
    await crew.sends("eve", "bob", "x" * 400)
    await crew.sends("ann", room, "x" * 400)
    await crew.room("ann", title="empty")
    invite = pb.CreateRoomRequest(title="later", invite=["bob"])
    await crew.says("ann", "create_room", invite)
    whole = await conversations(crew, "bob")
    assert [one.room.title or one.conversation.account for one in whole] == [
        "later",
        "Hall",
        "eve",
        "cy",
    ]
    assert whole[0].invited_by == "ann"
    assert whole[1].unread == 1
    for size in (1, 2, 3):
        assert await conversations(crew, "bob", size) == whole
    for most in (300, 700, 1_000):
        monkeypatch.setattr(queries, "PAGE_BYTES_MAX", most)
        assert await conversations(crew, "bob") == whole
        assert await conversations(crew, "bob", 3) == whole


async def test_members_with_their_marks_and_who_is_there(crew: Crew) -> None:
    room = await crew.room("ann", "bob")
    one = await crew.sends("ann", room, "hi")
    await crew.says("ann", "invite_to_room", pb.InviteToRoomRequest(room=room, account="cy"))
    await crew.says("bob", "update_message", pb.UpdateMessageRequest(up_to_message_id=one))
    crew.newsroom.receive(crew.chat, "bob", lambda _: None)
    request = pb.ListMembersRequest(conversation=in_room(room), page_size=2)
    page = await crew.says("ann", "list_members", request)
    ann, bob = page.members
    assert (ann.account, ann.read_up_to) == ("ann", one)
    assert (bob.account, bob.delivered_up_to, bob.read_up_to) == ("bob", one, 0)
    assert bob.presence.attached and not ann.presence.attached
    request.page_token = page.next_page_token
    page = await crew.says("ann", "list_members", request)
    assert [(one.account, one.invited) for one in page.members] == [("cy", True)]
    assert page.next_page_token == ""


async def test_rooms_by_their_titles(crew: Crew) -> None:
    ids = [await crew.room("ann", title=title, public=True) for title in ("Tea", "Toast", "Cake")]
    await crew.room("ann", title="Tea in private")
    request = pb.ListRoomsRequest(pattern="t*", page_size=1)
    first = await crew.says("bob", "list_rooms", request)
    request.page_token = first.next_page_token
    second = await crew.says("bob", "list_rooms", request)
    assert [room.id for room in (*first.rooms, *second.rooms)] == ids[:2]
    request.page_token, request.page_size = second.next_page_token, 0
    third = await crew.says("bob", "list_rooms", request)
    assert (list(third.rooms), third.next_page_token) == ([], "")
    [room] = first.rooms
    assert (room.title, room.owner, room.members, room.public) == ("Tea", "ann", 1, True)


async def test_a_profile_and_who_sees_more_of_it(crew: Crew) -> None:
    await crew.says("bob", "change_profile", pb.ChangeProfileRequest(display_name="Bobby"))
    await crew.says("bob", "block_account", pb.BlockAccountRequest(account="eve", blocked=True))
    await crew.sends("ann", "bob", "hi")
    crew.newsroom.receive(crew.chat, "bob", lambda _: None)
    own = await crew.says("bob", "get_profile", pb.GetProfileRequest())
    assert (own.account, own.display_name, list(own.blocked)) == ("bob", "Bobby", ["eve"])
    request = pb.GetProfileRequest(account="bob")
    known = await crew.says("ann", "get_profile", request)
    assert known.presence.attached and not known.blocked
    strange = await crew.says("cy", "get_profile", request)
    assert strange.display_name == "Bobby"
    assert not strange.HasField("presence")
    await crew.room("bob", "cy")
    assert (await crew.says("cy", "get_profile", request)).presence.attached
    await crew.says("bob", "delete_account", pb.DeleteAccountRequest())
    gone = await crew.says("ann", "get_profile", request)
    assert gone.gone and gone.display_name == ""
    nobody = await crew.ask(
        crew.author("ann"), "get_profile", pb.GetProfileRequest(account="nobody")
    )
    assert code_of(nobody) == 5


async def test_sessions(crew: Crew) -> None:
    [only] = (await crew.says("bob", "list_sessions", pb.ListSessionsRequest())).sessions
    assert (only.id, only.current) == (crew.author("bob").session, True)
    assert only.expires_at_ms > 0
    await crew.says("bob", "end_session", pb.EndSessionRequest(session_id=only.id))
    assert code_of(await crew.ask(crew.author("bob"), "log_out", pb.LogOutRequest())) == 16


async def search(crew: Crew, who: str, query: str, **more: Any) -> Any:
    request = pb.SearchMessagesRequest(query=query, **more)
    return await crew.says(who, "search_messages", request)


async def test_a_search_finds_ones_own_alone_newest_first(crew: Crew) -> None:
    room = await crew.room("ann", "bob")
    await crew.sends("ann", "bob", "apple one")
    await crew.sends("ann", room, "apple two")
    await crew.sends("ann", "cy", "apple for cy")
    await crew.sends("ann", "ann", "apple to myself")
    assert texts(await search(crew, "bob", "apple")) == ["apple two", "apple one"]
    assert texts(await search(crew, "bob", "apple", conversation=direct("ann"))) == ["apple one"]
    assert texts(await search(crew, "eve", "apple")) == []
    page = await search(crew, "ann", "apple", limit=3)
    assert (texts(page), page.more) == (["apple to myself", "apple for cy", "apple two"], True)
    page = await search(crew, "ann", "apple", before_message_id=page.messages[-1].id)
    assert (texts(page), page.more) == (["apple one"], False)


async def test_a_search_sees_edits_deletions_and_who_was_put_out(crew: Crew) -> None:
    room = await crew.room("ann", "bob")
    one = await crew.sends("ann", room, "apple")
    two = await crew.sends("ann", room, "apple pie")
    assert texts(await search(crew, "bob", "apple")) == ["apple pie", "apple"]
    edit = pb.EditMessageRequest(conversation=in_room(room), message_id=one, text="pear")
    await crew.says("ann", "edit_message", edit)
    delete = pb.DeleteMessageRequest(conversation=in_room(room), message_id=two)
    await crew.says("ann", "delete_message", delete)
    assert texts(await search(crew, "bob", "apple")) == []
    assert texts(await search(crew, "bob", "pear")) == ["pear"]
    await crew.says("bob", "leave_room", pb.LeaveRoomRequest(room=room))
    assert texts(await search(crew, "bob", "pear")) == []


async def test_what_the_index_holds_is_not_shown_if_the_chat_does_not(crew: Crew) -> None:
    ids = [await crew.sends("ann", "bob", f"apple {number}") for number in range(6)]
    assert len((await search(crew, "bob", "apple")).messages) == 6
    crew.newsroom.read_all(None)
    crew.search.read = lambda news: None  # type: ignore[method-assign]
    for one in ids[3:]:
        delete = pb.DeleteMessageRequest(conversation=direct("bob"), message_id=one)
        await crew.says("ann", "delete_message", delete)
    page = await search(crew, "bob", "apple", limit=2)
    assert ([one.id for one in page.messages], page.more) == ([ids[2], ids[1]], True)


async def test_a_search_that_cannot_be_made_says_why(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringchat_server.search.FINDERS_MAX", 0)
    await crew.sends("ann", "bob", "apple")
    response = await crew.ask(
        crew.author("bob"), "search_messages", pb.SearchMessagesRequest(query="apple")
    )
    assert code_of(response) == 8
    assert "too many searches" in response.error.message


async def test_who_has_blocked_one_is_not_there_for_him(crew: Crew) -> None:
    await crew.sends("ann", "bob", "hi")
    crew.newsroom.watch(crew.chat, "bob", Deaf())
    for name, blocks, attached in (("ann", False, True), ("ann", True, False), ("bob", True, True)):
        await crew.says(
            "bob", "block_account", pb.BlockAccountRequest(account="ann", blocked=blocks)
        )
        profile = await crew.says(name, "get_profile", pb.GetProfileRequest(account="bob"))
        assert profile.presence.attached == attached
        where = direct("bob" if name == "ann" else "ann")
        listed = await crew.says(name, "list_members", pb.ListMembersRequest(conversation=where))
        assert [one.presence.attached for one in listed.members if one.account == "bob"] == [
            attached
        ]


async def test_a_page_of_names_may_look_at_few_of_them(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "LOOKED_AT_MAX", 2)
    request = pb.ListAccountsRequest(pattern="*e")
    page = await crew.says("ann", "list_accounts", request)
    assert (list(page.names), page.next_page_token) == ([], "bob")
    request.page_token = page.next_page_token
    page = await crew.says("ann", "list_accounts", request)
    assert (list(page.names), page.next_page_token) == (["eve"], "")


async def test_nobody_searches_more_often_than_twice_at_once(crew: Crew) -> None:
    await crew.sends("ann", "bob", "apple")
    request = pb.SearchMessagesRequest(query="apple")
    asked = [
        asyncio.create_task(crew.ask(crew.author(name), "search_messages", request))
        for name in ("ann", "ann", "ann", "bob")
    ]
    assert [code_of(await one) for one in asked] == [0, 0, 8, 0]
    assert code_of(await crew.ask(crew.author("ann"), "search_messages", request)) == 0
