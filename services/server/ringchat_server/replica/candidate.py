"""A replica that was asked to lead: it gathers promises, then the best log (rules 4, 5, 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringchat_server.replica.log import common_prefix
from ringchat_server.replica.master import Master
from ringchat_server.replica.values import (
    NEEDS_STATE,
    Fetch,
    Fetched,
    Message,
    Prepare,
    Promise,
    Refusal,
    StateChunk,
    Summary,
)

if TYPE_CHECKING:
    from ringchat_server.replica.replica import Replica


class Candidate:
    """The attempt to begin one view. It ends as a `Master`, or as a backup with a reason."""

    def __init__(
        self, replica: Replica, view: int, askers: list[int], *, forced: bool = False
    ) -> None:
        """
        Args:
            askers: the clients that wait for the view.
            forced: an operator has said to begin without the replicas that are missing.
        """
        self.replica = replica
        self.view = view
        self.askers = askers
        self.forced = forced
        self.birth = replica.unborn
        self.promises: dict[int, Promise] = {}
        self.refusals: dict[int, Refusal] = {}
        self.source: int | None = None
        """Owner of the best log, while it is being fetched."""
        self.fetch_length = 0
        self.common_index = 0
        """Up to here this log and the best one are known to be the same."""
        self.awaiting_state = False
        """The best log comes as a state record first: until then this log is another one."""
        self.was_sole = False
        """This replica was alone until it promised this view to others (rule 9)."""

    def start(self) -> None:
        """Asks every peer for its promise.

        The question need not wait for this replica's own promise to be synced: it does
        not begin before that, and if it crashes first, the view has had no master.
        """
        for peer in self.replica.peers.values():
            if peer.up:
                self.replica.send(peer.replica_id, Prepare(self.view, self.birth))
        self.advance()

    def force(self) -> None:
        """An operator has said to begin without the replicas that are missing."""
        self.forced = True
        self.advance()

    # ------------------------------------------------------------------ inputs

    def link_up(self, peer_id: int) -> None:
        """A peer that was out of reach can be asked after all."""
        if self.source is None:
            self.replica.send(peer_id, Prepare(self.view, self.birth))

    def link_down(self, peer_id: int) -> None:
        """Its promise is no longer of use: it cannot be in the set, nor be fetched from."""
        self.promises.pop(peer_id, None)
        self.refusals.pop(peer_id, None)
        if peer_id == self.source:
            self.replica.step_down(f"replica {peer_id} broke off while its log was fetched")
        else:
            self.advance()

    def heard(self, peer_id: int) -> None:
        """A ping: nothing to do."""

    def greet(self, peer_id: int) -> bool:
        """A candidate has nothing to say to a peer but the ping."""
        return False

    def tick(self) -> None:
        """Silence may have become long enough to count as an answer."""
        if self.source is not None and not self.replica.hears(self.source):
            self.replica.step_down(f"replica {self.source} fell silent while its log was fetched")
        else:
            self.advance()

    def on_append(self, peer_id: int, message: object) -> None:
        """Unreachable: only this replica owns its view, and `follow` makes it a backup."""
        raise AssertionError("a candidate follows no master")

    def on_message(self, peer_id: int, message: Message) -> None:
        """Answers to what was asked."""
        match message:
            case Promise(view=self.view, birth=self.birth) if self.source is None:
                self.promises[peer_id] = message
                self.advance()
            case Refusal(view=self.view):
                self._on_refusal(peer_id, message)
            case Fetched(view=self.view) if (
                peer_id == self.source and message.group.first_index == self.replica.log.length + 1
            ):
                self._on_fetched(message)
            case StateChunk(view=self.view) if peer_id == self.source and self.awaiting_state:
                self.replica.replace_log(peer_id, message, self.common_index)
            case _:
                pass  # of another view or another role: an echo of what is over

    def state_installed(self) -> None:
        """The source's state record is in place; its entries come next."""
        self.awaiting_state = False
        self._fetch_more()

    def all_have(self) -> int:
        """Nothing is known of what the others have: compact nothing."""
        return 0

    def advance(self) -> None:
        """Goes on as far as what is known and what is durable allow."""
        replica = self.replica
        if replica.durable.meta.promised < self.view:
            return
        if self.source is not None:
            length = min(replica.log.length, replica.durable.length)
            if length >= self.fetch_length and not self.awaiting_state:
                self._begin(self._promised())
            return
        if self._waiting() and not self._enough_already():
            return
        reason = self._why_not_begin()
        if reason is not None:
            replica.step_down(reason)
            return
        self._adopt_best()

    # ---------------------------------------------------------------- decisions

    def _waiting(self) -> list[int]:
        """Peers that have not answered, and are neither cut off nor silent (rule 9)."""
        return [
            peer
            for peer in self.replica.peers
            if peer not in self.promises and peer not in self.refusals and self.replica.hears(peer)
        ]

    def _enough_already(self) -> bool:
        """Consistency: a majority of promises is enough. Not for the birth of a cluster."""
        config = self.replica.config
        return config.consistent and not self.birth and len(self.promises) + 1 >= config.majority

    def _why_not_begin(self) -> str | None:
        """Rules 9 and 15, once everyone has answered who can."""
        config, replica = self.replica.config, self.replica
        promised = len(self.promises) + 1
        if promised == config.replicas:
            return None
        if self.birth:
            return f"the first view needs every replica; missing: {self._missing()}"
        if config.consistent:
            if promised >= config.majority:
                return None
            return f"a majority of {config.majority} is needed; missing: {self._missing()}"
        if self.forced:
            return None
        if replica.in_sync or replica.meta.sole or self.was_sole:
            return None
        if any(promise.in_sync_since or promise.sole for promise in self.promises.values()):
            return None
        return (
            "none of the replicas that answer is known to have every confirmed message; "
            f"start the others, or override; missing: {self._missing()}"
        )

    def _missing(self) -> str:
        """The replicas that did not promise, each with what it said."""
        return ", ".join(
            f"replica {peer} ({self.refusals[peer].reason})"
            if peer in self.refusals
            else f"replica {peer} (no answer)"
            for peer in self.replica.peers
            if peer not in self.promises
        )

    def _on_refusal(self, peer_id: int, refusal: Refusal) -> None:
        if refusal.promised > self.view or refusal.hears_master:
            self.replica.step_down(f"replica {peer_id} refused: {refusal.reason}")
            return
        self.refusals[peer_id] = refusal
        self.promises.pop(peer_id, None)
        if peer_id == self.source:
            self.replica.step_down(f"replica {peer_id} refused: {refusal.reason}")
        else:
            self.advance()

    # --------------------------------------------------------------- the best log

    def _adopt_best(self) -> None:
        """Rule 5: of the promised logs, the one with the highest (log_view, length)."""
        mine = self.replica.summary()
        best, owner = (mine.log_view, mine.length), None
        for peer_id in sorted(self.promises):
            theirs = self.promises[peer_id].summary
            if (theirs.log_view, theirs.length) > best:
                best, owner = (theirs.log_view, theirs.length), peer_id
        if owner is None:
            self._begin(self._promised())
            return
        self.source = owner
        self.fetch_length = best[1]
        theirs = self.promises[owner].summary
        prefix = common_prefix(mine, theirs)
        self.common_index = prefix or 0
        if prefix is None or prefix < max(mine.base, theirs.base):
            self.awaiting_state = True
            self.replica.send(owner, Fetch(self.view, NEEDS_STATE, self.common_index))
            return
        self.replica.persist(*self.replica.drop_after(prefix))
        self._fetch_more()

    def _fetch_more(self) -> None:
        assert self.source is not None
        if self.replica.log.length < self.fetch_length:
            length = self.replica.log.length
            self.replica.send(self.source, Fetch(self.view, length, length))
        else:
            self.advance()

    def _on_fetched(self, fetched: Fetched) -> None:
        replica = self.replica
        replica.log.append(fetched.group.entries)
        replica.persist(fetched.group)
        self._fetch_more()

    def _promised(self) -> dict[int, Summary]:
        return {peer: promise.summary for peer, promise in self.promises.items()}

    def _begin(self, promised: dict[int, Summary]) -> None:
        """Rule 4: the view begins with everyone who promised it.

        Rule 9: nobody hears that he is in the set before the disk has forgotten that this
        replica was alone. Else a crash here leaves two that may lead without the other.
        """
        replica = self.replica
        if promised and True in replica.sole_on_disk():
            if replica.meta.sole:
                self.was_sole = True
                replica.persist(meta=replica.meta._replace(sole=False))
            return
        replica.lead(Master(self.replica, self.view, promised, self.askers))
