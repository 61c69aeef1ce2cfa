"""One replica: what it must remember, whom it hears, and which role it plays.

Every input is a method that takes the time; what has to be done about it is
left in `effects`, for the driver to take after each input and carry out in
order. Promises and acknowledgements are not sent but *queued behind the write
that makes them true*: `persisted` releases them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringchat_server.records import (
    NO_VIEW,
    Aside,
    Entry,
    Group,
    Meta,
    Proposal,
    Record,
    Recovered,
    Truncate,
)
from ringchat_server.replica.backup import Backup
from ringchat_server.replica.candidate import Candidate
from ringchat_server.replica.config import Config
from ringchat_server.replica.log import Log
from ringchat_server.replica.master import Master
from ringchat_server.replica.promotion import Promotion
from ringchat_server.replica.values import (
    Answer,
    Append,
    Apply,
    Effect,
    Fetch,
    HandedOver,
    Hello,
    Message,
    Now,
    Persist,
    Ping,
    Prepare,
    Probe,
    ReadReady,
    Rebuild,
    Refusal,
    Run,
    Send,
    Serving,
    StateChunk,
    StoreChunk,
    Summary,
)


@dataclass(slots=True)
class Peer:
    """What is known of another replica on the current link with it."""

    replica_id: int
    up: bool = False
    met: bool = False
    """There has been a link with it since this replica started."""
    heard_at: float = 0.0
    view: int = NO_VIEW
    leading: bool = False


@dataclass(frozen=True, slots=True)
class Durable:
    """What is true once a write is synced."""

    length: int
    epoch: int
    meta: Meta


class Replica:
    """The rules of one replica (design, section 3). See the package for the caller's duties."""

    def __init__(
        self,
        config: Config,
        recovered: Recovered | None,
        *,
        damaged: bool,
        birth_id: bytes,
        time_floor_ms: int,
        hand_over: Callable[[Sequence[Entry], int, int], tuple[Proposal, ...]],
    ) -> None:
        """
        Args:
            recovered: what the journal held; None if there was none to read.
            damaged: the journal was there and could not be read: rebuild (rule 13).
            birth_id: random; becomes the cluster's id if this replica begins the first view.
            time_floor_ms: no entry gets an earlier time.
            hand_over: rewrites entries that are dropped for another order of the log (rule 6).
        """
        self.config = config
        self.me = config.replica_id
        self.meta = recovered.meta if recovered else Meta(rebuilding=damaged)
        self.log = (
            Log(recovered.base_index, recovered.runs, recovered.entries)
            if recovered
            else Log(0, (), [])
        )
        self.commit_index = (
            max(self.log.base_index, min(recovered.commit_index, self.log.length))
            if recovered
            else 0
        )
        self.aside = recovered.aside if recovered else ()
        self.birth_id = birth_id
        self.hand_over = hand_over
        self.now = Now(0.0, 0)
        self._settles_at: float | None = None
        self.last_time_ms = max(time_floor_ms, self.log.last_time_ms)
        self.durable = Durable(self.log.length, 0, self.meta)
        self.epoch = 0
        self.in_sync = False
        """Running, and in sync as far as it knows, since the last view it knew (rule 9)."""
        self.rebuild_forced = False
        """An operator has said to rebuild without the replicas that are missing."""
        self.peers = {
            peer: Peer(peer) for peer in range(config.replicas) if peer != config.replica_id
        }
        self.role: Master | Candidate | Backup = Backup(self)
        self.effects: list[Effect] = []
        self._behind_writes: deque[tuple[int, Durable | Send]] = deque()
        self._ticket = 0
        self._durable_ticket = 0
        self._promotion = Promotion(self)
        self._receiving: tuple[int, int, int, int] | None = None
        """(peer, view, index, offset) of the next piece of the state that is being received."""
        self._next_heartbeat = 0.0

    # ------------------------------------------------------------------ asking

    @property
    def view(self) -> int:
        """The highest view promised."""
        return self.meta.promised

    @property
    def unborn(self) -> bool:
        """Knows nothing: neither a cluster nor that it has lost one (rule 15)."""
        return not self.meta.cluster_id and not self.meta.rebuilding

    @property
    def leading(self) -> bool:
        """This replica is the master of its view."""
        return isinstance(self.role, Master)

    @property
    def serving(self) -> bool:
        """Leading, and everything of earlier views is committed."""
        return isinstance(self.role, Master) and self.role.opened

    @property
    def in_sync_set(self) -> tuple[int, ...]:
        """The in-sync set that this replica leads; empty if it leads none."""
        return tuple(sorted(self.role.in_sync)) if isinstance(self.role, Master) else ()

    @property
    def role_name(self) -> str:
        """For people: master, candidate, backup, rebuilding or new."""
        if self.meta.rebuilding:
            return "rebuilding"
        if self.leading:
            return "master"
        if isinstance(self.role, Candidate):
            return "candidate"
        return "new" if self.unborn else "backup"

    def heard_master(self) -> int | None:
        """The peer that leads this view or a newer one and has been heard of late."""
        leaders = [
            peer
            for peer in self.peers.values()
            if peer.leading and peer.view >= self.view and self.hears(peer.replica_id)
        ]
        return max(leaders, key=lambda peer: peer.view).replica_id if leaders else None

    def hears(self, peer_id: int) -> bool:
        """The link to that peer stands, and it has spoken within `suspect_after`."""
        return self.peers[peer_id].up and self.now.seconds < self._silent_at(peer_id)

    def _silent_at(self, peer_id: int) -> float:
        """When a peer that says nothing more counts as silent."""
        return self.peers[peer_id].heard_at + self.config.suspect_after_seconds

    @property
    def settled(self) -> bool:
        """This replica has met every other one, or has given them `suspect_after` for it.

        Until then one that it has not met may be a healthy master (rule 11), or at work without
        knowing that this one is: each would take the other for dead (rule 9).
        """
        if all(peer.met for peer in self.peers.values()):
            return True
        return self._settles_at is not None and self.now.seconds >= self._settles_at

    @property
    def due_at(self) -> float:
        """Until then, in seconds of the clock, `tick` would find nothing to do."""
        silences = (self._silent_at(peer.replica_id) for peer in self.peers.values() if peer.up)
        later = [at for at in silences if at > self.now.seconds]
        if self._settles_at is not None and self._settles_at > self.now.seconds:
            later.append(self._settles_at)
        return min([self._next_heartbeat, *later])

    def hello(self) -> Hello:
        """The first message on a new link."""
        return Hello(
            replica_id=self.me,
            replicas=self.config.replicas,
            prefer=self.config.prefer,
            cluster_id=self.meta.cluster_id,
            birth_view=self.meta.birth_view,
            view=self.view,
            leading=self.leading,
        )

    def check_hello(self, hello: Hello) -> str | None:
        """Why a link with that replica cannot be; None if it can."""
        mine = self.hello()
        if hello.protocol != mine.protocol:
            return f"it speaks protocol {hello.protocol}, this replica {mine.protocol}"
        if hello.replicas != mine.replicas or hello.prefer != mine.prefer:
            return "its cluster.yaml names other replicas or prefers otherwise"
        if hello.replica_id not in self.peers:
            return f"its replica id {hello.replica_id} is not one of this ring's others"
        if hello.cluster_id and mine.cluster_id and hello.cluster_id != mine.cluster_id:
            return "it belongs to another cluster: check its data folder"
        return None

    # ------------------------------------------------------------------ inputs

    def take_effects(self) -> list[Effect]:
        """What the inputs since the last call ask for, in order."""
        effects, self.effects = self.effects, []
        return effects

    def tick(self, now: Now) -> None:
        """Time has passed. To be called when `due_at` has come; earlier does no harm."""
        self._at(now)
        if now.seconds >= self._next_heartbeat:
            self._next_heartbeat = now.seconds + self.config.heartbeat_seconds
            for peer in self.peers.values():
                if peer.up and not self.role.greet(peer.replica_id):
                    self.ping(peer.replica_id)
        self._promotion.reconsider()
        self.role.tick()

    def link_up(self, now: Now, peer_id: int, hello: Hello) -> None:
        """A link stands, its handshake was accepted: nothing of an older one counts (rule 8)."""
        self._at(now)
        peer = self.peers[peer_id]
        peer.up, peer.met, peer.heard_at = True, True, now.seconds
        peer.view, peer.leading = hello.view, hello.leading
        self._notice_birth(hello)
        self.role.link_up(peer_id)

    def link_down(self, now: Now, peer_id: int) -> None:
        """The link broke: the peer may be dead, and will not see what was in flight."""
        self._at(now)
        peer = self.peers[peer_id]
        peer.up, peer.leading = False, False
        self._behind_writes = deque(
            (ticket, item)
            for ticket, item in self._behind_writes
            if not (isinstance(item, Send) and item.peer == peer_id)
        )
        self._promotion.link_down(peer_id)
        self.role.link_down(peer_id)
        self._promotion.reconsider()

    def receive(self, now: Now, peer_id: int, message: Message) -> None:
        """A message came on the current link with that peer."""
        self._at(now)
        peer = self.peers[peer_id]
        assert peer.up, "messages come on a link that stands"
        peer.heard_at = now.seconds
        match message:
            case Ping():
                peer.view, peer.leading = message.view, message.leading
                self._notice_birth(message)
                self.role.heard(peer_id)
            case Probe():
                self._promotion.on_probe(peer_id, message)
            case Prepare() | Append() | Fetch() | HandedOver() if (
                self.config.owner(message.view) != peer_id
            ):
                reason = f"view {message.view} belongs to another replica"
                self.send(peer_id, self.refusal(message.view, reason))
            case Prepare():
                self._promotion.on_prepare(peer_id, message)
            case Append() | StateChunk() | Fetch() if message.view < self.view:
                reason = f"view {self.view} is promised"
                self.send(peer_id, self.refusal(message.view, reason))
            case Append():
                peer.view, peer.leading = message.view, True
                self._notice_birth(message)
                if not self.meta.rebuilding:
                    self.follow(message.view)
                self.role.on_append(peer_id, message)
            case _:
                self.role.on_message(peer_id, message)
        self._promotion.reconsider()

    def propose(self, now: Now, proposals: Sequence[Proposal]) -> Group:
        """Clients' writes, for the master to give a place in the log.

        Only while `serving`.
        """
        self._at(now)
        assert isinstance(self.role, Master) and self.role.opened
        return self.role.propose(proposals)

    def promote(self, now: Now, view: int, asker: int) -> None:
        """A client asks this replica to take a view (rule 11). Ends in an `Answer`."""
        self._at(now)
        self._promotion.promote(view, asker)

    def override(self, now: Now) -> str:
        """An operator's word to go on without the replicas that are missing.

        Returns:
            One line: what will happen.
        """
        self._at(now)
        if self.config.consistent:
            return "refused: in consistency mode a majority cannot be done without"
        if self.meta.rebuilding:
            self.rebuild_forced = True
            self.role.tick()
            return "will rebuild from the newest master that can be reached"
        if (master := self.heard_master()) is not None:
            return f"nothing to do: replica {master} leads view {self.peers[master].view}"
        if self.leading:
            return f"nothing to do: this replica leads view {self.view}"
        if self.unborn:
            return "refused: this replica is new; the first view needs every replica"
        if not self.settled:
            return "refused: this replica has just started; ask it again in a moment"
        if isinstance(self.role, Candidate):
            view = self.role.view
            self.role.force()
        else:
            view = self.view + 1 + (self.me - self.view - 1) % self.config.replicas
            self._promotion.stand(view, [], forced=True)
        return f"begins view {view} with the replicas that answer"

    def read(self, now: Now, ticket: int) -> None:
        """A read arrived; `ReadReady` says when it may be answered (rule 12).

        Only while `serving`.
        """
        self._at(now)
        assert isinstance(self.role, Master) and self.role.opened
        if self.config.consistent:
            self.role.confirm_view(ticket)
        else:
            self.effects.append(ReadReady(ticket))

    def persisted(self, now: Now, ticket: int) -> None:
        """Everything up to that `Persist` is synced."""
        self._at(now)
        self._durable_ticket = ticket
        while self._behind_writes and self._behind_writes[0][0] <= ticket:
            _, item = self._behind_writes.popleft()
            if isinstance(item, Send):
                self.effects.append(item)
            else:
                length = item.length if item.epoch == self.epoch else self.durable.length
                self.durable = Durable(length, self.epoch, item.meta)
        self.role.advance()

    def state_installed(
        self, now: Now, index: int, runs: Sequence[tuple[int, int]], time_ms: int
    ) -> None:
        """The state record of a finished `StoreChunk` is the journal now, and durable."""
        self._at(now)
        self.epoch += 1
        self.log = Log(index, runs, [])
        self.commit_index = index
        self.last_time_ms = max(self.last_time_ms, time_ms)
        self.durable = Durable(index, self.epoch, self.meta)
        self.role.state_installed()

    def compactable(self) -> tuple[int, tuple[Run, ...]]:
        """(index, runs up to it): where a state record may stand for the entries (rule 14)."""
        index = max(self.role.all_have(), self.commit_index - self.config.keep_entries_max)
        index = max(self.log.base_index, min(index, self.commit_index, self.durable.length))
        return index, self.log.runs_up_to(index)

    def compacted(self, index: int) -> None:
        """The journal begins with the state at `index` now."""
        if index > self.log.base_index:
            self.last_time_ms = max(self.last_time_ms, self.log.last_time_ms)
            self.log.trim(index)

    def resign(self, now: Now, reason: str) -> None:
        """This replica is about to stop: let go of the view so that nobody waits for it."""
        self._at(now)
        self._promotion.settle(reason)
        if not isinstance(self.role, Backup):
            self.step_down(reason)

    # --------------------------------------------------------- used by the roles

    def send(self, peer_id: int, message: Message) -> None:
        """Sends at once: for what claims nothing about this replica's disk."""
        self.effects.append(Send(peer_id, message))

    def send_when_durable(self, peer_id: int, message: Message) -> None:
        """Sends when everything written so far is synced."""
        if self._durable_ticket == self._ticket:
            self.effects.append(Send(peer_id, message))
        else:
            self._behind_writes.append((self._ticket, Send(peer_id, message)))

    def persist(self, *records: Record, meta: Meta | None = None) -> None:
        """Writes records, and `meta` as the new one, to the journal."""
        if meta is not None and meta != self.meta:
            assert meta.promised >= self.meta.promised, "a promise is never taken back (rule 1)"
            self.meta = meta
            records = (*records, meta)
        if records:
            self._ticket += 1
            self.effects.append(Persist(self._ticket, records))
            done = Durable(self.log.length, self.epoch, self.meta)
            self._behind_writes.append((self._ticket, done))

    def sole_on_disk(self) -> set[bool]:
        """What a crash now may leave there of the mark of rule 9: both, while that is written."""
        written = (item for _, item in self._behind_writes if isinstance(item, Durable))
        return {one.meta.sole for one in (self.durable, *written)}

    def refusal(self, view: int, reason: str, *, hears_master: bool = False) -> Refusal:
        """The answer to a message of a view that this replica does not obey."""
        return Refusal(view, self.view, reason, hears_master)

    def summary(self) -> Summary:
        """This replica's log in brief."""
        return self.log.summary(self.meta.log_view)

    def commit(self, index: int) -> None:
        """Entries up to `index` are committed, and are to be applied (rule 3)."""
        if index > self.commit_index:
            assert index <= self.log.length
            self.commit_index = index
            self.effects.append(Apply(index))

    def drop_after(self, length: int) -> tuple[Record, ...]:
        """Drops the entries after `length`; returns the records that make it so (rule 6)."""
        dropped = self.log.truncate(length)
        if not dropped:
            return ()
        self.epoch += 1
        self.durable = Durable(min(self.durable.length, length), self.epoch, self.durable.meta)
        records: tuple[Record, ...] = (Truncate(length),)
        if not self.config.consistent:
            proposals = self.hand_over(dropped, length + 1, length)
            if proposals:
                self.aside += proposals
                records = (Aside(proposals), *records)
        if self.commit_index > length:
            assert not self.config.consistent, "what is committed is never dropped"
            self.commit_index = length
            self.effects.append(Rebuild(length))
        return records

    def replace_log(self, peer_id: int, chunk: StateChunk, common_index: int) -> None:
        """Takes the next piece of a peer's state; with the last, that state replaces this log.

        A piece that is not the next belongs to a state that was given up.

        What follows `common_index` here and was compacted already is in no entry
        any more: rule 14's bound is how much that can be.
        """
        here = (peer_id, chunk.view, chunk.index, chunk.offset)
        if chunk.offset > 0 and here != self._receiving:
            return
        self._receiving = None if chunk.last else (*here[:3], chunk.offset + len(chunk.data))
        if chunk.last:
            self.in_sync = False  # until a master says so again: this log may become shorter
            first = max(common_index, self.log.base_index)
            if not self.config.consistent and first < self.log.length:
                dropped = self.log.entries(first, self.log.length)
                self.aside += self.hand_over(dropped, first + 1, common_index)
        self.effects.append(StoreChunk(chunk, self.meta, self.aside))

    def follow(self, view: int) -> None:
        """Becomes a backup of that view, promising it if it is newer."""
        if view > self.view:
            self.persist(meta=self.meta._replace(promised=view, sole=False))
            self.become_backup("a newer view has begun")
        assert isinstance(self.role, Backup), "a view that this replica owns has no other master"

    def step_down(self, reason: str) -> None:
        """Stops leading or standing, without promising anything."""
        self.become_backup(reason)
        for peer in self.peers.values():
            if peer.up:
                self.ping(peer.replica_id)

    def lead(self, role: Master) -> None:
        """The candidate has become the master."""
        self._promotion.settle(f"this replica leads view {role.view}", hears_master=True)
        self.role = role

    @staticmethod
    def born(meta: Meta, cluster_id: bytes, birth_view: int) -> Meta:
        """`meta` of a replica that belongs to a cluster from now on."""
        return meta._replace(cluster_id=cluster_id, birth_view=birth_view, birth_promises=())

    def ping(self, peer_id: int) -> None:
        """Shows a peer that this replica is there, and as what."""
        meta = self.meta
        self.send(peer_id, Ping(self.view, self.leading, meta.cluster_id, meta.birth_view))

    def entry_time_ms(self) -> int:
        """The time for the next entry: the clock's, but never going back."""
        self.last_time_ms = max(self.last_time_ms, self.log.last_time_ms, self.now.time_ms)
        return self.last_time_ms

    # ------------------------------------------------------------------- changes

    def _at(self, now: Now) -> None:
        """The time of an input.

        After a gap it was this replica that slept: what the others said meanwhile is
        still unread, and must not look like silence.
        """
        slept_seconds = now.seconds - self.now.seconds
        if self._settles_at is None:
            self._settles_at = now.seconds + self.config.suspect_after_seconds
        elif slept_seconds > self.config.suspect_after_seconds / 2:
            self._settles_at += slept_seconds
            for peer in self.peers.values():
                peer.heard_at = now.seconds
        self.now = now

    def become_backup(self, reason: str) -> None:
        """Follows, or waits for a master to follow; whoever waited for this one is told."""
        old, self.role = self.role, Backup(self)
        if isinstance(old, Master):
            self.in_sync = True
            self.effects.append(Serving(False, old.view, reason))
        askers = old.askers if isinstance(old, Master | Candidate) else []
        if askers:
            self.effects.append(Answer(tuple(askers), reason))

    def _notice_birth(self, word: Hello | Ping | Append) -> None:
        """Rule 15: this replica is empty, and hears of a cluster.

        If it promised, as a new one, the very view in which that cluster was
        born, then it belongs to it and has lost nothing. Otherwise its disk was
        replaced, and it has to be rebuilt before it may promise anything.
        """
        if not word.cluster_id or not self.unborn:
            return
        if word.birth_view in self.meta.birth_promises:
            self.persist(meta=self.born(self.meta, word.cluster_id, word.birth_view))
        else:
            self.meta = Meta(rebuilding=True)
        if not isinstance(self.role, Backup):
            self.become_backup("this replica is empty, and there is a cluster already")
