"""Clients' writes in the form in which they stand in the log (see `chat/requests.py`).

Whatever cannot be right, whoever asks and whenever, is refused here: `BadRequest`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import (
    BadRequest,
    check_text,
    normal_display_name,
    normal_name,
    normal_title,
    normal_topic,
)
from ringchat_server.transport.messages import conversation_name, message_id, room_id

INVITED_AT_ONCE_MAX = 100
SESSION_ID_BYTES = 32

Body = tuple[object, ...]


def _log_out(message: pb.LogOutRequest) -> Body:
    return ("logout",)


def _delete_account(message: pb.DeleteAccountRequest) -> Body:
    return ("delete",)


def _create_room(message: pb.CreateRoomRequest) -> Body:
    if len(message.invite) > INVITED_AT_ONCE_MAX:
        raise BadRequest(f"at most {INVITED_AT_ONCE_MAX} accounts are invited with a new room")
    invited = tuple(dict.fromkeys(map(normal_name, message.invite)))
    title, topic = normal_title(message.title), normal_topic(message.topic)
    return ("room", title, topic, message.public, invited)


def _join_room(message: pb.JoinRoomRequest) -> Body:
    return ("join", room_id(message.room))


def _leave_room(message: pb.LeaveRoomRequest) -> Body:
    return ("leave", room_id(message.room))


def _invite_to_room(message: pb.InviteToRoomRequest) -> Body:
    return ("invite", room_id(message.room), normal_name(message.account))


def _remove_from_room(message: pb.RemoveFromRoomRequest) -> Body:
    return ("remove", room_id(message.room), normal_name(message.account))


def _change_room(message: pb.ChangeRoomRequest) -> Body:
    title = normal_title(message.title) if message.HasField("title") else None
    topic = normal_topic(message.topic) if message.HasField("topic") else None
    owner = normal_name(message.owner) if message.HasField("owner") else None
    if title is None and topic is None and owner is None:
        raise BadRequest("nothing to change: give a title, a topic or an owner")
    return ("change", room_id(message.room), title, topic, owner)


def _edit_message(message: pb.EditMessageRequest) -> Body:
    check_text(message.text)
    where, one = conversation_name(message.conversation), message_id(message.message_id)
    return ("edit", where, one, message.text)


def _delete_message(message: pb.DeleteMessageRequest) -> Body:
    return ("erase", conversation_name(message.conversation), message_id(message.message_id))


def _mark_read(message: pb.MarkReadRequest) -> Body:
    return ("read", conversation_name(message.conversation), message_id(message.up_to_message_id))


def _update_message(message: pb.UpdateMessageRequest) -> Body:
    return ("update", message.up_to_message_id, ())


def _change_profile(message: pb.ChangeProfileRequest) -> Body:
    return ("profile", normal_display_name(message.display_name))


def _end_session(message: pb.EndSessionRequest) -> Body:
    if len(message.session_id) not in (0, SESSION_ID_BYTES):
        raise BadRequest(f"session_id is {SESSION_ID_BYTES} bytes, or empty for all others")
    return ("end", message.session_id)


def _block_account(message: pb.BlockAccountRequest) -> Body:
    return ("block", normal_name(message.account), message.blocked)


BODIES: dict[str, Callable[[Any], Body]] = {
    "log_out": _log_out,
    "delete_account": _delete_account,
    "create_room": _create_room,
    "join_room": _join_room,
    "leave_room": _leave_room,
    "invite_to_room": _invite_to_room,
    "remove_from_room": _remove_from_room,
    "change_room": _change_room,
    "edit_message": _edit_message,
    "delete_message": _delete_message,
    "mark_read": _mark_read,
    "update_message": _update_message,
    "change_profile": _change_profile,
    "end_session": _end_session,
    "block_account": _block_account,
}
"""By the name of the field in `Request`. Those that take longer, or another way, are missing."""

NAMES_A_MESSAGE: dict[str, str] = {
    "edit_message": "message_id",
    "delete_message": "message_id",
    "mark_read": "up_to_message_id",
    "update_message": "up_to_message_id",
}
"""The field that names a message whose view stands beside it, if the client knows that."""
