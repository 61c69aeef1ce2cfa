"""What was confirmed and what has come: so that a loss or a double would show."""

from __future__ import annotations


class Tally:
    """The messages of one writer to one reader, by number."""

    def __init__(self) -> None:
        self._confirmed: set[int] = set()
        self._received: set[int] = set()
        self._newest_received = 0
        self.doubled = 0

    def confirm(self, number: int) -> None:
        """The cluster has said that this one cannot be lost any more."""
        self._confirmed.add(number)

    def receive(self, number: int) -> None:
        """This one has come."""
        if number in self._received:
            self.doubled += 1
        self._received.add(number)
        self._newest_received = max(self._newest_received, number)

    @property
    def confirmed(self) -> int:
        """How many."""
        return len(self._confirmed)

    @property
    def lost(self) -> int:
        """Confirmed, and not there although a later one has come: the order never changes."""
        missing = self._confirmed - self._received
        return sum(number < self._newest_received for number in missing)

    @property
    def on_their_way(self) -> int:
        """Confirmed, and not there yet."""
        return len(self._confirmed - self._received) - self.lost
