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
    __slots__ = ("to", "text", "request")
    TO_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    to: str
    text: str
    request: RequestName
    def __init__(self, to: _Optional[str] = ..., text: _Optional[str] = ..., request: _Optional[_Union[RequestName, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("id", "sender", "text", "sent_at_ms", "view")
    ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    id: int
    sender: str
    text: str
    sent_at_ms: int
    view: int
    def __init__(self, id: _Optional[int] = ..., sender: _Optional[str] = ..., text: _Optional[str] = ..., sent_at_ms: _Optional[int] = ..., view: _Optional[int] = ...) -> None: ...

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
    ring: _containers.RepeatedCompositeFieldContainer[Member]
    prefer: str
    suspect_after_ms: int
    status: ReplicaStatus
    def __init__(self, view: _Optional[int] = ..., master_id: _Optional[int] = ..., serving: _Optional[bool] = ..., reason: _Optional[str] = ..., replica_id: _Optional[int] = ..., ring: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., prefer: _Optional[str] = ..., suspect_after_ms: _Optional[int] = ..., status: _Optional[_Union[ReplicaStatus, _Mapping]] = ...) -> None: ...

class Member(_message.Message):
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
    __slots__ = ("client_id", "token", "requests", "receive", "sends")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_FIELD_NUMBER: _ClassVar[int]
    SENDS_FIELD_NUMBER: _ClassVar[int]
    client_id: bytes
    token: str
    requests: _containers.RepeatedCompositeFieldContainer[Request]
    receive: ReceiveMessagesRequest
    sends: Sends
    def __init__(self, client_id: _Optional[bytes] = ..., token: _Optional[str] = ..., requests: _Optional[_Iterable[_Union[Request, _Mapping]]] = ..., receive: _Optional[_Union[ReceiveMessagesRequest, _Mapping]] = ..., sends: _Optional[_Union[Sends, _Mapping]] = ...) -> None: ...

class Sends(_message.Message):
    __slots__ = ("number", "to", "text")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    number: int
    to: _containers.RepeatedScalarFieldContainer[str]
    text: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, number: _Optional[int] = ..., to: _Optional[_Iterable[str]] = ..., text: _Optional[_Iterable[str]] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("number", "create_account", "delete_account", "list_accounts", "log_in", "log_out", "send_message", "update_message")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CREATE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DELETE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LIST_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    LOG_IN_FIELD_NUMBER: _ClassVar[int]
    LOG_OUT_FIELD_NUMBER: _ClassVar[int]
    SEND_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    number: int
    create_account: CreateAccountRequest
    delete_account: DeleteAccountRequest
    list_accounts: ListAccountsRequest
    log_in: LogInRequest
    log_out: LogOutRequest
    send_message: SendMessageRequest
    update_message: UpdateMessageRequest
    def __init__(self, number: _Optional[int] = ..., create_account: _Optional[_Union[CreateAccountRequest, _Mapping]] = ..., delete_account: _Optional[_Union[DeleteAccountRequest, _Mapping]] = ..., list_accounts: _Optional[_Union[ListAccountsRequest, _Mapping]] = ..., log_in: _Optional[_Union[LogInRequest, _Mapping]] = ..., log_out: _Optional[_Union[LogOutRequest, _Mapping]] = ..., send_message: _Optional[_Union[SendMessageRequest, _Mapping]] = ..., update_message: _Optional[_Union[UpdateMessageRequest, _Mapping]] = ...) -> None: ...

class ServerFrame(_message.Message):
    __slots__ = ("responses", "messages", "moved", "error", "receipts")
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    responses: _containers.RepeatedCompositeFieldContainer[Response]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    moved: Moved
    error: Error
    receipts: _containers.RepeatedCompositeFieldContainer[Receipts]
    def __init__(self, responses: _Optional[_Iterable[_Union[Response, _Mapping]]] = ..., messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., moved: _Optional[_Union[Moved, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., receipts: _Optional[_Iterable[_Union[Receipts, _Mapping]]] = ...) -> None: ...

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
    __slots__ = ("number", "error", "create_account", "delete_account", "list_accounts", "log_in", "log_out", "send_message", "update_message")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DELETE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LIST_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    LOG_IN_FIELD_NUMBER: _ClassVar[int]
    LOG_OUT_FIELD_NUMBER: _ClassVar[int]
    SEND_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    number: int
    error: Error
    create_account: CreateAccountResponse
    delete_account: DeleteAccountResponse
    list_accounts: ListAccountsResponse
    log_in: LogInResponse
    log_out: LogOutResponse
    send_message: SendMessageResponse
    update_message: UpdateMessageResponse
    def __init__(self, number: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., create_account: _Optional[_Union[CreateAccountResponse, _Mapping]] = ..., delete_account: _Optional[_Union[DeleteAccountResponse, _Mapping]] = ..., list_accounts: _Optional[_Union[ListAccountsResponse, _Mapping]] = ..., log_in: _Optional[_Union[LogInResponse, _Mapping]] = ..., log_out: _Optional[_Union[LogOutResponse, _Mapping]] = ..., send_message: _Optional[_Union[SendMessageResponse, _Mapping]] = ..., update_message: _Optional[_Union[UpdateMessageResponse, _Mapping]] = ...) -> None: ...

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
