"""One real core; the test plays its peers, its disk and its clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ringchat_server.records import Entry, Group, Meta, Proposal, Recovered
from ringchat_server.replica import Config, Replica
from ringchat_server.replica.values import (
    Ack,
    Append,
    Effect,
    Hello,
    Message,
    Now,
    Persist,
    Ping,
    Promise,
    Run,
    Send,
    Summary,
)

CLUSTER = b"the cluster's id"
TICK = 0.1


def entries(*views: int) -> list[Entry]:
    """Entries of those views, numbered from 1 on; equal views at one place are equal entries."""
    return [Entry(v, 10 * v, b"c", n, "", b"", ("x",)) for n, v in enumerate(views, 1)]


def summary(log_view: int, *views: int, base: int = 0) -> Summary:
    runs = [Run(n, v) for n, v in enumerate(views, 1) if n == 1 or views[n - 2] != v]
    return Summary(log_view, len(views), base, tuple(runs))


def journal(
    *views: int,
    log_view: int | None = None,
    promised: int | None = None,
    sole: bool = False,
    base: int = 0,
    aside: tuple[Proposal, ...] = (),
    rebuilding: bool = False,
    commit_index: int = 0,
) -> Recovered:
    newest = max(views, default=0)
    meta = Meta(
        promised=newest if promised is None else promised,
        log_view=newest if log_view is None else log_view,
        sole=sole,
        cluster_id=CLUSTER,
        birth_view=0,
        rebuilding=rebuilding,
    )
    runs = summary(0, *views[:base]).runs
    return Recovered(meta, base, runs, entries(*views)[base:], commit_index, aside)


def request(number: int) -> Proposal:
    return Proposal(b"client", number, "", b"", ("x",))


class Bench:
    def __init__(
        self,
        recovered: Recovered | None = None,
        *,
        me: int = 0,
        n: int = 3,
        prefer: str = "availability",
        damaged: bool = False,
    ) -> None:
        def hand_over(
            dropped: Sequence[Entry], first_index: int, common_index: int
        ) -> tuple[Proposal, ...]:
            return tuple(Proposal(*entry[2:]) for entry in dropped if entry.client)

        # Any: a type checker takes what one assertion found to hold after the next input.
        self.core: Any = Replica(
            Config(me, n, prefer, 1.0, keep_entries_max=100),
            recovered,
            damaged=damaged,
            birth_id=CLUSTER,
            time_floor_ms=0,
            hand_over=hand_over,
        )
        self.n, self.me = n, me
        self.seconds = 1.0
        self.done: list[Effect] = []
        self.peers = [peer for peer in range(n) if peer != me]

    def do(self, name: str, *args: Any) -> Any:
        """One input; its effects are kept in `done`."""
        now = Now(self.seconds, round(self.seconds * 1000))
        result = getattr(self.core, name)(now, *args)
        self.done.extend(self.core.take_effects())
        return result

    def up(
        self, *peers: int, view: int = 0, leading: bool = False, cluster: bytes = CLUSTER
    ) -> None:
        for peer in peers or self.peers:
            prefer = self.core.config.prefer
            hello = Hello(peer, self.n, prefer, cluster, 0 if cluster else -1, view, leading)
            self.do("link_up", peer, hello)

    def get(self, peer: int, message: Message) -> None:
        self.do("receive", peer, message)

    def ping(self, *peers: int, view: int = 0, leading: bool = False) -> None:
        for peer in peers:
            self.get(peer, Ping(view, leading, CLUSTER, 0))

    def wait(self, seconds: float, *alive: int, view: int = 0) -> None:
        """Time passes; only `alive` peers ping, as backups."""
        for _ in range(round(seconds / TICK)):
            self.seconds += TICK
            self.ping(*alive, view=view)
            self.do("tick")

    def sync(self) -> None:
        """Everything asked to be written is on disk."""
        tickets = [effect.ticket for effect in self.done if isinstance(effect, Persist)]
        if tickets and tickets[-1] > self.core._durable_ticket:
            self.do("persisted", tickets[-1])

    def written(self) -> list[object]:
        return [r for effect in self.done if isinstance(effect, Persist) for r in effect.records]

    def sent(self, kind: type, peer: int | None = None) -> list[Any]:
        """Messages of a kind since the last call for it, which forgets them."""
        found = [
            e
            for e in self.done
            if isinstance(e, Send)
            and isinstance(e.message, kind)
            and (peer is None or e.peer == peer)
        ]
        self.done = [effect for effect in self.done if effect not in found]
        return [e.message for e in found if isinstance(e.message, kind)]

    def effects(self, kind: type) -> list[Any]:
        found = [effect for effect in self.done if isinstance(effect, kind)]
        self.done = [effect for effect in self.done if not isinstance(effect, kind)]
        return found

    # ------------------------------------------------------------ longer ways

    def promise(
        self, peer: int, view: int, theirs: Summary, *, in_sync: bool = False, sole: bool = False
    ) -> None:
        self.get(peer, Promise(view, theirs, in_sync, sole, birth=False))

    def lead(self, view: int, *promisers: int) -> None:
        """Becomes the master of a view and opens it; promisers have this core's very log."""
        self.up()
        self.do("promote", view, 1)
        self.sync()
        for peer in self.peers:
            if peer in promisers:
                self.promise(peer, view, self.core.summary(), in_sync=True)
            else:
                self.do("link_down", peer)
        self.sync()
        for peer in promisers:
            self.ack(peer)
        assert self.core.leading
        assert self.core.serving

    def ack(self, peer: int, length: int | None = None, round_: int = 0) -> None:
        core = self.core
        self.get(peer, Ack(core.view, core.log.length if length is None else length, round_))

    def append(
        self,
        peer: int,
        view: int,
        previous: tuple[int, int],
        *new: Entry,
        commit: int = 0,
        start: int = 1,
        in_sync: tuple[int, ...] = (),
        round_: int = 0,
    ) -> None:
        index, previous_view = previous
        group = Group(index + 1, list(new))
        message = Append(
            view, index, previous_view, group, commit, in_sync, start, round_, 0, CLUSTER, 0
        )
        self.get(peer, message)
