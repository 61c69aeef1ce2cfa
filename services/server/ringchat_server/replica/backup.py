"""A replica that follows: it appends what its master sends, or waits for one (rules 5, 6, 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringchat_server.records import (
    GROUP_BYTES_MAX,
    Group,
    HandedOverRecord,
    Proposal,
    Record,
    weight_of,
)
from ringchat_server.replica.values import (
    NEEDS_STATE,
    Ack,
    Append,
    Fetch,
    Fetched,
    HandedOver,
    HandOver,
    Message,
    Mismatch,
    SendState,
    StateChunk,
)

if TYPE_CHECKING:
    from ringchat_server.replica.replica import Replica


HAND_OVER_PIECE = 256
"""Proposals to a message, at most."""


def piece_of(aside: tuple[Proposal, ...], first: int) -> tuple[Proposal, ...]:
    """The proposals from that place on, as many as make one message."""
    size = 0
    for position in range(first, min(first + HAND_OVER_PIECE, len(aside))):
        size += weight_of(aside[position].request)
        if size >= GROUP_BYTES_MAX:
            return aside[first : position + 1]
    return aside[first : first + HAND_OVER_PIECE]


class Backup:
    """What a replica knows of the master that it follows; also the role that it starts in."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self._all_have = 0
        self._master: int | None = None
        """Who is being given, on this link, what this replica had put aside."""
        self._handed_over = 0
        """How many of those proposals the master has confirmed."""
        self._rebuild_from: tuple[int, int] | None = None
        """(master, view) that offers itself while this replica's log is lost (rule 13)."""

    # ------------------------------------------------------------------ inputs

    def link_up(self, peer_id: int) -> None:
        """The master begins the conversation."""

    def link_down(self, peer_id: int) -> None:
        """What was handed over on that link may not have arrived."""
        if peer_id == self._master:
            self._master = None
        if self._rebuild_from and self._rebuild_from[0] == peer_id:
            self._rebuild_from = None

    def heard(self, peer_id: int) -> None:
        """A ping may be the answer that a rebuilding replica waits for."""
        self._try_rebuild()

    def greet(self, peer_id: int) -> bool:
        """A backup has nothing to say to a peer but the ping."""
        return False

    def tick(self) -> None:
        """An operator's word may have come."""
        self._try_rebuild()

    def advance(self) -> None:
        """Acknowledgements are released by the writes themselves."""

    def all_have(self) -> int:
        """As the master last told."""
        return self._all_have

    def on_append(self, peer_id: int, append: Append) -> None:
        """The master's entries or its heartbeat."""
        replica = self.replica
        if replica.meta.rebuilding and replica.view != append.view:
            if self._rebuild_from is None or self._rebuild_from[1] < append.view:
                self._rebuild_from = (peer_id, append.view)
            self._try_rebuild()
            return
        assert replica.view == append.view
        if replica.me not in append.in_sync:
            replica.in_sync = False  # whatever comes of this append: the set is another one
        fits = replica.log.view_at(append.previous_index) == append.previous_view
        if not (fits and self._is_same_below(append.group)):
            replica.send_when_durable(peer_id, Mismatch(append.view, replica.summary()))
            return
        records = self._append(append.group)
        matched = append.group.last_index if append.group.entries else append.previous_index
        meta, whole = replica.meta, append.start_index
        if meta.rebuilding:
            meta = replica.born(meta, append.cluster_id, append.birth_view)
            # What this replica had acknowledged before it lost its log may be confirmed
            # by now, in this very view, too: it counts again only when it has all of it.
            whole = max(whole, append.commit_index)
        if matched >= whole:
            # The whole of the view's first log is here; synced together with it (rule 5).
            meta = meta._replace(log_view=append.view, rebuilding=False)
        replica.persist(*records, meta=meta)
        # A majority, in consistency mode, does not ask who else may be at work.
        settled = replica.config.consistent or replica.settled
        ack = Ack(append.view, matched, append.round, settled)
        replica.send_when_durable(peer_id, ack)
        replica.in_sync = replica.me in append.in_sync and meta.log_view == append.view
        self._all_have = append.all_have
        replica.commit(min(append.commit_index, matched))
        if replica.aside and self._master is None and meta.log_view == append.view:
            self._master, self._handed_over = peer_id, 0
            self._hand_over()
        if self._rebuild_from is not None and not replica.meta.rebuilding:
            self._follow_offer(*self._rebuild_from)

    def on_message(self, peer_id: int, message: Message) -> None:
        """A candidate fetches from this log; the master sends a state, takes what was aside."""
        replica = self.replica
        match message:
            case Fetch() if message.view == replica.view:
                self._on_fetch(peer_id, message)
            case StateChunk() if self._is_ahead(peer_id, message):
                replica.replace_log(peer_id, message, message.common_index)
            case HandedOver() if message.view == replica.view and peer_id == self._master:
                self._handed_over += len(self._piece())
                self._hand_over()
            case _:
                pass  # of another view or another role: an echo of what is over

    def state_installed(self) -> None:
        """Tells the master where to go on.

        Not as an acknowledgement: `log_view` has not moved with it (rule 5).
        """
        replica = self.replica
        master = replica.config.owner(replica.view)
        replica.send_when_durable(master, Mismatch(replica.view, replica.summary()))

    # ------------------------------------------------------------------ the log

    def _is_same_below(self, group: Group) -> bool:
        """What of a group this log holds no entries of any more is what its state stands for.

        It may be another order's: compacted since the master was told where the logs part.
        """
        log = self.replica.log
        last = min(log.base_index, group.last_index)
        return last < group.first_index or (
            log.view_at(last) == group.entries[last - group.first_index].view
        )

    def _append(self, group: Group) -> tuple[Record, ...]:
        """Appends what is new of a group; what stands in its way is dropped first (rule 6)."""
        log = self.replica.log
        if group.first_index == log.length + 1:
            if not group.entries:
                return ()
            log.append(group.entries)
            return (group,)
        for position, entry in enumerate(group.entries):
            index = group.first_index + position
            if index <= log.length and (
                index <= log.base_index or log.view_at(index) == entry.view
            ):
                continue  # what is compacted is the same: see `_is_same_below`
            dropped = self.replica.drop_after(index - 1)
            rest = Group(index, group.entries[position:])
            log.append(rest.entries)
            return (*dropped, rest)
        return ()

    def _is_ahead(self, peer_id: int, chunk: StateChunk) -> bool:
        """That state is the master's of this view, and not behind what was acknowledged to it."""
        replica = self.replica
        if chunk.view != replica.view or replica.config.owner(chunk.view) != peer_id:
            return False
        return replica.meta.log_view != chunk.view or chunk.index > replica.log.length

    def _piece(self) -> tuple[Proposal, ...]:
        return piece_of(self.replica.aside, self._handed_over)

    def _hand_over(self) -> None:
        """Gives the master the next piece of what was put aside; forgets it when all is there."""
        replica = self.replica
        assert self._master is not None
        if piece := self._piece():
            replica.send_when_durable(self._master, HandOver(replica.view, piece))
        elif replica.aside:
            replica.aside = ()
            replica.persist(HandedOverRecord())

    def _on_fetch(self, peer_id: int, fetch: Fetch) -> None:
        replica = self.replica
        if replica.meta.rebuilding:
            return
        after = fetch.after_index
        if after == NEEDS_STATE or after < replica.log.base_index:
            replica.effects.append(SendState(peer_id, fetch.view, fetch.common_index))
        elif after < replica.log.length:
            piece = replica.log.slice(after)
            replica.send_when_durable(peer_id, Fetched(fetch.view, piece, replica.log.length))

    # ---------------------------------------------------------------- rebuilding

    def _follow_offer(self, master: int, view: int) -> None:
        """Rebuilt by an older view's master, while a newer one waits: that asks only once."""
        replica, self._rebuild_from = self.replica, None
        if view > replica.view:
            replica.follow(view)
            replica.send_when_durable(master, Mismatch(view, replica.summary()))

    def _try_rebuild(self) -> None:
        """Rule 13: the answers of enough others, and among them the newest view's master."""
        replica, offer = self.replica, self._rebuild_from
        if not replica.meta.rebuilding or offer is None:
            return
        master, view = offer
        heard = [peer for peer in replica.peers.values() if replica.hears(peer.replica_id)]
        newest = max((peer.view for peer in heard), default=view)
        others = replica.config.replicas - 1
        needed = replica.config.majority if replica.config.consistent else others
        enough = len(heard) >= min(needed, others) or replica.rebuild_forced
        if not enough or newest > view or not replica.peers[master].leading:
            return
        self._rebuild_from = None
        replica.rebuild_forced = False
        replica.persist(meta=replica.meta._replace(promised=view))
        replica.send_when_durable(master, Mismatch(view, replica.summary()))
