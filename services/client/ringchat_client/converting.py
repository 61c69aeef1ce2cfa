"""What comes over the wire, as the values that the SDK hands out."""

from __future__ import annotations

from collections.abc import Iterable

from ringchat_client.values import (
    AccountSession,
    Attached,
    Conversation,
    ConversationChanged,
    ConversationGone,
    ConversationName,
    Event,
    Marked,
    Member,
    Message,
    MessageChanged,
    NewMessage,
    Page,
    Presence,
    PresenceChanged,
    Profile,
    Receipt,
    Room,
    Typing,
    time_of,
    time_or_none,
)
from ringchat_proto import chat_pb2 as pb

__all__ = [
    "account_session_of",
    "conversation_of",
    "event_of",
    "member_of",
    "message_of",
    "name_of",
    "page_of",
    "profile_of",
    "receipt_of",
    "room_id_of",
    "room_of",
]


def name_of(conversation: pb.Conversation) -> ConversationName:
    """Its name: a room's id, or an account; "" if it has none."""
    return conversation.room or conversation.account


def message_of(message: pb.Message) -> Message:
    """A message."""
    return Message(
        message.id,
        message.sender,
        message.text,
        time_of(message.sent_at_ms),
        name_of(message.conversation),
        message.reply_to,
        time_or_none(message.edited_at_ms),
        time_or_none(message.deleted_at_ms),
        message.view,
    )


def page_of(messages: Iterable[pb.Message], more: bool) -> Page:
    """A page of messages, in the order in which they came."""
    return Page(tuple(map(message_of, messages)), more)


def receipt_of(response: pb.Response) -> Receipt:
    """That of a reply; those of messages in columns are receipts already."""
    return Receipt(response.send_message.message_id, time_of(response.send_message.sent_at_ms))


def room_id_of(response: pb.Response) -> int:
    """The id of a room that was made."""
    return response.create_room.room


def room_of(room: pb.Room) -> Room:
    """A room."""
    return Room(
        id=room.id,
        title=room.title,
        topic=room.topic,
        public=room.public,
        owner=room.owner,
        members=room.members,
        created_at=time_of(room.created_at_ms),
    )


def conversation_of(state: pb.ConversationState) -> Conversation:
    """A conversation as one has it."""
    return Conversation(
        name=name_of(state.conversation),
        room=room_of(state.room) if state.HasField("room") else None,
        display_name=state.display_name,
        newest=message_of(state.newest) if state.HasField("newest") else None,
        unread=state.unread,
        unread_mentions=state.unread_mentions,
        read_up_to=state.read_up_to,
        invited_by=state.invited_by,
        gone=state.gone,
    )


def _presence_of(presence: pb.Presence) -> Presence:
    return Presence(presence.attached, time_or_none(presence.last_seen_ms))


def member_of(member: pb.Member) -> Member:
    """Somebody in a conversation."""
    return Member(
        account=member.account,
        display_name=member.display_name,
        invited=member.invited,
        delivered_up_to=member.delivered_up_to,
        read_up_to=member.read_up_to,
        presence=_presence_of(member.presence),
    )


def profile_of(profile: pb.GetProfileResponse) -> Profile:
    """What is known of an account."""
    return Profile(
        account=profile.account,
        display_name=profile.display_name,
        gone=profile.gone,
        presence=_presence_of(profile.presence),
        blocked=tuple(profile.blocked),
    )


def account_session_of(session: pb.AccountSession) -> AccountSession:
    """A login."""
    return AccountSession(session.id.hex(), time_of(session.expires_at_ms), session.current)


def event_of(event: pb.Event) -> Event | None:
    """What has happened; None if it is of a kind that this version does not know."""
    match event.WhichOneof("kind"):
        case "message":
            return NewMessage(message_of(event.message))
        case "changed":
            return MessageChanged(message_of(event.changed))
        case "conversation":
            return ConversationChanged(conversation_of(event.conversation))
        case "gone":
            return ConversationGone(name_of(event.gone))
        case "mark":
            mark = event.mark
            where = name_of(mark.conversation) if mark.HasField("conversation") else None
            return Marked(mark.account, where, mark.delivered_up_to, mark.read_up_to)
        case "presence":
            return PresenceChanged(event.presence.account, _presence_of(event.presence.presence))
        case "typing":
            return Typing(name_of(event.typing.conversation), event.typing.account)
        case "missed":
            return Attached()
        case _:
            return None
