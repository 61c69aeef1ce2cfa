"""Serving a client through a backup: its call is made again, to the master (rule 11).

A client may have lost its way to a master that the replicas hear very well. Then
the replica that it does reach passes bytes on in both directions and reads none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
import grpc.aio

from ringchat_server.transport.links import CHANNEL_OPTIONS
from ringchat_server.transport.weather import WEATHER

RELAYED_HEADER = "ringchat-relayed"
CLOSED = "the replica that relayed this call is stopping"
_PASSED_ON = ("authorization",)
# A replica that was away is the master again sooner than gRPC would look for it.
_RECONNECT_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),
)


class Relay:
    """Channels to the other replicas' client ports, opened when first needed."""

    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def close(self) -> None:
        """Ends every relayed call."""
        for channel in self._channels.values():
            await channel.close(None)

    async def unary(
        self,
        address: str,
        method: str,
        request: bytes,
        context: grpc.aio.ServicerContext[bytes, bytes],
    ) -> bytes:
        """Makes a unary call at `address` and gives its outcome as this call's own."""
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel(address).unary_unary(
            method
        )
        try:
            answer = await call(
                request, metadata=_metadata(context), timeout=context.time_remaining()
            )
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")
        except asyncio.CancelledError:
            _raise_if_mine()
            await context.abort(grpc.StatusCode.UNAVAILABLE, CLOSED)
        return bytes(answer)

    async def stream(
        self,
        address: str,
        method: str,
        context: grpc.aio.ServicerContext[bytes, bytes],
        requests: Sequence[bytes] | None = None,
    ) -> None:
        """Pipes a stream to and from `address` until either end ends it.

        Args:
            requests: what to send; None to pass on what the caller sends.
        """
        method_call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = self._channel(
            address
        ).stream_stream(method)
        call = method_call(metadata=_metadata(context))
        forth = asyncio.create_task(_pass_on(call, context, requests))
        try:
            while isinstance(answer := await call.read(), bytes):
                await context.write(answer)
            code, details = await call.code(), await call.details()
        except grpc.aio.AioRpcError as error:
            code, details = error.code(), error.details() or ""
        except asyncio.CancelledError:
            _raise_if_mine()
            code, details = grpc.StatusCode.UNAVAILABLE, CLOSED
        except WEATHER:
            return  # the caller has gone
        finally:
            forth.cancel()
            call.cancel()
        if code is not grpc.StatusCode.OK:
            await context.abort(code, details)

    def _channel(self, address: str) -> grpc.aio.Channel:
        if address not in self._channels:
            self._channels[address] = grpc.aio.insecure_channel(
                address, options=(*CHANNEL_OPTIONS, *_RECONNECT_OPTIONS)
            )
        return self._channels[address]


async def _pass_on(
    call: grpc.aio.StreamStreamCall[bytes, bytes],
    context: grpc.aio.ServicerContext[bytes, bytes],
    requests: Sequence[bytes] | None,
) -> None:
    try:
        for request in requests or ():
            await call.write(request)
        while requests is None and isinstance(data := await context.read(), bytes):
            await call.write(data)
        await call.done_writing()
    except WEATHER:
        pass  # the call has ended: the reading side sees how


def _raise_if_mine() -> None:
    """A cancelled call means either that this task is cancelled, or that the channel closed.

    In the second case the caller is still there: nobody would tell it that its call is over.
    """
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise asyncio.CancelledError


def _metadata(context: grpc.aio.ServicerContext[bytes, bytes]) -> list[tuple[str, str | bytes]]:
    kept = [(k, v) for k, v in context.invocation_metadata() or () if k in _PASSED_ON]
    return [*kept, (RELAYED_HEADER, "1")]
