"""One callback for a client, several listeners one after another."""

from __future__ import annotations

from ringchat_client.tui.relay import Relay
from ringchat_client.values import Connected, ConnectionEvent, Lost


def test_who_listens_later_learns_who_is_connected() -> None:
    first: list[ConnectionEvent] = []
    second: list[ConnectionEvent] = []
    third: list[ConnectionEvent] = []
    relay = Relay(first.append)
    connected = Connected(0, 0, 3, 0.1)
    relay(connected)
    relay.listen(second.append)
    lost = Lost(0, "gone")
    relay(lost)
    relay.listen(third.append)
    assert (first, second, third) == ([connected], [connected, lost], [])
