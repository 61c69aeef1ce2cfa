"""Signing up, logging in and out, and the export: what sets, clears or reads the cookie."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
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
from ringchat_client.web.origins import COOKIE, is_own_origin, is_secure
from ringchat_client.web.params import Check, checked, name, password
from ringchat_client.web.socket import OpenClient

__all__ = ["Accounts"]

BODY_BYTES_MAX = 16 << 10
AT_WORK_MAX = 32
"""Requests at a time; each has a client of its own, and checking a password is slow."""
LOG_IN_SECONDS_MAX = 20.0
EXPORT_SECONDS_MAX = 120.0
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

    def __init__(self, open_client: OpenClient, siblings: Collection[int]) -> None:
        self._open_client = open_client
        self._siblings = siblings
        self._at_work = 0

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
        return await self._guarded(request, self._export)

    async def _guarded(self, request: Request, answer: Any) -> Response:
        try:
            self._check_site(request)
            if self._at_work >= AT_WORK_MAX:
                raise Refused(503, "too many at once; try again")
            self._at_work += 1
            try:
                response: Response = await answer(request)
                return response
            finally:
                self._at_work -= 1
        except Refused as refused:
            return _error(refused.status, "Refused", str(refused))
        except ClientDisconnect:
            return _error(400, "Refused", "the page went away")
        except RingchatError as error:
            status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
            return _error(status, type(error).__name__, str(error))

    def _check_site(self, request: Request) -> None:
        """Refuse what another site's page asks for."""
        if request.method == "POST":
            if not is_own_origin(request):
                raise Refused(403, "not from this page")
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                raise Refused(415, "the body is application/json")
        elif request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise Refused(403, "not from this page")

    async def _sign_up(self, request: Request) -> Response:
        credentials = await _credentials(request)
        async with self._open_client() as client:
            await client.create_account(**credentials, timeout=LOG_IN_SECONDS_MAX)
        return await self._log_in_with(request, credentials)

    async def _log_in(self, request: Request) -> Response:
        return await self._log_in_with(request, await _credentials(request))

    async def _log_in_with(self, request: Request, credentials: dict[str, Any]) -> Response:
        async with self._open_client() as client:
            login = await client.log_in(**credentials, timeout=LOG_IN_SECONDS_MAX)
        response = JSONResponse({"account": login.name})
        response.set_cookie(
            COOKIE,
            login.token,
            expires=login.expires_at,
            path="/",
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return response

    async def _log_out(self, request: Request) -> Response:
        if token := request.cookies.get(COOKIE):
            async with self._open_client(token=token) as client:
                try:
                    await client.log_out(timeout=LOG_IN_SECONDS_MAX)
                except Unauthenticated:
                    pass  # it had ended already: the wish is fulfilled
        response = JSONResponse({})
        response.delete_cookie(
            COOKIE, path="/", httponly=True, samesite="strict", secure=is_secure(request)
        )
        # What the browser keeps of the page is for whoever logs in next: not the messages.
        return response

    async def _export(self, request: Request) -> Response:
        token = request.cookies.get(COOKIE)
        if not token:
            raise Unauthenticated("nobody is logged in")
        async with self._open_client(token=token) as client:
            everything = await client.export(timeout=EXPORT_SECONDS_MAX)
        body = await asyncio.to_thread(json.dumps, everything, ensure_ascii=False, indent=1)
        return Response(
            body,
            media_type="application/json",
            headers={
                "Content-Disposition": 'attachment; filename="ringchat.json"',
                "Cache-Control": "no-store",
            },
        )


async def _credentials(request: Request) -> dict[str, Any]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise Refused(413, f"the body is at most {BODY_BYTES_MAX} bytes")
    try:
        return checked(json.loads(body), CREDENTIALS)
    except (ValueError, RecursionError):
        raise InvalidArgument("the body is not JSON") from None


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"kind": kind, "message": message}}, status_code=status)
