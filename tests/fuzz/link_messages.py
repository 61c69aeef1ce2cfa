"""What replicas say to each other, as it should be and a little otherwise."""

from __future__ import annotations

import random

from google.protobuf.message import DecodeError

from ringchat_proto import replica_pb2 as pb
from ringchat_server.journal.encoding import encode_state
from ringchat_server.records import Group, Proposal
from ringchat_server.replica import values as v
from ringchat_server.transport import wire
from tests.fuzz.mutation import mutated
from tests.fuzz.pickles import mutated_pickle
from tests.fuzz.protobufs import change
from tests.fuzz.scene import CLUSTER, OWN_VIEW, PROMISED, VIEWS, entries, state_after, summary


def messages() -> list[tuple[int, v.Message]]:
    """(peer, message): what the peers of the scenes say when all goes well."""
    last, view = len(VIEWS), VIEWS[-1]
    proposal = Proposal(b"d" * 16, 1, "", b"", ("create", "dan", "a hash"))
    group = Group(last + 1, entries(last + 1, 4, 4))
    whole = Group(1, entries(1, *VIEWS))
    fetched = Group(last + 1, entries(last + 1, 5, 5, 5))
    runs = (v.Run(1, 0), v.Run(3, 1))
    state = encode_state(4, tuple((run.first_index, run.view) for run in runs), state_after(4))

    def append(previous: int, of: int, new: Group, commit: int) -> v.Append:
        return v.Append(4, previous, of, new, commit, (0, 1, 2), last + 1, 1, 2, CLUSTER, 0)

    return [
        (1, v.Ping(PROMISED, True, CLUSTER, 0)),
        (1, append(last, view, group, 5)),
        (1, append(last, view, Group(last + 1, []), 6)),
        (1, append(0, -1, whole, 6)),
        (1, v.StateChunk(4, 4, runs, 2, 0, state, True)),
        (1, v.HandedOver(4)),
        (1, v.Probe(1, True, 4, True)),
        (2, v.Probe(1, False, 4, False)),
        (2, v.Prepare(5, False)),
        (1, v.Prepare(7, False)),
        (1, v.Prepare(1, True)),
        (2, v.Fetch(5, 3, 3)),
        (2, v.Fetch(5, v.NEEDS_STATE, 2)),
        (1, v.Promise(OWN_VIEW, summary(), True, False, False)),
        (2, v.Promise(OWN_VIEW, summary(5, 9), True, False, False)),
        (2, v.Refusal(OWN_VIEW, 4, "no", False)),
        (2, v.Refusal(OWN_VIEW, 8, "no", True)),
        (2, v.Fetched(OWN_VIEW, fetched, 9)),
        (2, v.Ack(OWN_VIEW, last + 1, 1)),
        (1, v.Mismatch(OWN_VIEW, summary(1, 4))),
        (1, v.HandOver(OWN_VIEW, (proposal,))),
        (2, v.Ping(8, True, CLUSTER, 0)),
    ]


def data_of(message: v.Message) -> bytes:
    """As it goes over the wire."""
    return wire.encode_message(message).SerializeToString()


def changed(data: bytes, chance: random.Random) -> bytes:
    """The same message with other fields, or garbage if it was that."""
    message = pb.LinkMessage()
    try:
        message.MergeFromString(data)
    except DecodeError:
        return mutated(data, chance)
    kind = message.WhichOneof("kind")
    for _ in range(1 + int(chance.expovariate(1))):
        if kind is None or chance.random() < 0.05:
            change(message, chance, _in_bytes)
        else:
            change(getattr(message, kind), chance, _in_bytes)
    return message.SerializeToString()


def _in_bytes(name: str, old: bytes, chance: random.Random) -> bytes:
    if name in ("group", "entries", "data"):
        return mutated_pickle(old, chance)
    return chance.choice((b"", CLUSTER, b"another one")) if chance.random() < 0.8 else old + b"x"
