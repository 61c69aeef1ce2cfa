"""What a backup drops, rewritten for the new order: rule 6.

The story that this exists for. Ann and Bob are on one side of a partition, Cy on the
other. On Ann's side her "hi" to Bob becomes message 101; Bob reads it and acknowledges
up to 101. On Cy's side Cy's "hello" to Bob becomes message 101 too. The partition
heals; Ann's side lost its view, so its entries are handed over. "hi" is applied there
as message 150. Then comes «Bob: delivered up to 101», as it was said: it would remove
Cy's "hello", confirmed and never seen by anybody, and leave Bob "hi" to read again.

So whatever names a message or a room by its id keeps that id only as far as both orders
agree, and names what is beyond by the request that made it: that is the same in every order.

An acknowledgement means more than one message. What it means are messages that were
*delivered* before it. A log does not tell which those are: a request may have been refused
where it stands first, and stand again further on, because a third order had confirmed it; a
number in between does not mean it. So the dropped entries are applied once more, to the state
before them, and what that does tells.

The session's hash goes, for the login may stand only in the order that is given up;
the master that accepted the request had authenticated the account, and that is kept. A logout
carries the hash instead, and so does what ends all sessions but its own. And if both sides had
made an account of one name, the second creation is refused and the account is another person's:
so a deletion of an account that the dropped entries had made names its password hash, and spares
any other.

A request may have reached both sides: the first one refused it (no such account there),
its answer was lost with the connection, and the other side confirmed it. So a refusal
does not stand in the way of a request that is handed over: it is tried again, and what
was confirmed is done. The price: what one side refused may be done after all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import cast

from ringchat_server.chat.accounts import verification
from ringchat_server.chat.chat import Chat
from ringchat_server.chat.conversations import Posted
from ringchat_server.chat.requests import is_sound
from ringchat_server.records import SENDS_MAX, Entry, Proposal, index_of, message_id

RequestName = tuple[bytes, int]

_NOTHING: RequestName = (b"", 0)
"""Names no request."""

_REFERENCES: dict[str, tuple[int, ...]] = {
    "post": (1, 3),
    "read": (1, 2),
    "edit": (1, 2),
    "erase": (1, 2),
    "join": (1,),
    "leave": (1,),
    "invite": (1,),
    "remove": (1,),
    "change": (1,),
}
"""Where in a request an id of a message or room may stand."""


def hand_over(
    entries: Sequence[Entry],
    first_index: int,
    common_index: int,
    chat_before: Callable[[], Chat | None],
) -> tuple[Proposal, ...]:
    """The proposals to make of a log's dropped suffix, which begins at `first_index`.

    Both orders agree up to `common_index`. What stands between it and `first_index` was
    compacted; no acknowledgement may reach into that, for there the numbers differ already.

    Args:
        chat_before: a chat of its own, as it was in the dropped order before `first_index`.
            Asked for if it is needed; without it acknowledgements name nothing, and what
            was read may be read again.

    In their order, the no-ops left out; to be proposed in that order. Never raises.
    """
    newest_common_id = message_id(common_index, SENDS_MAX - 1)
    reaches_beyond = any(
        request[0] == "update" and is_sound(request) and cast("int", request[1]) > newest_common_id
        for *_, request in entries
    )
    delivered = Delivered(chat_before() if reaches_beyond else None)

    def in_any_order(value: object) -> object:
        """A reference; what both orders agree on stays an id."""
        if type(value) is not int or value <= newest_common_id:
            return value
        place = index_of(value) - first_index
        if not 0 <= place < len(entries):
            return _NOTHING  # compacted, and in the other order another one's id
        maker = entries[place]
        return (maker.client, maker.number + value - message_id(index_of(value), 0))

    created: dict[str, bytes] = {}
    proposals: list[Proposal] = []
    for index, entry in enumerate(entries, first_index):
        request = entry.request
        sound = is_sound(request)
        kind = request[0]
        if sound and kind == "update":
            request = _in_any_order(request, delivered, entry.account, newest_common_id)
        elif sound and kind == "create":
            created[str(request[1])] = verification(str(request[2]))
        elif request == ("logout",) and entry.account and entry.session:
            request = ("logout", entry.session)
        elif sound and entry.session and (kind == "password" or request == ("end", b"")):
            request = (*request, entry.session)  # which it spares
        elif sound and kind in _REFERENCES:
            at = _REFERENCES[str(kind)]
            request = tuple(
                in_any_order(part) if place in at else part for place, part in enumerate(request)
            )
        elif request == ("delete",) and entry.account in created:
            request = ("delete", created[entry.account])
        delivered.apply(index, entry)
        if kind != "noop":
            session = b"" if entry.account else entry.session
            proposals.append(Proposal(entry.client, entry.number, entry.account, session, request))
    return tuple(proposals)


class Delivered:
    """The messages that the dropped entries delivered, and no acknowledgement has named yet."""

    def __init__(self, chat: Chat | None) -> None:
        self._chat = chat
        self._waiting: dict[str, list[tuple[int, RequestName]]] = {}
        """Receiver -> (id in the dropped order, name)."""

    def apply(self, index: int, entry: Entry) -> None:
        """The next dropped entry. An answer that was given before posts nothing again."""
        if self._chat is None:
            return
        self._chat.apply(index, entry)
        for news in self._chat.take_news():
            if isinstance(news, Posted):
                self._posted(entry, news)

    def _posted(self, entry: Entry, posted: Posted) -> None:
        first = entry.number + posted.first_id - message_id(index_of(posted.first_id), 0)
        for account in posted.conversation.members:
            if posted.conversation.is_fed_to(account, entry.account):
                waiting = self._waiting.setdefault(account, [])
                for at in range(posted.size):
                    waiting.append((posted.first_id + at, (entry.client, first + at)))

    def take(self, account: str, up_to_id: int) -> tuple[RequestName, ...]:
        """The account's messages up to that id, by name.

        Each once: proposals are applied in their order, so no later acknowledgement has to
        name them again (each naming all before would be quadratic).
        """
        waiting = self._waiting.get(account, [])
        count = bisect_right(waiting, up_to_id, key=itemgetter(0))
        named = tuple(name for _, name in waiting[:count])
        del waiting[:count]
        return named


def _in_any_order(
    request: tuple[object, ...], delivered: Delivered, account: str, newest_common_id: int
) -> tuple[object, ...]:
    """An update that means the same messages in an order that agrees up to that id."""
    _, up_to, named = cast("tuple[str, int, tuple[RequestName, ...]]", request)
    if up_to <= newest_common_id:
        return request
    return ("update", newest_common_id, named + delivered.take(account, up_to))
