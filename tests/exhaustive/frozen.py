"""A core as one canonical tuple, and back: how a state is copied, compared and hashed.

Two cores with equal tuples behave alike for ever. What is left out, and why that is
sound (each is a claim about the code of `ringchat_server.replica`):

* The clock stands still. The core uses time only as the age of what it heard, as
  "has the next heartbeat come", and for the entries' times. An age is fresh or stale
  here (see `host.py`), a heartbeat is an event, and every entry gets the same time.
* Tickets count from the last synced write on: they are only compared with each other.
* The current epoch is 0, every older one is -1: they are only tested for equality
  with the current one.
* What a peer said of itself is forgotten while its link is down: `link_up` sets it anew.
* Whom it has met matters until it is settled, and settled it stays as long as it lives.
* Who waits for an answer, what reasons say, `all_have`: they go to clients, to people
  and to compaction, none of which there is here.
* `_sole_before` matters only for a mark that was set, and only for the promised view.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ringchat_server.records import NO_VIEW, Entry, Group, Proposal
from ringchat_server.replica import Config, Replica
from ringchat_server.replica.backup import Backup
from ringchat_server.replica.candidate import Candidate
from ringchat_server.replica.log import Log
from ringchat_server.replica.master import Master, Progress
from ringchat_server.replica.promotion import Promotion, Question
from ringchat_server.replica.replica import Durable, Peer
from ringchat_server.replica.values import (
    Append,
    Fetched,
    Hello,
    Message,
    Now,
    Refusal,
    Send,
)

REPLICAS = 3
NOW = Now(100.0, 100_000)
STALE_AT = 0.0
"""When a peer was heard that is silent now."""
SUSPECT_AFTER_SECONDS = 1.0

GONE, NOT_MET = "gone", "not met"
"""There is no link with a peer: not any more, or not yet."""

Frozen = tuple[Any, ...]

FIELDS: dict[type, str] = {
    Replica: (
        "config me meta log commit_index aside birth_id hand_over now last_time_ms durable epoch "
        "in_sync rebuild_forced peers role effects _behind_writes _ticket _durable_ticket "
        "_promotion _receiving _next_heartbeat _settles_at"
    ),
    Promotion: "_replica _question _nonce _sole_before",
    Backup: "replica _all_have _master _handed_over _rebuild_from",
    Candidate: (
        "replica view askers forced birth promises refusals source fetch_length common_index "
        "awaiting_state was_sole"
    ),
    Master: (
        "replica view askers in_sync opened _progress _rounds _round _handing_over start_index"
    ),
    Log: "_entries _runs base_index",
    Peer: "replica_id up met heard_at view leading",
    Progress: "next_index acked round settled reading_state under_way",
    Question: "master askers view candidate birth",
    Durable: "length epoch meta",
}
"""Everything that a core consists of. A field that is not here could not be copied."""


def hand_over(
    entries: Sequence[Entry], first_index: int, common_index: int
) -> tuple[Proposal, ...]:
    """Every named request, unchanged: there are no message ids to rewrite here."""
    return tuple(Proposal(*entry[2:]) for entry in entries if entry.client)


def unknown_fields(core: Replica) -> list[str]:
    """Fields that `freeze` does not know: to copy a core without them would be wrong."""
    parts: Iterable[object] = (
        core,
        core._promotion,
        core.role,
        core.log,
        core.durable,
        *core.peers.values(),
        *(core.role._progress.values() if isinstance(core.role, Master) else ()),
    )
    return [
        f"{type(part).__name__}.{name}"
        for part in parts
        for name in sorted(_names(part) ^ set(FIELDS[type(part)].split()))
    ]


def _names(part: object) -> set[str]:
    return set(getattr(part, "__slots__", ())) or set(vars(part))


class Words:
    """The messages that were ever sent; the same message has the same number."""

    def __init__(self) -> None:
        self.known: list[Message | Hello | None] = [None]
        """Number 0 is no message: it marks the end of a link that broke."""
        self._numbers: dict[Frozen, int] = {}

    def number(self, message: Message | Hello) -> int:
        """The number of a message, without what its receiver does not look at."""
        key: Frozen
        match message:
            case Append(group=group):
                entries = tuple(group.entries)
                message = replace(message, group=Group(group.first_index, entries), all_have=0)
                key = (
                    Append,
                    message.view,
                    message.previous_index,
                    message.previous_view,
                    group.first_index,
                    entries,
                    message.commit_index,
                    message.in_sync,
                    message.start_index,
                    message.round,
                )
            case Fetched(group=group):
                entries = tuple(group.entries)
                message = replace(message, group=Group(group.first_index, entries))
                key = (Fetched, message.view, group.first_index, entries, message.length)
            case Refusal():
                message = replace(message, reason="")
                key = (Refusal, message)
            case _:
                key = (type(message), message)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.known)
            self.known.append(message)
        return found


class Freezer:
    """Turns cores into tuples and tuples into cores; one for all replicas of a ring."""

    def __init__(self, prefer: str, words: Words) -> None:
        self.words = words
        self.configs = [
            Config(me, REPLICAS, prefer, SUSPECT_AFTER_SECONDS, keep_entries_max=1_000)
            for me in range(REPLICAS)
        ]
        self.birth_ids = [b"cluster of %d" % me for me in range(REPLICAS)]

    # ---------------------------------------------------------------- to a tuple

    def freeze(self, core: Replica) -> Frozen:
        """Everything of a core that can influence what it does next."""
        assert not core.effects and core._receiving is None and not core.rebuild_forced
        assert core.log.base_index == 0, "nothing is compacted here"
        promotion, durable = core._promotion, core.durable
        question = promotion._question
        sole_before = promotion._sole_before
        if not sole_before[1] or sole_before[0] < core.meta.promised:
            sole_before = (NO_VIEW, False)
        return (
            core.me,
            core.meta,
            tuple(core.log._entries),
            tuple(core.log._runs),
            core.commit_index,
            core.aside,
            durable.length,
            durable.meta,
            core.in_sync,
            tuple(
                (peer.heard_at > STALE_AT, peer.view, peer.leading)
                if peer.up
                else (GONE if peer.met or core.settled else NOT_MET)
                for peer in core.peers.values()
            ),
            self._role(core.role),
            tuple(self._behind(core, ticket, item) for ticket, item in core._behind_writes),
            core._ticket - core._durable_ticket,
            question and (question.master, question.view, question.candidate, question.birth),
            promotion._nonce,
            sole_before,
        )

    def _behind(self, core: Replica, ticket: int, item: Durable | Send) -> Frozen:
        ticket -= core._durable_ticket
        if isinstance(item, Send):
            return (ticket, item.peer, self.words.number(item.message))
        return (ticket, item.length, 0 if item.epoch == core.epoch else -1, item.meta)

    @staticmethod
    def _role(role: Master | Candidate | Backup) -> Frozen:
        if isinstance(role, Master):
            return (
                "master",
                role.view,
                tuple(sorted(role.in_sync)),
                role.opened,
                tuple(
                    (p.next_index, p.acked, p.round, p.settled, p.reading_state, tuple(p.under_way))
                    for p in role._progress.values()
                ),
                tuple(role._rounds),
                role._round,
                tuple(role._handing_over),
                role.start_index,
            )
        if isinstance(role, Candidate):
            return (
                "candidate",
                role.view,
                role.forced,
                role.birth,
                tuple(sorted(role.promises.items())),
                tuple((peer, replace(no, reason="")) for peer, no in sorted(role.refusals.items())),
                role.source,
                role.fetch_length,
                role.common_index,
                role.awaiting_state,
                role.was_sole,
            )
        assert role._rebuild_from is None, "no disk is lost here"
        return ("backup", role._master, role._handed_over)

    # ---------------------------------------------------------------- to a core

    def thaw(self, frozen: Frozen) -> Replica:
        """A core of its own; only what never changes is shared."""
        core = Replica.__new__(Replica)
        (
            core.me,
            core.meta,
            entries,
            runs,
            core.commit_index,
            core.aside,
            length,
            durable_meta,
            core.in_sync,
            peers,
            role,
            behind,
            core._ticket,
            question,
            nonce,
            sole_before,
        ) = frozen
        core.config = self.configs[core.me]
        core.log = log = Log.__new__(Log)
        log.base_index, log._entries, log._runs = 0, list(entries), list(runs)
        core.birth_id, core.hand_over = self.birth_ids[core.me], hand_over
        core.now, core.last_time_ms = NOW, NOW.time_ms
        core.durable, core.epoch = Durable(length, 0, durable_meta), 0
        core.rebuild_forced = False
        core.peers = {}
        for peer_id, peer in zip(OTHERS[core.me], peers, strict=True):
            core.peers[peer_id] = (
                Peer(peer_id, True, True, NOW.seconds if peer[0] else STALE_AT, peer[1], peer[2])
                if isinstance(peer, tuple)
                else Peer(peer_id, met=peer == GONE, heard_at=NOW.seconds)
            )
        core._settles_at = NOW.seconds + (NOT_MET in peers)
        core.effects = []
        core._behind_writes = deque(
            (one[0], Send(one[1], self._message(one[2])))
            if len(one) == 3
            else (one[0], Durable(one[1], one[2], one[3]))
            for one in behind
        )
        core._durable_ticket = 0
        core._promotion = promotion = Promotion.__new__(Promotion)
        promotion._replica, promotion._nonce, promotion._sole_before = core, nonce, sole_before
        promotion._question = question and Question(
            question[0], [], question[1], question[2], question[3]
        )
        core._receiving, core._next_heartbeat = None, NOW.seconds + 1
        core.role = self._thawed_role(core, role)
        return core

    def _message(self, number: int) -> Message:
        message = self.words.known[number]
        assert message is not None and not isinstance(message, Hello)
        return message

    @staticmethod
    def _thawed_role(core: Replica, frozen: Frozen) -> Master | Candidate | Backup:
        role: Any
        if frozen[0] == "backup":
            role = Backup.__new__(Backup)
            role.replica, role._all_have, role._rebuild_from = core, 0, None
            _, role._master, role._handed_over = frozen
        elif frozen[0] == "candidate":
            role = Candidate.__new__(Candidate)
            role.replica, role.askers = core, []
            (_, role.view, role.forced, role.birth, promises, refusals, *rest) = frozen
            role.promises, role.refusals = dict(promises), dict(refusals)
            role.source, role.fetch_length, role.common_index, *rest = rest
            role.awaiting_state, role.was_sole = rest
        else:
            role = Master.__new__(Master)
            role.replica, role.askers = core, []
            (_, role.view, in_sync, role.opened, progress, rounds, role._round, *rest) = frozen
            role.in_sync, role._rounds = set(in_sync), deque(rounds)
            role._progress = {}
            for peer, (*known, under_way) in zip(core.peers, progress, strict=True):
                role._progress[peer] = Progress(*known)
                role._progress[peer].under_way = deque(under_way)
            role._handing_over, role.start_index = deque(rest[0]), rest[1]
        thawed: Master | Candidate | Backup = role
        return thawed

    def start(self, me: int, recovered: Any) -> Replica:
        """A process that starts on what its disk holds."""
        return Replica(
            self.configs[me],
            recovered,
            damaged=False,
            birth_id=self.birth_ids[me],
            time_floor_ms=NOW.time_ms,
            hand_over=hand_over,
        )


OTHERS = tuple(tuple(p for p in range(REPLICAS) if p != me) for me in range(REPLICAS))
