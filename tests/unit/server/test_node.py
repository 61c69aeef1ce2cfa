"""A real node: real rules, chat, journal and ports; the disk can be held, the peers are played."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server import node as node_module
from ringchat_server.chat import Answer, Answers, Chat, Conversation, verification
from ringchat_server.compactor import fold_from
from ringchat_server.journal import FolderDisk, Journal, compact
from ringchat_server.journal.encoding import encode_state
from ringchat_server.node import EXIT_DISK, EXIT_OK, Node, StartError, serve
from ringchat_server.records import (
    NO_VIEW,
    NOOP,
    SENDS_MAX,
    Entry,
    Group,
    Meta,
    Proposal,
    Record,
    message_id,
)
from ringchat_server.replica.values import (
    Ack,
    Append,
    Hello,
    Message,
    Mismatch,
    Promise,
    Refusal,
    Run,
    StateChunk,
)
from ringchat_server.settings import Cluster, Member, Settings
from ringchat_server.transport.gate import Author, NotServing
from ringchat_server.transport.requests import Desk
from ringchat_server.transport.secrets import Passwords

CLUSTER_ID = b"the cluster's id"
CLIENT = b"c" * 16
SESSION = b"h" * 32
ANN = Author("ann", b"")
LONG_SECONDS = 60.0
"""`suspect_after` where nobody may be suspected: the test plays all the peers."""


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


class HeldDisk(FolderDisk):
    """A disk whose syncs wait while `free` is cleared, and fail once `broken` is set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.free = threading.Event()
        self.free.set()
        self.waiting = threading.Event()
        """A sync waits."""
        self.broken = False

    def sync(self, name: str) -> None:
        if not self.free.is_set():
            self.waiting.set()
            assert self.free.wait(20)
            self.waiting.clear()
        if self.broken:
            raise OSError(28, "No space left on device")
        super().sync(name)


class WatchedJournal(Journal):
    """Remembers how many entries each synced group had."""

    groups: list[int]

    def write(self, records: Sequence[Record], commit_index: int) -> None:
        super().write(records, commit_index)
        self.groups += [len(one.entries) for one in records if isinstance(one, Group)]


class FakeLinks:
    """Links that all stand, or none does, and take down what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Message]] = []
        self.stand = True

    def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def drained(self) -> bool:
        return True

    def send(self, peer_id: int, message: Message) -> None:
        self.sent.append((peer_id, message))

    def current(self, peer_id: int) -> FakeLinks | None:
        return self if self.stand else None

    def of(self, kind: type, peer_id: int) -> list[Any]:
        return [m for peer, m in self.sent if peer == peer_id and isinstance(m, kind)]


class FakeSink:
    """Waits for answers; several may write into one list, to show their order."""

    def __init__(self, answers: list[tuple[int, Answer]] | None = None) -> None:
        self.answers = [] if answers is None else answers
        self.responses: list[pb.Response] = []

    def answered(self, kind: str, answers: Answers) -> None:
        [(number, count, answer)] = answers
        assert count == 1
        self.answers.append((number, answer))

    def responded(self, response: pb.Response) -> None:
        self.responses.append(response)


class FakeGuest:
    def __init__(self, node: Node) -> None:
        self._node = node
        self.told: list[tuple[int, str]] = []
        node.attach(self)

    def moved(self, view: int, reason: str) -> None:
        self.told.append((view, reason))
        self._node.detach(self)


class Rig:
    """The node and everything around it."""

    def __init__(self, settings: Settings) -> None:
        self.disk = HeldDisk(settings.data_folder)
        self.journal, opened = WatchedJournal.open(self.disk, settings.replica_id)
        assert isinstance(self.journal, WatchedJournal)
        self.journal.groups = []
        self.groups = self.journal.groups
        self.node = Node(settings, self.journal, opened)
        self.links = FakeLinks()
        self.node._links = self.links  # type: ignore[assignment]
        self._exit_code: int | None = None

    async def end(self) -> int:
        """Stops the node, once; its exit code."""
        if self._exit_code is None:
            self.node.stop_soon()
            self._exit_code = await asyncio.wait_for(self.node.run(), 10)
        return self._exit_code

    async def hold(self, sink: FakeSink, number: int = 1) -> None:
        """Submits a write and holds it in its sync."""
        self.disk.free.clear()
        self.node.submit(send(number), "send_message", sink)
        await until(self.disk.waiting.is_set)

    def up(self, peer: int, view: int, *, leading: bool = False) -> None:
        cluster = self.node._settings.cluster
        replicas = len(cluster.members)
        hello = Hello(peer, replicas, cluster.prefer, CLUSTER_ID, 0, view, leading)
        self.node.link_up(peer, hello)

    def ack(self, peer: int, round_: int = 0) -> None:
        replica = self.node._replica
        self.node.received(peer, Ack(replica.view, replica.log.length, round_))

    async def lead_of_three(self, view: int = 3) -> None:
        """Replica 0 takes a view that replica 1 promises; replica 2 has just died."""
        self.up(1, 0)
        self.up(2, 0)
        self.node.link_down(2)
        asked = asyncio.create_task(self.node.promote(view))
        await until(lambda: bool(self.links.sent))
        self.node.received(1, Promise(view, self.node._replica.summary(), True, False, False))
        await until(lambda: self.node._replica.durable.meta.log_view == view)
        self.ack(1)
        assert await asyncio.wait_for(asked, 10) == ""
        assert self.node.serving()


def settings_of(folder: Path, *, replicas: int = 1, me: int = 0, prefer: str = "") -> Settings:
    address = "127.0.0.1:0"
    members = tuple(Member(number, address, address) for number in range(replicas))
    cluster = Cluster(prefer or "availability", LONG_SECONDS, 1_000, members)
    return Settings(me, cluster, folder, b"the key of the cluster", None)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Rig]:
    rig = Rig(settings)
    await rig.node.start()
    try:
        yield rig
    finally:
        rig.disk.free.set()
        await rig.end()


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[Rig]:
    """A ring of one, which serves; ann exists."""
    async with running(settings_of(folder)) as rig:
        assert await asyncio.wait_for(rig.node.promote(0), 10) == ""
        sink = FakeSink()
        for proposal in ACCOUNT:
            rig.node.submit(proposal, "", sink)
        await until(lambda: len(sink.answers) == len(ACCOUNT))
        assert [answer[0] for _, answer in sink.answers] == [0, 0]
        rig.groups.clear()
        yield rig


ACCOUNT = (
    Proposal(b"x" * 16, 1, "", b"", ("create", "ann", "not a hash")),
    Proposal(
        b"x" * 16, 2, "", b"", ("login", "ann", verification("not a hash"), SESSION, b"n" * 32)
    ),
)


def send(number: int, text: str = "") -> Proposal:
    return sends(number, ("ann",), text or f"text {number}")


def sends(number: int, to: tuple[str, ...], *texts: str) -> Proposal:
    return Proposal(CLIENT, number, "ann", b"", ("send", to, texts))


def log_of(*texts: str) -> list[Entry]:
    """The first entries of view 0: ann, and what was sent to her."""
    proposals = [*ACCOUNT, *(send(number, text) for number, text in enumerate(texts, 1))]
    noop = Entry(0, 1, b"", 0, "", b"", NOOP)
    return [noop, *(Entry(0, 2, *proposal) for proposal in proposals)]


def chat_after(entries: Sequence[Entry]) -> Chat:
    chat = Chat()
    for index, entry in enumerate(entries, 1):
        chat.apply(index, entry)
    return chat


def write_journal(folder: Path, replica_id: int, entries: list[Entry], commit_index: int) -> None:
    journal, _ = Journal.open(FolderDisk(folder), replica_id)
    meta = Meta(promised=0, log_view=0, cluster_id=CLUSTER_ID, birth_view=0)
    journal.write([meta, Group(1, entries)], commit_index)
    journal.close()


def texts_of(node: Node) -> list[str]:
    return [message.text for message in node.chat.undelivered("ann", 0, 100, 1 << 20)]


# --------------------------------------------------------------------------- writes


async def test_what_comes_during_a_sync_is_proposed_as_one_group(tmp_path: Path) -> None:
    async with alone(tmp_path) as rig:
        answers: list[tuple[int, Answer]] = []
        await rig.hold(FakeSink(answers))
        for number in range(2, 11):
            rig.node.submit(send(number), "send_message", FakeSink(answers))
            await asyncio.sleep(0)  # each in its own turn of the loop
        assert answers == [], "nothing is confirmed before it is synced"
        rig.disk.free.set()
        await until(lambda: len(answers) == 10)
        assert rig.groups == [1, 9]


async def test_what_comes_at_once_is_one_group_and_answered_in_order(tmp_path: Path) -> None:
    async with alone(tmp_path) as rig:
        answers: list[tuple[int, Answer]] = []
        first = rig.node.chat.applied_index + 1
        for number in range(1, 101):
            rig.node.submit(send(number), "send_message", FakeSink(answers))
        await until(lambda: len(answers) == 100)
        assert rig.groups == [100]
        assert [number for number, _ in answers] == list(range(1, 101))
        assert [answer[:2] for _, answer in answers] == [
            (0, message_id(first + i, 0)) for i in range(100)
        ]


async def test_receivers_are_woken_by_what_concerns_them(tmp_path: Path) -> None:
    async with alone(tmp_path) as rig:
        woken: list[str] = []

        def ann(conversation: Conversation | None) -> None:
            woken.append("ann")

        rig.node.watch("ann", ann)
        rig.node.watch("bob", lambda _: woken.append("bob"))
        sink = FakeSink()
        rig.node.submit(send(1), "send_message", sink)
        await until(lambda: bool(sink.answers))
        assert woken == ["ann"]
        rig.node.unwatch("ann", ann)
        rig.node.submit(send(2), "send_message", sink)
        await until(lambda: len(sink.answers) == 2)
        assert woken == ["ann"]


async def test_many_in_one_entry_are_answered_at_once_and_wake_each_receiver(
    tmp_path: Path,
) -> None:
    async with alone(tmp_path) as rig:
        woken: list[str] = []
        given: list[tuple[str, Answers]] = []

        def note(name: str, conversation: Conversation | None) -> None:
            woken.append(name)

        for name in ("ann", "bob", "cid", "dan"):
            rig.node.watch(name, partial(note, name))

        class Listener(FakeSink):
            def answered(self, kind: str, answers: Answers) -> None:
                given.append((kind, answers))

        sink = Listener()
        for number, name in enumerate(("bob", "cid"), 3):
            rig.node.submit(
                Proposal(b"x" * 16, number, "", b"", ("create", name, "hash")), "", sink
            )
        await until(lambda: len(given) == 2)
        given.clear()
        index = rig.node.chat.applied_index + 1
        to = ("eve", "bob", "ann", "bob", "bob")
        rig.node.submit(sends(1, to, "a", "b", "c", "d", "e"), "sends", sink)
        await until(lambda: bool(given))
        [(kind, answers)] = given
        assert kind == "sends"
        assert [(number, count, answer[:2]) for number, count, answer in answers] == [
            (1, 1, (5, "no account named 'eve'")),
            (2, 1, (0, message_id(index, 1))),
            (3, 1, (0, message_id(index, 2))),
            (4, 2, (0, message_id(index, 3))),
        ]
        assert woken == ["bob", "ann", "bob"], "in the order of the texts, the senders not"
        assert rig.groups[-1] == 1
        rig.node.submit(sends(6, ("dan", "nobody"), "a", "b"), "sends", sink)
        await until(lambda: len(given) == 2)
        assert woken == ["bob", "ann", "bob"], "nothing came of it"


async def test_a_restart_applies_what_was_confirmed(tmp_path: Path) -> None:
    write_journal(tmp_path, 0, log_of("one", "two"), commit_index=4)
    async with running(settings_of(tmp_path)) as rig:
        assert texts_of(rig.node) == ["one"], "what is not known to be confirmed waits"
        assert not rig.node.serving(), "no view is resumed"
        assert await asyncio.wait_for(rig.node.promote(1), 10) == ""
        assert texts_of(rig.node) == ["one", "two"]


# ---------------------------------------------------------------- the end of a view


async def test_guests_and_readers_hear_that_the_master_moved(tmp_path: Path) -> None:
    write_journal(tmp_path, 0, log_of(), commit_index=3)
    async with running(settings_of(tmp_path, replicas=3)) as rig:
        await rig.lead_of_three()
        node, guest, sink = rig.node, FakeGuest(rig.node), FakeSink()
        node.submit(send(1), "send_message", sink)
        await until(lambda: node._replica.durable.length == 5)
        node.received(1, Refusal(3, 4, "view 4 is promised", hears_master=False))
        assert not node.serving()
        [(view, reason)] = guest.told
        assert view == 3
        assert "view 4" in reason
        with pytest.raises(NotServing, match="no master"):
            await node.confirm_read()
        # The entry may be confirmed yet: by the next master, not to this caller.
        node.link_down(1)
        rig.up(1, 4, leading=True)
        group = Group(6, [Entry(4, 9, b"", 0, "", b"", NOOP)])
        node.received(1, Append(4, 5, 3, group, 6, (0, 1), 6, 0, 0, CLUSTER_ID, 0))
        assert texts_of(node) == ["text 1"]
        assert sink.answers == []


async def test_a_read_waits_until_the_view_is_confirmed(tmp_path: Path) -> None:
    write_journal(tmp_path, 0, log_of(), commit_index=3)
    async with running(settings_of(tmp_path, replicas=3, prefer="consistency")) as rig:
        await rig.lead_of_three()
        first = asyncio.create_task(rig.node.confirm_read())
        await until(lambda: any(m.round == 1 for m in rig.links.of(Append, 1)))
        rig.ack(1, round_=0)
        await asyncio.sleep(0)
        assert not first.done(), "a majority has not answered since the read came"
        rig.ack(1, round_=1)
        await asyncio.wait_for(first, 10)
        second = asyncio.create_task(rig.node.confirm_read())
        await until(lambda: any(m.round == 2 for m in rig.links.of(Append, 1)))
        rig.node.received(1, Refusal(3, 4, "view 4 is promised", hears_master=False))
        with pytest.raises(NotServing, match="view 4"):
            await asyncio.wait_for(second, 10)


async def test_told_to_stop_it_confirms_what_is_in_flight(tmp_path: Path) -> None:
    async with alone(tmp_path) as rig:
        sink, guest = FakeSink(), FakeGuest(rig.node)
        await rig.hold(sink)
        ending = asyncio.create_task(rig.end())
        await until(lambda: not rig.node.serving())
        assert guest.told == []
        rig.disk.free.set()
        assert await ending == EXIT_OK
        assert [answer[0] for _, answer in sink.answers] == [0]
        assert [reason for _, reason in guest.told] == ["replica 0 is stopping"]
    _, opened = Journal.open(FolderDisk(tmp_path), 0)
    assert opened.recovered is not None
    assert opened.recovered.entries[-1].request == ("send", ("ann",), ("text 1",))


# ------------------------------------------------------------------- two orders


async def test_an_acknowledgement_of_another_order_is_refused(tmp_path: Path) -> None:
    write_journal(tmp_path, 0, log_of("one"), commit_index=4)
    async with running(settings_of(tmp_path)) as rig:
        assert await asyncio.wait_for(rig.node.promote(2), 10) == ""
        node = rig.node
        # 1 to 4 of view 0, 5 the no-op of view 2, and nothing behind it.
        for position in (0, 1, SENDS_MAX - 1):
            ids = [message_id(index, position) for index in (1, 4, 5, 6)]
            assert [node.view_of(one) for one in ids] == [0, 0, 2, NO_VIEW]
        one = message_id(4, 0)
        passwords, sink = Passwords(), FakeSink()
        desk = Desk(node, passwords)
        for number, view in ((11, 2), (12, 1)):
            wrong = pb.UpdateMessageRequest(up_to_message_id=one, view=view)
            desk.take(CLIENT, number, "update_message", wrong, ANN, sink)
        assert [response.error.code for response in sink.responses] == [9, 9]
        assert texts_of(node) == ["one"]
        right = pb.UpdateMessageRequest(up_to_message_id=one, view=0)
        desk.take(CLIENT, 13, "update_message", right, ANN, sink)
        await until(lambda: bool(sink.answers))
        assert sink.answers == [(13, (0,))]
        assert texts_of(node) == []
        passwords.close()


async def test_a_rebuild_reaches_the_chat(tmp_path: Path) -> None:
    """Applied entries were dropped for the master's: the chat goes back, and on (rule 6)."""
    ours = log_of("both have it", "only this side")
    write_journal(tmp_path, 1, ours, commit_index=5)
    async with running(settings_of(tmp_path, replicas=3, me=1)) as rig:
        assert texts_of(rig.node) == ["both have it", "only this side"]
        rig.up(2, 2, leading=True)
        new = [
            Entry(2, 3, b"", 0, "", b"", NOOP),
            Entry(2, 3, b"d" * 16, 1, "ann", b"", ("send", ("ann",), ("the other side",))),
        ]
        append = Append(2, 4, 0, Group(5, new), 6, (2,), 5, 0, 0, CLUSTER_ID, 0)
        rig.node.received(2, append)
        assert texts_of(rig.node) == ["both have it", "the other side"]
        assert rig.node.chat.digest == chat_after([*ours[:4], *new]).digest
        assert rig.node.view_of(message_id(6, 0)) == 2
        await until(lambda: bool(rig.links.of(Ack, 2)))
    _, opened = Journal.open(FolderDisk(tmp_path), 1)
    assert opened.recovered is not None
    assert opened.recovered.entries == [*ours[:4], *new]
    assert [proposal.request[2] for proposal in opened.recovered.aside] == [("only this side",)]


async def test_an_installed_state_reaches_the_chat(tmp_path: Path) -> None:
    theirs = chat_after(log_of("one", "two", "three"))
    record = encode_state(6, ((1, 0),), theirs.export())
    write_journal(tmp_path, 1, log_of(), commit_index=3)
    async with running(settings_of(tmp_path, replicas=3, me=1)) as rig:
        rig.up(2, 2, leading=True)
        nothing = Group(10, [])
        rig.node.received(2, Append(2, 9, 2, nothing, 9, (2,), 9, 0, 0, CLUSTER_ID, 0))
        await until(lambda: bool(rig.links.of(Mismatch, 2)))
        half = len(record) // 2
        for offset, data in ((0, record[:half]), (half, record[half:])):
            last = offset + len(data) == len(record)
            assert texts_of(rig.node) == []
            rig.node.received(2, StateChunk(2, 6, (Run(1, 0),), 3, offset, data, last))
        assert texts_of(rig.node) == ["one", "two", "three"]
        assert rig.node.chat.digest == theirs.digest
        await until(lambda: len(rig.links.of(Mismatch, 2)) == 2)
        told = rig.links.of(Mismatch, 2)[-1].summary
        assert (told.length, told.base) == (6, 6)
    _, opened = Journal.open(FolderDisk(tmp_path), 1)
    assert opened.state == theirs.export()


async def test_a_state_is_sent_in_pieces_as_it_stands_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "STATE_CHUNK_BYTES", 100)
    entries = log_of("one", "two")
    write_journal(tmp_path, 0, entries, commit_index=5)
    journal, _ = Journal.open(FolderDisk(tmp_path), 0)
    compact(FolderDisk(tmp_path), 0, 4, fold_from)
    journal.switch()
    journal.close()
    async with running(settings_of(tmp_path, replicas=2)) as rig:
        rig.links.stand = False
        rig.node.send_state(1, 2, 3)
        await until(lambda: len(rig.node._tasks) == 1)  # the ticks go on
        assert rig.links.of(StateChunk, 1) == [], "nobody is there to read it"
        rig.links.stand = True
        rig.node.send_state(1, 2, 3)
        await until(lambda: any(chunk.last for chunk in rig.links.of(StateChunk, 1)))
        chunks = rig.links.of(StateChunk, 1)
        assert len(chunks) > 2
        assert [chunk.offset for chunk in chunks] == [100 * i for i in range(len(chunks))]
        assert {(c.view, c.index, c.runs, c.common_index) for c in chunks} == {
            (2, 4, (Run(1, 0),), 3)
        }
        record = encode_state(4, ((1, 0),), chat_after(entries[:4]).export())
        assert b"".join(chunk.data for chunk in chunks) == record


# ------------------------------------------------------------------ starts and ends


async def test_a_disk_that_fails_ends_the_replica(tmp_path: Path) -> None:
    async with alone(tmp_path) as rig:
        sink = FakeSink()
        await rig.hold(sink)
        rig.disk.broken = True
        rig.disk.free.set()
        await until(rig.node._stop.is_set)
        assert await rig.end() == EXIT_DISK == 4
        assert sink.answers == [], "what was not synced is not confirmed"


async def test_no_second_replica_on_the_same_folder(tmp_path: Path) -> None:
    FolderDisk(tmp_path).claim()
    with pytest.raises(StartError) as caught:
        await serve(settings_of(tmp_path))
    assert "is in use: does this replica run already?" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert FolderDisk(tmp_path).names() == [], "it has touched nothing"


async def test_the_journal_of_another_replica_is_refused(tmp_path: Path) -> None:
    write_journal(tmp_path, 1, log_of(), commit_index=3)
    (tmp_path / "replica-1.pickle").rename(tmp_path / "replica-0.pickle")
    with pytest.raises(StartError, match="replica 1"):
        await serve(settings_of(tmp_path))


async def test_a_port_in_use_is_a_start_that_fails(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        cluster = Cluster("availability", 1.0, 1_000, (Member(0, address, "127.0.0.1:0"),))
        with pytest.raises(StartError, match=address):
            await serve(Settings(0, cluster, tmp_path, b"the key of the cluster", None))
