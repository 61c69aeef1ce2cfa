"""The SDK as its users see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ringchat_client import (
    AlreadyExists,
    Client,
    ClusterFileError,
    Connected,
    ConnectionEvent,
    FailedPrecondition,
    InvalidArgument,
    NotDone,
    NotFound,
    NotKnown,
    Receipt,
    RingchatError,
    Unauthenticated,
    Unavailable,
)
from ringchat_client.values import time_of
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.fake_cluster import FakeCluster, until


@pytest.fixture
async def client(cluster: FakeCluster) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as client:
        await client.create_account("ann", "a password")
        await client.create_account("bob", "b password")
        await client.log_in("ann", "a password")
        yield client


async def test_the_example_of_the_design(cluster: FakeCluster, tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(cluster.cluster_file())
    async with Client(cluster=path) as client:
        await client.create_account("ann", "a password")
        login = await client.log_in("ann", "a password")
        assert login.name == "ann"
        receipt = await client.send_message("ann", "hello")
        async for message in client.receive_messages():
            assert message.id == receipt.message_id
            assert (message.sender, message.text) == ("ann", "hello")
            assert message.sent_at == receipt.sent_at
            await client.acknowledge(message.id)
            break
        assert await client.list_accounts("a*") == ["ann"]
        status = await client.status()
        assert (status.view, status.master_id, status.prefer) == (0, 0, "availability")
        assert [r.role for r in status.replicas] == ["master", "backup", "backup"]
        assert {r.state_hash for r in status.replicas} == {"0102ff"}
        assert cluster.state.mailboxes["ann"] == []


async def test_the_servers_errors_have_their_kinds(client: Client) -> None:
    with pytest.raises(AlreadyExists):
        await client.create_account("bob", "x")
    with pytest.raises(NotFound):
        await client.send_message("nobody", "x")
    with pytest.raises(Unauthenticated):
        await client.log_in("ann", "wrong")
    with pytest.raises(InvalidArgument):
        await client.create_account("n" * 10_000, "x")


async def test_what_can_never_be_sent_is_refused_here(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="the text is 65537 bytes long"):
        await client.send_message("bob", "x" * 65_537)
    with pytest.raises(InvalidArgument, match="the text is not valid UTF-8"):
        await client.send_message("bob", "\ud800")
    with pytest.raises(InvalidArgument, match="the name is"):
        await client.create_account("n" * 100_000, "x")
    with pytest.raises(InvalidArgument, match="message id"):
        await client.acknowledge(-1)


async def test_pages_are_joined(client: Client) -> None:
    for name in ("a1", "a2", "a3", "a4"):
        await client.create_account(name, "p")
    assert await client.list_accounts("a?") == ["a1", "a2", "a3", "a4"]
    assert await client.list_accounts("zzz") == []


async def test_only_as_many_are_asked_for_as_are_wanted(
    cluster: FakeCluster, client: Client
) -> None:
    for name in ("a1", "a2", "a3", "a4", "a5"):
        await client.create_account(name, "p")
    assert await client.list_accounts("a?", limit=3) == ["a1", "a2", "a3"]
    asked = [request.list_accounts for f in cluster.replicas[0].frames for request in f.requests]
    assert [ask.page_size for ask in asked if ask.pattern == "a?"] == [3, 3]
    with pytest.raises(InvalidArgument, match="limit"):
        await client.list_accounts(limit=0)


async def test_what_needs_a_login_says_so(cluster: FakeCluster) -> None:
    async with Client(master=cluster.addresses[0]) as client:
        for call in (client.log_out, client.delete_account):
            with pytest.raises(Unauthenticated, match="nobody is logged in"):
                await call()
        with pytest.raises(Unauthenticated):
            client.receive_messages()
        with pytest.raises(Unauthenticated):
            await client.send_message("x", "y")


async def test_log_out_ends_the_token_everywhere(cluster: FakeCluster, client: Client) -> None:
    token = client.token
    await client.log_out()
    assert client.token == ""
    async with Client(master=cluster.addresses[1], token=token) as other:
        with pytest.raises(Unauthenticated):
            await other.send_message("bob", "x")


async def test_a_token_works_in_another_client(cluster: FakeCluster, client: Client) -> None:
    async with Client(master=cluster.addresses[2], token=client.token) as other:
        assert isinstance(await other.send_message("bob", "x"), Receipt)
        await other.delete_account()
        assert other.token == ""
    assert sorted(cluster.state.accounts) == ["bob"]


async def test_calls_are_sent_in_the_order_in_which_they_are_made(
    cluster: FakeCluster, client: Client
) -> None:
    await asyncio.gather(*(client.send_message("bob", str(i)) for i in range(2000)))
    texts = [message.text for message in cluster.state.mailboxes["bob"]]
    assert texts == [str(i) for i in range(2000)]


async def test_many_requests_share_a_frame(cluster: FakeCluster, client: Client) -> None:
    before = len(cluster.replicas[0].frames)
    await asyncio.gather(*(client.send_message("bob", str(i)) for i in range(512)))
    assert len(cluster.replicas[0].frames) - before <= 4


async def test_messages_travel_in_columns_and_their_receipts_in_runs(
    cluster: FakeCluster, client: Client
) -> None:
    before = len(cluster.replicas[0].frames)
    receivers = ["bob"] * 100 + ["ann", "bob"] * 100
    receipts = await asyncio.gather(
        *(client.send_message(to, str(i)) for i, to in enumerate(receivers))
    )
    frames = cluster.replicas[0].frames[before:]
    assert not any(frame.requests for frame in frames)
    assert sum(len(frame.sends.text) for frame in frames) == 300
    messages = [m for name in ("ann", "bob") for m in cluster.state.mailboxes[name]]
    by_text = {m.text: m for m in messages}
    assert len(messages) == len(by_text) == 300
    for i, (to, receipt) in enumerate(zip(receivers, receipts, strict=True)):
        message = by_text[str(i)]
        assert message in cluster.state.mailboxes[to]
        assert receipt == Receipt(message.id, time_of(message.sent_at_ms))


async def test_messages_and_other_calls_keep_their_order(
    cluster: FakeCluster, client: Client
) -> None:
    created, behind, early, other, late, again = await asyncio.gather(
        client.create_account("dora", "p"),
        client.send_message("dora", "in time"),
        client.send_message("carl", "too early"),
        client.create_account("carl", "p"),
        client.send_message("carl", "in time"),
        client.create_account("carl", "p"),
        return_exceptions=True,
    )
    assert (created, other) == (None, None)
    assert isinstance(behind, Receipt)
    assert isinstance(early, NotFound)
    assert isinstance(late, Receipt)
    assert isinstance(again, AlreadyExists)
    for name in ("carl", "dora"):
        assert [m.text for m in cluster.state.mailboxes[name]] == ["in time"]


async def test_one_refused_message_among_others_is_one_error(
    cluster: FakeCluster, client: Client
) -> None:
    receivers = ["bob", "bob", "nobody", "bob", "nobody", "bob"]
    results = await asyncio.gather(
        *(client.send_message(to, str(i)) for i, to in enumerate(receivers)),
        return_exceptions=True,
    )
    kinds = [Receipt if to == "bob" else NotFound for to in receivers]
    assert [type(result) for result in results] == kinds
    receipts = [result for result in results if isinstance(result, Receipt)]
    messages = cluster.state.mailboxes["bob"]
    assert [(m.id, m.text) for m in messages] == list(
        zip([r.message_id for r in receipts], "0135", strict=True)
    )


async def test_messages_of_two_accounts_are_sent_by_each(
    cluster: FakeCluster, client: Client
) -> None:
    for i in range(2):
        await client.log_in("ann", "a password")
        await client.send_message("bob", f"{i} by ann")
        await client.log_in("bob", "b password")
        await client.send_message("bob", f"{i} by bob")
    assert [(m.sender, m.text) for m in cluster.state.mailboxes["bob"]] == [
        (name, f"{i} by {name}") for i in range(2) for name in ("ann", "bob")
    ]


async def test_a_failover_is_a_slower_call_and_not_an_error(
    cluster: FakeCluster, client: Client
) -> None:
    sends = [asyncio.create_task(client.send_message("bob", str(i))) for i in range(300)]
    await asyncio.sleep(0)
    await cluster.kill(0)
    more = [asyncio.create_task(client.send_message("bob", str(300 + i))) for i in range(300)]
    receipts = await asyncio.gather(*sends, *more)
    assert len({receipt.message_id for receipt in receipts}) == 600
    texts = [message.text for message in cluster.state.mailboxes["bob"]]
    assert texts == [str(i) for i in range(600)]


# ------------------------------------------------------------------ acknowledgements


def put_for_ann(cluster: FakeCluster, *messages: pb.Message) -> None:
    """Ann's mailbox holds these, as ordered by the views that they name."""
    cluster.state.mailboxes["ann"] = list(messages)


def last_update(cluster: FakeCluster) -> pb.UpdateMessageRequest:
    frames = cluster.replicas[0].frames
    requests = [request for frame in frames for request in frame.requests]
    return [r.update_message for r in requests if r.HasField("update_message")][-1]


async def test_an_acknowledgement_names_the_view_of_its_message(
    cluster: FakeCluster, client: Client
) -> None:
    put_for_ann(
        cluster,
        pb.Message(id=101, sender="bob", text="old", view=0),
        pb.Message(id=102, sender="bob", text="new", view=7),
    )
    messages = client.receive_messages()
    async with asyncio.timeout(10):
        had = [await anext(messages), await anext(messages)]
    for message, view in zip(had, (0, 7), strict=True):
        await client.acknowledge(message.id)
        update = last_update(cluster)
        assert update.up_to_message_id == message.id
        assert update.HasField("view"), "view 0 is a view like any other"
        assert update.view == view
    assert cluster.state.mailboxes["ann"] == []
    await client.acknowledge(500)  # of a message that this client has not had
    assert not last_update(cluster).HasField("view")


async def test_a_message_is_acknowledged_with_its_own_view(
    cluster: FakeCluster, client: Client
) -> None:
    put_for_ann(cluster, pb.Message(id=101, sender="bob", text="other", view=2))
    messages = client.receive_messages()
    async with asyncio.timeout(10):
        had = await anext(messages)
    await client.acknowledge(replace(had, view=-1))
    assert last_update(cluster).view == 2, "that of the one that was had, as for an id"
    await client.acknowledge(replace(had, view=1))
    assert last_update(cluster).view == 1


async def test_an_acknowledgement_of_another_order_removes_nothing_and_is_no_error(
    cluster: FakeCluster, client: Client
) -> None:
    put_for_ann(cluster, pb.Message(id=101, sender="bob", text="ours", view=1))
    messages = client.receive_messages()
    async with asyncio.timeout(10):
        message = await anext(messages)
    [seen] = client._readers
    assert len(seen) == 1
    other = pb.Message(id=101, sender="bob", text="the other side's", view=2)
    put_for_ann(cluster, other)
    await client.acknowledge(message.id)
    assert last_update(cluster).view == 1
    assert cluster.state.mailboxes["ann"] == [other]
    assert len(seen) == 0, "it comes again from its new place"


async def test_other_refusals_of_an_acknowledgement_are_raised(
    cluster: FakeCluster, client: Client
) -> None:
    cluster.state.tokens.clear()
    with pytest.raises(Unauthenticated):
        await client.acknowledge(1)


# ------------------------------------------------------------------------ deadlines


async def test_never_written_is_certainly_not_done(cluster: FakeCluster) -> None:
    for replica_id in range(3):
        await cluster.kill(replica_id)
    async with Client(master=cluster.addresses[0]) as client:
        started = time.monotonic()
        with pytest.raises(NotDone, match="certainly not done.*refused"):
            await client.create_account("ann", "p", timeout=1.0)
        assert 0.95 < time.monotonic() - started < 5
        await cluster.start(0)
        cluster.promote(0)
        await client.create_account("bob", "p")
    assert list(cluster.state.accounts) == ["bob"]
    assert [number for _, number, _ in cluster.state.log] == [1], "no hole in the sequence"


async def test_written_and_not_confirmed_is_not_known_and_can_be_sent_again(
    cluster: FakeCluster, client: Client
) -> None:
    cluster.replicas[0].mute = True
    with pytest.raises(NotKnown, match="not known") as caught:
        await client.send_message("bob", "once", timeout=0.1)
    cluster.replicas[0].mute = False
    receipt = await caught.value.send_again(timeout=5.0)
    assert [m.id for m in cluster.state.mailboxes["bob"]] == [receipt.message_id]


async def test_sent_again_it_may_be_not_known_again(cluster: FakeCluster, client: Client) -> None:
    cluster.replicas[0].swallow = True
    with pytest.raises(NotKnown) as caught:
        await client.send_message("bob", "once", timeout=0.1)
    with pytest.raises(NotKnown) as again:
        await caught.value.send_again(timeout=0.1)
    cluster.replicas[0].swallow = False
    await again.value.send_again()
    assert len(cluster.state.mailboxes["bob"]) == 1


async def test_what_was_given_up_is_not_sent_by_a_failover(
    cluster: FakeCluster, client: Client
) -> None:
    cluster.replicas[0].swallow = True
    with pytest.raises(NotKnown):
        await client.send_message("bob", "given up", timeout=0.1)
    await cluster.kill(0)
    await client.send_message("bob", "kept")
    assert [m.text for m in cluster.state.mailboxes["bob"]] == ["kept"]


async def test_a_read_that_timed_out_is_not_done(cluster: FakeCluster, client: Client) -> None:
    cluster.replicas[0].mute = True
    with pytest.raises(NotDone):
        await client.list_accounts(timeout=0.1)


async def test_a_cancelled_call_is_given_up(cluster: FakeCluster, client: Client) -> None:
    cluster.replicas[0].swallow = True
    task = asyncio.create_task(client.send_message("bob", "cancelled"))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client._session.idle, "it still holds a place in the window"
    await cluster.kill(0)
    await client.send_message("bob", "kept")
    assert [m.text for m in cluster.state.mailboxes["bob"]] == ["kept"]


async def test_a_write_whose_answer_is_kept_no_more_exists_already(
    cluster: FakeCluster, client: Client
) -> None:
    cluster.replicas[0].mute = True
    with pytest.raises(NotKnown) as caught:
        await client.send_message("bob", "x", timeout=0.2)
    await until(lambda: bool(cluster.state.mailboxes["bob"]))
    [(name, answer)] = list(cluster.state.answers.items())[-1:]
    forgotten = pb.Response(number=answer.number)
    forgotten.error.code, forgotten.error.message = 6, "its answer is no longer kept"
    cluster.state.answers[name] = forgotten
    await cluster.kill(0)
    with pytest.raises(AlreadyExists, match="no longer kept"):
        await caught.value.send_again()
    assert [m.text for m in cluster.state.mailboxes["bob"]] == ["x"]


# -------------------------------------------------------------------- open and close


async def test_closing_tells_those_who_wait(cluster: FakeCluster, client: Client) -> None:
    cluster.replicas[0].mute = True
    waiting = asyncio.create_task(client.send_message("bob", "x"))
    await until(lambda: bool(cluster.state.mailboxes["bob"]))
    await client.close()
    with pytest.raises(NotKnown, match="closed"):
        await waiting
    with pytest.raises(FailedPrecondition, match="closed"):
        await client.send_message("bob", "y")


async def test_it_has_to_be_entered_once(cluster: FakeCluster) -> None:
    client = Client(master=cluster.addresses[0])
    with pytest.raises(FailedPrecondition, match="async with"):
        await client.create_account("ann", "p")
    async with client:
        with pytest.raises(FailedPrecondition, match="only once"):
            await client.__aenter__()


async def test_an_observer_that_raises_fails_the_client_loudly(cluster: FakeCluster) -> None:
    def observer(_: ConnectionEvent) -> None:
        raise ZeroDivisionError("observer")

    async with Client(master=cluster.addresses[0], on_connection=observer) as client:
        with pytest.raises(RingchatError):
            await client.create_account("ann", "p")
        with pytest.raises(RingchatError, match="ZeroDivisionError"):
            await client.create_account("ann", "p")


async def test_the_observer_sees_the_walk(cluster: FakeCluster) -> None:
    events: list[ConnectionEvent] = []
    began = time.monotonic()
    async with Client(master=cluster.addresses[0], on_connection=events.append) as client:
        await client.create_account("ann", "p")
        await cluster.kill(0)
        await client.create_account("bob", "p")
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["Asking", "Connected", "Lost", "Asking", "Connected"]
    assert isinstance(events[-1], Connected)
    assert 0 < events[-1].seconds < time.monotonic() - began


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="either"):
        Client()
    with pytest.raises(InvalidArgument, match="either"):
        Client("cluster.yaml", master="a:1")
    with pytest.raises(InvalidArgument, match="host:port"):
        Client(master="nonsense")
    with pytest.raises(ClusterFileError, match="No such file"):
        Client(tmp_path / "missing.yaml")


# --------------------------------------------------------------------------- status


async def test_status_shows_who_cannot_be_reached(cluster: FakeCluster, client: Client) -> None:
    await cluster.kill(2)
    status = await client.status()
    assert [r.role for r in status.replicas] == ["master", "backup", "unreachable"]
    assert status.replicas[2].view == -1
    assert "refused" in status.replicas[2].reason
    assert status.replicas[2].address == cluster.addresses[2]


async def test_status_does_not_wait_for_a_hung_replica(
    cluster: FakeCluster, client: Client
) -> None:
    cluster.replicas[1].awake.clear()
    started = time.monotonic()
    status = await client.status(timeout=2.0)
    assert time.monotonic() - started < 6
    assert [r.role for r in status.replicas] == ["master", "unreachable", "backup"]


async def test_status_without_a_master(cluster: FakeCluster, client: Client) -> None:
    cluster.serving = False
    assert (await client.status()).master_id == -1


async def test_status_of_a_silent_address(cluster: FakeCluster) -> None:
    await cluster.kill(0)
    async with Client(master=cluster.addresses[0]) as client:
        with pytest.raises(Unavailable, match="refused"):
            await client.status(timeout=1.0)


async def test_a_write_named_by_its_caller_happens_once_from_any_client(
    cluster: FakeCluster, client: Client
) -> None:
    mine = b"0123456789abcdef"
    receipts = []
    for address in cluster.addresses[:2]:
        async with Client(master=address, token=client.token, client_id=mine) as named:
            with named.numbered(2):
                receipts.append(await named.send_message("bob", "two"))
            with named.numbered(1):
                receipts.append(await named.send_message("bob", "one"))
    assert receipts[:2] == receipts[2:]
    assert [m.text for m in cluster.state.mailboxes["bob"]] == ["two", "one"]


async def test_writes_named_at_the_same_time_keep_their_numbers(
    cluster: FakeCluster, client: Client
) -> None:
    async def send(named: Client, number: int) -> None:
        with named.numbered(number):
            await named.send_message("bob", str(number))

    async with Client(master=cluster.addresses[0], token=client.token, client_id=b"x" * 16) as one:
        await asyncio.gather(*(send(one, number) for number in (3, 1, 2)))
    names = [(i, number) for i, number, kind in cluster.state.log if kind == "send_message"]
    assert sorted(names) == [(b"x" * 16, 1), (b"x" * 16, 2), (b"x" * 16, 3)]


async def test_a_name_that_could_not_be_is_refused(client: Client) -> None:
    for number in (0, -1, 1 << 62):
        with pytest.raises(InvalidArgument), client.numbered(number):
            pass
    with pytest.raises(InvalidArgument):
        Client(master="localhost:1", client_id=b"short")
