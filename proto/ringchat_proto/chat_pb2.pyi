from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestName(_message.Message):
    __slots__ = ("client_id", "number")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    client_id: bytes
    number: int
    def __init__(self, client_id: _Optional[bytes] = ..., number: _Optional[int] = ...) -> None: ...

class CreateAccountRequest(_message.Message):
    __slots__ = ("name", "password", "request")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    password: str
    request: RequestName
    def __init__(self, name: _Optional[str] = ..., password: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class CreateAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteAccountRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: RequestName
    def __init__(self, request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class DeleteAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogInRequest(_message.Message):
    __slots__ = ("name", "password", "request")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    password: str
    request: RequestName
    def __init__(self, name: _Optional[str] = ..., password: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class LogInResponse(_message.Message):
    __slots__ = ("token", "name", "expires_at_ms")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    token: str
    name: str
    expires_at_ms: int
    def __init__(self, token: _Optional[str] = ..., name: _Optional[str] = ..., expires_at_ms: _Optional[int] = ...) -> None: ...

class LogOutRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: RequestName
    def __init__(self, request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class LogOutResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAccountsRequest(_message.Message):
    __slots__ = ("pattern", "page_token", "page_size")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    pattern: str
    page_token: str
    page_size: int
    def __init__(self, pattern: _Optional[str] = ..., page_token: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListAccountsResponse(_message.Message):
    __slots__ = ("names", "next_page_token")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    def __init__(self, names: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SendMessageRequest(_message.Message):
    __slots__ = ("to", "text", "room", "reply_to", "request")
    TO_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    to: str
    text: str
    room: int
    reply_to: int
    request: RequestName
    def __init__(self, to: _Optional[str] = ..., text: _Optional[str] = ..., room: _Optional[int] = ..., reply_to: _Optional[int] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class SendMessageResponse(_message.Message):
    __slots__ = ("message_id", "sent_at_ms")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    message_id: int
    sent_at_ms: int
    def __init__(self, message_id: _Optional[int] = ..., sent_at_ms: _Optional[int] = ...) -> None: ...

class ReceiveMessagesRequest(_message.Message):
    __slots__ = ("after_message_id",)
    AFTER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    after_message_id: int
    def __init__(self, after_message_id: _Optional[int] = ...) -> None: ...

class UpdateMessageRequest(_message.Message):
    __slots__ = ("up_to_message_id", "view", "request")
    UP_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    up_to_message_id: int
    view: int
    request: RequestName
    def __init__(self, up_to_message_id: _Optional[int] = ..., view: _Optional[int] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class UpdateMessageResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Message(_message.Message):
    __slots__ = ("id", "sender", "text", "sent_at_ms", "view", "conversation", "reply_to", "edited_at_ms", "deleted_at_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    EDITED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DELETED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    id: int
    sender: str
    text: str
    sent_at_ms: int
    view: int
    conversation: Conversation
    reply_to: int
    edited_at_ms: int
    deleted_at_ms: int
    def __init__(self, id: _Optional[int] = ..., sender: _Optional[str] = ..., text: _Optional[str] = ..., sent_at_ms: _Optional[int] = ..., view: _Optional[int] = ..., conversation: _Optional[_Union[Conversation, _Mapping]] = ..., reply_to: _Optional[int] = ..., edited_at_ms: _Optional[int] = ..., deleted_at_ms: _Optional[int] = ...) -> None: ...

class Conversation(_message.Message):
    __slots__ = ("account", "room")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    account: str
    room: int
    def __init__(self, account: _Optional[str] = ..., room: _Optional[int] = ...) -> None: ...

class CreateRoomRequest(_message.Message):
    __slots__ = ("title", "topic", "public", "invite", "request")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    INVITE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    title: str
    topic: str
    public: bool
    invite: _containers.RepeatedScalarFieldContainer[str]
    request: RequestName
    def __init__(self, title: _Optional[str] = ..., topic: _Optional[str] = ..., public: _Optional[bool] = ..., invite: _Optional[_Iterable[str]] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class CreateRoomResponse(_message.Message):
    __slots__ = ("room",)
    ROOM_FIELD_NUMBER: _ClassVar[int]
    room: int
    def __init__(self, room: _Optional[int] = ...) -> None: ...

class JoinRoomRequest(_message.Message):
    __slots__ = ("room", "request")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    room: int
    request: RequestName
    def __init__(self, room: _Optional[int] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class JoinRoomResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LeaveRoomRequest(_message.Message):
    __slots__ = ("room", "request")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    room: int
    request: RequestName
    def __init__(self, room: _Optional[int] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class LeaveRoomResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InviteToRoomRequest(_message.Message):
    __slots__ = ("room", "account", "request")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    room: int
    account: str
    request: RequestName
    def __init__(self, room: _Optional[int] = ..., account: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class InviteToRoomResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveFromRoomRequest(_message.Message):
    __slots__ = ("room", "account", "request")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    room: int
    account: str
    request: RequestName
    def __init__(self, room: _Optional[int] = ..., account: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class RemoveFromRoomResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChangeRoomRequest(_message.Message):
    __slots__ = ("room", "title", "topic", "owner", "request")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    room: int
    title: str
    topic: str
    owner: str
    request: RequestName
    def __init__(self, room: _Optional[int] = ..., title: _Optional[str] = ..., topic: _Optional[str] = ..., owner: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class ChangeRoomResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRoomsRequest(_message.Message):
    __slots__ = ("pattern", "page_token", "page_size")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    pattern: str
    page_token: str
    page_size: int
    def __init__(self, pattern: _Optional[str] = ..., page_token: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListRoomsResponse(_message.Message):
    __slots__ = ("rooms", "next_page_token")
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.RepeatedCompositeFieldContainer[Room]
    next_page_token: str
    def __init__(self, rooms: _Optional[_Iterable[_Union[Room, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Room(_message.Message):
    __slots__ = ("id", "title", "topic", "public", "owner", "members", "created_at_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    id: int
    title: str
    topic: str
    public: bool
    owner: str
    members: int
    created_at_ms: int
    def __init__(self, id: _Optional[int] = ..., title: _Optional[str] = ..., topic: _Optional[str] = ..., public: _Optional[bool] = ..., owner: _Optional[str] = ..., members: _Optional[int] = ..., created_at_ms: _Optional[int] = ...) -> None: ...

class ListConversationsRequest(_message.Message):
    __slots__ = ("page_token", "page_size")
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    page_token: str
    page_size: int
    def __init__(self, page_token: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListConversationsResponse(_message.Message):
    __slots__ = ("conversations", "next_page_token")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conversations: _containers.RepeatedCompositeFieldContainer[ConversationState]
    next_page_token: str
    def __init__(self, conversations: _Optional[_Iterable[_Union[ConversationState, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ConversationState(_message.Message):
    __slots__ = ("conversation", "room", "display_name", "newest", "unread", "unread_mentions", "read_up_to", "invited_by", "gone")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    UNREAD_MENTIONS_FIELD_NUMBER: _ClassVar[int]
    READ_UP_TO_FIELD_NUMBER: _ClassVar[int]
    INVITED_BY_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    room: Room
    display_name: str
    newest: Message
    unread: int
    unread_mentions: int
    read_up_to: int
    invited_by: str
    gone: bool
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., room: _Optional[_Union[Room, _Mapping]] = ..., display_name: _Optional[str] = ..., newest: _Optional[_Union[Message, _Mapping]] = ..., unread: _Optional[int] = ..., unread_mentions: _Optional[int] = ..., read_up_to: _Optional[int] = ..., invited_by: _Optional[str] = ..., gone: _Optional[bool] = ...) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ("conversation", "page_token", "page_size")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    page_token: str
    page_size: int
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., page_token: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("members", "next_page_token")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[Member]
    next_page_token: str
    def __init__(self, members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("account", "display_name", "invited", "delivered_up_to", "read_up_to", "presence")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    INVITED_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_UP_TO_FIELD_NUMBER: _ClassVar[int]
    READ_UP_TO_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    account: str
    display_name: str
    invited: bool
    delivered_up_to: int
    read_up_to: int
    presence: Presence
    def __init__(self, account: _Optional[str] = ..., display_name: _Optional[str] = ..., invited: _Optional[bool] = ..., delivered_up_to: _Optional[int] = ..., read_up_to: _Optional[int] = ..., presence: _Optional[_Union[Presence, _Mapping]] = ...) -> None: ...

class ReadHistoryRequest(_message.Message):
    __slots__ = ("conversation", "before_message_id", "after_message_id", "limit")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    BEFORE_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    before_message_id: int
    after_message_id: int
    limit: int
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., before_message_id: _Optional[int] = ..., after_message_id: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ReadHistoryResponse(_message.Message):
    __slots__ = ("messages", "more")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    more: bool
    def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class SearchMessagesRequest(_message.Message):
    __slots__ = ("query", "conversation", "before_message_id", "limit")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    BEFORE_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    query: str
    conversation: Conversation
    before_message_id: int
    limit: int
    def __init__(self, query: _Optional[str] = ..., conversation: _Optional[_Union[Conversation, _Mapping]] = ..., before_message_id: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class SearchMessagesResponse(_message.Message):
    __slots__ = ("messages", "more")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    more: bool
    def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class EditMessageRequest(_message.Message):
    __slots__ = ("conversation", "message_id", "text", "view", "request")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    message_id: int
    text: str
    view: int
    request: RequestName
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., message_id: _Optional[int] = ..., text: _Optional[str] = ..., view: _Optional[int] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class EditMessageResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteMessageRequest(_message.Message):
    __slots__ = ("conversation", "message_id", "view", "request")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    message_id: int
    view: int
    request: RequestName
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., message_id: _Optional[int] = ..., view: _Optional[int] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class DeleteMessageResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MarkReadRequest(_message.Message):
    __slots__ = ("conversation", "up_to_message_id", "view", "request")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    UP_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    up_to_message_id: int
    view: int
    request: RequestName
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., up_to_message_id: _Optional[int] = ..., view: _Optional[int] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class MarkReadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetTypingRequest(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ...) -> None: ...

class SetTypingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChangePasswordRequest(_message.Message):
    __slots__ = ("old_password", "new_password", "request")
    OLD_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    old_password: str
    new_password: str
    request: RequestName
    def __init__(self, old_password: _Optional[str] = ..., new_password: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class ChangePasswordResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChangeProfileRequest(_message.Message):
    __slots__ = ("display_name", "request")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    request: RequestName
    def __init__(self, display_name: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class ChangeProfileResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetProfileRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class GetProfileResponse(_message.Message):
    __slots__ = ("account", "display_name", "gone", "presence", "blocked")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    account: str
    display_name: str
    gone: bool
    presence: Presence
    blocked: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, account: _Optional[str] = ..., display_name: _Optional[str] = ..., gone: _Optional[bool] = ..., presence: _Optional[_Union[Presence, _Mapping]] = ..., blocked: _Optional[_Iterable[str]] = ...) -> None: ...

class Presence(_message.Message):
    __slots__ = ("attached", "last_seen_ms")
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    attached: bool
    last_seen_ms: int
    def __init__(self, attached: _Optional[bool] = ..., last_seen_ms: _Optional[int] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[AccountSession]
    def __init__(self, sessions: _Optional[_Iterable[_Union[AccountSession, _Mapping]]] = ...) -> None: ...

class AccountSession(_message.Message):
    __slots__ = ("id", "expires_at_ms", "current")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    expires_at_ms: int
    current: bool
    def __init__(self, id: _Optional[bytes] = ..., expires_at_ms: _Optional[int] = ..., current: _Optional[bool] = ...) -> None: ...

class EndSessionRequest(_message.Message):
    __slots__ = ("session_id", "request")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    request: RequestName
    def __init__(self, session_id: _Optional[bytes] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class EndSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BlockAccountRequest(_message.Message):
    __slots__ = ("account", "blocked", "request")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    account: str
    blocked: bool
    request: RequestName
    def __init__(self, account: _Optional[str] = ..., blocked: _Optional[bool] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

class BlockAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Event(_message.Message):
    __slots__ = ("message", "changed", "conversation", "gone", "mark", "presence", "typing", "missed")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    TYPING_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    message: Message
    changed: Message
    conversation: ConversationState
    gone: Conversation
    mark: MemberMark
    presence: AccountPresence
    typing: Typing
    missed: bool
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ..., changed: _Optional[_Union[Message, _Mapping]] = ..., conversation: _Optional[_Union[ConversationState, _Mapping]] = ..., gone: _Optional[_Union[Conversation, _Mapping]] = ..., mark: _Optional[_Union[MemberMark, _Mapping]] = ..., presence: _Optional[_Union[AccountPresence, _Mapping]] = ..., typing: _Optional[_Union[Typing, _Mapping]] = ..., missed: _Optional[bool] = ...) -> None: ...

class MemberMark(_message.Message):
    __slots__ = ("conversation", "account", "delivered_up_to", "read_up_to")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_UP_TO_FIELD_NUMBER: _ClassVar[int]
    READ_UP_TO_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    account: str
    delivered_up_to: int
    read_up_to: int
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., account: _Optional[str] = ..., delivered_up_to: _Optional[int] = ..., read_up_to: _Optional[int] = ...) -> None: ...

class AccountPresence(_message.Message):
    __slots__ = ("account", "presence")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    account: str
    presence: Presence
    def __init__(self, account: _Optional[str] = ..., presence: _Optional[_Union[Presence, _Mapping]] = ...) -> None: ...

class Typing(_message.Message):
    __slots__ = ("conversation", "account")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    conversation: Conversation
    account: str
    def __init__(self, conversation: _Optional[_Union[Conversation, _Mapping]] = ..., account: _Optional[str] = ...) -> None: ...

class SendHeartbeatRequest(_message.Message):
    __slots__ = ("view",)
    VIEW_FIELD_NUMBER: _ClassVar[int]
    view: int
    def __init__(self, view: _Optional[int] = ...) -> None: ...

class SendHeartbeatResponse(_message.Message):
    __slots__ = ("view", "master_id", "serving", "reason", "replica_id", "ring", "prefer", "suspect_after_ms", "status")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MASTER_ID_FIELD_NUMBER: _ClassVar[int]
    SERVING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    RING_FIELD_NUMBER: _ClassVar[int]
    PREFER_FIELD_NUMBER: _ClassVar[int]
    SUSPECT_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    view: int
    master_id: int
    serving: bool
    reason: str
    replica_id: int
    ring: _containers.RepeatedCompositeFieldContainer[Seat]
    prefer: str
    suspect_after_ms: int
    status: ReplicaStatus
    def __init__(self, view: _Optional[int] = ..., master_id: _Optional[int] = ..., serving: _Optional[bool] = ..., reason: _Optional[str] = ..., replica_id: _Optional[int] = ..., ring: _Optional[_Iterable[_Union[Seat, _Mapping]]] = ..., prefer: _Optional[str] = ..., suspect_after_ms: _Optional[int] = ..., status: _Optional[_Union[ReplicaStatus, _Mapping]] = ...) -> None: ...

class Seat(_message.Message):
    __slots__ = ("id", "client", "published")
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    id: int
    client: str
    published: str
    def __init__(self, id: _Optional[int] = ..., client: _Optional[str] = ..., published: _Optional[str] = ...) -> None: ...

class ReplicaStatus(_message.Message):
    __slots__ = ("role", "in_sync", "commit_index", "entries", "state_hash", "log_view")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    IN_SYNC_FIELD_NUMBER: _ClassVar[int]
    COMMIT_INDEX_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    STATE_HASH_FIELD_NUMBER: _ClassVar[int]
    LOG_VIEW_FIELD_NUMBER: _ClassVar[int]
    role: str
    in_sync: bool
    commit_index: int
    entries: int
    state_hash: bytes
    log_view: int
    def __init__(self, role: _Optional[str] = ..., in_sync: _Optional[bool] = ..., commit_index: _Optional[int] = ..., entries: _Optional[int] = ..., state_hash: _Optional[bytes] = ..., log_view: _Optional[int] = ...) -> None: ...

class ClientFrame(_message.Message):
    __slots__ = ("client_id", "token", "requests", "receive", "sends", "watch")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_FIELD_NUMBER: _ClassVar[int]
    SENDS_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    client_id: bytes
    token: str
    requests: _containers.RepeatedCompositeFieldContainer[Request]
    receive: ReceiveMessagesRequest
    sends: Sends
    watch: WatchRequest
    def __init__(self, client_id: _Optional[bytes] = ..., token: _Optional[str] = ..., requests: _Optional[_Iterable[_Union[Request, _Mapping]]] = ..., receive: _Optional[_Union[ReceiveMessagesRequest, _Mapping]] = ..., sends: _Optional[_Union[Sends, _Mapping]] = ..., watch: _Optional[_Union[WatchRequest, _Mapping]] = ...) -> None: ...

class Sends(_message.Message):
    __slots__ = ("number", "to", "text", "room")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    number: int
    to: _containers.RepeatedScalarFieldContainer[str]
    text: _containers.RepeatedScalarFieldContainer[str]
    room: int
    def __init__(self, number: _Optional[int] = ..., to: _Optional[_Iterable[str]] = ..., text: _Optional[_Iterable[str]] = ..., room: _Optional[int] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("number", "create_account", "delete_account", "list_accounts", "log_in", "log_out", "send_message", "update_message", "create_room", "join_room", "leave_room", "invite_to_room", "remove_from_room", "change_room", "list_rooms", "list_conversations", "list_members", "read_history", "search_messages", "edit_message", "delete_message", "mark_read", "change_password", "change_profile", "get_profile", "list_sessions", "end_session", "block_account", "set_typing")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CREATE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DELETE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LIST_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    LOG_IN_FIELD_NUMBER: _ClassVar[int]
    LOG_OUT_FIELD_NUMBER: _ClassVar[int]
    SEND_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CREATE_ROOM_FIELD_NUMBER: _ClassVar[int]
    JOIN_ROOM_FIELD_NUMBER: _ClassVar[int]
    LEAVE_ROOM_FIELD_NUMBER: _ClassVar[int]
    INVITE_TO_ROOM_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FROM_ROOM_FIELD_NUMBER: _ClassVar[int]
    CHANGE_ROOM_FIELD_NUMBER: _ClassVar[int]
    LIST_ROOMS_FIELD_NUMBER: _ClassVar[int]
    LIST_CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    LIST_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    READ_HISTORY_FIELD_NUMBER: _ClassVar[int]
    SEARCH_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    EDIT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DELETE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MARK_READ_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PROFILE_FIELD_NUMBER: _ClassVar[int]
    GET_PROFILE_FIELD_NUMBER: _ClassVar[int]
    LIST_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    END_SESSION_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SET_TYPING_FIELD_NUMBER: _ClassVar[int]
    number: int
    create_account: CreateAccountRequest
    delete_account: DeleteAccountRequest
    list_accounts: ListAccountsRequest
    log_in: LogInRequest
    log_out: LogOutRequest
    send_message: SendMessageRequest
    update_message: UpdateMessageRequest
    create_room: CreateRoomRequest
    join_room: JoinRoomRequest
    leave_room: LeaveRoomRequest
    invite_to_room: InviteToRoomRequest
    remove_from_room: RemoveFromRoomRequest
    change_room: ChangeRoomRequest
    list_rooms: ListRoomsRequest
    list_conversations: ListConversationsRequest
    list_members: ListMembersRequest
    read_history: ReadHistoryRequest
    search_messages: SearchMessagesRequest
    edit_message: EditMessageRequest
    delete_message: DeleteMessageRequest
    mark_read: MarkReadRequest
    change_password: ChangePasswordRequest
    change_profile: ChangeProfileRequest
    get_profile: GetProfileRequest
    list_sessions: ListSessionsRequest
    end_session: EndSessionRequest
    block_account: BlockAccountRequest
    set_typing: SetTypingRequest
    def __init__(self, number: _Optional[int] = ..., create_account: _Optional[_Union[CreateAccountRequest, _Mapping]] = ..., delete_account: _Optional[_Union[DeleteAccountRequest, _Mapping]] = ..., list_accounts: _Optional[_Union[ListAccountsRequest, _Mapping]] = ..., log_in: _Optional[_Union[LogInRequest, _Mapping]] = ..., log_out: _Optional[_Union[LogOutRequest, _Mapping]] = ..., send_message: _Optional[_Union[SendMessageRequest, _Mapping]] = ..., update_message: _Optional[_Union[UpdateMessageRequest, _Mapping]] = ..., create_room: _Optional[_Union[CreateRoomRequest, _Mapping]] = ..., join_room: _Optional[_Union[JoinRoomRequest, _Mapping]] = ..., leave_room: _Optional[_Union[LeaveRoomRequest, _Mapping]] = ..., invite_to_room: _Optional[_Union[InviteToRoomRequest, _Mapping]] = ..., remove_from_room: _Optional[_Union[RemoveFromRoomRequest, _Mapping]] = ..., change_room: _Optional[_Union[ChangeRoomRequest, _Mapping]] = ..., list_rooms: _Optional[_Union[ListRoomsRequest, _Mapping]] = ..., list_conversations: _Optional[_Union[ListConversationsRequest, _Mapping]] = ..., list_members: _Optional[_Union[ListMembersRequest, _Mapping]] = ..., read_history: _Optional[_Union[ReadHistoryRequest, _Mapping]] = ..., search_messages: _Optional[_Union[SearchMessagesRequest, _Mapping]] = ..., edit_message: _Optional[_Union[EditMessageRequest, _Mapping]] = ..., delete_message: _Optional[_Union[DeleteMessageRequest, _Mapping]] = ..., mark_read: _Optional[_Union[MarkReadRequest, _Mapping]] = ..., change_password: _Optional[_Union[ChangePasswordRequest, _Mapping]] = ..., change_profile: _Optional[_Union[ChangeProfileRequest, _Mapping]] = ..., get_profile: _Optional[_Union[GetProfileRequest, _Mapping]] = ..., list_sessions: _Optional[_Union[ListSessionsRequest, _Mapping]] = ..., end_session: _Optional[_Union[EndSessionRequest, _Mapping]] = ..., block_account: _Optional[_Union[BlockAccountRequest, _Mapping]] = ..., set_typing: _Optional[_Union[SetTypingRequest, _Mapping]] = ...) -> None: ...

class ServerFrame(_message.Message):
    __slots__ = ("responses", "messages", "moved", "error", "receipts", "events")
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    responses: _containers.RepeatedCompositeFieldContainer[Response]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    moved: Moved
    error: Error
    receipts: _containers.RepeatedCompositeFieldContainer[Receipts]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, responses: _Optional[_Iterable[_Union[Response, _Mapping]]] = ..., messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., moved: _Optional[_Union[Moved, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., receipts: _Optional[_Iterable[_Union[Receipts, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Receipts(_message.Message):
    __slots__ = ("number", "count", "message_id", "sent_at_ms")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    number: int
    count: int
    message_id: int
    sent_at_ms: int
    def __init__(self, number: _Optional[int] = ..., count: _Optional[int] = ..., message_id: _Optional[int] = ..., sent_at_ms: _Optional[int] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("number", "error", "create_account", "delete_account", "list_accounts", "log_in", "log_out", "send_message", "update_message", "create_room", "join_room", "leave_room", "invite_to_room", "remove_from_room", "change_room", "list_rooms", "list_conversations", "list_members", "read_history", "search_messages", "edit_message", "delete_message", "mark_read", "change_password", "change_profile", "get_profile", "list_sessions", "end_session", "block_account", "set_typing")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DELETE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LIST_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    LOG_IN_FIELD_NUMBER: _ClassVar[int]
    LOG_OUT_FIELD_NUMBER: _ClassVar[int]
    SEND_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CREATE_ROOM_FIELD_NUMBER: _ClassVar[int]
    JOIN_ROOM_FIELD_NUMBER: _ClassVar[int]
    LEAVE_ROOM_FIELD_NUMBER: _ClassVar[int]
    INVITE_TO_ROOM_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FROM_ROOM_FIELD_NUMBER: _ClassVar[int]
    CHANGE_ROOM_FIELD_NUMBER: _ClassVar[int]
    LIST_ROOMS_FIELD_NUMBER: _ClassVar[int]
    LIST_CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    LIST_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    READ_HISTORY_FIELD_NUMBER: _ClassVar[int]
    SEARCH_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    EDIT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DELETE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MARK_READ_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PROFILE_FIELD_NUMBER: _ClassVar[int]
    GET_PROFILE_FIELD_NUMBER: _ClassVar[int]
    LIST_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    END_SESSION_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SET_TYPING_FIELD_NUMBER: _ClassVar[int]
    number: int
    error: Error
    create_account: CreateAccountResponse
    delete_account: DeleteAccountResponse
    list_accounts: ListAccountsResponse
    log_in: LogInResponse
    log_out: LogOutResponse
    send_message: SendMessageResponse
    update_message: UpdateMessageResponse
    create_room: CreateRoomResponse
    join_room: JoinRoomResponse
    leave_room: LeaveRoomResponse
    invite_to_room: InviteToRoomResponse
    remove_from_room: RemoveFromRoomResponse
    change_room: ChangeRoomResponse
    list_rooms: ListRoomsResponse
    list_conversations: ListConversationsResponse
    list_members: ListMembersResponse
    read_history: ReadHistoryResponse
    search_messages: SearchMessagesResponse
    edit_message: EditMessageResponse
    delete_message: DeleteMessageResponse
    mark_read: MarkReadResponse
    change_password: ChangePasswordResponse
    change_profile: ChangeProfileResponse
    get_profile: GetProfileResponse
    list_sessions: ListSessionsResponse
    end_session: EndSessionResponse
    block_account: BlockAccountResponse
    set_typing: SetTypingResponse
    def __init__(self, number: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., create_account: _Optional[_Union[CreateAccountResponse, _Mapping]] = ..., delete_account: _Optional[_Union[DeleteAccountResponse, _Mapping]] = ..., list_accounts: _Optional[_Union[ListAccountsResponse, _Mapping]] = ..., log_in: _Optional[_Union[LogInResponse, _Mapping]] = ..., log_out: _Optional[_Union[LogOutResponse, _Mapping]] = ..., send_message: _Optional[_Union[SendMessageResponse, _Mapping]] = ..., update_message: _Optional[_Union[UpdateMessageResponse, _Mapping]] = ..., create_room: _Optional[_Union[CreateRoomResponse, _Mapping]] = ..., join_room: _Optional[_Union[JoinRoomResponse, _Mapping]] = ..., leave_room: _Optional[_Union[LeaveRoomResponse, _Mapping]] = ..., invite_to_room: _Optional[_Union[InviteToRoomResponse, _Mapping]] = ..., remove_from_room: _Optional[_Union[RemoveFromRoomResponse, _Mapping]] = ..., change_room: _Optional[_Union[ChangeRoomResponse, _Mapping]] = ..., list_rooms: _Optional[_Union[ListRoomsResponse, _Mapping]] = ..., list_conversations: _Optional[_Union[ListConversationsResponse, _Mapping]] = ..., list_members: _Optional[_Union[ListMembersResponse, _Mapping]] = ..., read_history: _Optional[_Union[ReadHistoryResponse, _Mapping]] = ..., search_messages: _Optional[_Union[SearchMessagesResponse, _Mapping]] = ..., edit_message: _Optional[_Union[EditMessageResponse, _Mapping]] = ..., delete_message: _Optional[_Union[DeleteMessageResponse, _Mapping]] = ..., mark_read: _Optional[_Union[MarkReadResponse, _Mapping]] = ..., change_password: _Optional[_Union[ChangePasswordResponse, _Mapping]] = ..., change_profile: _Optional[_Union[ChangeProfileResponse, _Mapping]] = ..., get_profile: _Optional[_Union[GetProfileResponse, _Mapping]] = ..., list_sessions: _Optional[_Union[ListSessionsResponse, _Mapping]] = ..., end_session: _Optional[_Union[EndSessionResponse, _Mapping]] = ..., block_account: _Optional[_Union[BlockAccountResponse, _Mapping]] = ..., set_typing: _Optional[_Union[SetTypingResponse, _Mapping]] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class Moved(_message.Message):
    __slots__ = ("view", "reason")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    view: int
    reason: str
    def __init__(self, view: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
