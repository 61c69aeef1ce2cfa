"""The master of one view: it orders, replicates and confirms (rules 2, 3, 7, 12)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringchat_server.records import NOOP, Entry, Group, HandedOverRecord, Proposal
from ringchat_server.replica.backup import piece_of
from ringchat_server.replica.log import common_prefix
from ringchat_server.replica.values import (
    Ack,
    Answer,
    Append,
    HandedOver,
    HandOver,
    Message,
    Mismatch,
    ReadReady,
    Refusal,
    SendState,
    Serving,
    Summary,
)

if TYPE_CHECKING:
    from ringchat_server.replica.replica import Replica

WINDOW_GROUPS = 16
"""Groups sent to one backup and not acknowledged: beyond that it has to ask, by its acks.

On a slow line that is when groups become larger.
"""


@dataclass(slots=True)
class Progress:
    """What the master knows of one backup's copy of the log."""

    next_index: int = 0
    """First entry not sent on this link; 0 while it is not known what the backup has."""
    acked: int = 0
    """Durable at the backup, and the same as here, up to this index.

    From the view's first entry on also adopted there: only an `Ack` says that (rule 5).
    """
    round: int = 0
    """The newest question of rule 12 that it has answered."""
    settled: bool = False
    """It may join the set, as far as it knows the others (rule 9)."""
    reading_state: bool = False
    """A state record is on its way to it: entries follow when it says that it has it."""
    under_way: deque[int] = field(default_factory=deque)
    """The last index of each group sent on this link and not acknowledged."""

    def begin(self, next_index: int) -> None:
        """Sends from there on; what was sent before does not count. 0: not known yet."""
        self.next_index, self.reading_state = next_index, False
        self.under_way.clear()

    def acknowledged(self, length: int) -> None:
        """So much is durable there, and the same as here."""
        self.acked = max(self.acked, length)
        while self.under_way and self.under_way[0] <= length:
            self.under_way.popleft()


class Master:
    """One view's master. A replica that restarts, or learns of a newer view, makes no new one."""

    def __init__(
        self, replica: Replica, view: int, promised: dict[int, Summary], askers: list[int]
    ) -> None:
        """
        Args:
            promised: the others that promised this view, with their logs: with this replica
                they are the first in-sync set (rule 4).
            askers: the clients that wait for the view to be served.
        """
        assert replica.meta.promised == view and replica.config.owner(view) == replica.me
        self.replica = replica
        self.view = view
        self.askers = askers
        self.in_sync = {replica.me, *promised}
        self.opened = False
        """The first entry of the view is committed, and so is everything before it."""
        self._progress = {peer: Progress() for peer in replica.peers}
        self._rounds: deque[tuple[int, int]] = deque()
        """(round, ticket) of the reads that wait for a majority."""
        self._round = 0
        self._handing_over: deque[tuple[int, int]] = deque()
        """(peer, index): once committed, tell the peer that its hand-over is done."""
        self.start_index = replica.log.length + 1
        for peer_id, theirs in promised.items():
            self._place(peer_id, theirs)
        first = Entry(view, replica.entry_time_ms(), b"", 0, "", b"", NOOP)
        group = Group(self.start_index, [first])
        replica.log.append(group.entries)
        meta = replica.meta._replace(log_view=view, sole=self._alone)
        if replica.unborn:
            meta = replica.born(meta, replica.birth_id, view)
        replica.persist(group, meta=meta)
        replica.in_sync = True
        for peer_id, peer in replica.peers.items():
            if not peer.up:
                continue
            progress = self._progress[peer_id]
            if progress.next_index:
                self._pump(peer_id)
            elif not progress.reading_state:
                self._probe(peer_id)
        if replica.aside:
            self._propose_own_aside()
        self.advance()

    @property
    def _alone(self) -> bool:
        """This replica is the whole in-sync set, and that is news to a ring of more than one."""
        return len(self.in_sync) == 1 and self.replica.config.replicas > 1

    # ------------------------------------------------------------------ inputs

    def propose(self, proposals: Sequence[Proposal]) -> Group:
        """Gives client writes their place, and sends them out while they are being synced."""
        replica = self.replica
        time_ms = replica.entry_time_ms()
        view = self.view
        entries = [Entry(view, time_ms, *proposal) for proposal in proposals]
        group = Group(replica.log.length + 1, entries)
        replica.log.append(entries)
        replica.persist(group)
        for peer_id, progress in self._progress.items():
            if progress.next_index == group.first_index and self._has_room(progress):
                # The very group: its bytes are made once for the journal and for everyone.
                self._send_group(peer_id, progress, group)
            elif progress.next_index:
                self._pump(peer_id)
        return group

    def confirm_view(self, ticket: int) -> None:
        """Rule 12: asks everyone whether this view still holds; reads wait for a majority."""
        self._round += 1
        self._rounds.append((self._round, ticket))
        for peer_id in self.replica.peers:
            self.greet(peer_id)
        self._answer_reads()

    def link_up(self, peer_id: int) -> None:
        """Finds out what the peer has, on the new link."""
        progress = self._progress[peer_id]
        progress.begin(0)
        progress.settled = False
        self._probe(peer_id)

    def link_down(self, peer_id: int) -> None:
        """Rule 7: a backup whose stream broke is dropped from the set, if the set allows it."""
        progress = self._progress[peer_id]
        progress.begin(0)
        self._handing_over = deque(item for item in self._handing_over if item[0] != peer_id)
        self._review()

    def heard(self, peer_id: int) -> None:
        """A ping tells, among other things, of a newer view's master."""
        peer = self.replica.peers[peer_id]
        if peer.leading and peer.view > self.view:
            self.replica.step_down(f"replica {peer_id} leads view {peer.view}")

    def greet(self, peer_id: int) -> bool:
        """Sends the heartbeat: the set, the commit index, the round. False: send a ping."""
        progress = self._progress[peer_id]
        if not self.replica.peers[peer_id].up or not progress.next_index:
            return False
        previous = progress.next_index - 1
        self.replica.send(peer_id, self._append_message(previous, Group(previous + 1, [])))
        return True

    def tick(self) -> None:
        """Silence may have become long enough to drop somebody."""
        self._review()

    def all_have(self) -> int:
        """Every replica of the ring has acknowledged up to here, as far as this master knows."""
        lowest = min((progress.acked for progress in self._progress.values()), default=None)
        return self.replica.commit_index if lowest is None else lowest

    def state_installed(self) -> None:
        """Unreachable: a master's log is replaced by nobody's."""
        raise AssertionError("a master takes no state")

    def on_append(self, peer_id: int, message: object) -> None:
        """Unreachable: `follow` has made this replica a backup."""
        raise AssertionError("a master follows no master")

    def on_message(self, peer_id: int, message: Message) -> None:
        """Acknowledgements, and what else comes from backups."""
        match message:
            case Ack(view=self.view) if message.length <= self.replica.log.length:
                self._on_ack(peer_id, message)
            case Mismatch(view=self.view):
                self._place(peer_id, message.summary)
                self.greet(peer_id)  # the answer is the acknowledgement of what is there
                self._pump(peer_id)
            case HandOver(view=self.view) if message.proposals:
                group = self.propose(message.proposals)
                self._handing_over.append((peer_id, group.last_index))
            case Refusal() if message.promised > self.view:
                self.replica.step_down(f"view {message.promised} is promised by replica {peer_id}")
            case _:
                pass  # of another view or another role: an echo of what is over

    def advance(self) -> None:
        """Confirms what can be, and lets in who can join; that in turn may confirm more."""
        if self.replica.durable.meta.log_view != self.view:
            return
        self._commit()
        if self._let_join():
            self._commit()

    def _commit(self) -> None:
        """Rule 3: commits what is durable on every member of the set."""
        replica = self.replica
        durable = replica.durable
        if self._alone and False in replica.sole_on_disk():
            return  # rule 9: sole is on disk before anything is confirmed alone
        if len(self.in_sync) < replica.config.confirmers_min:
            return
        index = (
            min(
                durable.length,
                *(self._progress[peer].acked for peer in self.in_sync if peer != replica.me),
            )
            if len(self.in_sync) > 1
            else durable.length
        )
        if index < self.start_index:
            return  # older entries are confirmed by the view's first (Raft, section 5.4.2)
        replica.commit(index)
        if not self.opened:
            self._open()
        while self._handing_over and self._handing_over[0][1] <= replica.commit_index:
            replica.send(self._handing_over.popleft()[0], HandedOver(self.view))

    # ---------------------------------------------------------------- the view

    def _open(self) -> None:
        """The view is served from here on: tell those who wait, and the backups."""
        self.opened = True
        replica = self.replica
        replica.effects.append(Serving(True, self.view, ""))
        if self.askers:
            replica.effects.append(Answer(tuple(self.askers), ""))
            self.askers = []
        for peer_id in replica.peers:
            self.greet(peer_id)

    def _propose_own_aside(self) -> None:
        """What this replica itself had put aside comes first in its own view (rule 6)."""
        replica = self.replica
        first = 0
        while piece := piece_of(replica.aside, first):
            self.propose(piece)
            first += len(piece)
        replica.aside = ()
        replica.persist(HandedOverRecord())

    # ----------------------------------------------------------- the in-sync set

    def _review(self) -> None:
        """Drops the members that are gone or silent, as long as enough remain (rule 7)."""
        replica = self.replica
        reachable = sum(replica.hears(peer) for peer in replica.peers) + 1
        if reachable < replica.config.confirmers_min:
            replica.step_down(
                f"only {reachable} of {replica.config.replicas} replicas can be reached; "
                f"a majority of {replica.config.majority} is needed"
            )
            return
        self._drop_lost()
        if self._alone and not replica.meta.sole and not self._joinable():
            replica.persist(meta=replica.meta._replace(sole=True))
        self.advance()

    def _drop_lost(self) -> None:
        replica = self.replica
        for peer_id in sorted(self.in_sync - {replica.me}):
            if not replica.hears(peer_id) and len(self.in_sync) > replica.config.confirmers_min:
                self.in_sync.discard(peer_id)

    def _joinable(self) -> list[int]:
        """Backups whose durable log holds everything confirmed (rule 7).

        Under load a backup's log is never for one moment as long as the master's;
        it need not be: what is not confirmed yet will wait for this member, too.
        """
        needed = max(self.replica.commit_index, self.start_index)
        return [
            peer_id
            for peer_id, progress in self._progress.items()
            if peer_id not in self.in_sync
            and progress.acked >= needed
            and progress.next_index
            and progress.settled
            and self.replica.hears(peer_id)
        ]

    def _let_join(self) -> bool:
        """Widens the set; says whether it did."""
        replica, joining = self.replica, self._joinable()
        if joining and replica.meta.sole:
            # Rule 9: cleared durably before another joins; nothing is confirmed meanwhile.
            replica.persist(meta=replica.meta._replace(sole=False))
        if not joining or True in replica.sole_on_disk():
            return False
        self.in_sync.update(joining)
        self._drop_lost()  # those that were kept because there was nobody in their place
        for peer_id in joining:
            self.greet(peer_id)
        return True

    # --------------------------------------------------------------- replication

    def _place(self, peer_id: int, theirs: Summary) -> None:
        """Finds where the peer's log parts from this one: what follows is sent next.

        The summary was durable when it was sent. One that is shorter than what was
        acknowledged comes from a replica that has lost its disk.
        """
        replica, progress = self.replica, self._progress[peer_id]
        ours = replica.summary()
        prefix = common_prefix(ours, theirs)
        same = prefix or 0
        progress.acked = max(min(progress.acked, same), min(same, self.start_index - 1))
        if prefix is None or prefix < max(ours.base, theirs.base):
            self._send_state(peer_id, same)
        else:
            progress.begin(prefix + 1)

    def _send_state(self, peer_id: int, common_index: int) -> None:
        """Once, and nothing else meanwhile: two states on one link would mix."""
        progress = self._progress[peer_id]
        progress.begin(0)
        progress.reading_state = True
        self.replica.effects.append(SendState(peer_id, self.view, common_index))

    def _probe(self, peer_id: int) -> None:
        """An append of nothing at the end of this log: the answer tells what the peer has."""
        length = self.replica.log.length
        self.replica.send(peer_id, self._append_message(length, Group(length + 1, [])))

    def _pump(self, peer_id: int) -> None:
        """Sends what the peer lacks, as far as its window has room."""
        log, progress = self.replica.log, self._progress[peer_id]
        while 0 < progress.next_index <= log.length and self._has_room(progress):
            if progress.next_index <= log.base_index:
                self._send_state(peer_id, progress.next_index - 1)
                return
            self._send_group(peer_id, progress, log.slice(progress.next_index - 1))

    @staticmethod
    def _has_room(progress: Progress) -> bool:
        return len(progress.under_way) < WINDOW_GROUPS

    def _send_group(self, peer_id: int, progress: Progress, group: Group) -> None:
        self.replica.send(peer_id, self._append_message(progress.next_index - 1, group))
        progress.next_index = group.last_index + 1
        progress.under_way.append(group.last_index)

    def _append_message(self, previous_index: int, group: Group) -> Append:
        replica = self.replica
        previous_view = replica.log.view_at(previous_index)
        assert previous_view is not None
        return Append(
            view=self.view,
            previous_index=previous_index,
            previous_view=previous_view,
            group=group,
            commit_index=replica.commit_index,
            in_sync=tuple(sorted(self.in_sync)),
            start_index=self.start_index,
            round=self._round,
            all_have=self.all_have(),
            cluster_id=replica.meta.cluster_id,
            birth_view=replica.meta.birth_view,
        )

    def _on_ack(self, peer_id: int, ack: Ack) -> None:
        progress = self._progress[peer_id]
        progress.acknowledged(ack.length)
        progress.round = max(progress.round, ack.round)
        progress.settled = ack.settled
        if not progress.next_index and not progress.reading_state:
            progress.next_index = ack.length + 1
        self._pump(peer_id)
        self.advance()
        self._answer_reads()

    def _answer_reads(self) -> None:
        majority = self.replica.config.majority
        while self._rounds:
            number, ticket = self._rounds[0]
            holders = sum(progress.round >= number for progress in self._progress.values()) + 1
            if holders < majority:
                return
            self._rounds.popleft()
            self.replica.effects.append(ReadReady(ticket))
