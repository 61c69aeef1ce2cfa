"""The headers of every answer: what the page may load, run and be shown in."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringchat_client.web.origins import host_of

__all__ = ["SecurityHeaders", "content_security_policy"]

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def content_security_policy(host: str, siblings: Collection[int]) -> str:
    """Nothing but this origin's own files; WebSockets also to the siblings on this host."""
    sockets = ["'self'"]
    if host:  # some browsers do not count ws://host as 'self'
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        places = dict.fromkeys([host, *(f"{name}:{port}" for port in siblings)])
        sockets += [f"{scheme}://{place}" for place in places for scheme in ("ws", "wss")]
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "manifest-src 'self'",
            f"connect-src {' '.join(sockets)}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class SecurityHeaders:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp, siblings: Collection[int]) -> None:
        self._app = app
        self._siblings = siblings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; the head of an answer with more in it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = host_of(HTTPConnection(scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_FIXED)
                headers["Content-Security-Policy"] = content_security_policy(host, self._siblings)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)
