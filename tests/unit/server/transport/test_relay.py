"""A call through a relay: real gRPC, a master that does what the method's name says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from ringchat_server.transport.relay import CLOSED, RELAYED_HEADER, Relay
from tests.unit.server.transport.fake_host import until

BINARY = b"\x00\xff\x80 not UTF-8"
Code = grpc.StatusCode


class FakeMaster:
    """Takes down what it is asked."""

    def __init__(self) -> None:
        self.metadata: dict[str, str | bytes] = {}
        self.seconds_left: float | None = None
        self.open_calls = 0
        """Of `Wait` and `EchoAll`."""
        self.ended = 0
        """Streams whose caller said that it has no more to say."""
        self.server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        unary = grpc.unary_unary_rpc_method_handler
        stream = grpc.stream_stream_rpc_method_handler
        methods: dict[str, Any] = {
            "Echo": unary(self._echo),
            "Refuse": unary(self._refuse),
            "Wait": unary(self._wait),
            "EchoAll": stream(self._echo_all),
            "RefuseSecond": stream(self._refuse_second),
        }
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("Master", methods),)
        )
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"

    def _note(self, context: Any) -> None:
        self.metadata = dict(context.invocation_metadata())
        self.seconds_left = context.time_remaining()

    async def _echo(self, data: bytes, context: Any) -> bytes:
        self._note(context)
        return data

    async def _refuse(self, data: bytes, context: Any) -> bytes:
        await context.abort(Code.NOT_FOUND, "no account named 'x'")
        raise AssertionError

    async def _wait(self, data: bytes, context: Any) -> bytes:
        self.open_calls += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.open_calls -= 1
        return data

    async def _echo_all(self, _: object, context: Any) -> None:
        self._note(context)
        self.open_calls += 1
        try:
            while isinstance(data := await context.read(), bytes):
                await context.write(data)
            self.ended += 1
        finally:
            self.open_calls -= 1

    async def _refuse_second(self, _: object, context: Any) -> None:
        await context.write(await context.read())
        await context.read()
        await context.abort(Code.RESOURCE_EXHAUSTED, "one is enough")


class Ends:
    """The master, the relay, and a client of the replica that relays."""

    def __init__(self, master: FakeMaster, relay: Relay, channel: grpc.aio.Channel) -> None:
        self.master, self.relay, self._channel = master, relay, channel

    def unary(self, method: str) -> Any:
        return self._channel.unary_unary(f"/Front/{method}")

    def stream(self, method: str) -> Any:
        return self._channel.stream_stream(f"/Front/{method}")


def front_of(relay: Relay, address: str, requests: Sequence[bytes] | None) -> Any:
    """The service of the replica that relays everything to `address`."""

    async def unary(data: bytes, context: Any, method: str) -> bytes:
        return await relay.unary(address, f"/Master/{method}", data, context)

    async def stream(_: object, context: Any, method: str) -> None:
        await relay.stream(address, f"/Master/{method}", context, requests)

    def of(handler: Any, method: str) -> Any:
        async def handle(data: Any, context: Any) -> Any:
            return await handler(data, context, method)

        return handle

    methods: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(of(unary, name))
        for name in ("Echo", "Refuse", "Wait")
    } | {
        name: grpc.stream_stream_rpc_method_handler(of(stream, name))
        for name in ("EchoAll", "RefuseSecond")
    }
    return grpc.method_handlers_generic_handler("Front", methods)


@asynccontextmanager
async def relayed(requests: Sequence[bytes] | None = None) -> AsyncIterator[Ends]:
    master, relay = FakeMaster(), Relay()
    front = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    front.add_generic_rpc_handlers((front_of(relay, master.address, requests),))
    port = front.add_insecure_port("127.0.0.1:0")
    async with AsyncExitStack() as stack:
        for server in (master.server, front):
            await server.start()
            stack.push_async_callback(server.stop, 0)
        stack.push_async_callback(relay.close)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        yield Ends(master, relay, channel)


async def next_of(call: Any) -> Any:
    return await asyncio.wait_for(call.read(), 10)


async def end_of(call: Any) -> tuple[grpc.StatusCode, str]:
    """How a call ends: its status and line."""
    async with asyncio.timeout(10):
        return await call.code(), await call.details()


# ---------------------------------------------------------------------- unary calls


async def test_bytes_pass_and_nobody_reads_them() -> None:
    async with relayed() as ends:
        assert await ends.unary("Echo")(BINARY) == BINARY


async def test_the_token_and_the_deadline_pass_and_no_other_metadata() -> None:
    async with relayed() as ends:
        sent = (("authorization", "Bearer x"), ("ringchat-cluster-key", "k"), ("other", "o"))
        await ends.unary("Echo")(b"", metadata=sent, timeout=60.0)
        master = ends.master
        assert master.metadata["authorization"] == "Bearer x"
        assert RELAYED_HEADER in master.metadata
        assert not {"ringchat-cluster-key", "other"} & set(master.metadata)
        assert master.seconds_left is not None
        assert 0 < master.seconds_left < 61, "each hop may round it up by a tenth of a second"


async def test_a_refusal_passes_as_it_is() -> None:
    async with relayed() as ends:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ends.unary("Refuse")(b"")
        assert caught.value.code() is Code.NOT_FOUND
        assert caught.value.details() == "no account named 'x'"


async def test_a_master_that_is_gone_is_unavailable() -> None:
    async with relayed() as ends:
        await ends.master.server.stop(0)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ends.unary("Echo")(b"")
        assert caught.value.code() is Code.UNAVAILABLE
        call = ends.stream("EchoAll")()
        assert (await end_of(call))[0] is Code.UNAVAILABLE


# -------------------------------------------------------------------------- streams


async def test_bytes_pass_both_ways_as_they_come() -> None:
    async with relayed() as ends:
        call = ends.stream("EchoAll")(metadata=(("authorization", "Bearer x"),))
        for number in range(10):
            await call.write(BINARY + bytes([number]))
            assert await next_of(call) == BINARY + bytes([number])
        assert ends.master.metadata["authorization"] == "Bearer x"
        assert RELAYED_HEADER in ends.master.metadata
        await call.done_writing()
        assert await next_of(call) is grpc.aio.EOF
        assert (await end_of(call))[0] is Code.OK
        assert ends.master.ended == 1


async def test_given_requests_are_sent_in_the_callers_place() -> None:
    async with relayed([b"one", b"two"]) as ends:
        call = ends.stream("EchoAll")()
        assert [await next_of(call), await next_of(call)] == [b"one", b"two"]
        assert (await end_of(call))[0] is Code.OK


async def test_the_masters_status_ends_the_stream() -> None:
    async with relayed() as ends:
        call = ends.stream("RefuseSecond")()
        await call.write(b"first")
        assert await next_of(call) == b"first"
        await call.write(b"second")
        assert await end_of(call) == (Code.RESOURCE_EXHAUSTED, "one is enough")


async def test_a_caller_that_leaves_ends_the_stream_at_the_master() -> None:
    async with relayed() as ends:
        call = ends.stream("EchoAll")()
        await call.write(b"x")
        await next_of(call)
        assert ends.master.open_calls == 1
        call.cancel()
        await until(lambda: ends.master.open_calls == 0)


async def test_a_master_that_dies_ends_the_stream() -> None:
    async with relayed() as ends:
        call = ends.stream("EchoAll")()
        await call.write(b"x")
        await next_of(call)
        await ends.master.server.stop(0)
        assert (await end_of(call))[0] is not Code.OK


async def test_closing_ends_what_is_relayed() -> None:
    async with relayed() as ends:
        call = ends.stream("EchoAll")()
        await call.write(b"x")
        await next_of(call)
        waiting = asyncio.create_task(end_of(ends.unary("Wait")(b"")))
        await until(lambda: ends.master.open_calls == 2)
        await ends.relay.close()
        assert await end_of(call) == (Code.UNAVAILABLE, CLOSED)
        assert await waiting == (Code.UNAVAILABLE, CLOSED)
        await until(lambda: ends.master.open_calls == 0)
