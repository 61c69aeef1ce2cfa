"""Stories in plain text, played on a simulated ring where nothing is left to chance.

    expect ...   waits, for at most five simulated seconds, until it is so
    soon not ... lets two seconds pass, and then it must not be so

Every line is one of `COMMANDS`; what is in front of the first blank line is the title,
and what the story is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ringchat_server.chat import Answer, Answers
from ringchat_server.journal import journal_name
from ringchat_server.records import Proposal
from ringchat_server.replica import master
from tests.simulator.machine import Machine, Process
from tests.simulator.network import Weather
from tests.simulator.profile import FAULTS, Profile
from tests.simulator.trace import Trace
from tests.simulator.watch import Violation
from tests.simulator.world import World

EXPECT_SECONDS = 5.0
REFUSAL_SECONDS = 2.0
KEEP_ENTRIES = 1_000_000
"""Unless the story says otherwise: whatever is compacted, no replica lacks it."""
MAILBOX, AUTHOR = "bob", "ann"
"""Who is written to, and who writes: to send one of their names makes the account."""
WEATHER = Weather((0.001, 0.001), 0.0)


class Failed(AssertionError):
    """The story goes otherwise: which line, and how it stands."""


class Teller:
    """Whoever sends, and remembers what was answered."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.answers: dict[str, Answer] = {}

    def number_of(self, text: str) -> int:
        """The same for the same text: sent again, it is the same request."""
        return self.numbers.setdefault(text, len(self.numbers) + 1)


class Sink:
    """Waits for the answer to one text."""

    def __init__(self, teller: Teller, text: str) -> None:
        self._teller, self._text = teller, text

    def answered(self, kind: str, answers: Answers) -> None:
        """The log has answered."""
        [(_, _, self._teller.answers[self._text])] = answers


class Stage:
    """One story's ring."""

    def __init__(self, replicas: int, prefer: str, keep_entries: int) -> None:
        calm = (1.0, 1.0)
        disk = (0.001, 0.001)
        profile = Profile(
            replicas, prefer, 0, 0.0, WEATHER, disk, calm, keep_entries, True, calm, FAULTS
        )
        self.trace = Trace()
        self.world = World(0, profile, self.trace)
        self.teller = Teller()
        self.told: dict[tuple[int, int], str] = {}
        """(replica, view) -> what came of the wish that it takes it."""
        self.operator_told = ""
        """The answer to the operator's last word."""

    # ---------------------------------------------------------------- commands

    def start(self, ids: str) -> None:
        """Starts these machines."""
        for machine in self._machines(ids):
            machine.start()

    def send(self, text: str, replica: str) -> None:
        """Sends a text through a replica: what that one makes of it is seen later."""
        process = self._process(replica)
        number = self.teller.number_of(text)
        creation, sending = ("create", text, "hash"), ("send", (MAILBOX,), (text,))
        request: tuple[object, ...] = creation if text in (MAILBOX, AUTHOR) else sending
        proposal = Proposal(b"the teller's own", number, AUTHOR, b"", request)

        def submit() -> None:
            known = process.engine.chat.recall(proposal.client, number)
            if known is not None:
                self.teller.answers[text] = known
            else:
                process.engine.submit(proposal, str(request[0]), Sink(self.teller, text))

        process.machine.run(process, submit)

    def edit(self, text: str, new_text: str, replica: str) -> None:
        """Ann gives a text that was confirmed another wording."""
        process, number = self._process(replica), self.teller.number_of(new_text)
        request = ("edit", MAILBOX, self.teller.answers[text][1], new_text)
        proposal = Proposal(b"the teller's own", number, AUTHOR, b"", request)
        sink = Sink(self.teller, new_text)
        process.machine.run(process, process.engine.submit, proposal, "edit", sink)

    def read(self, replica: str) -> None:
        """Bob reads through a replica all that waits there, and acknowledges it."""
        process = self._process(replica)
        waiting = process.engine.chat.views.undelivered(MAILBOX, 1000, 1 << 20)
        reading = f"bob's reading {len(self.teller.numbers)}"
        number = self.teller.number_of(reading)
        request = ("update", waiting[-1].id, ())
        proposal = Proposal(b"bob's own", number, MAILBOX, b"", request)
        sink = Sink(self.teller, reading)
        process.machine.run(process, process.engine.submit, proposal, "update", sink)

    def ask(self, replica: str, view: str) -> None:
        """A client asks a replica for a view."""
        process = self._process(replica)
        place = (process.id, int(view))

        def told(reason: str) -> None:
            self.told[place] = reason or "served"

        process.machine.run(process, process.engine.promote, int(view), told)

    def kill(self, ids: str) -> None:
        """SIGKILL; the connections close at once."""
        for machine in self._machines(ids):
            machine.die("is killed", power=False, polite=True)

    def power_off(self, ids: str) -> None:
        """What was not synced is lost, and nobody is told."""
        for machine in self._machines(ids):
            machine.die("loses its power", power=True)

    def pause(self, ids: str) -> None:
        """SIGSTOP."""
        for machine in self._machines(ids):
            machine.pause()

    def resume(self, ids: str) -> None:
        """SIGCONT."""
        for machine in self._machines(ids):
            machine.resume()

    def cut(self, ids: str, others: str) -> None:
        """Nothing passes between these and those."""
        for one in self._machines(ids):
            for other in self._machines(others):
                self.world.network.cut(one.id, other.id)
                self.world.network.cut(other.id, one.id)

    def cut_one_way(self, ids: str, others: str) -> None:
        """Nothing gets from these to those."""
        for one in self._machines(ids):
            for other in self._machines(others):
                self.world.network.cut(one.id, other.id)

    def heal(self) -> None:
        """Every cut ends."""
        self.world.network.heal()

    def hang_disk(self, ids: str) -> None:
        """Nothing that is written from now on becomes durable."""
        for machine in self._machines(ids):
            machine.hung_disk = True

    def slow_disk(self, ids: str) -> None:
        """Whatever is read or written from now on takes longer than a tick."""
        for machine in self._machines(ids):
            machine.slow_disk = True

    def free_disk(self, ids: str) -> None:
        """The disk works again."""
        for machine in self._machines(ids):
            machine.hung_disk = machine.slow_disk = False

    def lose_disk(self, ids: str) -> None:
        """The machine dies, and its disk with it."""
        for machine in self._machines(ids):
            machine.die("loses its disk", power=True)
            machine.disk = type(machine.disk)()
            machine.lose()

    def rot(self, ids: str) -> None:
        """A bit has flipped in the journal of a machine that is down."""
        for machine in self._machines(ids):
            machine.disk.rot(self.world.chance)
            machine.rotten = True

    def rot_state(self, ids: str) -> None:
        """A bit has flipped in the state record of a machine that is at work."""
        for machine in self._machines(ids):
            assert machine.process is not None
            place = machine.process.thread.journal.state_place
            machine.disk.flip(journal_name(machine.id), place.offset + place.size // 2)
            machine.rotten = True

    def compact(self, ids: str) -> None:
        """The journal's entries become a state record, as far as they may."""
        for machine in self._machines(ids):
            assert machine.process is not None
            machine.run(machine.process, machine.process.compact)

    def override(self, replica: str) -> None:
        """An operator says to go on without the others."""
        process = self._process(replica)

        def say() -> None:
            _, self.operator_told = process.engine.override()

        process.machine.run(process, say)

    def wait(self, seconds: str) -> None:
        """Time passes."""
        self.world.schedule.run(self.world.schedule.seconds + float(seconds))

    # -------------------------------------------------------------- conditions

    def leads(self, replica: str, view: str) -> bool:
        """That replica serves that view."""
        process = self.world.machines[int(replica)].process
        return bool(process and process.engine.serving and process.engine.replica.view == int(view))

    def in_sync(self, replica: str, ids: str) -> bool:
        """The set that a replica leads is exactly this."""
        members = tuple(machine.id for machine in self._machines(ids))
        return self._process(replica).engine.replica.in_sync_set == members

    def nobody_leads(self) -> bool:
        """No replica serves."""
        return not any(one.process and one.process.engine.serving for one in self.world.machines)

    def confirmed(self, text: str) -> bool:
        """The sender was told that it is done."""
        return self.teller.answers.get(text, (1,))[0] == 0

    def refused(self, replica: str, view: str, reason: str) -> bool:
        """A wish for a view was refused, in words that hold these."""
        return reason in self.told.get((int(replica), int(view)), "")

    def served(self, replica: str, view: str) -> bool:
        """A wish for a view has come true."""
        return self.told.get((int(replica), int(view))) == "served"

    def told_operator(self, words: str) -> bool:
        """The operator was answered in words that hold these."""
        return words in self.operator_told

    def role(self, replica: str, role: str) -> bool:
        """What a replica is: master, candidate, backup, rebuilding or new."""
        return self._process(replica).engine.replica.role_name == role

    def holds(self, ids: str, text: str) -> bool:
        """Each of these has the text in the mailbox, once."""
        return all(self._texts(machine).count(text) == 1 for machine in self._machines(ids))

    def holds_nothing_else(self, ids: str, texts: str) -> bool:
        """Each of these has exactly these texts in the mailbox, in this order."""
        expected = re.findall(r'"([^"]*)"', texts)
        return all(self._texts(machine) == expected for machine in self._machines(ids))

    def has_on_disk(self, replica: str, count: str) -> bool:
        """So many entries are durable there."""
        return len(self.world.machines[int(replica)].views_on_disk) == int(count)

    def has_in_log(self, replica: str, count: str) -> bool:
        """So many entries are in the log there, durable or not."""
        return self._process(replica).engine.replica.log.length == int(count)

    # ----------------------------------------------------------------- helpers

    def _machines(self, ids: str) -> list[Machine]:
        return [self.world.machines[int(one)] for one in re.findall(r"\d+", ids)]

    def _process(self, replica: str) -> Process:
        process = self.world.machines[int(replica)].process
        assert process is not None, f"replica {replica} is not running"
        return process

    def _texts(self, machine: Machine) -> list[str]:
        if machine.process is None:
            return []
        waiting = machine.process.engine.chat.views.undelivered(MAILBOX, 1000, 1 << 20)
        return [message.text for message in waiting]

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Lets time pass until it is so; whether it is."""
        schedule = self.world.schedule
        deadline = schedule.seconds + seconds
        while not condition() and schedule.seconds < deadline:
            schedule.run(schedule.seconds + 0.01)
        return condition()


OPENING = (
    r"a ring of (\d) that prefers (availability|consistency)"
    r"(?:, keeping (\d+) (?:entry|entries))?"
    r"(, with one group under way at a time)?"
)
IDS = r"(\d+(?:(?:, | and )\d+)*)"
CONDITIONS: tuple[tuple[str, Callable[..., bool]], ...] = (
    (r"(\d+) leads view (\d+)", Stage.leads),
    (rf"the set of (\d+) is {IDS}", Stage.in_sync),
    (r"nobody leads", Stage.nobody_leads),
    (r'"([^"]*)" confirmed', Stage.confirmed),
    (r"(\d+) refuses view (\d+): (.*)", Stage.refused),
    (r"(\d+) gets view (\d+)", Stage.served),
    (r"the operator is told: (.*)", Stage.told_operator),
    (r"(\d+) is (master|candidate|backup|rebuilding|new)", Stage.role),
    (rf'{IDS} (?:hold|holds) "([^"]*)"', Stage.holds),
    (rf"{IDS} (?:hold|holds) exactly (.*)", Stage.holds_nothing_else),
    (r"(\d+) has (\d+) entries on disk", Stage.has_on_disk),
    (r"(\d+) has (\d+) entries in its log", Stage.has_in_log),
)
COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    (rf"start {IDS}", Stage.start),
    (r'send "([^"]*)" through (\d+)', Stage.send),
    (r'edit "([^"]*)" to "([^"]*)" through (\d+)', Stage.edit),
    (r"read through (\d+)", Stage.read),
    (r"ask (\d+) for view (\d+)", Stage.ask),
    (rf"kill {IDS}", Stage.kill),
    (rf"power off {IDS}", Stage.power_off),
    (rf"pause {IDS}", Stage.pause),
    (rf"resume {IDS}", Stage.resume),
    (rf"cut {IDS} from {IDS}", Stage.cut),
    (rf"cut {IDS} to {IDS}", Stage.cut_one_way),
    (r"heal", Stage.heal),
    (rf"the disk of {IDS} hangs", Stage.hang_disk),
    (rf"the disk of {IDS} is slow", Stage.slow_disk),
    (rf"the disk of {IDS} works", Stage.free_disk),
    (rf"{IDS} loses its disk", Stage.lose_disk),
    (rf"the disk of {IDS} rots", Stage.rot),
    (rf"the state record of {IDS} rots", Stage.rot_state),
    (rf"compact {IDS}", Stage.compact),
    (r"override (\d+)", Stage.override),
    (r"wait ([\d.]+) s", Stage.wait),
)


class Story:
    """One file: a title, what it tells of, and its lines."""

    def __init__(self, path: Path) -> None:
        head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
        self.name = path.stem
        self.title = head.splitlines()[0].removeprefix("# ")
        forgotten = re.search(r"^# Forgotten: (.*)$", head, re.MULTILINE)
        self.forgotten = forgotten[1] if forgotten else ""
        """The mutant, a replica that has forgotten the rule: with it the story goes wrong."""
        self.lines = [
            (number, line.strip())
            for number, line in enumerate(body.splitlines(), len(head.splitlines()) + 2)
            if line.strip() and not line.strip().startswith("#")
        ]

    def play(self) -> Stage:
        """Raises `Failed` at the first line that goes otherwise."""
        (number, first), *rest = self.lines
        opening = re.fullmatch(OPENING, first)
        if opening is None:
            raise Failed(f"{self.name}:{number}: a story begins with `a ring of 3 that prefers …`")
        stage = Stage(int(opening[1]), opening[2], int(opening[3] or KEEP_ENTRIES))
        with _window_of(1 if opening[4] else master.WINDOW_GROUPS):
            for number, line in rest:
                try:
                    _do(stage, line)
                except (Failed, Violation, AssertionError) as error:
                    last = "\n".join(stage.trace.lines()[-30:])
                    raise Failed(f"{self.name}:{number}: {line}: {error}\n{last}") from error
        return stage


@contextmanager
def _window_of(groups: int) -> Iterator[None]:
    """Lets a master have so many groups under way to each backup."""
    before, master.WINDOW_GROUPS = master.WINDOW_GROUPS, groups
    try:
        yield
    finally:
        master.WINDOW_GROUPS = before


def all_stories() -> list[Story]:
    """Those of this folder."""
    return [Story(path) for path in sorted(Path(__file__).parent.glob("*.txt"))]


def _do(stage: Stage, line: str) -> None:
    if line.startswith("expect "):
        condition = _match(CONDITIONS, stage, line.removeprefix("expect "))
        if not stage.until(condition, EXPECT_SECONDS):
            raise Failed("it is not so")
    elif line.startswith("soon not "):
        condition = _match(CONDITIONS, stage, line.removeprefix("soon not "))
        if stage.until(condition, REFUSAL_SECONDS):
            raise Failed("it is so")
    else:
        _match(COMMANDS, stage, line)()


def _match(table: tuple[tuple[str, Callable[..., Any]], ...], stage: Stage, line: str) -> Any:
    for pattern, method in table:
        found = re.fullmatch(pattern, line)
        if found is not None:
            return partial(method, stage, *found.groups())
    raise Failed("nobody knows what that means; see tests/scenarios/stage.py")
