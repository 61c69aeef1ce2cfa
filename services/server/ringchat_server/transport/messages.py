"""The chat's values as protobuf, and names of conversations from it."""

from __future__ import annotations

from collections.abc import Callable

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import (
    BadRequest,
    ConversationState,
    MemberState,
    Message,
    Name,
    RoomState,
    normal_name,
)
from ringchat_server.newsroom import Presence

ID_MAX = 2**63 - 1
"""Of a message or a room."""

Views = Callable[[int], int]
"""The view that ordered the message of that id."""


def conversation_name(conversation: pb.Conversation) -> Name:
    """What a client calls a conversation.

    Raises:
        BadRequest: if it names none.
    """
    match conversation.WhichOneof("kind"):
        case "account":
            return normal_name(conversation.account)
        case "room":
            return room_id(conversation.room)
    raise BadRequest("a conversation is named by an account or by a room")


def room_id(value: int) -> int:
    """Raises BadRequest if no room can have that id."""
    if not 1 <= value <= ID_MAX:
        raise BadRequest("a room's id is a number from 1 to 2**63 - 1")
    return value


def message_id(value: int, *, or_none: bool = False) -> int:
    """Raises BadRequest if no message can have that id; 0 may stand for none if so said."""
    if not (0 if or_none else 1) <= value <= ID_MAX:
        raise BadRequest("a message's id is a number from 1 to 2**63 - 1")
    return value


def conversation_of(name: Name) -> pb.Conversation:
    """The name of a conversation."""
    return pb.Conversation(room=name) if isinstance(name, int) else pb.Conversation(account=name)


def message_of(message: Message, view: int) -> pb.Message:
    """A message for one who sees it; `view` is the one that ordered it."""
    value = pb.Message(
        id=message.id,
        sender=message.sender,
        text=message.text,
        sent_at_ms=message.sent_at_ms,
        view=view,
        reply_to=message.reply_to,
        edited_at_ms=message.edited_at_ms,
        deleted_at_ms=message.deleted_at_ms,
    )
    if isinstance(message.conversation, int):
        value.conversation.room = message.conversation
    else:
        value.conversation.account = message.conversation
    return value


def room_of(room: RoomState) -> pb.Room:
    """A room."""
    return pb.Room(
        id=room.id,
        title=room.title,
        topic=room.topic,
        public=room.public,
        owner=room.owner,
        members=room.members,
        created_at_ms=room.created_at_ms,
    )


def state_of(state: ConversationState, view_of: Views) -> pb.ConversationState:
    """A conversation as somebody in it has it."""
    newest = state.newest
    return pb.ConversationState(
        conversation=conversation_of(state.conversation),
        room=None if state.room is None else room_of(state.room),
        display_name=state.display_name,
        newest=None if newest is None else message_of(newest, view_of(newest.id)),
        unread=state.unread,
        unread_mentions=state.unread_mentions,
        read_up_to=state.read_up_to,
        invited_by=state.invited_by,
        gone=state.gone,
    )


def presence_of(presence: Presence) -> pb.Presence:
    """Whether somebody is there."""
    return pb.Presence(attached=presence.attached, last_seen_ms=presence.last_seen_ms)


def member_of(member: MemberState, presence: pb.Presence) -> pb.Member:
    """Somebody in a conversation."""
    return pb.Member(
        account=member.account,
        display_name=member.display_name,
        invited=member.invited,
        delivered_up_to=member.delivered_up_to,
        read_up_to=member.read_up_to,
        presence=presence,
    )
