"""What must hold in every state, looked at where an event has changed what it speaks of.

* A view has one master, once (`host.py`, which also sees whether what a replica claims
  of its disk is true, and whether it keeps its promises across a crash).
* Two logs that have the same view at an index are the same up to it.
* What is committed never differs from what was ever committed there (consistency mode;
  in availability mode until two living replicas have lost each other).
* What a master confirms is on the disk of every member of its in-sync set, of `w` at least.
* What was confirmed is on some disk: in a log, or put aside.
* The master of the newest view has what was confirmed (the same restriction); when
  nothing can happen any more by itself, it has it in either mode, whatever happened.
"""

from __future__ import annotations

from typing import Protocol

from ringchat_server.records import NO_VIEW, Entry
from tests.exhaustive.frozen import REPLICAS
from tests.exhaustive.host import Violation
from tests.exhaustive.state import Facts, Ledger, Table


class Ring(Protocol):
    """What the checks need of the model."""

    consistent: bool
    confirmers_min: int
    logs: Table[tuple[Entry, ...]]
    ledgers: Table[Ledger]


class Invariants:
    """The checks of one model; what was compared once is remembered."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._matching: dict[tuple[int, int], bool] = {}
        self._longest: dict[tuple[int, int], int] = {}

    def settled(self, ledger: int, all_facts: list[Facts], changed: int, before: Facts) -> int:
        """Checks a new state of which one host changed; the ledger with what it confirmed.

        Raises:
            Violation: if something does not hold.
        """
        now = all_facts[changed]
        if now.log != before.log:
            self._logs_match(all_facts, changed)
        if now.leads == before.leads != NO_VIEW and now.commit_index > before.commit_index:
            self._is_durable(all_facts, changed)
        ledger = self._recorded(ledger, now, changed)
        confirmed = self._ring.ledgers.values[ledger].confirmed
        if confirmed:
            on_disk = 0
            for facts in all_facts:
                on_disk |= facts.on_disk
            if confirmed & ~on_disk:
                raise Violation(f"confirmed-lost: {names(confirmed & ~on_disk)} is on no disk")
            if self._ring.consistent or not self._ring.ledgers.values[ledger].split:
                self.newest_master_has(confirmed, all_facts)
        return ledger

    @staticmethod
    def newest_master_has(confirmed: int, all_facts: list[Facts]) -> None:
        """The master of the newest view has everything that was confirmed."""
        newest = max(facts.led for facts in all_facts)
        for me, facts in enumerate(all_facts):
            if facts.leads == newest and confirmed & ~facts.log_names:
                missing = names(confirmed & ~facts.log_names)
                raise Violation(
                    f"confirmed-missing: {missing} is not in the log of r{me}, "
                    f"the master of view {newest}"
                )

    def _recorded(self, ledger: int, now: Facts, changed: int) -> int:
        """The ledger with what that host has committed."""
        ring = self._ring
        record = ring.ledgers.values[ledger]
        committed = 0
        if ring.consistent or not record.split:
            committed = self._longer(now.committed, record.committed, changed)
        confirmed = record.confirmed | now.master_confirmed
        if confirmed == record.confirmed and committed == record.committed:
            return ledger
        return ring.ledgers.number(record._replace(confirmed=confirmed, committed=committed))

    def _longer(self, here: int, ever: int, me: int) -> int:
        """The longer of two committed logs, of which one has to begin with the other."""
        found = self._longest.get((here, ever))
        if found is None:
            logs = self._ring.logs.values
            mine, known = logs[here], logs[ever]
            length = min(len(mine), len(known))
            same = mine[:length] == known[:length]
            found = -1 if not same else here if len(mine) > len(known) else ever
            self._longest[here, ever] = found
        if found < 0:
            raise Violation(
                f"committed-differs: r{me} has committed {_told(self._ring.logs.values[here])}, "
                f"and {_told(self._ring.logs.values[ever])} was committed before"
            )
        return found

    def _logs_match(self, all_facts: list[Facts], changed: int) -> None:
        for other in range(REPLICAS):
            pair = (all_facts[changed].log, all_facts[other].log)
            if pair[0] == pair[1]:
                continue
            good = self._matching.get(pair)
            if good is None:
                first, second = (self._ring.logs.values[log] for log in pair)
                good = self._matching[pair] = _match(first, second)
            if not good:
                raise Violation(
                    f"logs-do-not-match: r{changed} has {_told(self._ring.logs.values[pair[0]])}, "
                    f"r{other} has {_told(self._ring.logs.values[pair[1]])}"
                )

    def _is_durable(self, all_facts: list[Facts], me: int) -> None:
        """Rule 3, on the disks themselves."""
        ring, master = self._ring, all_facts[me]
        if len(master.in_sync) < ring.confirmers_min:
            raise Violation(f"too-few: r{me} confirms with {len(master.in_sync)} in sync")
        wanted = ring.logs.values[master.committed]
        for member in master.in_sync:
            facts = all_facts[member]
            if facts.promised > master.leads and not ring.consistent:
                continue  # it may have dropped the entry for another side's log
            if ring.logs.values[facts.disk_log][: len(wanted)] != wanted:
                raise Violation(
                    f"confirmed-not-durable: r{me} confirms {_told(wanted)}, and on the disk of "
                    f"r{member}, in its set, is {_told(ring.logs.values[facts.disk_log])}"
                )


def _match(first: tuple[Entry, ...], second: tuple[Entry, ...]) -> bool:
    """Entries of one (index, view) are the same, and all before them."""
    for length in range(min(len(first), len(second)), 0, -1):
        if first[length - 1].view == second[length - 1].view:
            return first[:length] == second[:length]
    return True


def names(mask: int) -> str:
    """Requests for people."""
    return ", ".join(f"request {n}" for n in range(1, mask.bit_length()) if mask >> n & 1)


def _told(log: tuple[Entry, ...]) -> str:
    """A log for people: the view of each entry, and the request's number."""
    told = (f"{e.view}:{e.number}" if e.client else f"{e.view}:-" for e in log)
    return "[" + " ".join(told) + "]"
