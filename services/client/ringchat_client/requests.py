"""What the calls of the SDK ask for, as requests on the wire.

What could never be put into a frame, or can mean nothing, is refused here; the rest is the
server's to judge. Each function raises InvalidArgument.
"""

from __future__ import annotations

from collections.abc import Sequence

from ringchat_client.errors import InvalidArgument
from ringchat_client.session import Post
from ringchat_client.values import ConversationName, Message, MessageName
from ringchat_proto import chat_pb2 as pb

__all__ = [
    "HISTORY_MAX",
    "PAGE_SIZE",
    "SEARCH_MAX",
    "TEXT_BYTES_MAX",
    "block_account",
    "change_password",
    "change_profile",
    "change_room",
    "checked",
    "checked_id",
    "create_account",
    "create_room",
    "delete_message",
    "edit_message",
    "end_session",
    "get_profile",
    "invite_to_room",
    "join_room",
    "leave_room",
    "list_accounts",
    "list_conversations",
    "list_members",
    "list_rooms",
    "log_in",
    "mark_read",
    "post",
    "read_history",
    "remove_from_room",
    "reply",
    "search_messages",
    "set_typing",
    "update_message",
]

TEXT_BYTES_MAX = 64 << 10
"""Of a message, and of any other string: a name or password beyond it is never valid."""
PAGE_SIZE = 1000
HISTORY_MAX = 500
SEARCH_MAX = 100
ID_MAX = (1 << 63) - 1


def checked(text: str, what: str) -> str:
    """A text that can be put into a frame."""
    if str.isascii(text) and len(text) <= TEXT_BYTES_MAX:
        return text  # nearly always, and known without a copy
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidArgument(f"the {what} is not valid UTF-8") from None
    if size_bytes > TEXT_BYTES_MAX:
        raise InvalidArgument(f"the {what} is {size_bytes} bytes long; 65536 is the most")
    return text


def checked_id(number: object, what: str) -> int:
    """The id of a message or of a room; 0 where it may be left out."""
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= ID_MAX:
        raise InvalidArgument(f"a {what} is an integer from 0 to 2**63 - 1")
    return number


def _checked_room(room: int) -> int:
    if not checked_id(room, "room id"):
        raise InvalidArgument("there is no room 0")
    return room


def _checked_limit(limit: int, limit_max: int) -> int:
    if not 1 <= limit <= limit_max:
        raise InvalidArgument(f"a page has 1 to {limit_max} messages")
    return limit


def _page_size(limit: int | None) -> int:
    """Of a listing of which so many are wanted, or all of it."""
    if limit is None:
        return PAGE_SIZE
    if limit < 1:
        raise InvalidArgument("a limit is 1 at least")
    return min(limit, PAGE_SIZE)


def _conversation(name: ConversationName) -> pb.Conversation:
    if isinstance(name, str):
        return pb.Conversation(account=checked(name, "name"))
    return pb.Conversation(room=_checked_room(name))


# ---------------------------------------------------------------- messages


def post(room: int, text: str) -> Post:
    """A message in a room."""
    return Post(_checked_room(room), checked(text, "text"))


def reply(to: ConversationName, text: str, reply_to: int) -> pb.Request:
    """An answer to a message; these do not travel in columns."""
    request = pb.Request()
    if isinstance(to, str):
        request.send_message.to = checked(to, "name")
    else:
        request.send_message.room = _checked_room(to)
    request.send_message.text = checked(text, "text")
    request.send_message.reply_to = checked_id(reply_to, "message id")
    return request


def update_message(up_to: MessageName) -> pb.Request:
    """Messages have been delivered."""
    request = pb.Request()
    request.update_message.up_to_message_id = _id_of(up_to)
    if (view := _view_of(up_to)) is not None:
        request.update_message.view = view
    return request


def edit_message(conversation: ConversationName, message: MessageName, text: str) -> pb.Request:
    """Another text for a message."""
    request = pb.Request()
    request.edit_message.conversation.CopyFrom(_conversation(conversation))
    request.edit_message.message_id = _id_of(message)
    request.edit_message.text = checked(text, "text")
    if (view := _view_of(message)) is not None:
        request.edit_message.view = view
    return request


def delete_message(conversation: ConversationName, message: MessageName) -> pb.Request:
    """No text for a message any more."""
    request = pb.Request()
    request.delete_message.conversation.CopyFrom(_conversation(conversation))
    request.delete_message.message_id = _id_of(message)
    if (view := _view_of(message)) is not None:
        request.delete_message.view = view
    return request


def mark_read(conversation: ConversationName, message: MessageName) -> pb.Request:
    """Messages have been read."""
    request = pb.Request()
    request.mark_read.conversation.CopyFrom(_conversation(conversation))
    request.mark_read.up_to_message_id = _id_of(message)
    if (view := _view_of(message)) is not None:
        request.mark_read.view = view
    return request


def _id_of(message: MessageName) -> int:
    return checked_id(message.id if isinstance(message, Message) else message, "message id")


def _view_of(message: MessageName) -> int | None:
    return message.view if isinstance(message, Message) and message.view >= 0 else None


def read_history(conversation: ConversationName, before: int, after: int, limit: int) -> pb.Request:
    """A page of messages."""
    if before and after:
        raise InvalidArgument("give either before or after, not both")
    request = pb.Request()
    request.read_history.conversation.CopyFrom(_conversation(conversation))
    request.read_history.limit = _checked_limit(limit, HISTORY_MAX)
    if checked_id(before, "message id"):
        request.read_history.before_message_id = before
    if checked_id(after, "message id"):
        request.read_history.after_message_id = after
    return request


def search_messages(
    query: str, conversation: ConversationName | None, before: int, limit: int
) -> pb.Request:
    """Messages that hold words."""
    request = pb.Request()
    request.search_messages.query = checked(query, "query")
    request.search_messages.limit = _checked_limit(limit, SEARCH_MAX)
    request.search_messages.before_message_id = checked_id(before, "message id")
    if conversation is not None:
        request.search_messages.conversation.CopyFrom(_conversation(conversation))
    return request


def set_typing(conversation: ConversationName) -> pb.Request:
    """One is writing."""
    request = pb.Request()
    request.set_typing.conversation.CopyFrom(_conversation(conversation))
    return request


# ------------------------------------------------------------- conversations


def list_conversations() -> pb.Request:
    """One's conversations, from the first page on."""
    return pb.Request(list_conversations=pb.ListConversationsRequest(page_size=PAGE_SIZE))


def list_members(conversation: ConversationName) -> pb.Request:
    """Who is in a conversation, from the first page on."""
    request = pb.Request()
    request.list_members.conversation.CopyFrom(_conversation(conversation))
    request.list_members.page_size = PAGE_SIZE
    return request


def list_rooms(pattern: str, limit: int | None = None) -> pb.Request:
    """Public rooms, from the first page on."""
    request = pb.Request()
    request.list_rooms.pattern = checked(pattern, "pattern")
    request.list_rooms.page_size = _page_size(limit)
    return request


def create_room(title: str, topic: str, public: bool, invite: Sequence[str]) -> pb.Request:
    """A new room."""
    if isinstance(invite, str):
        raise InvalidArgument("who is invited is a list of names")
    request = pb.Request()
    request.create_room.title = checked(title, "title")
    request.create_room.topic = checked(topic, "topic")
    request.create_room.public = public
    request.create_room.invite.extend(checked(name, "name") for name in invite)
    return request


def join_room(room: int) -> pb.Request:
    """To be a member of a room."""
    return pb.Request(join_room=pb.JoinRoomRequest(room=_checked_room(room)))


def leave_room(room: int) -> pb.Request:
    """To be a member of a room no longer."""
    return pb.Request(leave_room=pb.LeaveRoomRequest(room=_checked_room(room)))


def invite_to_room(room: int, account: str) -> pb.Request:
    """Somebody is asked into a room."""
    request = pb.Request()
    request.invite_to_room.room = _checked_room(room)
    request.invite_to_room.account = checked(account, "name")
    return request


def remove_from_room(room: int, account: str) -> pb.Request:
    """Somebody is put out of a room."""
    request = pb.Request()
    request.remove_from_room.room = _checked_room(room)
    request.remove_from_room.account = checked(account, "name")
    return request


def change_room(room: int, title: str | None, topic: str | None, owner: str | None) -> pb.Request:
    """Another title, topic or owner."""
    if title is None and topic is None and owner is None:
        raise InvalidArgument("give a title, a topic or an owner")
    request = pb.Request()
    request.change_room.room = _checked_room(room)
    if title is not None:
        request.change_room.title = checked(title, "title")
    if topic is not None:
        request.change_room.topic = checked(topic, "topic")
    if owner is not None:
        request.change_room.owner = checked(owner, "name")
    return request


# ------------------------------------------------------------------ accounts


def create_account(name: str, password: str) -> pb.Request:
    """A new account."""
    request = pb.Request()
    request.create_account.name = checked(name, "name")
    request.create_account.password = checked(password, "password")
    return request


def log_in(name: str, password: str) -> pb.Request:
    """A new session of an account."""
    request = pb.Request()
    request.log_in.name = checked(name, "name")
    request.log_in.password = checked(password, "password")
    return request


def list_accounts(pattern: str, limit: int | None = None) -> pb.Request:
    """Names, from the first page on."""
    request = pb.Request()
    request.list_accounts.pattern = checked(pattern, "pattern")
    request.list_accounts.page_size = _page_size(limit)
    return request


def get_profile(account: str) -> pb.Request:
    """What is known of an account."""
    return pb.Request(get_profile=pb.GetProfileRequest(account=checked(account, "name")))


def change_password(old: str, new: str) -> pb.Request:
    """Another password."""
    request = pb.Request()
    request.change_password.old_password = checked(old, "password")
    request.change_password.new_password = checked(new, "password")
    return request


def change_profile(display_name: str) -> pb.Request:
    """Another name to be shown."""
    request = pb.Request()
    request.change_profile.display_name = checked(display_name, "display name")
    if not display_name:
        request.change_profile.SetInParent()
    return request


def block_account(account: str, blocked: bool) -> pb.Request:
    """Nothing, or again something, from an account."""
    request = pb.Request()
    request.block_account.account = checked(account, "name")
    request.block_account.blocked = blocked
    return request


def end_session(session_id: str) -> pb.Request:
    """One session less."""
    try:
        session = bytes.fromhex(session_id)
    except ValueError:
        session = b""
    if not session:  # on the wire nothing means all others
        raise InvalidArgument("a session's id is hexadecimal, as sessions() gives it")
    return pb.Request(end_session=pb.EndSessionRequest(session_id=session))
