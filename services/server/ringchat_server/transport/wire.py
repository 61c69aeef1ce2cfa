"""The replicas' messages as protobuf, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ringchat_proto import replica_pb2 as pb
from ringchat_server.pickled import Unreadable, decode, decode_group, encode, encode_group
from ringchat_server.records import Group, Proposal
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
        birth_view=m.birth_view,
        view=m.view,
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
    v.Ack: lambda m: pb.LinkMessage(ack=pb.Ack(view=m.view, length=m.length, round=m.round)),
    v.Mismatch: lambda m: pb.LinkMessage(
        mismatch=pb.Mismatch(view=m.view, summary=_summary(m.summary))
    ),
    v.StateChunk: _state_chunk,
    v.HandOver: _hand_over,
    v.HandedOver: lambda m: pb.LinkMessage(handed_over=pb.HandedOver(view=m.view)),
}


# ----------------------------------------------------------------- from protobuf


def _append_of(m: pb.Append) -> v.Append:
    group = decode_group(m.group) if m.group else Group(m.previous_index + 1, [])
    if group.first_index != m.previous_index + 1:
        raise Unreadable("an append whose group does not follow its previous index")
    return v.Append(
        view=m.view,
        previous_index=m.previous_index,
        previous_view=m.previous_view,
        group=group,
        commit_index=m.commit_index,
        in_sync=tuple(m.in_sync),
        start_index=m.start_index,
        round=m.round,
        all_have=m.all_have,
        cluster_id=m.cluster_id,
        birth_view=m.birth_view,
    )


def _summary_of(m: pb.Summary) -> v.Summary:
    return v.Summary(m.log_view, m.length, m.base, _runs_of(m.runs))


def _runs_of(runs: Iterable[pb.Run]) -> tuple[v.Run, ...]:
    return tuple(v.Run(run.first_index, run.view) for run in runs)


def _hand_over_of(m: pb.HandOver) -> v.HandOver:
    rows = decode(m.entries)
    if not isinstance(rows, list) or len(rows) > HAND_OVER_MAX:
        raise Unreadable("not a list of proposals")
    return v.HandOver(m.view, tuple(map(_proposal_of, rows)))


def _proposal_of(row: object) -> Proposal:
    match row:
        case (bytes(), int(), str(), bytes(), (str(), *_)):
            return Proposal._make(row)
    raise Unreadable("not a proposal")


_DECODERS: dict[str, Callable[[Any], v.Message]] = {
    "ping": lambda m: v.Ping(m.view, m.leading, m.cluster_id, m.birth_view),
    "probe": lambda m: v.Probe(m.nonce, m.answer, m.view, m.leading),
    "prepare": lambda m: v.Prepare(m.view, m.birth),
    "promise": lambda m: v.Promise(
        m.view, _summary_of(m.summary), m.in_sync_since, m.sole, m.birth
    ),
    "refusal": lambda m: v.Refusal(m.view, m.promised, m.reason, m.hears_master),
    "fetch": lambda m: v.Fetch(m.view, m.after_index, m.common_index),
    "fetched": lambda m: v.Fetched(m.view, decode_group(m.group), m.length),
    "append": _append_of,
    "ack": lambda m: v.Ack(m.view, m.length, m.round),
    "mismatch": lambda m: v.Mismatch(m.view, _summary_of(m.summary)),
    "state_chunk": lambda m: v.StateChunk(
        m.view, m.index, _runs_of(m.runs), m.common_index, m.offset, m.data, m.last
    ),
    "hand_over": _hand_over_of,
    "handed_over": lambda m: v.HandedOver(m.view),
}
