"""The peer port behind the cluster key: messages of a link, as bytes, into a replica.

Garbage ends in a refused link. Beyond that a peer that has the key is believed
(docs/protocol.md, section 12): a well-formed lie may make the replica find that
something cannot be and end. Where it may is listed, place by place, in `BELIEVED`;
any other exception is a finding.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from traceback import walk_tb
from typing import NamedTuple

from ringchat_server.pickled import Unreadable
from ringchat_server.replica import values as v
from ringchat_server.transport import wire
from ringchat_server.transport.links import _parsed
from tests.fuzz.link_messages import changed, data_of, messages
from tests.fuzz.mutation import mutated
from tests.fuzz.scene import CLUSTER, REPLICAS, STATES, Ended, Scene
from tests.fuzz.target import Finding

STEPS_MAX = 40
SENT_MAX = 2_000
"""Messages that one short input may bring about."""

BELIEVED = frozenset(
    (
        # In consistency mode, other entries where this replica has committed ones: sent by the
        # owner of a view, or promised to a candidate.
        ("Backup._append", "Replica.drop_after"),
        ("Candidate._adopt_best", "Replica.drop_after"),
        # A piece of a log that goes back behind what the peer itself had promised of it.
        ("Candidate._on_fetched", "Log.append"),
    )
)
"""(caller, function) of the assertions that only a lie can reach."""

MESSAGE, TICK, LINK_DOWN, HELLO = range(4)


class Step(NamedTuple):
    """One input of the replica."""

    what: int
    peer: int
    data: bytes
    """A `LinkMessage`; of a tick, one byte: tenths of seconds."""


def steps_of(data: bytes) -> list[Step]:
    """A byte that says what and of whom, a length of two bytes, the bytes."""
    steps: list[Step] = []
    at = 1
    while at + 3 <= len(data) and len(steps) < STEPS_MAX:
        word, size = struct.unpack_from("<BH", data, at)
        steps.append(Step(word >> 1 & 3, 1 + (word & 1), data[at + 3 : at + 3 + size]))
        at += 3 + size
    return steps


def encoded(first: int, steps: Sequence[Step]) -> bytes:
    """The input of those steps; the first byte says in which state the replica is."""
    out = bytes((first,))
    for what, peer, data in steps:
        out += struct.pack("<BH", what << 1 | (peer - 1), min(len(data), 65_535)) + data[:65_535]
    return out


class ReplicaTarget:
    """A scene, and what comes on its links."""

    bytes_max = 4_096

    def seeds(self) -> Sequence[bytes]:
        """For each scene one of every message as it could come there."""
        hello = wire.encode_hello(v.Hello(1, REPLICAS, "availability", CLUSTER, 0, 4, True))
        ends = [
            Step(TICK, 1, b"\x03"),
            Step(LINK_DOWN, 1, b""),
            Step(HELLO, 1, hello.SerializeToString()),
            Step(TICK, 2, b"\x0c"),
        ]
        seeds = []
        for scene in range(len(STATES)):
            for prefer in (0, 16):
                steps = [Step(MESSAGE, peer, data_of(one)) for peer, one in messages()]
                seeds.append(encoded(scene | prefer, [*steps, *ends]))
                seeds += [encoded(scene | prefer, [step]) for step in steps]
        return seeds

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """A field of a message, mostly."""
        first, steps = data[0] if data else 0, steps_of(data)
        match chance.randrange(12):
            case 0:
                first = chance.randrange(len(STATES)) | chance.choice((0, 16))
            case 1 if steps:
                steps.insert(chance.randrange(len(steps) + 1), chance.choice(steps))
            case 2 if len(steps) > 1:
                del steps[chance.randrange(len(steps))]
            case 3:
                peer, one = chance.choice(messages())
                steps.insert(chance.randrange(len(steps) + 1), Step(MESSAGE, peer, data_of(one)))
            case 4 if steps:
                at = chance.randrange(len(steps))
                steps[at] = steps[at]._replace(peer=3 - steps[at].peer)
            case 5:
                what = chance.choice((TICK, TICK, LINK_DOWN))
                step = Step(what, chance.choice((1, 2)), bytes((chance.randrange(25),)))
                steps.insert(chance.randrange(len(steps) + 1), step)
            case 6:
                return mutated(data, chance)
            case _ if steps:
                at = chance.randrange(len(steps))
                steps[at] = steps[at]._replace(data=changed(steps[at].data, chance))
        return encoded(first, steps)

    def run(self, data: bytes) -> str:
        """Play it. A refused link comes up again, as it does: the lower id dials anew."""
        first = data[0] if data else 0
        state = STATES[(first & 15) % len(STATES)]
        scene = Scene(state, consistent=bool(first & 16))
        refused = 0
        for step in steps_of(data):
            try:
                refused += not _taken(scene, step)
            except Ended as error:
                return f"{state}, ended: {error}"
            except AssertionError as error:
                place = _place_of(error)
                if place not in BELIEVED:
                    raise
                return f"{state}, a lie found in {place[1]}"
        if scene.sent_count > SENT_MAX:
            raise Finding(f"{scene.sent_count} messages were sent")
        return f"{state}, {'refused' if refused else 'taken'}"


def _taken(scene: Scene, step: Step) -> bool:
    """One step; False if the link was refused for it."""
    what, peer, data = step
    replica = scene.engine.replica
    if what == TICK:
        scene.pass_time((data[0] if data else 1) / 10)
        return True
    if what == LINK_DOWN or not replica.peers[peer].up:
        if replica.peers[peer].up:
            scene.link_down(peer)
        if what == LINK_DOWN:
            return True
    try:
        message = _parsed(data)
        if what == HELLO or not replica.peers[peer].up:
            hello = wire.decode_hello(message)
            if replica.check_hello(hello) is not None or hello.replica_id != peer:
                return False
            if replica.peers[peer].up:
                scene.link_down(peer)
            scene.link_up(peer, hello)
        else:
            scene.receive(peer, wire.decode_message(message))
    except Unreadable:
        if replica.peers[peer].up:
            scene.link_down(peer)
        return False
    return True


def _place_of(error: BaseException) -> tuple[str, str]:
    names = [frame.f_code.co_qualname for frame, _ in walk_tb(error.__traceback__)]
    return (names[-2], names[-1])


TARGET = ReplicaTarget()
