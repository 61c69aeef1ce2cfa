"""One page's WebSocket: its requests in, answers and events out, one SDK client behind it.

Everything is JSON, one object to a message::

    page     {"client_id": "32 hexadecimal digits"}                   first, once
    gateway  {"event": "Welcome", "account": "ann", ...}
    page     {"id": 1, "method": "history", "params": {...}}
    page     {"id": 2, "method": "send_message", "params": {...}, "number": 7}
    gateway  {"id": 2, "result": {...}}   or   {"id": 2, "error": {"kind", "message"}}
    gateway  {"event": "NewMessage", ...}

A write has a number: with the page's client id, its name for ever. `"client_id"` beside it
names a write of an earlier page, which is repeated. `ping` and `watch_ring` are the
gateway's own; all other methods are the SDK's. It is closed with a code of `Closed`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from ringchat_client.client import Client
from ringchat_client.errors import (
    DeadlineExpired,
    InvalidArgument,
    RingchatError,
    Unauthenticated,
    Unavailable,
)
from ringchat_client.values import ConnectionEvent
from ringchat_client.web.methods import METHODS
from ringchat_client.web.params import ID_MAX, checked, flag
from ringchat_client.web.plain import plain, plain_event
from ringchat_client.web.ring_watch import RingWatch

__all__ = ["NOT_LOGGED_IN", "Closed", "OpenClient", "Page"]

log = logging.getLogger(__name__)

HELLO_SECONDS_MAX = 10.0
CALL_SECONDS_MAX = 20.0
REQUESTS_MAX = 64
"""Of one page at work at a time; it is not read from while it has so many."""
EARLIER_CLIENTS_MAX = 16
"""Pages whose writes it repeats, each under its own client id."""
QUEUE_MAX = 256
"""Answers and events that wait for the page to read them."""
SLOW_SECONDS_MAX = 30.0
"""A page that reads nothing for so long is let go. It comes back and reads anew."""

NOT_LOGGED_IN, BAD_MESSAGE, TOO_SLOW, NOT_NOW = 4401, 4400, 4408, 4503


class Closed(Exception):
    """Why the gateway ends a WebSocket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class OpenClient(Protocol):
    """Makes the SDK's client for the cluster of this gateway."""

    def __call__(
        self,
        *,
        token: str = "",
        client_id: bytes | None = None,
        on_connection: Callable[[ConnectionEvent], None] | None = None,
    ) -> Client:
        """A client that has not been entered yet."""


@dataclass(slots=True)
class _Earlier:
    """The client of an earlier page."""

    client: Client
    calls: int = 0


class Page:
    """One page while its WebSocket is open."""

    def __init__(
        self,
        socket: WebSocket,
        token: str,
        open_client: OpenClient,
        ring: RingWatch,
        welcomed: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._token = token
        self._open_client = open_client
        self._ring = ring
        self._welcomed = welcomed
        self._client: Client | None = None
        self._client_id = b""
        self._earlier: dict[bytes, _Earlier] = {}  # who served last stands last
        self._entering = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE_MAX)
        self._requests: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(REQUESTS_MAX)
        self._broken: asyncio.Queue[BaseException] = asyncio.Queue()  # what ends it from within
        self._under_way: set[tuple[bytes, int]] = set()

    async def run(self) -> None:
        """Serve the page until it goes. The WebSocket is accepted already.

        Raises:
            Closed: the gateway wants to end it, and why.
        """
        self._client_id = await self._hello()
        async with self._stack:
            client = self._client = await self._stack.enter_async_context(
                self._open_client(
                    token=self._token, client_id=self._client_id, on_connection=self._heard
                )
            )
            self._stack.push_async_callback(self._close_earlier)
            jobs = [
                asyncio.create_task(job)
                for job in (self._read(), self._write(), self._tell(client), self._end_broken())
            ]
            try:
                done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._ring.look_away(self)
                unfinished = [*jobs, *self._requests]
                for job in unfinished:
                    job.cancel()
                await asyncio.wait(unfinished)
            for job in done:
                job.result()

    async def _hello(self) -> bytes:
        try:
            async with asyncio.timeout(HELLO_SECONDS_MAX):
                return _client_id(_parsed(await self._socket.receive_text()).get("client_id"))
        except TimeoutError:
            raise Closed(BAD_MESSAGE, "the page said nothing") from None
        except InvalidArgument as error:
            raise Closed(BAD_MESSAGE, str(error)) from None

    # ------------------------------------------------------------------ out

    async def _write(self) -> None:
        while True:
            text = json.dumps(await self._out.get(), ensure_ascii=False, separators=(",", ":"))
            await self._socket.send_text(text)

    async def _put(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SLOW_SECONDS_MAX):
                await self._out.put(message)
        except TimeoutError:
            raise Closed(TOO_SLOW, "the page does not read") from None

    def _put_courtesy(self, message: dict[str, Any]) -> None:
        """For what the next of its kind makes up for: a page that is behind goes without."""
        if self._out.qsize() < QUEUE_MAX // 2:
            self._out.put_nowait(message)

    async def _tell(self, client: Client) -> None:
        """Who is logged in, then everything that happens."""
        try:
            while True:
                try:
                    profile = await client.profile(timeout=CALL_SECONDS_MAX)
                    break
                except DeadlineExpired:
                    continue  # no master for so long; the page sees the walk meanwhile
            self._welcomed()
            await self._put({"event": "Welcome", **plain(profile)})
            async with aclosing(client.events()) as events:
                async for event in events:
                    await self._put(plain_event(event))
        except Unauthenticated as error:
            raise Closed(NOT_LOGGED_IN, str(error)) from None
        except RingchatError as error:
            raise Closed(NOT_NOW, str(error)) from None

    def _heard(self, event: ConnectionEvent) -> None:
        self._ring.nudge()
        self._put_courtesy(plain_event(event))

    # ------------------------------------------------------------------- in

    async def _read(self) -> None:
        while True:
            await self._free.acquire()
            try:
                request = _parsed(await self._socket.receive_text())
            except WebSocketDisconnect:
                return
            except InvalidArgument as error:
                raise Closed(BAD_MESSAGE, str(error)) from None
            task = asyncio.create_task(self._answer(request))
            self._requests.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken.put_nowait(error)

    async def _end_broken(self) -> None:
        raise await self._broken.get()

    async def _answer(self, request: dict[str, Any]) -> None:
        tag = request.get("id")
        try:
            answer = {"id": tag, "result": plain(await self._call(request))}
        except RingchatError as error:
            answer = {"id": tag, "error": {"kind": type(error).__name__, "message": str(error)}}
        except Exception as error:  # of our own making: told, and the page goes on
            log.exception("a request of a page failed")
            message = f"the gateway failed: {type(error).__name__}"
            answer = {"id": tag, "error": {"kind": "Internal", "message": message}}
        await self._put(answer)

    async def _call(self, request: dict[str, Any]) -> object:
        method, params = request.get("method"), request.get("params", {})
        if method == "ping":
            return checked(params, {})
        if method == "watch_ring":
            self._watch_ring(**checked(params, {"on": flag}))
            return None
        known = METHODS.get(method) if isinstance(method, str) else None
        if known is None:
            raise InvalidArgument("no such method")
        arguments = checked(params, known.checks)
        if method != "set_typing":
            arguments["timeout"] = CALL_SECONDS_MAX
        if not known.write:
            return await getattr(self._client, str(method))(**arguments)
        return await self._call_write(str(method), arguments, request)

    async def _call_write(
        self, method: str, arguments: dict[str, Any], request: dict[str, Any]
    ) -> object:
        number = request.get("number")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= ID_MAX:
            raise InvalidArgument("a write has a number from 1 on")
        client_id = _client_id(request.get("client_id", self._client_id.hex()))
        name = (client_id, number)
        if name in self._under_way:
            raise Unavailable(f"number {number} is under way already")  # so not known yet
        self._under_way.add(name)
        try:
            async with self._client_of(client_id) as client:
                with client.numbered(number):
                    result: object = await getattr(client, method)(**arguments)
                    return result
        finally:
            self._under_way.discard(name)

    @asynccontextmanager
    async def _client_of(self, client_id: bytes) -> AsyncGenerator[Client, None]:
        """That of this page, or of an earlier one, which is not closed meanwhile."""
        if client_id == self._client_id:
            assert self._client is not None
            yield self._client
            return
        async with self._entering:
            earlier = self._earlier.pop(client_id, None) or await self._enter_earlier(client_id)
            self._earlier[client_id] = earlier
            earlier.calls += 1
        try:
            yield earlier.client
        finally:
            earlier.calls -= 1

    async def _enter_earlier(self, client_id: bytes) -> _Earlier:
        if len(self._earlier) >= EARLIER_CLIENTS_MAX:
            idle = next((key for key, one in self._earlier.items() if not one.calls), None)
            if idle is None:
                raise Unavailable("too many earlier pages have writes under way")
            await self._earlier.pop(idle).client.close()
        client = self._open_client(token=self._token, client_id=client_id)
        return _Earlier(await client.__aenter__())

    async def _close_earlier(self) -> None:
        while self._earlier:
            _, earlier = self._earlier.popitem()
            await earlier.client.close()

    def _watch_ring(self, *, on: bool) -> None:
        if on:
            self._ring.look(self, self._put_courtesy)
        else:
            self._ring.look_away(self)


def _parsed(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgument("a message is JSON") from None
    if not isinstance(message, dict):
        raise InvalidArgument("a message is a JSON object")
    return message


def _client_id(value: object) -> bytes:
    if isinstance(value, str) and len(value) == 32:
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass  # said below
    raise InvalidArgument("a client id is 32 hexadecimal digits")
