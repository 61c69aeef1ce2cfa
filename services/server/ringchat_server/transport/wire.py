"""The replicas' messages as protobuf, and back.

What comes in is checked for all that can be told from one message: numbers in their
bounds, runs in their order, entries that follow what they say they follow. The rules
search and count in these; they would find that something cannot be, and the replica would
end. So such a message ends its link. Whether it is true, a peer that has the key is
believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ringchat_proto import replica_pb2 as pb
from ringchat_server.pickled import (
    INDEX_MAX,
    VIEW_MAX,
    Unreadable,
    decode,
    decode_group,
    encode,
    encode_group,
    proposal_of,
)
from ringchat_server.records import NO_VIEW, Group
from ringchat_server.replica import values as v

HAND_OVER_MAX = 4_096


def encode_hello(hello: v.Hello) -> pb.LinkMessage:
    """The handshake."""
    return pb.LinkMessage(
        hello=pb.Hello(
            protocol=hello.protocol,
            replica_id=hello.replica_id,
            replicas=hello.replicas,
            prefer=hello.prefer,
            cluster_id=hello.cluster_id,
            birth_view=hello.birth_view,
            view=hello.view,
            leading=hello.leading,
        )
    )


def decode_hello(message: pb.LinkMessage) -> v.Hello:
    """The handshake of a link's first message.

    Raises:
        Unreadable: if that is something else.
    """
    if message.WhichOneof("kind") != "hello":
        raise Unreadable("a link has to begin with a hello")
    m = message.hello
    return v.Hello(
        replica_id=m.replica_id,
        replicas=m.replicas,
        prefer=m.prefer,
        cluster_id=m.cluster_id,
        birth_view=_view_or_none(m.birth_view),
        view=_view_or_none(m.view),
        leading=m.leading,
        protocol=m.protocol,
    )


def encode_message(message: v.Message) -> pb.LinkMessage:
    """One message for the link."""
    return _ENCODERS[type(message)](message)


def decode_message(message: pb.LinkMessage) -> v.Message:
    """One message of the link.

    Raises:
        Unreadable: if it is none that a replica sends after the handshake.
    """
    kind = message.WhichOneof("kind")
    decoder = _DECODERS.get(kind or "")
    if decoder is None:
        raise Unreadable(f"not a message between replicas: {kind}")
    return decoder(getattr(message, kind or ""))


# ------------------------------------------------------------------- to protobuf


def _append(m: v.Append) -> pb.LinkMessage:
    return pb.LinkMessage(
        append=pb.Append(
            view=m.view,
            previous_index=m.previous_index,
            previous_view=m.previous_view,
            group=encode_group(m.group) if m.group.entries else b"",
            commit_index=m.commit_index,
            in_sync=m.in_sync,
            start_index=m.start_index,
            round=m.round,
            all_have=m.all_have,
            cluster_id=m.cluster_id,
            birth_view=m.birth_view,
        )
    )


def _promise(m: v.Promise) -> pb.LinkMessage:
    return pb.LinkMessage(
        promise=pb.Promise(
            view=m.view,
            summary=_summary(m.summary),
            in_sync_since=m.in_sync_since,
            sole=m.sole,
            birth=m.birth,
        )
    )


def _summary(summary: v.Summary) -> pb.Summary:
    return pb.Summary(
        log_view=summary.log_view,
        length=summary.length,
        base=summary.base,
        runs=_runs(summary.runs),
    )


def _runs(runs: Iterable[v.Run]) -> list[pb.Run]:
    return [pb.Run(first_index=run.first_index, view=run.view) for run in runs]


def _state_chunk(m: v.StateChunk) -> pb.LinkMessage:
    return pb.LinkMessage(
        state_chunk=pb.StateChunk(
            view=m.view,
            index=m.index,
            runs=_runs(m.runs),
            common_index=m.common_index,
            offset=m.offset,
            data=m.data,
            last=m.last,
        )
    )


def _hand_over(m: v.HandOver) -> pb.LinkMessage:
    entries = encode([tuple(proposal) for proposal in m.proposals])
    return pb.LinkMessage(hand_over=pb.HandOver(view=m.view, entries=entries))


_ENCODERS: dict[type, Callable[[Any], pb.LinkMessage]] = {
    v.Ping: lambda m: pb.LinkMessage(
        ping=pb.Ping(
            view=m.view, leading=m.leading, cluster_id=m.cluster_id, birth_view=m.birth_view
        )
    ),
    v.Probe: lambda m: pb.LinkMessage(
        probe=pb.Probe(nonce=m.nonce, answer=m.answer, view=m.view, leading=m.leading)
    ),
    v.Prepare: lambda m: pb.LinkMessage(prepare=pb.Prepare(view=m.view, birth=m.birth)),
    v.Promise: _promise,
    v.Refusal: lambda m: pb.LinkMessage(
        refusal=pb.Refusal(
            view=m.view, promised=m.promised, reason=m.reason, hears_master=m.hears_master
        )
    ),
    v.Fetch: lambda m: pb.LinkMessage(
        fetch=pb.Fetch(view=m.view, after_index=m.after_index, common_index=m.common_index)
    ),
    v.Fetched: lambda m: pb.LinkMessage(
        fetched=pb.Fetched(view=m.view, group=encode_group(m.group), length=m.length)
    ),
    v.Append: _append,
    v.Ack: lambda m: pb.LinkMessage(
        ack=pb.Ack(view=m.view, length=m.length, round=m.round, settled=m.settled)
    ),
    v.Mismatch: lambda m: pb.LinkMessage(
        mismatch=pb.Mismatch(view=m.view, summary=_summary(m.summary))
    ),
    v.StateChunk: _state_chunk,
    v.HandOver: _hand_over,
    v.HandedOver: lambda m: pb.LinkMessage(handed_over=pb.HandedOver(view=m.view)),
}


# ----------------------------------------------------------------- from protobuf


def _view(view: int) -> int:
    if not 0 <= view <= VIEW_MAX:
        raise Unreadable(f"there is no view {view}")
    return view


def _view_or_none(view: int) -> int:
    return NO_VIEW if view == NO_VIEW else _view(view)


def _index(index: int) -> int:
    if not 0 <= index <= INDEX_MAX:
        raise Unreadable(f"there is no entry {index}")
    return index


def _append_of(m: pb.Append) -> v.Append:
    previous = _index(m.previous_index)
    group = decode_group(m.group) if m.group else Group(previous + 1, [])
    if group.first_index != previous + 1:
        raise Unreadable("an append whose group does not follow its previous index")
    view, previous_view = _view(m.view), _view_or_none(m.previous_view)
    if (previous == 0) != (previous_view == NO_VIEW):
        raise Unreadable(f"an append after entry {previous} of view {previous_view}")
    _check_views(previous_view, group, view)
    if not m.cluster_id or m.start_index < 1:
        raise Unreadable("an append of no cluster, or of a view without a first entry")
    return v.Append(
        view=view,
        previous_index=previous,
        previous_view=previous_view,
        group=group,
        commit_index=_index(m.commit_index),
        in_sync=tuple(m.in_sync),
        start_index=_index(m.start_index),
        round=m.round,
        all_have=_index(m.all_have),
        cluster_id=m.cluster_id,
        birth_view=_view(m.birth_view),
    )


def _check_views(previous: int, group: Group, newest: int) -> None:
    """A view's master has no entry of a newer one. Inside of the group they are in order."""
    views = (previous, *(entry.view for entry in group.entries[:1]))
    last = group.entries[-1].view if group.entries else previous
    if not max(views) <= last <= newest or views != tuple(sorted(views)):
        raise Unreadable(f"entries of views {previous} to {last} in a message of view {newest}")


def _fetched_of(m: pb.Fetched) -> v.Fetched:
    view, length, group = _view(m.view), _index(m.length), decode_group(m.group)
    _check_views(NO_VIEW, group, view)
    if not group.entries or length < group.last_index:
        raise Unreadable("a piece of a log that is empty, or longer than the log")
    return v.Fetched(view, group, length)


def _fetch_of(m: pb.Fetch) -> v.Fetch:
    after = m.after_index
    return v.Fetch(
        _view(m.view), after if after == v.NEEDS_STATE else _index(after), _index(m.common_index)
    )


def _summary_of(m: pb.Summary) -> v.Summary:
    length, base = _index(m.length), _index(m.base)
    if base > length:
        raise Unreadable(f"a log of {length} entries, {base} of them in its state")
    return v.Summary(_view_or_none(m.log_view), length, base, _runs_of(m.runs, length))


def _runs_of(rows: Iterable[pb.Run], length: int) -> tuple[v.Run, ...]:
    """The runs of a log of that length: without a run, it has no entry."""
    runs = tuple(v.Run(_index(row.first_index), _view(row.view)) for row in rows)
    before = v.Run(0, NO_VIEW)
    for run in runs:
        if run.first_index <= before.first_index or run.view <= before.view:
            raise Unreadable(f"the run of view {run.view} does not follow that of {before.view}")
        before = run
    if before.first_index > length or bool(runs) != (length > 0):
        raise Unreadable(f"{len(runs)} runs are not those of {length} entries")
    return runs


def _state_chunk_of(m: pb.StateChunk) -> v.StateChunk:
    index = _index(m.index)
    return v.StateChunk(
        view=_view(m.view),
        index=index,
        runs=_runs_of(m.runs, index),
        common_index=_index(m.common_index),
        offset=_index(m.offset),
        data=m.data,
        last=m.last,
    )


def _hand_over_of(m: pb.HandOver) -> v.HandOver:
    rows = decode(m.entries)
    if not isinstance(rows, list) or len(rows) > HAND_OVER_MAX:
        raise Unreadable("not a list of proposals")
    return v.HandOver(_view(m.view), tuple(map(proposal_of, rows)))


_DECODERS: dict[str, Callable[[Any], v.Message]] = {
    "ping": lambda m: v.Ping(
        _view_or_none(m.view), m.leading, m.cluster_id, _view_or_none(m.birth_view)
    ),
    "probe": lambda m: v.Probe(m.nonce, m.answer, _view_or_none(m.view), m.leading),
    "prepare": lambda m: v.Prepare(_view(m.view), m.birth),
    "promise": lambda m: v.Promise(
        _view(m.view), _summary_of(m.summary), m.in_sync_since, m.sole, m.birth
    ),
    "refusal": lambda m: v.Refusal(
        _view(m.view), _view_or_none(m.promised), m.reason, m.hears_master
    ),
    "fetch": _fetch_of,
    "fetched": _fetched_of,
    "append": _append_of,
    "ack": lambda m: v.Ack(_view(m.view), _index(m.length), m.round, m.settled),
    "mismatch": lambda m: v.Mismatch(_view(m.view), _summary_of(m.summary)),
    "state_chunk": _state_chunk_of,
    "hand_over": _hand_over_of,
    "handed_over": lambda m: v.HandedOver(_view(m.view)),
}
