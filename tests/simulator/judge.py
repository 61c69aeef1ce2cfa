"""What must hold at the end, when everything has healed.

* Every request of the log was answered as the model answers it, and every question of a
  client as the model would: at the place in the log, and on the side of a split, where it was.
* Every replica holds what the log makes, and that is what the model holds: each confirmed
  request applied exactly once, each other one at most once.
* Who only hears the news of the chat knows all that there is to see.
* What clients were told is so: nothing lost, nothing doubled, and in consistency mode
  every mailbox is linearizable. These are the checkers of the chaos runs, too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chaos.checkers import lost_or_doubled, not_linearizable, without_refusals
from chaos.history import SEND, UNKNOWN, Call, Letters
from ringchat_server.chat import Chat
from ringchat_server.records import Entry
from tests.simulator.booth import (
    CONVERSATIONS,
    MAILBOX_MAX,
    MEMBERS,
    PROFILE,
    ROOMS,
    answer_at,
    look,
)
from tests.simulator.conversations_model import CLOSED, DENIED, NOT_FOUND
from tests.simulator.follower import Follower
from tests.simulator.habits import EDIT, ERASE, POST, is_a_letter
from tests.simulator.model import Model
from tests.simulator.watch import Look, Violation

if TYPE_CHECKING:
    from tests.simulator.world import World


def judge(world: World) -> None:
    """Raises `Violation` at the first thing that is not as it must be."""
    chats = [one.process.engine.chat for one in world.machines if one.process is not None]
    replica = next(one.process.engine.replica for one in world.machines if one.process)
    view = replica.log.view_at(chats[0].applied_index)
    assert view is not None
    log = world.watch.log_up_to(chats[0].applied_index, view)
    times = [entry.time_ms for entry in log]
    if times != sorted(times):
        raise Violation("time-goes-back: an entry is older than the one before it")
    model, chat, looks = _replayed(log, world.watch.looks)
    while looks:  # those on a side of a split that was given up
        last = max(looks, key=lambda one: one.applied)
        _, _, left = _replayed(world.watch.log_up_to(last.applied, last.view), looks)
        assert len(left) < len(looks)
        looks = left
    world.counts["rule", "10 a duplicate is applied once"] += model.repeated
    _is_as_modelled(chat, model)
    for one in chats:
        if one.export() != chat.export() or one.stored_bytes != chat.stored_bytes:
            raise Violation("not-as-replayed: a replica holds something else than its log makes")
    _is_as_told(world, model)
    finals = {name: _letters(chat, name) for name, gone in _accounts(model) if not gone}
    history: Sequence[Call] = world.history
    if world.prefer == "availability" and world.watch.handed_over:
        history = _without_changed(without_refusals(history), model)
    complaints = lost_or_doubled(history, finals)
    if world.bound_exceeded:
        complaints = [line for line in complaints if not line.startswith(("lost", "back"))]
    if world.strict:
        complaints += [f"not-linearizable: {line}" for line in not_linearizable(history)]
    if complaints:
        raise Violation(complaints[0])


def _replayed(log: list[Entry], looks: Iterable[Look]) -> tuple[Model, Chat, list[Look]]:
    """A log from its beginning: both chats after it, and the looks that were at another one."""
    at: dict[int, list[Look]] = defaultdict(list)
    elsewhere: list[Look] = []
    for one in looks:
        here = one.applied <= len(log) and log[one.applied - 1].view == one.view
        (at[one.applied] if here else elsewhere).append(one)
    model, chat, follower = Model(), Chat(), Follower()
    for index, entry in enumerate(log, 1):
        answers = [
            answer_at(place, answer)
            for _, count, answer in chat.apply(index, entry)
            for place in range(count)
        ]
        expected = model.apply(index, entry)
        if not all(map(_is_like, answers, expected)) or len(answers) != len(expected):
            raise Violation(
                f"not-as-modelled: entry {index} {entry} is answered {answers}, not {expected}"
            )
        follower.hear(chat, chat.take_news())
        for one in at.get(index, ()):
            shown = model.conversations.look(one.account, one.kind, one.what)
            if not _is_like(one.shown, shown) or (shown[0] == 0 and one.shown != shown):
                raise Violation(
                    f"not-as-modelled: {one.account} asks for {one.kind} {one.what} after entry "
                    f"{index}, and is shown {one.shown}, not {shown}"
                )
    if complaint := follower.complaint(chat):
        raise Violation(f"not-told: {complaint}")
    return model, chat, elsewhere


def _is_like(answer: tuple[object, ...], expected: tuple[object, ...]) -> bool:
    """The same code, and the id and time of what was made."""
    return answer[0] == expected[0] and (len(expected) < 3 or answer == expected)


def _accounts(model: Model) -> list[tuple[str, bool]]:
    """All names, and whether each is gone."""
    return [(name, one.gone) for name, one in model.conversations.accounts.items()]


def _is_as_modelled(chat: Chat, model: Model) -> None:
    """What everybody sees in the end."""
    talk = model.conversations
    for name, gone in _accounts(model):
        if (chat.password_hash(name) is None) != gone:
            raise Violation(f"not-as-modelled: whether {name} exists")
        waiting = [tuple(one) for one in chat.views.undelivered(name, MAILBOX_MAX, 1 << 30)]
        if waiting != talk.waiting(name):
            raise Violation(f"not-as-modelled: for {name} wait {waiting}, not {talk.waiting(name)}")
        if gone:
            continue
        questions: list[tuple[str, tuple[object, ...]]] = [(CONVERSATIONS, (3,)), (ROOMS, (3,))]
        questions += [(PROFILE, (other,)) for other in talk.accounts]
        states = look(chat, name, CONVERSATIONS, (100,), 0)[1]
        for state in states:
            questions += [
                (kind, what)
                for kind, what in ((MEMBERS, (state[0], 2)), ("history", (state[0], 0, 0, 1_000)))
            ]
        for kind, what in questions:
            shown, expected = look(chat, name, kind, what, 0), talk.look(name, kind, what)
            if not _is_like(shown, expected) or (expected[0] == 0 and shown != expected):
                raise Violation(
                    f"not-as-modelled: {name} sees {kind} {what} as {shown}, not {expected}"
                )


def _is_as_told(world: World, model: Model) -> None:
    """Every confirmed request was applied; in the order it was confirmed in, if there is one."""
    if world.bound_exceeded:
        return
    for name, (call, answer) in world.confirmed.items():
        known = model.applied.get(name)
        if known is None:
            raise Violation(f"confirmed-and-lost: {call.kind} {call.value!r} of {call.client}")
        if world.strict and not _is_like(answer, known):
            raise Violation(
                f"confirmed-elsewhere: {call.kind} {call.value!r} of {call.client} as {answer}, "
                f"and it is {known}"
            )
        if call.kind in (EDIT, ERASE) and known[0] in (0, NOT_FOUND, DENIED):
            _has_changed(model, call)
        if call.kind == POST and known[0] != 0 and known != CLOSED:
            raise Violation(f"confirmed-and-lost: {call.value!r} of {call.client}: {known}")


def _has_changed(model: Model, call: Call) -> None:
    """What somebody has edited or erased is not as it was, whatever id it has now.

    If it was there for him to change when his request came to stand in this order.
    """
    for place in model.conversations.places:
        for letter in place.letters:
            if call.value == letter.text and call.key in place.members:
                raise Violation(
                    f"confirmed-and-lost: {call.kind} of {call.value!r} by {call.client}, and it "
                    "is as it was"
                )


def _without_changed(history: Sequence[Call], model: Model) -> Sequence[Call]:
    """The history, with a send taken for unknown if its text was edited or erased.

    Nobody means to. But a request may name a message by an id of the order of a side that has
    been given up meanwhile, where that was another message of the same author.
    """
    places = model.conversations.places
    changed = {letter.first_text for place in places for letter in place.letters}
    return [
        replace(call, outcome=UNKNOWN, end=math.inf)
        if call.kind == SEND and call.value in changed
        else call
        for call in history
    ]


def _letters(chat: Chat, name: str) -> Letters:
    """Who has sent something to whom; what is said besides is left out."""
    waiting = chat.views.undelivered(name, MAILBOX_MAX, 1 << 30)
    return tuple((one.id, one.text) for one in waiting if is_a_letter(one.text))
