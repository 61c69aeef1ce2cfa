"""How many pages may be connected: in all, of one login, and before they were welcomed.

All pages of a login share its cookie, so its value tells whose a WebSocket is before anything
else is known of it. Whoever makes up values gets no further than the few seats for those that
were not welcomed yet, and leaves all others to people who are logged in.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["Seat", "Seats"]

PAGES_MAX = 2_000
"""Each costs a client of the cluster."""
PAGES_OF_ONE_MAX = 16
UNKNOWN_MAX = 64
"""Not welcomed yet."""


class Seats:
    """All of a gateway; belongs to one event loop."""

    def __init__(self) -> None:
        self._pages: Counter[str] = Counter()
        self._unknown = 0

    def take(self, token: str) -> Seat | None:
        """A place for one more page with that cookie; None if there is none."""
        if (
            self._pages.total() >= PAGES_MAX
            or self._pages[token] >= PAGES_OF_ONE_MAX
            or self._unknown >= UNKNOWN_MAX
        ):
            return None
        self._pages[token] += 1
        self._unknown += 1
        return Seat(self, token)

    def known(self) -> None:
        """One of them is welcomed."""
        self._unknown -= 1

    def free(self, token: str) -> None:
        """One has gone."""
        self._pages[token] -= 1
        if not self._pages[token]:
            del self._pages[token]


class Seat:
    """One page's."""

    def __init__(self, seats: Seats, token: str) -> None:
        self._seats = seats
        self._token = token
        self._known = False

    def welcomed(self) -> None:
        """It is somebody who is logged in."""
        if not self._known:
            self._known = True
            self._seats.known()

    def leave(self) -> None:
        """Once."""
        self.welcomed()
        self._seats.free(self._token)
