"""Who may speak to the gateway: its own pages, known by the Origin that a browser tells.

A browser sends Origin with every POST and every WebSocket, and no script can change it: by
it a request of any other page is refused. SameSite=Strict keeps the cookie from other sites,
too, but a site is a scheme and a host, whatever the port: between this page and another
program's on the same host only the Origin stands. Cookies do not know ports either. Under
https the cookie has the prefix `__Host-`: no other host of the domain, and nothing that came
without TLS, can put one in its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.requests import HTTPConnection

__all__ = ["COOKIE", "SECURE_COOKIE", "host_of", "is_own_origin", "is_secure", "token_of"]

COOKIE = "ringchat_token"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Its name under https."""
_HOST = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(rf"(?P<scheme>https?)://(?P<host>{_HOST.pattern})")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_of(connection: HTTPConnection) -> str:
    """The Host that was asked for; empty if it is nothing that a browser would send."""
    host = connection.headers.get("host", "")
    return host if _HOST.fullmatch(host) else ""


def is_own_origin(connection: HTTPConnection, siblings: Collection[int] = ()) -> bool:
    """Whether the request comes from a page of this gateway, or of a sibling on this host."""
    host = host_of(connection).lower()
    match = _ORIGIN.fullmatch(connection.headers.get("origin", "").lower())
    if match is None or not host:
        return False
    if match["host"] == host:
        return True
    port = int(match["port"] or _DEFAULT_PORTS[match["scheme"]])
    asked = _HOST.fullmatch(host)
    assert asked is not None
    return match["name"] == asked["name"] and port in siblings


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the page came over https, to this process or to a proxy before it."""
    origin = connection.headers.get("origin", "")
    return origin.startswith("https://") or connection.url.scheme in {"https", "wss"}


def token_of(connection: HTTPConnection) -> str:
    """Of whoever is logged in; empty if nobody is."""
    if token := connection.cookies.get(SECURE_COOKIE):
        return token
    return "" if is_secure(connection) else connection.cookies.get(COOKIE, "")
