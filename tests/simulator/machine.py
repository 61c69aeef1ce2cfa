"""A machine of the ring: its disk stays, its process comes and goes.

The process is the real engine (rules and chat) with the real journal; this file
is what `node.py`, `keeper.py` and `links.py` are in the product.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ringchat_server.chat import Chat
from ringchat_server.engine import Engine
from ringchat_server.journal import EMPTY_STATE, DiskFailed, Journal, JournalRefused, Opened
from ringchat_server.records import NO_VIEW, Group, Meta, Proposal, Record, Truncate
from ringchat_server.replica import Config
from ringchat_server.replica.values import Hello, Message, Now, Run, StateChunk
from tests.simulator.disk import Crash, FakeDisk
from tests.simulator.finder import Finder
from tests.simulator.journal_thread import JournalThread
from tests.simulator.network import BROKEN, Connection

if TYPE_CHECKING:
    from tests.simulator.world import World

SUSPECT_AFTER_SECONDS = 1.0
TICK_LATE_SECONDS_MAX = 0.01
"""What a timer may be late."""
REDIAL_SECONDS = (0.02, 0.25)
HANDSHAKE_SECONDS_MAX = 1.0
RESTART_SECONDS = (0.05, 0.8)
"""After a failed start or a failed disk, before whoever looks after it starts it again."""


class Machine:
    """One machine: disk, clock, and at most one process."""

    def __init__(self, world: World, machine_id: int) -> None:
        self.world = world
        self.id = machine_id
        self.disk = FakeDisk()
        self.process: Process | None = None
        self.paused = False
        self.off = False
        """The power has failed: nobody answers, not even the system."""
        self.away = False
        """It does not come back, whoever starts it."""
        self.slow_disk = False
        self.hung_disk = False
        """Nothing that is written becomes durable, and nothing fails."""
        self.clock_offset_ms = 0
        self.views_on_disk: list[int] = []
        """The view of each entry that is durable here."""
        self.rotten = False
        """Something in its files has changed, and it has not read them since."""
        self.lost = False
        """Its journal was lost, and it has not been rebuilt since."""
        self.lost_length = 0
        """So long its log was when it was lost."""
        self.vowed = -1
        """The highest view in which it has promised or acknowledged anything (rule 1)."""
        self.acknowledged = (0, NO_VIEW)
        """(index, view) of the last entry that it has said is on its disk."""
        self.counted = 0
        """The newest entry that was confirmed because this machine has it, too."""
        self.serving_since = 0.0
        """When its process began to lead, if it leads."""
        self._backlog: list[Callable[[], object]] = []
        self._stale: list[Connection] = []
        """Those that its last process had when the power failed: the others still believe in
        them, until this machine is back and answers that it knows nothing of them."""

    # -------------------------------------------------------------- the process

    def start(self) -> None:
        """Starts the process on what the disk holds."""
        if self.process is not None or self.away:
            return
        world = self.world
        self.paused = self.off = False
        self._backlog.clear()
        self.disk.crash_at = None
        try:
            journal, opened = Journal.open(self.disk, self.id)
        except JournalRefused as error:
            world.say(f"r{self.id}", "cannot start: {}", error)
            world.count("fault", "start refused by the disk")
            self.restart_later()
            return
        if opened.kept_aside is not None:
            world.count("fault", "damaged journal found")
            self.lose()
        self.views_on_disk = _views_of(opened)
        process = Process(self, journal, opened)
        world.watch.started(self, process)
        self.rotten = False
        self.process = process
        self._unheard()
        for connection in self._stale:
            world.schedule.after(world.chance.uniform(0.01, 0.4), connection.reset, self.id)
        self._stale = []
        world.say(f"r{self.id}", "starts: {}", opened.note)
        self.run(process, process.begin)

    def lose(self) -> None:
        """What it had on its disk is lost to it."""
        if not self.lost:
            self.lost, self.lost_length = True, len(self.views_on_disk)
        self.vowed, self.acknowledged = -1, (0, NO_VIEW)

    def restart_later(self) -> None:
        """Whoever looks after this machine starts it again in a moment."""
        world = self.world
        world.schedule.after(world.chance.uniform(*RESTART_SECONDS), self.start)

    def run(self, process: Process, action: Callable[..., object], *arguments: Any) -> None:
        """Lets a process do something, if it lives; when it wakes up, if it is paused."""
        if process is not self.process:
            return
        if self.paused:
            self._backlog.append(partial(action, *arguments))
            return
        try:
            action(*arguments)
        except Crash as crash:
            self.world.count("fault", f"crash in {self.disk.log[-1]}")
            if process.thread.compacting:
                self.world.count("fault", "crash in a compaction")
            self.die(f"power fails at {crash}", power=True)
            self.restart_later()
            return
        if process.ended and process is self.process:
            self.die(process.ended, power=False)
            self.restart_later()
        elif process is self.process:
            self.world.watch.looked_at(self)

    def die(self, why: str, *, power: bool, polite: bool = False) -> None:
        """The process ends now.

        Args:
            power: what was not synced is lost, and nobody is told; otherwise the system
                lives: it keeps what it was given, and closes the connections.
            polite: it had the time to say everything.
        """
        process, world = self.process, self.world
        if process is None:
            return
        world.say(f"r{self.id}", "dies: {}", why)
        self.process = None
        self.paused, self.off, self.hung_disk = False, power, False
        self._backlog.clear()
        self._stale += process.break_off(power=power, polite=polite)
        self._finish_job(process)
        chance = world.chance
        self.disk = (
            self.disk.crashed(self.disk.random_outcome(chance)) if power else self.disk.killed()
        )
        world.watch.died(self, process)

    def _finish_job(self, process: Process) -> None:
        """What the journal's thread was at may have been done to any part."""
        job = process.thread.under_way()
        if job is None or not job.writes or self.disk.crash_at is not None:
            return
        chance = self.world.chance
        if chance.random() < 0.3:
            return
        self.disk.fail_at = None
        self.disk.crash_at = self.disk.steps + chance.randrange(1, 4)
        try:
            job.work()
        except (Crash, OSError):
            self.world.count("fault", "crash in a write")
        except DiskFailed as error:  # it had failed before
            self.world.say(f"r{self.id}", "the write that was under way: {}", error)

    def pause(self) -> None:
        """SIGSTOP."""
        if self.process is not None and not self.paused:
            self.paused = True
            self._unheard()
            self.world.say(f"r{self.id}", "is paused")

    def resume(self) -> None:
        """SIGCONT: everything that came meanwhile is done now, in its order."""
        if not self.paused:
            return
        self.paused = False
        self._unheard()
        self.world.say(f"r{self.id}", "goes on")
        backlog, self._backlog = self._backlog, []
        process = self.process
        assert process is not None
        for action in backlog:
            self.run(process, action)

    def _unheard(self) -> None:
        """Nobody has been hearing it."""
        for other in range(self.world.replicas):
            self.world.network.mute(self.id, other)

    # ------------------------------------------------------------------ for all

    def now(self) -> Now:
        """Both clocks of this machine."""
        seconds = self.world.schedule.seconds
        return Now(seconds, 1_700_000_000_000 + int(seconds * 1000) + self.clock_offset_ms)


class Process:
    """One life of a replica: the surroundings of an engine."""

    def __init__(self, machine: Machine, journal: Journal, opened: Opened) -> None:
        world = machine.world
        self.machine = machine
        self.world = world
        self.id = machine.id
        self.ended = ""
        """Why this process has to end; empty while it has not."""
        self._attempts: dict[int, Connection] = {}
        """Peer -> the connection on which it is being dialled: one at a time."""
        self.links: dict[int, Connection] = {}
        """Peer -> the connection that is the link with it."""
        self.connections: dict[Connection, Hello | None] = {}
        """All that are open at this end, links and clients'; of a dialled one, the first hello."""
        self.thread = JournalThread(journal, machine.disk, machine.id, self)
        config = Config(
            machine.id,
            world.replicas,
            world.prefer,
            SUSPECT_AFTER_SECONDS,
            world.profile.keep_entries_max,
        )
        birth_id = world.chance.randbytes(16)
        self.finder = Finder()
        self.engine = Engine(self, config, opened, birth_id)

    def begin(self) -> None:
        """The ports open, the links are dialled."""
        self._tick()
        for peer in range(self.world.replicas):
            if peer > self.id:
                self._keep_dialling(peer)
            elif peer < self.id:
                self._knock(peer)

    def later(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None:
        """Plans something on this process's loop."""
        self.world.schedule.after(seconds, self.machine.run, self, action, *arguments)

    def break_off(self, *, power: bool, polite: bool) -> list[Connection]:
        """The process is gone: what becomes of its connections; those nobody is told of."""
        self.finder.forget()
        stale: list[Connection] = []
        for connection in list(self.connections):
            if power:
                connection.ends[self.id].shut()
                stale.append(connection)
            elif polite or self.world.chance.random() < 0.5:
                connection.hang_up(self.id)
            else:
                connection.reset(self.id)
        self.connections.clear()
        return stale

    def _tick(self) -> None:
        self.engine.tick()
        due_seconds = self.engine.replica.due_at - self.now().seconds
        late_seconds = TICK_LATE_SECONDS_MAX * self.world.chance.random()
        self.later(max(due_seconds, 0.0) + late_seconds, self._tick)

    def compact(self) -> bool:
        """Begins a compaction, if one would gain anything."""
        replica = self.engine.replica
        index, _ = replica.compactable()
        if self.thread.compacting or index <= self.thread.journal.base_index:
            return False
        if self.world.may_lose_its_view(self):
            if index > replica.role.all_have():
                return False
            self.world.count("rule", "14 a side that is cut off compacts what all have")
        self.thread.compact(index, self.engine.compacted)
        return True

    # ------------------------------------------------- the engine's surroundings

    def now(self) -> Now:
        """Both clocks."""
        return self.machine.now()

    @property
    def writing(self) -> bool:
        """A journal write is under way."""
        return self.thread.busy

    def flush_soon(self) -> None:
        """Flushes in the next event."""
        self.later(0.0, self.engine.flush)

    def write(self, ticket: int, records: tuple[Record, ...], commit_index: int) -> None:
        """Queues records for the journal."""
        self.world.watch.proposed(self, records)
        self.thread.write(ticket, records, commit_index)

    def send(self, peer_id: int, message: Message) -> None:
        """Sends on the current link."""
        link = self.links.get(peer_id)
        if link is not None:
            self.world.watch.said(self, peer_id, message)
            link.send(self.id, message)

    def send_state(self, peer_id: int, view: int, common_index: int) -> None:
        """Sends the journal's state record."""
        link = self.links.get(peer_id)

        def take(
            index: int, runs: tuple[tuple[int, int], ...], offset: int, data: bytes, last: bool
        ) -> bool:
            if link is None or self.links.get(peer_id) is not link:
                return False
            data = EMPTY_STATE if index == 0 else data
            named = tuple(Run(*run) for run in runs)
            self.send(peer_id, StateChunk(view, index, named, common_index, offset, data, last))
            return True

        self.thread.read_state(take)

    def store_chunk(self, offset: int, data: bytes) -> None:
        """Keeps a piece of another replica's state."""
        self.thread.store_chunk(offset, data)

    def install(
        self, index: int, runs: tuple[Run, ...], meta: Meta, aside: tuple[Proposal, ...]
    ) -> Chat:
        """Makes the state that was stored the journal."""
        try:
            chat = self.thread.install(index, runs, meta, aside)
        except Crash:
            self.world.count("fault", "crash in an installation")
            raise
        self.machine.views_on_disk = _views_up_to(index, runs)
        self.world.count("rule", "14 a state is installed")
        self.world.watch.installed(self, index)
        return chat

    def reread(self) -> Opened:
        """What the journal holds."""
        return self.thread.reread()

    def disk_failed(self, line: str) -> None:
        """Rule 13: the process ends."""
        self.world.count("rule", "13 a failed disk ends the process")
        self.ended = self.ended or line

    def bug(self, line: str) -> None:
        """Something that cannot be has happened."""
        raise AssertionError(line)

    def serving_changed(self, serving: bool) -> None:
        """This replica leads, or does no longer: then another one has the index."""
        self.engine.newsroom.read_all(None)
        self.finder.forget()
        self.world.watch.serving_changed(self, serving)

    def answered_all(self) -> None:
        """Nobody waits."""

    # ------------------------------------------------- the journal thread's owner

    def job_seconds(self) -> float:
        """How long the disk takes for the next job."""
        chance = self.world.chance
        if self.machine.slow_disk:
            return chance.uniform(0.05, 0.6)
        return chance.uniform(*self.world.profile.disk_seconds)

    @property
    def disk_hangs(self) -> bool:
        """Nothing gets done for the time being."""
        return self.machine.hung_disk

    def written(self, records: list[Record]) -> None:
        """These are durable."""
        self.world.watch.written(self, records)
        views = self.machine.views_on_disk
        for record in records:
            if isinstance(record, Group):
                assert record.first_index == len(views) + 1, "the journal has no hole"
                views.extend(entry.view for entry in record.entries)
            elif isinstance(record, Truncate):
                del views[record.length :]

    def synced(self, ticket: int) -> None:
        """Everything up to that ticket is durable."""
        self.world.watch.synced(self)
        self.engine.synced(ticket)

    # --------------------------------------------------------------------- links

    def _keep_dialling(self, peer: int) -> None:
        """Dials whenever there is no link, and beside one that is silent."""
        self.later(self.world.chance.uniform(*REDIAL_SECONDS), self._keep_dialling, peer)
        if peer not in self.links or not self.engine.replica.hears(peer):
            self.dial(peer)

    def _knock(self, peer: int) -> None:
        """Tells a replica whose part it is to dial that this one is there."""
        other = self.world.machines[peer]
        if self.world.network.reaches(self.id, peer) and other.process is not None:
            seconds = self.world.network.delay(self.id, peer)
            self.world.schedule.after(seconds, _knocked, other, self.id)

    def dial(self, peer: int) -> None:
        """Opens a connection and sends the first hello."""
        if peer in self._attempts:
            return
        connection = self.world.connect(self.id, peer, Process.accept_peer)
        self.connections[connection] = None
        self._attempts[peer] = connection
        arrive = partial(self._dialled, connection, peer)
        connection.listen(self.id, partial(self.machine.run, self, arrive))
        connection.send(self.id, self.engine.replica.hello())
        self.later(HANDSHAKE_SECONDS_MAX, self._give_up, connection, peer)

    def accept_peer(self, connection: Connection, peer: int) -> None:
        """A replica has dialled."""
        self.connections[connection] = None
        arrive = partial(self._dialled_by, connection, peer)
        connection.listen(self.id, partial(self.machine.run, self, arrive))

    def _give_up(self, connection: Connection, peer: int) -> None:
        if self._attempts.get(peer) is connection:
            self._close(connection, peer)

    def _close(self, connection: Connection, peer: int) -> None:
        if self._attempts.get(peer) is connection:
            del self._attempts[peer]
        if connection in self.connections:
            del self.connections[connection]
            connection.hang_up(self.id)

    def _dialled(self, connection: Connection, peer: int, item: object) -> None:
        """What arrives at the end that has dialled: the answering hello, then messages."""
        link = self.links.get(peer)
        if link is connection:
            self._arrived(connection, peer, item)
        elif isinstance(item, Hello) and connection in self.connections:
            # Again, so that the peer does not take over a link that was given up meanwhile.
            connection.send(self.id, self.engine.replica.hello())
            self._attempts.pop(peer, None)
            self._take_over(connection, peer, item)
        else:
            self._close(connection, peer)

    def _dialled_by(self, connection: Connection, peer: int, item: object) -> None:
        """What arrives at the other end: a hello, a second one, then messages."""
        link = self.links.get(peer)
        if link is connection:
            self._arrived(connection, peer, item)
        elif not isinstance(item, Hello) or connection not in self.connections:
            self._close(connection, peer)
        elif self.connections[connection] is None:
            if self._refuses(item):
                self._close(connection, peer)
                return
            self.connections[connection] = item
            connection.send(self.id, self.engine.replica.hello())
        else:
            self._take_over(connection, peer, item)

    def _refuses(self, hello: Hello) -> bool:
        refusal = self.engine.replica.check_hello(hello)
        if refusal is not None:
            self.world.count("rule", "15 a handshake is refused")
        return refusal is not None

    def _take_over(self, connection: Connection, peer: int, hello: Hello) -> None:
        """The link stands; one that stood before is given up."""
        if self._refuses(hello):
            self._close(connection, peer)
            return
        old = self.links.pop(peer, None)
        if old is not None:
            self.world.count("rule", "8 a link takes over from a silent one")
            self._close(old, peer)
            self.engine.link_down(peer)
        self.links[peer] = connection
        self.world.network.touch(self.id, peer)
        self.world.say(f"r{self.id}", "has a link with r{}", peer)
        self.engine.link_up(peer, hello)

    def _arrived(self, connection: Connection, peer: int, item: Any) -> None:
        if item is BROKEN:
            self.connections.pop(connection, None)
            del self.links[peer]
            self.world.network.touch(self.id, peer)
            self.world.say(f"r{self.id}", "lost its link with r{}", peer)
            self.engine.link_down(peer)
            if peer > self.id:
                self.dial(peer)
            return
        self.world.say(f"r{self.id}", "<- r{} {}", peer, item)
        replica = self.engine.replica
        if isinstance(item, StateChunk) and item.common_index < replica.log.base_index:
            self.world.exceed_bound()
        self.engine.received(peer, item)


def _knocked(machine: Machine, peer: int) -> None:
    process = machine.process
    if process is not None and peer not in process.links:
        machine.run(process, process.dial, peer)


def _views_of(opened: Opened) -> list[int]:
    recovered = opened.recovered
    if recovered is None:
        return []
    views = _views_up_to(recovered.base_index, tuple(Run(*run) for run in recovered.runs))
    return views + [entry.view for entry in recovered.entries]


def _views_up_to(index: int, runs: tuple[Run, ...]) -> list[int]:
    views: list[int] = []
    for run in reversed(runs):
        views[:0] = [run.view] * (index - run.first_index + 1)
        index = run.first_index - 1
    return views
