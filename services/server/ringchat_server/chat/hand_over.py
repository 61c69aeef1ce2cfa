"""What a backup drops, rewritten for the new order: rule 6.

The story that this exists for. Ann and Bob are on one side of a partition, Cy on the
other. On Ann's side her "hi" to Bob becomes message 101; Bob reads it and acknowledges
up to 101. On Cy's side Cy's "hello" to Bob becomes message 101 too. The partition
heals; Ann's side lost its view, so its entries are handed over. "hi" is applied there
as message 150. Then comes «Bob: delivered up to 101», as it was said: it would remove
Cy's "hello", confirmed and never seen by anybody, and leave Bob "hi" to read again.

So an acknowledgement keeps its number only as far as both orders agree, and names what
it means beyond by the requests that sent it: those are the same in every order.

The session's hash goes, for the login may stand only in the order that is given up;
the master that accepted the request had authenticated the account, and that is kept. A logout
carries the hash instead. And if both sides had made an account of one name, the second
creation is refused and the account is another person's: so a deletion of an account
that the dropped entries had made names its password hash, and spares any other.

A request may have reached both sides: the first one refused it (no such account there),
its answer was lost with the connection, and the other side confirmed it. So a refusal
does not stand in the way of a request that is handed over: it is tried again, and what
was confirmed is done. The price: what one side refused may be done after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ringchat_server.chat.accounts import verification
from ringchat_server.chat.requests import is_sound
from ringchat_server.records import SENDS_MAX, Entry, Proposal, message_id

RequestName = tuple[bytes, int]


def hand_over(
    entries: Sequence[Entry], first_index: int, common_index: int
) -> tuple[Proposal, ...]:
    """The proposals to make of a log's dropped suffix, which begins at `first_index`.

    Both orders agree up to `common_index`. What stands between it and `first_index` was
    compacted; no acknowledgement may reach into that, for there the numbers differ already.

    In their order, the no-ops left out; to be proposed in that order. Never raises.
    """
    # The dropped messages that wait, by receiver: what an acknowledgement can mean.
    waiting: dict[str, list[tuple[int, RequestName]]] = {}
    created: dict[str, bytes] = {}
    newest_common_id = message_id(common_index, SENDS_MAX - 1)
    proposals: list[Proposal] = []
    for index, entry in enumerate(entries, first_index):
        request = entry.request
        sound = is_sound(request)
        kind = request[0]
        if kind == "noop":
            continue
        if sound and kind == "send":
            _, to, texts = cast("tuple[str, tuple[str, ...], tuple[str, ...]]", request)
            for position in range(len(texts)):
                name = (entry.client, entry.number + position)
                receiver = to[position if len(to) > 1 else 0]
                waiting.setdefault(receiver, []).append((message_id(index, position), name))
        elif sound and kind == "update":
            request = _in_any_order(request, waiting.get(entry.account, []), newest_common_id)
        elif sound and kind == "create":
            created[str(request[1])] = verification(str(request[2]))
        elif request == ("logout",) and entry.account and entry.session:
            request = ("logout", entry.session)
        elif request == ("delete",) and entry.account in created:
            request = ("delete", created[entry.account])
        session = b"" if entry.account else entry.session
        proposals.append(Proposal(entry.client, entry.number, entry.account, session, request))
    return tuple(proposals)


def _in_any_order(
    request: tuple[object, ...], waiting: list[tuple[int, RequestName]], newest_common_id: int
) -> tuple[object, ...]:
    """An update that means the same messages in an order that agrees up to that id.

    It takes the messages it names out of `waiting`: proposals are applied in their order,
    so no later one has to name them again (each naming all before would be quadratic).
    """
    _, up_to, delivered = request
    assert isinstance(up_to, int)
    assert isinstance(delivered, tuple)
    if up_to <= newest_common_id:
        return request
    count = sum(1 for one, _ in waiting if one <= up_to)
    named = tuple(name for _, name in waiting[:count])
    del waiting[:count]
    return ("update", newest_common_id, delivered + named)
