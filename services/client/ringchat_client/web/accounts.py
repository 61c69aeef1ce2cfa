"""Signing up, logging in and out, and the export: what sets, clears or reads the cookie."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ringchat_client.errors import (
    AlreadyExists,
    DeadlineExpired,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    RingchatError,
    Unauthenticated,
    Unavailable,
)
from ringchat_client.web.export import Export, pieces
from ringchat_client.web.origins import (
    COOKIE,
    SECURE_COOKIE,
    is_own_origin,
    is_secure,
    token_of,
)
from ringchat_client.web.params import Check, checked, name, password
from ringchat_client.web.socket import OpenClient

__all__ = ["Accounts"]

BODY_BYTES_MAX = 16 << 10
BODY_SECONDS_MAX = 5.0
AT_WORK_MAX = 32
"""Requests at a time; each has a client of its own, and checking a password is slow."""
LOG_IN_SECONDS_MAX = 20.0
EXPORTS_MAX = 2
"""At a time; one of each login."""
EXPORT_SECONDS_MAX = 600.0
CREDENTIALS: Mapping[str, Check] = {"name": name, "password": password}
STATUS: tuple[tuple[type[RingchatError], int], ...] = (
    (InvalidArgument, 400),
    (Unauthenticated, 401),
    (NotFound, 404),
    (AlreadyExists, 409),
    (ResourceExhausted, 429),
    (DeadlineExpired, 503),
    (Unavailable, 503),
)


class Refused(Exception):
    """A request that is not even looked at, and the status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Accounts:
    """The endpoints beside the WebSocket."""

    def __init__(self, open_client: OpenClient) -> None:
        self._open_client = open_client
        self._at_work = 0
        self._exporting: set[str] = set()

    async def sign_up(self, request: Request) -> Response:
        """POST /api/signup: make an account and log in."""
        return await self._guarded(request, self._sign_up)

    async def log_in(self, request: Request) -> Response:
        """POST /api/login."""
        return await self._guarded(request, self._log_in)

    async def log_out(self, request: Request) -> Response:
        """POST /api/logout: end the session on every replica, and forget it."""
        return await self._guarded(request, self._log_out)

    async def export(self, request: Request) -> Response:
        """GET /api/export: all of one's own, as a file."""
        return await _told(lambda: self._export(request))

    async def _guarded(
        self, request: Request, answer: Callable[[Request, bytes], Awaitable[Response]]
    ) -> Response:
        async def guarded() -> Response:
            _check_site(request)
            body = await _body(request)  # who is slow to send it is not at work yet
            if self._at_work >= AT_WORK_MAX:
                raise Refused(503, "too many at once; try again")
            self._at_work += 1
            try:
                return await answer(request, body)
            finally:
                self._at_work -= 1

        return await _told(guarded)

    async def _sign_up(self, request: Request, body: bytes) -> Response:
        credentials = _credentials(body)
        async with self._open_client() as client:
            await client.create_account(**credentials, timeout=LOG_IN_SECONDS_MAX)
        return await self._log_in_with(request, credentials)

    async def _log_in(self, request: Request, body: bytes) -> Response:
        return await self._log_in_with(request, _credentials(body))

    async def _log_in_with(self, request: Request, credentials: dict[str, Any]) -> Response:
        async with self._open_client() as client:
            login = await client.log_in(**credentials, timeout=LOG_IN_SECONDS_MAX)
        response = JSONResponse({"account": login.name})
        secure = is_secure(request)
        response.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            login.token,
            expires=login.expires_at,
            path="/",
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return response

    async def _log_out(self, request: Request, _: bytes) -> Response:
        if token := token_of(request):
            async with self._open_client(token=token) as client:
                try:
                    await client.log_out(timeout=LOG_IN_SECONDS_MAX)
                except Unauthenticated:
                    pass  # it had ended already: the wish is fulfilled
        response = JSONResponse({})
        for cookie, secure in ((COOKIE, is_secure(request)), (SECURE_COOKIE, True)):
            response.delete_cookie(
                cookie, path="/", httponly=True, samesite="strict", secure=secure
            )
        # What the browser keeps of the page is for whoever logs in next: not the messages.
        return response

    async def _export(self, request: Request) -> Response:
        _check_site(request)
        token = token_of(request)
        if not token:
            raise Unauthenticated("nobody is logged in")
        if token in self._exporting or len(self._exporting) >= EXPORTS_MAX:
            raise Refused(503, "too many exports at once; try again later")
        self._exporting.add(token)
        rest = self._pieces(token)
        try:
            first = await anext(rest)
        except BaseException:
            self._exporting.discard(token)
            raise
        return Export(first, rest, EXPORT_SECONDS_MAX, lambda: self._exporting.discard(token))

    async def _pieces(self, token: str) -> AsyncGenerator[str, None]:
        async with self._open_client(token=token) as client, aclosing(pieces(client)) as all_of_it:
            async for piece in all_of_it:
                yield piece


async def _told(answer: Callable[[], Awaitable[Response]]) -> Response:
    """That answer, or what went wrong."""
    try:
        return await answer()
    except Refused as refused:
        return _error(refused.status, "Refused", str(refused))
    except ClientDisconnect:
        return _error(400, "Refused", "the page went away")
    except RingchatError as error:
        status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
        return _error(status, type(error).__name__, str(error))


def _check_site(request: Request) -> None:
    """Refuse what another site's page asks for."""
    if request.method == "POST":
        if not is_own_origin(request):
            raise Refused(403, "not from this page")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Refused(415, "the body is application/json")
    elif request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Refused(403, "not from this page")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise Refused(413, f"the body is at most {BODY_BYTES_MAX} bytes")
    except TimeoutError:
        raise Refused(408, f"the body did not come within {BODY_SECONDS_MAX:g} seconds") from None
    return bytes(body)


def _credentials(body: bytes) -> dict[str, Any]:
    try:
        return checked(json.loads(body), CREDENTIALS)
    except (ValueError, RecursionError):
        raise InvalidArgument("the body is not JSON") from None


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"kind": kind, "message": message}}, status_code=status)
