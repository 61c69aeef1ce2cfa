from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OverrideRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OverrideResponse(_message.Message):
    __slots__ = ("done", "explanation")
    DONE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    done: bool
    explanation: str
    def __init__(self, done: _Optional[bool] = ..., explanation: _Optional[str] = ...) -> None: ...

class LinkMessage(_message.Message):
    __slots__ = ("hello", "ping", "probe", "prepare", "promise", "refusal", "fetch", "fetched", "append", "ack", "mismatch", "state_chunk", "hand_over", "handed_over")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    PREPARE_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    FETCHED_FIELD_NUMBER: _ClassVar[int]
    APPEND_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    MISMATCH_FIELD_NUMBER: _ClassVar[int]
    STATE_CHUNK_FIELD_NUMBER: _ClassVar[int]
    HAND_OVER_FIELD_NUMBER: _ClassVar[int]
    HANDED_OVER_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    ping: Ping
    probe: Probe
    prepare: Prepare
    promise: Promise
    refusal: Refusal
    fetch: Fetch
    fetched: Fetched
    append: Append
    ack: Ack
    mismatch: Mismatch
    state_chunk: StateChunk
    hand_over: HandOver
    handed_over: HandedOver
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., probe: _Optional[_Union[Probe, _Mapping]] = ..., prepare: _Optional[_Union[Prepare, _Mapping]] = ..., promise: _Optional[_Union[Promise, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., fetch: _Optional[_Union[Fetch, _Mapping]] = ..., fetched: _Optional[_Union[Fetched, _Mapping]] = ..., append: _Optional[_Union[Append, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., mismatch: _Optional[_Union[Mismatch, _Mapping]] = ..., state_chunk: _Optional[_Union[StateChunk, _Mapping]] = ..., hand_over: _Optional[_Union[HandOver, _Mapping]] = ..., handed_over: _Optional[_Union[HandedOver, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol", "replica_id", "replicas", "prefer", "cluster_id", "view", "leading", "birth_view")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    PREFER_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LEADING_FIELD_NUMBER: _ClassVar[int]
    BIRTH_VIEW_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    replica_id: int
    replicas: int
    prefer: str
    cluster_id: bytes
    view: int
    leading: bool
    birth_view: int
    def __init__(self, protocol: _Optional[int] = ..., replica_id: _Optional[int] = ..., replicas: _Optional[int] = ..., prefer: _Optional[str] = ..., cluster_id: _Optional[bytes] = ..., view: _Optional[int] = ..., leading: _Optional[bool] = ..., birth_view: _Optional[int] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("view", "leading", "cluster_id", "birth_view")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LEADING_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    BIRTH_VIEW_FIELD_NUMBER: _ClassVar[int]
    view: int
    leading: bool
    cluster_id: bytes
    birth_view: int
    def __init__(self, view: _Optional[int] = ..., leading: _Optional[bool] = ..., cluster_id: _Optional[bytes] = ..., birth_view: _Optional[int] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("nonce", "answer", "view", "leading")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LEADING_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    answer: bool
    view: int
    leading: bool
    def __init__(self, nonce: _Optional[int] = ..., answer: _Optional[bool] = ..., view: _Optional[int] = ..., leading: _Optional[bool] = ...) -> None: ...

class Prepare(_message.Message):
    __slots__ = ("view", "birth")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    BIRTH_FIELD_NUMBER: _ClassVar[int]
    view: int
    birth: bool
    def __init__(self, view: _Optional[int] = ..., birth: _Optional[bool] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("log_view", "length", "base", "runs")
    LOG_VIEW_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    log_view: int
    length: int
    base: int
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    def __init__(self, log_view: _Optional[int] = ..., length: _Optional[int] = ..., base: _Optional[int] = ..., runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("first_index", "view")
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    first_index: int
    view: int
    def __init__(self, first_index: _Optional[int] = ..., view: _Optional[int] = ...) -> None: ...

class Promise(_message.Message):
    __slots__ = ("view", "summary", "in_sync_since", "sole", "birth")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    IN_SYNC_SINCE_FIELD_NUMBER: _ClassVar[int]
    SOLE_FIELD_NUMBER: _ClassVar[int]
    BIRTH_FIELD_NUMBER: _ClassVar[int]
    view: int
    summary: Summary
    in_sync_since: bool
    sole: bool
    birth: bool
    def __init__(self, view: _Optional[int] = ..., summary: _Optional[_Union[Summary, _Mapping]] = ..., in_sync_since: _Optional[bool] = ..., sole: _Optional[bool] = ..., birth: _Optional[bool] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("view", "promised", "reason", "hears_master")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PROMISED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HEARS_MASTER_FIELD_NUMBER: _ClassVar[int]
    view: int
    promised: int
    reason: str
    hears_master: bool
    def __init__(self, view: _Optional[int] = ..., promised: _Optional[int] = ..., reason: _Optional[str] = ..., hears_master: _Optional[bool] = ...) -> None: ...

class Fetch(_message.Message):
    __slots__ = ("view", "after_index", "common_index")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    AFTER_INDEX_FIELD_NUMBER: _ClassVar[int]
    COMMON_INDEX_FIELD_NUMBER: _ClassVar[int]
    view: int
    after_index: int
    common_index: int
    def __init__(self, view: _Optional[int] = ..., after_index: _Optional[int] = ..., common_index: _Optional[int] = ...) -> None: ...

class Fetched(_message.Message):
    __slots__ = ("view", "group", "length")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    view: int
    group: bytes
    length: int
    def __init__(self, view: _Optional[int] = ..., group: _Optional[bytes] = ..., length: _Optional[int] = ...) -> None: ...

class Append(_message.Message):
    __slots__ = ("view", "previous_index", "previous_view", "group", "commit_index", "in_sync", "start_index", "round", "all_have", "cluster_id", "birth_view")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_INDEX_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VIEW_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    COMMIT_INDEX_FIELD_NUMBER: _ClassVar[int]
    IN_SYNC_FIELD_NUMBER: _ClassVar[int]
    START_INDEX_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    ALL_HAVE_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    BIRTH_VIEW_FIELD_NUMBER: _ClassVar[int]
    view: int
    previous_index: int
    previous_view: int
    group: bytes
    commit_index: int
    in_sync: _containers.RepeatedScalarFieldContainer[int]
    start_index: int
    round: int
    all_have: int
    cluster_id: bytes
    birth_view: int
    def __init__(self, view: _Optional[int] = ..., previous_index: _Optional[int] = ..., previous_view: _Optional[int] = ..., group: _Optional[bytes] = ..., commit_index: _Optional[int] = ..., in_sync: _Optional[_Iterable[int]] = ..., start_index: _Optional[int] = ..., round: _Optional[int] = ..., all_have: _Optional[int] = ..., cluster_id: _Optional[bytes] = ..., birth_view: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("view", "length", "round", "settled")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    view: int
    length: int
    round: int
    settled: bool
    def __init__(self, view: _Optional[int] = ..., length: _Optional[int] = ..., round: _Optional[int] = ..., settled: _Optional[bool] = ...) -> None: ...

class Mismatch(_message.Message):
    __slots__ = ("view", "summary")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    view: int
    summary: Summary
    def __init__(self, view: _Optional[int] = ..., summary: _Optional[_Union[Summary, _Mapping]] = ...) -> None: ...

class StateChunk(_message.Message):
    __slots__ = ("view", "index", "runs", "common_index", "offset", "data", "last")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    COMMON_INDEX_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    view: int
    index: int
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    common_index: int
    offset: int
    data: bytes
    last: bool
    def __init__(self, view: _Optional[int] = ..., index: _Optional[int] = ..., runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., common_index: _Optional[int] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...

class HandOver(_message.Message):
    __slots__ = ("view", "entries")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    view: int
    entries: bytes
    def __init__(self, view: _Optional[int] = ..., entries: _Optional[bytes] = ...) -> None: ...

class HandedOver(_message.Message):
    __slots__ = ("view",)
    VIEW_FIELD_NUMBER: _ClassVar[int]
    view: int
    def __init__(self, view: _Optional[int] = ...) -> None: ...
