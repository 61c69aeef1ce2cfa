"""What a history may not show: lost and doubled messages, and impossible orders.

For the simulator's runs and for real ones. Each checker returns the violations, one
readable line each; none is none.
"""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from chaos.history import (
    ACKNOWLEDGE,
    CREATE,
    DELETE,
    DONE,
    EDIT,
    EXISTS,
    FAILED,
    NOTE,
    READ,
    REFUSED,
    SEND,
    UNKNOWN,
    Call,
    Letters,
)
from chaos.linear import violations_of


def lost_or_doubled(history: Sequence[Call], finals: Mapping[str, Letters]) -> list[str]:
    """Messages that are not where they must be, in either mode.

    Args:
        finals: each mailbox at the very end; accounts that do not exist are absent.
    """
    by_key: dict[str, list[Call]] = defaultdict(list)
    for call in history:
        by_key[call.key].append(call)
    found: list[str] = []
    for key in sorted({*by_key, *finals}):
        found += _wrong_in(key, by_key[key], finals.get(key))
        found += _wrong_note(key, by_key[key])
    return found


def _wrong_note(key: str, calls: list[Call]) -> list[str]:
    """Once it was edited, a note says what some edit has made it say."""
    edits = {call.value: call for call in calls if call.kind == EDIT}
    edited_at = min((one.end for one in edits.values() if one.outcome == DONE), default=math.inf)
    found: list[str] = []
    for call in calls:
        if call.kind != NOTE or call.outcome != DONE:
            continue
        edit = edits.get(str(call.result))
        if edit is None and call.begin > edited_at:
            found.append(f"lost: {told(call)} shows {call.result!r}, which no edit has said")
        elif edit is not None and edit.outcome in (FAILED, REFUSED):
            found.append(f"done-after-all: {told(edit)} is in {told(call)}")
    return found


def _wrong_in(key: str, calls: list[Call], final: Letters | None) -> list[str]:
    sends = {str(call.value): call for call in calls if call.kind == SEND}
    found: list[str] = []
    for call in calls:
        if call.kind == READ and isinstance(call.result, tuple):
            found += _wrong_letters(f"{key} at a read at {call.end:.3f}", call.result, sends)
    found += _wrong_letters(f"{key} at the end", final or (), sends)
    left = {text for _, text in final or ()}
    gone, perhaps_gone = _removed(calls)
    # When a split is mended, a deletion may come to stand behind messages sent after it.
    if not any(call.kind == DELETE and call.outcome in (DONE, UNKNOWN) for call in calls):
        made = [call for call in calls if call.kind in (CREATE, SEND) and call.outcome == DONE]
        if final is None and made:
            found.append(f"gone: {told(made[0])}, and there is no {key} at the end")
        found += [
            f"lost: {told(send)} is not in {key} at the end, and nobody took it away"
            for text, send in sends.items()
            if send.outcome == DONE and text not in left | gone | perhaps_gone
        ]
    found += [
        f"back: {text!r} is in {key} at the end, and its reader had taken it away"
        for text in sorted(left & gone)
    ]
    return found


def _wrong_letters(where: str, letters: Letters, sends: Mapping[str, Call]) -> list[str]:
    """What is wrong with a mailbox as it was seen once."""
    texts = Counter(text for _, text in letters)
    found = [f"doubled: {text!r} is {n} times in {where}" for text, n in texts.items() if n > 1]
    ids = [message_id for message_id, _ in letters]
    if ids != sorted(set(ids)):
        found.append(f"disordered: the ids in {where} do not ascend")
    for text in texts:
        send = sends.get(text)
        if send is None:
            found.append(f"invented: {text!r} is in {where}, and nobody sent it")
        elif send.outcome in (FAILED, REFUSED):
            found.append(f"done-after-all: {told(send)} is in {where}")
    return found


def _removed(calls: Sequence[Call]) -> tuple[set[str], set[str]]:
    """The texts that were acknowledged, certainly and perhaps.

    An acknowledgement takes away what its client had read last, and of that what stands up
    to its id. It names a place in that order: a message that another side of a split had
    under a smaller id is none of its business.
    """
    reads: dict[str, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.end):
        if call.kind == READ and isinstance(call.result, tuple):
            reads[call.client].append(call)
    certainly: set[str] = set()
    perhaps: set[str] = set()
    for call in calls:
        if call.kind == ACKNOWLEDGE and call.outcome in (DONE, UNKNOWN):
            before = bisect_right(reads[call.client], call.begin, key=lambda read: read.end)
            letters = reads[call.client][before - 1].result if before else ()
            assert isinstance(letters, tuple)
            assert isinstance(call.value, int)
            texts = {text for message_id, text in letters if message_id <= call.value}
            (certainly if call.outcome == DONE else perhaps).update(texts)
    return certainly, perhaps


def without_refusals(history: Sequence[Call]) -> list[Call]:
    """The history, with each refusal of a write taken for unknown: so it is in availability mode.

    A replica that was the master may hold the request, confirmed by it or not, when another
    one refuses it by what it knows. When the first one hands it over, it may be done after all.
    """
    return [
        dataclasses.replace(call, outcome=UNKNOWN, end=math.inf)
        if call.outcome in (REFUSED, FAILED) and call.kind not in (READ, EXISTS)
        else call
        for call in history
    ]


def not_linearizable(history: Sequence[Call]) -> list[str]:
    """Orders that no single copy could have shown, account by account (consistency mode)."""
    found = _ids_against_time(history) + _one_id_for_two(history)
    by_key: dict[str, list[Call]] = defaultdict(list)
    for call in history:
        if call.outcome != FAILED and call.kind not in (EDIT, NOTE):
            by_key[call.key].append(call)
    for key in sorted(by_key):
        found += violations_of(key, by_key[key])
    return found + _stale_notes(history)


def _stale_notes(history: Sequence[Call]) -> list[str]:
    """A note never says what was overwritten before one began to read it.

    Whoever keeps a note edits it once at a time.
    """
    edits: dict[str, list[Call]] = defaultdict(list)
    for call in history:
        if call.kind == EDIT and call.outcome in (DONE, UNKNOWN):
            edits[call.key].append(call)
    found: list[str] = []
    for call in history:
        if call.kind != NOTE or call.outcome != DONE:
            continue
        shown = next((one for one in edits[call.key] if one.value == call.result), None)
        over = (one for one in edits[call.key] if one.outcome == DONE and one.end < call.begin)
        newer = (one for one in over if shown is None or shown.end < one.begin)
        found += [f"stale: {told(call)} shows what was before {told(one)}" for one in newer][:1]
    return found


def _ids_against_time(history: Sequence[Call]) -> list[str]:
    """All ids are places in one order, whatever the account: what was told or shown before
    a send began has a smaller one than that."""
    found: list[str] = []
    ended = sorted((c for c in history if _newest_id(c)), key=lambda call: call.end)
    newest: Call | None = None
    at = 0
    for call in sorted(history, key=lambda call: call.begin):
        while at < len(ended) and ended[at].end < call.begin:
            if newest is None or _newest_id(ended[at]) > _newest_id(newest):
                newest = ended[at]
            at += 1
        if call.kind != SEND or call.outcome != DONE or newest is None:
            continue
        if _newest_id(newest) >= _newest_id(call):
            found.append(f"order: {told(call)} began after {told(newest)} had ended")
    return found


def _newest_id(call: Call) -> int:
    """The newest place in the order that the call tells of; 0 if of none."""
    if call.kind == SEND and call.outcome == DONE:
        assert isinstance(call.result, int)
        return call.result
    if call.kind == READ and isinstance(call.result, tuple):
        return max((message_id for message_id, _ in call.result), default=0)
    return 0


def _one_id_for_two(history: Iterable[Call]) -> list[str]:
    """One place in the order is that of one message."""
    found: list[str] = []
    texts: dict[int, tuple[str, str]] = {}
    for call in history:
        letters: Letters = ()
        if call.kind == SEND and call.outcome == DONE:
            letters = ((_newest_id(call), str(call.value)),)
        elif call.kind == READ and isinstance(call.result, tuple):
            letters = call.result
        for message_id, text in letters:
            other = texts.setdefault(message_id, (call.key, text))
            if other != (call.key, text):
                found.append(f"order: {message_id} is {other} and {(call.key, text)}: {told(call)}")
    return found


def told(call: Call) -> str:
    """A call in one line."""
    what = "" if call.value is None else f" {call.value!r}"
    result = call.result if not isinstance(call.result, tuple) else f"{len(call.result)} messages"
    ending = f"{call.outcome} {result}" if call.outcome == DONE else call.outcome
    return f"[{call.begin:.3f}–{call.end:.3f} {call.client} {call.kind} {call.key}{what}: {ending}]"
