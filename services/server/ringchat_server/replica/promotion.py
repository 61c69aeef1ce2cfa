"""Who may ask for a view, and who is promised one (rules 1, 11, 15).

A client asks this replica to lead, or a candidate asks for its promise. Either
waits while the master of the day is asked whether it is there: a *question*. It
ends with that master's word, or with its silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringchat_server.records import NO_VIEW, Meta
from ringchat_server.replica.candidate import Candidate
from ringchat_server.replica.master import Master
from ringchat_server.replica.values import Answer, Prepare, Probe, Promise

if TYPE_CHECKING:
    from ringchat_server.replica.replica import Replica

VIEW_JUMP_MAX = 1 << 20
"""A view further ahead than any walk round the ring can come is a mistake or an attack."""

ASKERS_MAX = 1_024

BIRTH_PROMISES_MAX = 64


@dataclass(slots=True)
class Question:
    """A promotion or a promise that waits for the old master to be given up, or to speak."""

    master: int
    askers: list[int]
    view: int
    candidate: int | None
    """Who wants the promise; None if this replica itself was asked to lead."""
    birth: bool = False
    """What that candidate said of the view."""


class Promotion:
    """The questions put to one replica. At most one waits; a newer one takes its place."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._question: Question | None = None
        self._nonce = 0
        self._sole_before = (NO_VIEW, False)
        """(view promised, whether this replica was sole until then).

        The promise clears the mark; if it is lost with its link and asked for again, then
        that view has not begun, and the answer is still the same.
        """

    # ------------------------------------------------------------------ inputs

    def promote(self, view: int, asker: int) -> None:
        """A client asks this replica to take a view. Ends in an `Answer`."""
        replica, question = self._replica, self._question
        waiting = self._waiting_for(view)
        if waiting is not None:
            reason = "too many clients wait for this view" if len(waiting) >= ASKERS_MAX else None
        elif (reason := self._why_not_lead(view)) is None and question is not None:
            reason = f"replica {question.candidate} prepares view {question.view}"
        if reason is not None:
            replica.effects.append(Answer((asker,), reason))
        elif waiting is not None:
            waiting.append(asker)
        elif (master := replica.heard_master()) is not None:
            self._ask_master(Question(master, [asker], view, candidate=None))
        else:
            self.stand(view, [asker])

    def stand(self, view: int, askers: list[int], *, forced: bool = False) -> None:
        """Becomes the candidate of a view."""
        replica = self._replica
        self.settle(f"replica {replica.me} prepares view {view}")
        replica.persist(meta=self._promising(view, sole=replica.meta.sole))
        replica.role = candidate = Candidate(replica, view, askers, forced=forced)
        candidate.start()

    def on_prepare(self, peer_id: int, prepare: Prepare) -> None:
        """A candidate wants a promise. Ends in a `Promise` or a `Refusal`."""
        replica = self._replica
        if prepare.view < replica.view:
            no = replica.refusal(prepare.view, f"view {replica.view} is promised")
        elif replica.leading:
            no = replica.refusal(prepare.view, "this replica leads", hears_master=True)
        elif (reason := self._why_not_promise(prepare)) is not None:
            no = replica.refusal(prepare.view, reason)
        elif (master := replica.heard_master()) is not None and master != peer_id:
            self._ask_master(Question(master, [], prepare.view, peer_id, prepare.birth))
            return
        else:
            self._promise(peer_id, prepare)
            return
        replica.send(peer_id, no)

    def on_probe(self, peer_id: int, probe: Probe) -> None:
        """A peer asks whether this replica is there, or answers that it is."""
        replica, question = self._replica, self._question
        peer = replica.peers[peer_id]
        peer.view, peer.leading = probe.view, probe.leading
        if not probe.answer:
            replica.send(peer_id, Probe(probe.nonce, True, replica.view, replica.leading))
        elif (
            question is not None
            and probe.nonce == self._nonce
            and question.master == peer_id == replica.heard_master()
        ):
            reason = f"replica {peer_id} leads view {peer.view} and is heard"
            self.settle(reason, hears_master=True)

    def link_down(self, peer_id: int) -> None:
        """A candidate that cannot be answered waits no longer: for it the link broke, too."""
        if self._question is not None and self._question.candidate == peer_id:
            self._question = None

    def reconsider(self) -> None:
        """Goes on with a waiting question once the master it waits for is heard no more."""
        replica, question = self._replica, self._question
        if question is None:
            return
        heard = replica.heard_master()
        if heard == question.master:
            return
        if heard is not None and heard != question.candidate:
            # A newer one than the one that was asked: there is somebody to follow.
            reason = f"replica {heard} leads view {replica.peers[heard].view}"
            self.settle(reason, hears_master=True)
            return
        self._question = None
        if question.candidate is not None:
            self.on_prepare(question.candidate, Prepare(question.view, question.birth))
        elif (reason_not := self._why_not_lead(question.view)) is not None:
            replica.effects.append(Answer(tuple(question.askers), reason_not))
        else:
            self.stand(question.view, question.askers)

    def settle(self, reason: str, *, hears_master: bool = False) -> None:
        """Answers whoever waits with a no."""
        replica = self._replica
        question, self._question = self._question, None
        if question is None:
            return
        if question.candidate is None:
            replica.effects.append(Answer(tuple(question.askers), reason))
        else:
            no = replica.refusal(question.view, reason, hears_master=hears_master)
            replica.send(question.candidate, no)

    # ---------------------------------------------------------------- decisions

    def _waiting_for(self, view: int) -> list[int] | None:
        """Who waits for an attempt of this replica to lead; None if it makes none.

        One attempt at a time: who asks meanwhile, for that view or a newer one of this
        replica, waits for what that brings.
        """
        replica, role, question = self._replica, self._replica.role, self._question
        if self._why_not_mine(view) is not None:
            return None
        if isinstance(role, Candidate) or (isinstance(role, Master) and not role.opened):
            return role.askers if view >= replica.view else None
        if question is not None and question.candidate is None and view >= question.view:
            return question.askers
        return None

    def _why_not_mine(self, view: int) -> str | None:
        owner, me = self._replica.config.owner(view), self._replica.me
        return None if owner == me else f"view {view} belongs to replica {owner}, not {me}"

    def _why_not_lead(self, view: int) -> str | None:
        replica = self._replica
        if (reason := self._why_not_mine(view)) is not None:
            return reason
        if replica.leading:
            return f"this replica leads view {replica.view}"
        if replica.meta.rebuilding:
            return f"replica {replica.me} is rebuilding its log from the others"
        if view <= replica.view:
            return f"view {replica.view} is promised already; ask for a newer one"
        if view > replica.view + VIEW_JUMP_MAX:
            return f"view {view} is too far ahead of {replica.view}"
        return self._why_not_born() if replica.unborn else self._why_not_settled()

    def _why_not_promise(self, prepare: Prepare) -> str | None:
        replica = self._replica
        if replica.meta.rebuilding:
            return f"replica {replica.me} is rebuilding"
        if prepare.birth and not replica.unborn:
            return f"replica {replica.me} belongs to a cluster already"
        if not prepare.birth and replica.unborn:
            return f"replica {replica.me} is empty and waits to be rebuilt"
        return self._why_not_born() if replica.unborn else self._why_not_settled()

    def _why_not_born(self) -> str | None:
        """Rule 15: no new replica takes part in a birth before it has heard all the others.

        Otherwise one whose disk was replaced could promise, once more, the very view in
        which its cluster was born, and then take itself for one that has lost nothing.
        """
        replica = self._replica
        missing = [peer.replica_id for peer in replica.peers.values() if not peer.up]
        if not missing:
            return None
        return f"the first view needs every replica; replica {replica.me} misses {missing}"

    def _why_not_settled(self) -> str | None:
        """Rules 9 and 11: whoever has just started hears nothing yet, and that tells nothing."""
        replica = self._replica
        if replica.settled:
            return None
        return f"replica {replica.me} has just started and has not met all others yet"

    # ------------------------------------------------------------------ promises

    def _ask_master(self, question: Question) -> None:
        """Rule 11: a healthy master is not deposed, so ask it before giving it up."""
        replica = self._replica
        self.settle(f"replica {question.candidate} prepares view {question.view}")
        self._question = question
        self._nonce += 1
        probe = Probe(self._nonce, False, replica.view, replica.leading)
        replica.send(question.master, probe)

    def _promise(self, peer_id: int, prepare: Prepare) -> None:
        """Rule 1: stored before it is answered."""
        replica = self._replica
        if prepare.view > replica.view:
            self._sole_before = (prepare.view, replica.meta.sole)
            replica.become_backup(f"view {prepare.view} is being prepared")
            replica.persist(meta=self._promising(prepare.view, sole=False))
        sole = self._sole_before == (prepare.view, True)
        promise = Promise(prepare.view, replica.summary(), replica.in_sync, sole, replica.unborn)
        replica.send_when_durable(peer_id, promise)

    def _promising(self, view: int, *, sole: bool) -> Meta:
        """What to remember of a promise; a new replica remembers those of its youth apart."""
        meta = self._replica.meta
        births = meta.birth_promises
        if self._replica.unborn:
            births = (*births, view)[-BIRTH_PROMISES_MAX:]
        return meta._replace(promised=view, sole=sole, birth_promises=births)
