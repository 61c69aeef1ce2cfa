"""Who may import whom: the arrows of the design, read from the source.

    __main__ and other entry points -> node -> {transport, journal, replica, chat}

`replica`, `chat` and the client's `ring` are pure: a short list of the standard
library, the entries (`records`), themselves. What is not in the list has to be argued
for here: nothing that reads a clock, draws random numbers, waits, or does I/O.

Each rule is a function from source to complaints, and is tried on a sample that
breaks it: a rule that cannot find anything would hold for ever.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_FOLDERS = ("proto", "services/server", "services/client")

PURE_PACKAGES = ("ringchat_server.replica", "ringchat_server.chat", "ringchat_client.ring")
PURE_LIBRARY = frozenset(
    (
        "__future__",
        "abc",
        "array",
        "bisect",
        "collections",
        "copy",
        "dataclasses",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "marshal",
        "math",
        "operator",
        "re",
        "string",
        "struct",
        "types",
        "typing",
        "unicodedata",
    )
)
# Built in, and yet I/O, or different from one process to the next.
IMPURE_CALLS = frozenset(
    (
        *("open", "print", "input", "breakpoint"),
        *("eval", "exec", "compile", "__import__", "globals"),
        *("hash", "id"),
    )
)
SET_CALLS = frozenset(("set", "frozenset"))

# The layers of the server below its driver, and what each may import of the others.
# `records` are the values that all share. What stands in no row here is the driver
# or an entry point (`node`, `__main__`, ...): it wires, so it may import any layer.
LAYERS: Mapping[str, frozenset[str]] = {
    "records": frozenset(),
    "pickled": frozenset(("records",)),
    "chat": frozenset(("records",)),
    "replica": frozenset(("records",)),
    "journal": frozenset(("records", "pickled")),
    "settings": frozenset(("records",)),
    # Beside the chat, derived from it and disposable: who is to hear of it, and an index of
    # its words. They know its values; the transport asks them, the driver feeds them.
    "newsroom": frozenset(("chat",)),
    "search": frozenset(("chat",)),
    "transport": frozenset(
        ("records", "pickled", "settings", "replica", "chat", "newsroom", "search")
    ),
}
WIRE = frozenset(("grpc", "grpc_health", "grpc_reflection", "google", "ringchat_proto"))
LAYERS_ON_THE_WIRE = frozenset(("transport",))
LIBRARY_ONLY = frozenset(("records", "pickled", "journal", "newsroom", "search"))


@dataclass(frozen=True)
class Module:
    """One source file, by the name that it is imported by."""

    name: str
    tree: ast.Module
    is_package: bool = False

    @property
    def distribution(self) -> str:
        """`ringchat_server`, `ringchat_client` or `ringchat_proto`."""
        return self.name.split(".", 1)[0]

    @property
    def part(self) -> str:
        """The part of the distribution: `chat` of `ringchat_server.chat.dedupe`."""
        return [*self.name.split("."), ""][1]


def module(name: str, source: str, *, is_package: bool = False) -> Module:
    """A module of that source."""
    return Module(name, ast.parse(source), is_package)


def all_modules() -> list[Module]:
    """Every module of the distributions, generated ones included."""
    found: list[Module] = []
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            # Only what can be imported: not a script that lies beside a distribution.
            if name.startswith("ringchat_"):
                source = path.read_text(encoding="utf-8")
                found.append(module(name, source, is_package=is_package))
    return found


def imports(of: Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, wherever in the module it stands.

    `from a import b` counts as `a.b`: b may be a module, and a rule on `a.b` holds for
    what is inside of it too.
    """
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = of.name.split(".")
                kept = len(parts) - node.level + of.is_package
                base = ".".join([*parts[:kept], *filter(None, [base])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def is_within(name: str, package: str) -> bool:
    """Whether that name is the package, or inside of it."""
    return name == package or name.startswith(package + ".")


def complaint(of: Module, line: int, what: str) -> str:
    """One line that says where and what."""
    return f"{of.name}:{line}: {what}"


# ------------------------------------------------------------------- the rules


def pure_packages_of(name: str) -> list[str]:
    """The pure packages that a module belongs to: none, or one."""
    return [package for package in PURE_PACKAGES if is_within(name, package)]


def impure_imports(of: Module) -> Iterator[str]:
    """Imports that a pure package may not have."""
    for package in pure_packages_of(of.name):
        allowed = [package]
        if of.distribution == "ringchat_server":
            allowed.append("ringchat_server.records")
        for line, name in imports(of):
            if name.split(".", 1)[0] in PURE_LIBRARY:
                continue
            if not any(is_within(name, one) for one in allowed):
                yield complaint(of, line, f"a pure package imports {name}")


def impure_code(of: Module) -> Iterator[str]:
    """Waiting, I/O, and the order of a set, in a pure package."""
    if not pure_packages_of(of.name):
        return
    for node in ast.walk(of.tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield complaint(of, line, "a pure package waits")
        if isinstance(node, ast.Call) and called(node) in IMPURE_CALLS:
            yield complaint(of, line, f"a pure package calls {called(node)}()")
        if isinstance(node, ast.For | ast.comprehension) and is_set(node.iter):
            where = getattr(node.iter, "lineno", line)
            yield complaint(of, where, "a pure package goes through a set in its order")


def called(node: ast.expr) -> str:
    """Name of the function that a plain call calls; empty for any other expression."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return ""


def is_set(node: ast.expr) -> bool:
    """Whether an expression can be seen to be a set."""
    return isinstance(node, ast.Set | ast.SetComp) or called(node) in SET_CALLS


def wrong_arrows(of: Module) -> Iterator[str]:
    """Imports of the server that point the wrong way."""
    if of.distribution != "ringchat_server":
        return
    allowed = LAYERS.get(of.part)
    for line, name in imports(of):
        if is_within(name, "ringchat_server.__main__") and of.part != "__main__":
            yield complaint(of, line, "nothing imports __main__")
        target = [*name.split("."), ""][1]
        if not is_within(name, "ringchat_server") or target in ("", of.part):
            continue
        if allowed is not None and target not in allowed:
            yield complaint(of, line, f"{of.part} may not import {name}")


def wrong_wires(of: Module) -> Iterator[str]:
    """Protobuf and gRPC in a layer of the server that is to know neither."""
    if of.distribution != "ringchat_server" or of.part not in LAYERS:
        return
    for line, name in imports(of):
        if name.split(".", 1)[0] in WIRE and of.part not in LAYERS_ON_THE_WIRE:
            yield complaint(of, line, f"{of.part} may not import {name}")


def foreign_libraries(of: Module) -> Iterator[str]:
    """What is not in the standard library, where only that may be used."""
    if of.distribution != "ringchat_server" or of.part not in LIBRARY_ONLY:
        return
    for line, name in imports(of):
        top = name.split(".", 1)[0]
        if top not in sys.stdlib_module_names and top != "ringchat_server":
            yield complaint(of, line, f"{of.part} may not import {name}")


def wrong_distributions(of: Module) -> Iterator[str]:
    """Server and client never import each other; the protocol imports neither."""
    allowed = {of.distribution, "ringchat_proto"}
    for line, name in imports(of):
        top = name.split(".", 1)[0]
        if top.startswith("ringchat_") and top not in allowed:
            yield complaint(of, line, f"{of.distribution} may not import {name}")


RULES = (
    impure_imports,
    impure_code,
    wrong_arrows,
    wrong_wires,
    foreign_libraries,
    wrong_distributions,
)


def circles(modules: list[Module]) -> list[str]:
    """Parts of the server that import each other, directly or through others."""
    arrows: dict[str, set[str]] = {}
    for of in modules:
        if of.distribution == "ringchat_server" and of.part:
            targets = arrows.setdefault(of.part, set())
            for _, name in imports(of):
                target = [*name.split("."), ""][1]
                if is_within(name, "ringchat_server") and target != of.part:
                    targets.add(target)
    found: list[str] = []
    for start in sorted(arrows):
        reached: set[str] = set()
        ahead = sorted(arrows[start])
        while ahead:
            part = ahead.pop()
            if part not in reached:
                reached.add(part)
                ahead.extend(sorted(arrows.get(part, ())))
        if start in reached:
            found.append(f"{start} imports itself by way of others")
    return found


# ------------------------------------------------------------------- held


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds(rule: object) -> None:
    assert callable(rule)
    assert [line for of in all_modules() for line in rule(of)] == []


def test_no_part_of_the_server_imports_itself_by_way_of_others() -> None:
    assert circles(all_modules()) == []


def test_there_is_something_to_look_at() -> None:
    names = {of.name for of in all_modules()}
    assert {"ringchat_server.records", "ringchat_server.chat.chat"} <= names
    chat = next(of for of in all_modules() if of.name == "ringchat_server.chat.chat")
    assert "ringchat_server.records.Entry" in {name for _, name in imports(chat)}


# ------------------------------------------------------------------- each rule bites


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (impure_imports, "ringchat_server.replica.rules", "import time"),
        (impure_imports, "ringchat_server.replica.rules", "import asyncio"),
        (impure_imports, "ringchat_server.replica.rules", "from random import Random"),
        (impure_imports, "ringchat_server.replica.rules", "import os.path"),
        (impure_imports, "ringchat_server.chat.chat", "import secrets"),
        (impure_imports, "ringchat_server.chat.chat", "import logging"),
        (impure_imports, "ringchat_server.chat.chat", "def f():\n    from socket import socket"),
        (impure_imports, "ringchat_server.chat.chat", "if TYPE_CHECKING:\n    import threading"),
        (impure_imports, "ringchat_server.chat.chat", "from datetime import datetime"),
        (impure_imports, "ringchat_server.chat.chat", "import ringchat_server.pickled"),
        (impure_imports, "ringchat_server.chat.chat", "from ringchat_server import replica"),
        (impure_imports, "ringchat_server.chat.chat", "from ..replica import values"),
        (impure_imports, "ringchat_server.chat.chat", "from ringchat_server.recordsmith import x"),
        (impure_imports, "ringchat_client.ring", "from ringchat_client import client"),
        (impure_imports, "ringchat_client.ring", "from . import client"),
        (impure_imports, "ringchat_client.ring", "import grpc"),
        (impure_code, "ringchat_server.replica", "async def f(): pass"),
        (impure_code, "ringchat_server.replica.rules", "open('x')"),
        (impure_code, "ringchat_server.replica.rules", "__import__('time')"),
        (impure_code, "ringchat_server.chat.names", "hash('x')"),
        (impure_code, "ringchat_server.chat.names", "for x in {1, 2}: pass"),
        (impure_code, "ringchat_server.chat.names", "[x for x in set(y)]"),
        (impure_code, "ringchat_client.ring", "print('x')"),
        (wrong_arrows, "ringchat_server.journal.frames", "import ringchat_server.node"),
        (wrong_arrows, "ringchat_server.journal.frames", "from ringchat_server import chat"),
        (wrong_arrows, "ringchat_server.transport.links", "from ringchat_server.node import Node"),
        (wrong_arrows, "ringchat_server.transport.links", "from ..journal import Journal"),
        (wrong_arrows, "ringchat_server.replica.rules", "from ringchat_server.chat import Chat"),
        (wrong_arrows, "ringchat_server.records", "from ringchat_server import pickled"),
        (wrong_arrows, "ringchat_server.node", "from ringchat_server.__main__ import main"),
        (wrong_wires, "ringchat_server.journal.frames", "import grpc.aio"),
        (wrong_arrows, "ringchat_server.search", "from ringchat_server.node import Node"),
        (wrong_arrows, "ringchat_server.newsroom", "from ringchat_server import search"),
        (wrong_wires, "ringchat_server.newsroom", "from ringchat_proto import chat_pb2 as pb"),
        (wrong_wires, "ringchat_server.settings", "from ringchat_proto import chat_pb2"),
        (wrong_wires, "ringchat_server.replica.values", "from google.protobuf import message"),
        (foreign_libraries, "ringchat_server.journal.disk", "import yaml"),
        (foreign_libraries, "ringchat_server.pickled", "import argon2"),
        (wrong_distributions, "ringchat_server.node", "import ringchat_client"),
        (wrong_distributions, "ringchat_client.client", "from ringchat_server import records"),
        (wrong_distributions, "ringchat_proto.chat_pb2", "import ringchat_server.records"),
    ],
)
def test_the_rule_finds_what_breaks_it(rule: object, name: str, source: str) -> None:
    assert callable(rule)
    assert list(rule(module(name, source))) != []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ringchat_server.chat.chat", "from hashlib import blake2b\nfrom . import names"),
        ("ringchat_server.chat.chat", "from ringchat_server.records import Entry"),
        ("ringchat_server.chat.chat", "for x in sorted({1, 2}): re.compile('x')"),
        ("ringchat_server.replica.rules", "from ..records import Entry\nfrom .values import Ack"),
        ("ringchat_client.ring", "import dataclasses"),
        ("ringchat_client.client", "import grpc, random\nfrom ringchat_client.ring import Ring"),
        ("ringchat_server.transport.links", "import grpc\nfrom ringchat_proto import chat_pb2"),
        ("ringchat_server.node", "from ringchat_server import transport, journal, replica, chat"),
        ("ringchat_server.search", "import sqlite3\nfrom ringchat_server.chat import Posted"),
        ("ringchat_server.__main__", "from ringchat_server.node import serve\nimport grpc"),
        ("ringchat_server.journal.disk", "import os\nfrom ringchat_server.pickled import decode"),
    ],
)
def test_what_is_allowed_is_let_through(name: str, source: str) -> None:
    of = module(name, source)
    assert [line for rule in RULES for line in rule(of)] == []


def test_a_circle_is_found() -> None:
    circle = [
        module("ringchat_server.node", "import ringchat_server.wiring"),
        module("ringchat_server.wiring", "def f():\n    from ringchat_server import settings"),
        module("ringchat_server.settings", "from ringchat_server.node import serve"),
    ]
    assert len(circles(circle)) == 3
    assert circles(circle[:2]) == []


def test_relative_imports_are_resolved() -> None:
    package = module(
        "ringchat_server.chat", "from .names import x\nfrom ..y import z", is_package=True
    )
    assert [n for _, n in imports(package)] == [
        "ringchat_server.chat.names.x",
        "ringchat_server.y.z",
    ]
    inside = module("ringchat_server.chat.chat", "from . import names\nfrom .. import records")
    assert [n for _, n in imports(inside)] == [
        "ringchat_server.chat.names",
        "ringchat_server.records",
    ]
