"""The table of docs/protocol.md names code and tests that exist.

A reference is `folder/file.py:name`, the name as Python would write it inside that
file: `Class.method`, `function` or `CONSTANT`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "docs" / "protocol.md"

HEADING = "## 13. Rule, code, test"
RULES = tuple(str(number) for number in range(1, 16))
REFERENCE = re.compile(r"([\w/]+\.py):([\w.]+)")


def rows(text: str) -> Iterator[tuple[str, str, str]]:
    """(rule, code, tests) of each row of the table, as written."""
    section = text.partition(HEADING)[2].partition("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[0].split(" ")[0].isdigit():
            yield cells[0].split(" ")[0], cells[1], cells[2]


def names(source: str) -> set[str]:
    """What a module defines: functions, classes with their methods, constants."""

    def within(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield prefix + node.name
                if isinstance(node, ast.ClassDef):
                    yield from within(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (prefix + t.id for t in targets if isinstance(t, ast.Name))

    return set(within(ast.parse(source).body, ""))


def complaints(text: str, defined: Callable[[str], set[str]]) -> Iterator[str]:
    """What is wrong with the table; `defined` tells the names in a file, by its path."""
    found = list(rows(text))
    for rule in RULES:
        if rule not in [number for number, _, _ in found]:
            yield f"rule {rule} has no row"
    for rule, code, tests in found:
        if not REFERENCE.search(code):
            yield f"rule {rule} names no code"
        for folder, cell in (("services", code), ("tests", tests)):
            words = re.findall(r"`([^`]+)`", cell)
            if not words and cell != "—":
                yield f"rule {rule}: {cell!r} names nothing"
            for word in words:
                match = REFERENCE.fullmatch(word)
                if match is None:
                    yield f"rule {rule}: {word} is not file.py:name"
                elif match[2] not in defined(f"{folder}/{match[1]}"):
                    yield f"rule {rule}: there is no {folder}/{word}"


@cache
def in_the_repository(path: str) -> set[str]:
    """What that file defines; nothing if it is not there."""
    file = ROOT / path
    return names(file.read_text()) if file.is_file() else set()


def test_every_reference_exists() -> None:
    assert list(complaints(PROTOCOL.read_text(), in_the_repository)) == []


def sample(*changes: tuple[str, str]) -> str:
    """A small table that is right, but for the changes."""
    lines = [f"| {rule} | `a/b.py:C.f` | `t/u.py:test_x` |" for rule in RULES]
    text = "\n".join(["# x", HEADING, "", "| rule | code | test |", "|---|---|---|", *lines])
    for old, new in changes:
        text = text.replace(old, new, 1)
    return text + "\n## 14. y\n| 99 | nothing | nothing |\n"


def in_the_sample(path: str) -> set[str]:
    return {"services/a/b.py": {"C", "C.f"}, "tests/t/u.py": {"test_x"}}.get(path, set())


def test_a_table_that_is_right_is_let_through() -> None:
    assert list(complaints(sample(), in_the_sample)) == []
    assert list(complaints(sample(("`t/u.py:test_x`", "—")), in_the_sample)) == []


def test_what_is_wrong_is_found() -> None:
    for change, complaint in (
        (("| 7 |", "| seven |"), "rule 7 has no row"),
        (("`a/b.py:C.f`", "—"), "rule 1 names no code"),
        (("`a/b.py:C.f`", "`a/b.py:C.g`"), "rule 1: there is no services/a/b.py:C.g"),
        (("`a/b.py:C.f`", "`a/c.py:C.f`"), "rule 1: there is no services/a/c.py:C.f"),
        (("`t/u.py:test_x`", "`t/u.py:test_y`"), "rule 1: there is no tests/t/u.py:test_y"),
        (("`t/u.py:test_x`", "`test_x`"), "rule 1: test_x is not file.py:name"),
        (("`t/u.py:test_x`", "soon"), "rule 1: 'soon' names nothing"),
    ):
        assert complaint in list(complaints(sample(change), in_the_sample))


def test_names_are_those_that_python_writes() -> None:
    source = "A = 1\nB: int = 2\nclass C:\n    x: int\n    async def f(self): ...\ndef g(): ...\n"
    assert names(source) == {"A", "B", "C", "C.x", "C.f", "g"}
