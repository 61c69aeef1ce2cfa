"""The gateway as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from ringchat_client.web.accounts import Accounts
from ringchat_client.web.headers import SecurityHeaders
from ringchat_client.web.origins import is_own_origin, token_of
from ringchat_client.web.ring_watch import RingWatch
from ringchat_client.web.seats import Seats
from ringchat_client.web.socket import NOT_LOGGED_IN, Closed, OpenClient, Page

__all__ = ["gateway"]

STATIC = Path(__file__).parent / "static"


def gateway(open_client: OpenClient, siblings: Collection[int] = ()) -> Starlette:
    """The application.

    Args:
        open_client: makes the SDK's clients.
        siblings: ports of other gateways under the same host name. Cookies know no ports,
            so a page that lost this gateway can go on through one of those.
    """
    ring = RingWatch(open_client)
    accounts = Accounts(open_client)
    seats = Seats()

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def config(_: Request) -> Response:
        return JSONResponse({"siblings": sorted(siblings)})

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def socket(websocket: WebSocket) -> None:
        token = token_of(websocket)
        seat = seats.take(token) if is_own_origin(websocket, siblings) else None
        if seat is None:
            await websocket.close()  # before it is accepted: status 403
            return
        try:
            await websocket.accept()
            if not token:
                raise Closed(NOT_LOGGED_IN, "nobody is logged in")
            await Page(websocket, token, open_client, ring, seat.welcomed).run()
        except Closed as closed:
            await websocket.close(closed.code, closed.reason[:100])
        except WebSocketDisconnect:
            pass  # the page has gone, which it may
        finally:
            seat.leave()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await ring.close()

    return Starlette(
        routes=[
            Route("/", page),
            Route("/c/{name:path}", page),
            Route("/r/{name:path}", page),
            Route("/health", health),
            Route("/api/config", config),
            Route("/api/signup", accounts.sign_up, methods=["POST"]),
            Route("/api/login", accounts.log_in, methods=["POST"]),
            Route("/api/logout", accounts.log_out, methods=["POST"]),
            Route("/api/export", accounts.export),
            WebSocketRoute("/api/socket", socket),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders, siblings=siblings)],
        lifespan=lifespan,
    )
