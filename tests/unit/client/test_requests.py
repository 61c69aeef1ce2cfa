"""What can never be asked for is refused before it is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ringchat_client import requests
from ringchat_client.errors import InvalidArgument
from ringchat_client.session import Post

LONG = "x" * 65_537


@pytest.mark.parametrize(
    ("ask", "part"),
    [
        (lambda: requests.post(0, "x"), "no room 0"),
        (lambda: requests.post(-1, "x"), "room id"),
        (lambda: requests.post(1 << 63, "x"), "room id"),
        (lambda: requests.post(True, "x"), "room id"),
        (lambda: requests.post(1.5, "x"), "room id"),  # type: ignore[arg-type]
        (lambda: requests.post(1, LONG), "the text is 65537 bytes long"),
        (lambda: requests.reply("bob", "\ud800", 1), "not valid UTF-8"),
        (lambda: requests.reply("bob", "x", -1), "message id"),
        (lambda: requests.reply(0, "x", 1), "no room 0"),
        (lambda: requests.read_history("bob", 1, 2, 50), "not both"),
        (lambda: requests.read_history("bob", 0, 0, 0), "1 to 500"),
        (lambda: requests.read_history("bob", 0, 0, 501), "1 to 500"),
        (lambda: requests.read_history("bob", -1, 0, 50), "message id"),
        (lambda: requests.read_history(None, 0, 0, 50), "room id"),  # type: ignore[arg-type]
        (lambda: requests.search_messages("x", None, 0, 101), "1 to 100"),
        (lambda: requests.search_messages(LONG, None, 0, 20), "the query is"),
        (lambda: requests.edit_message("bob", 1, LONG), "the text is"),
        (lambda: requests.delete_message("bob", 1 << 63), "message id"),
        (lambda: requests.mark_read("\ud800", 1), "the name is not valid UTF-8"),
        (lambda: requests.create_room("x", "", False, "bob"), "list of names"),
        (lambda: requests.create_room("x", LONG, False, ()), "the topic is"),
        (lambda: requests.create_room("x", "", False, [LONG]), "the name is"),
        (lambda: requests.change_room(1, None, None, None), "a title, a topic or an owner"),
        (lambda: requests.change_room(0, "x", None, None), "no room 0"),
        (lambda: requests.change_profile(LONG), "the display name is"),
        (lambda: requests.end_session(""), "hexadecimal"),
        (lambda: requests.end_session("xyz"), "hexadecimal"),
        (lambda: requests.update_message(-1), "message id"),
    ],
)
def test_it_is_refused_in_one_line(ask: Callable[[], object], part: str) -> None:
    with pytest.raises(InvalidArgument, match=part) as caught:
        ask()
    assert "\n" not in str(caught.value)


def test_of_a_page_only_what_was_asked_for_is_set() -> None:
    newest = requests.read_history(12, 0, 0, 50).read_history
    assert (newest.conversation.room, newest.WhichOneof("from"), newest.limit) == (12, None, 50)
    assert requests.read_history("b", 7, 0, 1).read_history.before_message_id == 7
    assert requests.read_history("b", 0, 7, 1).read_history.WhichOneof("from") == "after_message_id"
    assert not requests.search_messages("x", None, 0, 1).search_messages.HasField("conversation")


def test_of_a_room_only_what_changes_is_set() -> None:
    change = requests.change_room(12, None, "", None).change_room
    assert change.HasField("topic")
    assert not change.HasField("title")
    assert not change.HasField("owner")


def test_a_request_without_any_text_is_a_request_all_the_same() -> None:
    assert requests.change_profile("").WhichOneof("kind") == "change_profile"
    assert requests.get_profile("").WhichOneof("kind") == "get_profile"
    assert requests.end_session("00ff").end_session.session_id == b"\x00\xff"


def test_a_message_to_a_room_travels_in_a_column() -> None:
    assert requests.post(12, "x") == Post(12, "x")
    assert requests.reply(12, "x", 7).send_message.reply_to == 7
