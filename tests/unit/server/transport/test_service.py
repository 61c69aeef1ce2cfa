"""The service as its callers see it: real gRPC on loopback ports, the node behind it is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_proto.chat_pb2_grpc import ChatStub
from ringchat_server.records import message_id
from ringchat_server.transport import delivery
from ringchat_server.transport.service import SERVICE
from tests.unit.server.transport.fake_host import SESSION, TOKEN, VIEW, FakeHost, served, until

CLIENT = b"c" * 16
BEARER = (("authorization", f"Bearer {TOKEN}"),)
Code = grpc.StatusCode


@asynccontextmanager
async def stub_of(*hosts: FakeHost) -> AsyncIterator[Any]:
    """A stub for the first host; each of the others is the master that the one before hears."""
    if len(hosts) > 1:
        async with served(hosts[-1]) as address:
            hosts[-2].leads, hosts[-2].master = False, address
            async with stub_of(*hosts[:-1]) as stub:
                yield stub
        return
    async with served(hosts[0]) as address, grpc.aio.insecure_channel(address) as channel:
        yield ChatStub(channel)


def to_ann(text: str = "hello", number: int = 0) -> pb.SendMessageRequest:
    """A message from ann to herself, named if a number is given."""
    request = pb.SendMessageRequest(to="ann", text=text)
    if number:
        request.request.client_id, request.request.number = CLIENT, number
    return request


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """How a call ends that has to fail."""
    async with asyncio.timeout(10):
        # Nothing is given before the end, so this is the end.
        code, details = await call.code(), await call.details()
    assert code is not Code.OK
    return code, details


async def next_of(call: Any) -> Any:
    return await asyncio.wait_for(call.read(), 10)


# -------------------------------------------------------------------- unary calls


async def test_a_named_write_has_one_effect_and_one_answer() -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        first = await stub.SendMessage(to_ann(number=7), metadata=BEARER)
        assert first.message_id == message_id(host.chat.applied_index, 0)
        assert await stub.SendMessage(to_ann(number=7), metadata=BEARER) == first
    [proposal] = host.proposals
    assert (proposal.client, proposal.number) == (CLIENT, 7)
    assert (proposal.account, proposal.session) == ("ann", SESSION)
    assert host.guests == []


async def test_a_write_without_a_name_is_named_by_the_replica() -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        for text in ("one", "two"):
            await stub.SendMessage(to_ann(text), metadata=BEARER)
    assert [proposal.number for proposal in host.proposals] == [1, 2]
    [client] = {proposal.client for proposal in host.proposals}
    assert len(client) == 16
    assert client != CLIENT


async def test_a_name_of_the_wrong_size_is_refused() -> None:
    host = FakeHost()
    request = to_ann(number=1)
    request.request.client_id = b"short"
    async with stub_of(host) as stub:
        code, line = await refusal(stub.SendMessage(request, metadata=BEARER))
    assert code is Code.INVALID_ARGUMENT
    assert "16 random bytes" in line
    assert host.proposals == []


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ((), "log in first"),
        ((("authorization", f"Bearer {'A' * 43}"),), "not valid"),
        ((("authorization", "Bearer nonsense"),), "not valid"),
    ],
)
async def test_without_a_good_token_nothing_is_written(metadata: Any, words: str) -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        code, line = await refusal(stub.SendMessage(to_ann(), metadata=metadata))
        assert code is Code.UNAUTHENTICATED
        assert words in line
        code, _ = await refusal(
            stub.ReceiveMessages(pb.ReceiveMessagesRequest(), metadata=metadata)
        )
        assert code is Code.UNAUTHENTICATED
    assert host.proposals == []
    assert host.guests == []


async def test_the_word_bearer_may_be_left_out() -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        await stub.SendMessage(to_ann(), metadata=(("authorization", TOKEN),))
    assert len(host.proposals) == 1


async def test_what_the_log_refuses_has_its_status_and_its_line() -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        request = pb.SendMessageRequest(to="nobody", text="x")
        code, line = await refusal(stub.SendMessage(request, metadata=BEARER))
        assert (code, line) == (Code.NOT_FOUND, "no account named 'nobody'")
        request = pb.SendMessageRequest(to="ann")
        code, _ = await refusal(stub.SendMessage(request, metadata=BEARER))
        assert code is Code.INVALID_ARGUMENT
    assert host.guests == []


async def test_every_unary_call_gives_its_own_answer() -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        await stub.CreateAccount(pb.CreateAccountRequest(name="bob", password="b"))
        login = await stub.LogIn(pb.LogInRequest(name="bob", password="b"))
        assert login.name == "bob"
        bob = (("authorization", f"Bearer {login.token}"),)
        page = await stub.ListAccounts(pb.ListAccountsRequest(pattern="b*"))
        assert list(page.names) == ["bob"]
        receipt = await stub.SendMessage(pb.SendMessageRequest(to="bob", text="x"), metadata=bob)
        update = pb.UpdateMessageRequest(up_to_message_id=receipt.message_id)
        await stub.UpdateMessage(update, metadata=bob)
        assert host.chat.undelivered("bob", 0, 10, 1000) == []
        await stub.LogOut(pb.LogOutRequest(), metadata=bob)
        code, _ = await refusal(stub.LogOut(pb.LogOutRequest(), metadata=bob))
        assert code is Code.UNAUTHENTICATED
        await stub.DeleteAccount(pb.DeleteAccountRequest(), metadata=BEARER)
        assert host.chat.password_hash("ann") is None


METHODS = {
    method.name: getattr(pb, method.input_type.name)
    for method in pb.DESCRIPTOR.services_by_name["Chat"].methods
}
UNARY = sorted(METHODS.keys() - {"ReceiveMessages", "Session"})


@pytest.mark.parametrize("relayed", [False, True], ids=["here", "relayed"])
async def test_every_method_of_the_wire_is_served(relayed: bool) -> None:
    hosts = [FakeHost() for _ in range(1 + relayed)]
    async with stub_of(*hosts) as stub:
        for method in UNARY:
            if method in ("DeleteAccount", "LogOut"):
                continue  # the others need the session
            call = getattr(stub, method)(METHODS[method](), metadata=BEARER)
            code = await asyncio.wait_for(call.code(), 10)
            assert code in (Code.OK, Code.INVALID_ARGUMENT), (method, code)
        room = (await stub.CreateRoom(pb.CreateRoomRequest(title="Hall"), metadata=BEARER)).room
        message = pb.SendMessageRequest(room=room, text="apple")
        sent = await stub.SendMessage(message, metadata=BEARER)
        where = pb.Conversation(room=room)
        page = await stub.ReadHistory(pb.ReadHistoryRequest(conversation=where), metadata=BEARER)
        assert [one.id for one in page.messages] == [sent.message_id]
        found = await stub.SearchMessages(pb.SearchMessagesRequest(query="app"), metadata=BEARER)
        assert found == pb.SearchMessagesResponse(messages=page.messages)
        secret = pb.ReadHistoryRequest(conversation=pb.Conversation(room=room + 1))
        code, line = await refusal(stub.ReadHistory(secret, metadata=BEARER))
        assert (code, line) == (Code.NOT_FOUND, f"no room {room + 1} that you are in")
        code, _ = await refusal(stub.ReadHistory(secret))
        assert code is Code.UNAUTHENTICATED
        for method in ("LogOut", "DeleteAccount"):
            call = getattr(stub, method)(METHODS[method](), metadata=BEARER)
            assert await call.code() in (Code.OK, Code.UNAUTHENTICATED)
    hosts[-1].search.close()


@pytest.mark.parametrize("method", UNARY)
async def test_garbage_is_refused_with_a_line(method: str) -> None:
    host = FakeHost()
    async with served(host) as address, grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(f"/{SERVICE}/{method}")
        code, line = await refusal(call(b"\xff" * 10, metadata=BEARER))
    assert code is Code.INVALID_ARGUMENT
    assert f"not a {method}Request" in line
    assert host.proposals == []


async def test_garbage_instead_of_a_place_to_receive_from() -> None:
    async with served(FakeHost()) as address, grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_stream(f"/{SERVICE}/ReceiveMessages")
        code, line = await refusal(call(b"\xff" * 10, metadata=BEARER))
    assert code is Code.INVALID_ARGUMENT
    assert "not a ReceiveMessagesRequest" in line


async def test_a_call_under_way_hears_that_the_master_moved() -> None:
    host = FakeHost()
    host.hold = True
    async with stub_of(host) as stub:
        call = stub.SendMessage(to_ann(), metadata=BEARER)
        await until(lambda: bool(host.pending))
        host.step_down("view 4 has begun")
        assert await refusal(call) == (Code.UNAVAILABLE, "view 4 has begun")
        host.apply()  # an answer that comes after all is nobody's
    assert host.guests == []


async def test_a_caller_that_leaves_is_no_guest_any_more() -> None:
    host = FakeHost()
    host.hold = True
    async with stub_of(host) as stub:
        call = stub.SendMessage(to_ann(), metadata=BEARER)
        await until(lambda: bool(host.pending))
        call.cancel()
        await until(lambda: not host.guests)
        host.apply()
    assert len(host.proposals) == 1


# ------------------------------------------------------------------- no master here


async def test_another_replica_leads_and_the_call_is_relayed() -> None:
    backup, master = FakeHost(), FakeHost()
    async with stub_of(backup, master) as stub:
        receipt = await stub.SendMessage(to_ann(number=1), metadata=BEARER)
        assert receipt.message_id == message_id(master.chat.applied_index, 0)
        code, line = await refusal(
            stub.SendMessage(pb.SendMessageRequest(to="nobody", text="x"), metadata=BEARER)
        )
        assert (code, line) == (Code.NOT_FOUND, "no account named 'nobody'")
    assert backup.proposals == []
    assert len(master.proposals) == 2


async def test_streams_are_relayed_too() -> None:
    backup, master = FakeHost(), FakeHost()
    master.enter(("send", ("ann",), ("waiting",)), 3, "ann")
    async with stub_of(backup, master) as stub:
        messages = stub.ReceiveMessages(pb.ReceiveMessagesRequest(), metadata=BEARER)
        assert (await next_of(messages)).text == "waiting"
        session = stub.Session()
        frame = pb.ClientFrame(client_id=CLIENT, token=TOKEN)
        frame.requests.add(number=1, send_message=to_ann("by session"))
        await session.write(frame)
        assert (await next_of(session)).responses[0].number == 1
        assert (await next_of(messages)).text == "by session"
        columns = pb.Sends(number=2, to=["ann"], text=["first", "second"])
        await session.write(pb.ClientFrame(sends=columns))
        [receipts] = (await next_of(session)).receipts
        assert (receipts.number, receipts.count) == (2, 2)
        assert [(await next_of(messages)).text for _ in range(2)] == ["first", "second"]
        messages.cancel()
        session.cancel()
        await until(lambda: not master.guests)
    assert backup.proposals == []
    assert backup.guests == []


async def test_nobody_leads_and_the_reason_is_told() -> None:
    host = FakeHost()
    host.leads = False
    async with stub_of(host) as stub:
        for call in (
            stub.SendMessage(to_ann(), metadata=BEARER),
            stub.ListAccounts(pb.ListAccountsRequest()),
            stub.ReceiveMessages(pb.ReceiveMessagesRequest(), metadata=BEARER),
            stub.Session(),
        ):
            assert await refusal(call) == (Code.UNAVAILABLE, host.why_not_serving())
    assert host.guests == []


async def test_what_was_relayed_is_not_relayed_again() -> None:
    near, between, master = FakeHost(), FakeHost(), FakeHost()
    async with stub_of(near, between, master) as stub:
        for call in (
            stub.SendMessage(to_ann(), metadata=BEARER),
            stub.ReceiveMessages(pb.ReceiveMessagesRequest(), metadata=BEARER),
            stub.Session(),
        ):
            assert await refusal(call) == (Code.UNAVAILABLE, between.why_not_serving())
    assert master.proposals == []


# ------------------------------------------------------------------------ heartbeat


async def test_a_heartbeat_without_a_view_only_asks() -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        answer = await stub.SendHeartbeat(pb.SendHeartbeatRequest())
        assert host.asked_for == []
        assert (answer.view, answer.master_id, answer.serving) == (VIEW, 0, True)
        assert (answer.replica_id, answer.prefer, answer.suspect_after_ms) == (
            1,
            "availability",
            1000,
        )
        assert (answer.status.role, answer.status.commit_index) == ("master", 17)
        host.leads, host.master = False, "127.0.0.1:1"
        answer = await stub.SendHeartbeat(pb.SendHeartbeatRequest())
        assert (answer.serving, answer.status.role) == (False, "backup"), "it speaks for itself"


async def test_a_heartbeat_with_a_view_asks_to_take_it() -> None:
    host = FakeHost()
    host.leads, host.refusal = False, "replica 2 is missing"
    async with stub_of(host) as stub:
        for view in (0, 4):  # 0 is a view like any other
            answer = await stub.SendHeartbeat(pb.SendHeartbeatRequest(view=view))
            assert answer.reason == "replica 2 is missing"
    assert host.asked_for == [0, 4]


async def test_a_negative_view_is_refused() -> None:
    host = FakeHost()
    async with stub_of(host) as stub:
        code, line = await refusal(stub.SendHeartbeat(pb.SendHeartbeatRequest(view=-1)))
    assert code is Code.INVALID_ARGUMENT
    assert "from 0 on" in line
    assert host.asked_for == []


# ----------------------------------------------------------------- ReceiveMessages


@asynccontextmanager
async def receiving(host: FakeHost, after_id: int = 0) -> AsyncIterator[Any]:
    """A stream of ann's; once it ends nobody is left behind."""
    async with stub_of(host) as stub:
        request = pb.ReceiveMessagesRequest(after_message_id=after_id)
        call = stub.ReceiveMessages(request, metadata=BEARER)
        await until(lambda: bool(host.watchers))
        yield call
        call.cancel()
        await until(lambda: not host.guests and not host.watchers)


async def test_what_waits_comes_first_then_what_arrives() -> None:
    host = FakeHost()
    for number, text in enumerate(("skipped", "waits"), 3):
        host.enter(("send", ("ann",), (text,)), number, "ann")
    async with receiving(host, after_id=message_id(3, 0)) as call:
        message = await next_of(call)
        assert (message.id, message.sender, message.text) == (message_id(4, 0), "ann", "waits")
        assert message.view == VIEW
        host.enter(("send", ("ann",), ("arrives",)), 5, "ann")
        assert (await next_of(call)).text == "arrives"


async def test_more_than_fits_at_once_comes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "DELIVERY_MESSAGES_MAX", 2)
    host = FakeHost()
    for number in range(3, 8):
        host.enter(("send", ("ann",), (f"text {number}",)), number, "ann")
    async with receiving(host) as call:
        texts = [(await next_of(call)).text for _ in range(5)]
    assert texts == [f"text {number}" for number in range(3, 8)]


async def test_one_begins_in_the_middle_of_those_that_came_together() -> None:
    host = FakeHost()
    host.enter(("send", ("ann",), tuple("abcd")), 3, "ann")
    async with receiving(host, after_id=message_id(3, 1)) as call:
        found = [await next_of(call) for _ in range(2)]
    assert [(m.id, m.text) for m in found] == [(message_id(3, 2), "c"), (message_id(3, 3), "d")]


async def test_receiving_ends_with_the_session() -> None:
    host = FakeHost()
    async with receiving(host) as call:
        host.enter(("logout",), 3, "ann")
        code, line = await refusal(call)
        assert code is Code.UNAUTHENTICATED
        assert "log in again" in line


async def test_receiving_ends_with_the_view() -> None:
    host = FakeHost()
    async with receiving(host) as call:
        host.step_down("view 4 has begun")
        assert await refusal(call) == (Code.UNAVAILABLE, "view 4 has begun")


async def test_receiving_begins_when_the_read_is_confirmed() -> None:
    host = FakeHost()
    host.gone = "this replica leads no more"
    async with stub_of(host) as stub:
        call = stub.ReceiveMessages(pb.ReceiveMessagesRequest(), metadata=BEARER)
        assert await refusal(call) == (Code.UNAVAILABLE, "this replica leads no more")
    assert host.guests == []
    assert host.watchers == []
