"""The messages between replicas, and the effects that the rules ask of their driver.

Immutable, so a simulator can copy, compare and print them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ringchat_server.records import Group, Meta, Proposal, Record


class Now(NamedTuple):
    """Both clocks, read once for each input."""

    seconds: float
    """Monotonic, from any origin: for silence and nothing else."""
    time_ms: int
    """Unix time: for the entries."""


class Run(NamedTuple):
    """Entries of one view that stand together, from `first_index` on."""

    first_index: int
    view: int


class Summary(NamedTuple):
    """One replica's log in brief: enough to find where two logs part."""

    log_view: int
    length: int
    base: int
    """Index of the state record; the entries after it are held one by one."""
    runs: tuple[Run, ...]
    """Oldest first; they go back to the first entry, compacted ones included."""


# ------------------------------------------------------------------- messages
# Every one carries the sender's view (rule 1).


@dataclass(frozen=True, slots=True)
class Hello:
    """The handshake: the first message each way on a link."""

    replica_id: int
    replicas: int
    prefer: str
    cluster_id: bytes
    birth_view: int
    view: int
    leading: bool
    protocol: int = 3


@dataclass(frozen=True, slots=True)
class Ping:
    """Sent on every link once per heartbeat interval: I am here, and this is what I am."""

    view: int
    leading: bool
    cluster_id: bytes
    birth_view: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Are you there, now? Asked of a master before it is given up."""

    nonce: int
    answer: bool
    view: int
    leading: bool


@dataclass(frozen=True, slots=True)
class Prepare:
    """A candidate asks for the promise of a view."""

    view: int
    birth: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """The answer: durable before it is sent."""

    view: int
    summary: Summary
    in_sync_since: bool
    """Running, and in sync, since the last view it knew (rule 9)."""
    sole: bool
    birth: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """No: a higher view is promised, a healthy master is heard, or nothing may be promised."""

    view: int
    promised: int
    reason: str
    hears_master: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """A candidate asks the owner of the best log for what follows an index."""

    view: int
    after_index: int
    """`NEEDS_STATE` if one of the two logs no longer holds what follows `common_index`."""
    common_index: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A piece of that log, and how long the whole of it is."""

    view: int
    group: Group
    length: int


@dataclass(frozen=True, slots=True)
class Append:
    """The master's entries for a backup; with an empty group, its heartbeat."""

    view: int
    previous_index: int
    previous_view: int
    group: Group
    commit_index: int
    in_sync: tuple[int, ...]
    start_index: int
    """Index of the view's first entry: who has it durably has adopted the log whole."""
    round: int
    """Counts the master's questions "do I still hold the view?" (rule 12)."""
    all_have: int
    """Every replica of the ring has acknowledged up to here: more may be compacted (rule 14)."""
    cluster_id: bytes
    birth_view: int


@dataclass(frozen=True, slots=True)
class Ack:
    """A backup's log matches the master's and is durable up to `length`."""

    view: int
    length: int
    round: int
    settled: bool = True
    """It may join the in-sync set, as far as it knows the others (rule 9)."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What this replica has, durably: the append does not follow it, or a state came before."""

    view: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class StateChunk:
    """A piece of the sender's state record, for a replica too far behind for entries."""

    view: int
    index: int
    """Of the last entry in that state."""
    runs: tuple[Run, ...]
    """Of the log up to `index`."""
    common_index: int
    """The two logs are known to be the same up to here; what follows is put aside (rule 6)."""
    offset: int
    data: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class HandOver:
    """A piece of what a backup had put aside, for the master to apply (rule 6)."""

    view: int
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """That piece is committed."""

    view: int


Message = (
    Ping
    | Probe
    | Prepare
    | Promise
    | Refusal
    | Fetch
    | Fetched
    | Append
    | Ack
    | Mismatch
    | StateChunk
    | HandOver
    | HandedOver
)

NEEDS_STATE = -1

# -------------------------------------------------------------------- effects
# What the driver has to do, in the order given.


@dataclass(frozen=True, slots=True)
class Persist:
    """Write these records to the journal; when they are synced, call `persisted(ticket)`.

    Records of several `Persist` effects may be synced together, in their order.
    """

    ticket: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """Send on the current link to that peer; drop it if there is none."""

    peer: int
    message: Message


@dataclass(frozen=True, slots=True)
class SendState:
    """Send the peer the journal's state record in `StateChunk`s of this view."""

    peer: int
    view: int
    common_index: int


@dataclass(frozen=True, slots=True)
class StoreChunk:
    """Keep this piece of a state record beside the journal.

    With `last`, install it: a new journal of that state, `meta` and `aside`; load
    the chat from it; then call `state_installed`.
    """

    chunk: StateChunk
    meta: Meta
    aside: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply the log's entries up to this index, in order."""

    commit_index: int


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Applied entries were dropped: load the chat again from the journal, up to `length`."""

    length: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer those who asked for a view with `SendHeartbeat`."""

    askers: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ReadReady:
    """Reads up to this ticket may be answered from the applied state."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Serving:
    """This replica has become, or has ceased to be, a master at work."""

    serving: bool
    view: int
    reason: str


Effect = Persist | Send | SendState | StoreChunk | Apply | Rebuild | Answer | ReadReady | Serving
