"""What must hold at the end, when everything has healed.

* Every replica holds what the model holds after the same log: each confirmed request
  applied exactly once, each other one at most once.
* What clients were told is so: nothing lost, nothing doubled, and in consistency mode
  every mailbox is linearizable. These are the checkers of the chaos runs, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chaos.checkers import lost_or_doubled, not_linearizable, without_refusals
from chaos.history import SEND, Call, Letters
from ringchat_server.chat import Chat
from tests.simulator.booth import MAILBOX_MAX
from tests.simulator.model import Model
from tests.simulator.watch import Violation

if TYPE_CHECKING:
    from tests.simulator.world import World


def judge(world: World) -> None:
    """Raises `Violation` at the first thing that is not as it must be."""
    chats = [one.process.engine.chat for one in world.machines if one.process is not None]
    replica = next(one.process.engine.replica for one in world.machines if one.process)
    view = replica.log.view_at(chats[0].applied_index)
    assert view is not None
    model = Model()
    log = world.watch.log_up_to(chats[0].applied_index, view)
    times = [entry.time_ms for entry in log]
    if times != sorted(times):
        raise Violation("time-goes-back: an entry is older than the one before it")
    model.apply_all(log)
    world.counts["rule", "10 a duplicate is applied once"] += model.repeated
    for chat in chats:
        _is_as_modelled(world, chat, model)
    _is_as_told(world, model)
    finals = {name: _letters(box) for name, box in model.mailboxes.items()}
    history: Sequence[Call] = world.history
    if world.prefer == "availability" and world.watch.handed_over:
        history = without_refusals(history)
    complaints = lost_or_doubled(history, finals)
    if world.bound_exceeded:
        complaints = [line for line in complaints if not line.startswith(("lost", "back"))]
    if world.strict:
        complaints += [f"not-linearizable: {line}" for line in not_linearizable(history)]
    if complaints:
        raise Violation(complaints[0])


def _is_as_modelled(world: World, chat: Chat, model: Model) -> None:
    for person in world.people:
        exists = chat.password_hash(person.name) is not None
        if exists != (person.name in model.mailboxes):
            raise Violation(f"not-as-modelled: whether {person.name} exists")
        waiting = chat.undelivered(person.name, 0, MAILBOX_MAX, 1 << 30)
        letters = tuple((one.id, one.text) for one in waiting)
        expected = _letters(model.mailboxes.get(person.name, {}))
        if letters != expected:
            raise Violation(
                f"not-as-modelled: the mailbox of {person.name} holds {letters}, not {expected}"
            )


def _is_as_told(world: World, model: Model) -> None:
    """Every confirmed request was applied; in the order it was confirmed in, if there is one."""
    if world.bound_exceeded:
        return
    for name, (call, answer) in world.confirmed.items():
        if name not in model.applied:
            raise Violation(f"confirmed-and-lost: {call.kind} {call.value!r} of {call.client}")
        if world.strict and call.kind == SEND and model.applied[name] != answer[1]:
            raise Violation(
                f"confirmed-elsewhere: {call.value!r} as message {answer[1]}, and it is "
                f"{model.applied[name]}"
            )


def _letters(box: dict[int, str]) -> Letters:
    return tuple(sorted(box.items()))
