"""Tidiness, held by a test: sizes, silent handlers, mirrored tests, words.

Each rule is a function from a file's text to complaints, and is tried on a sample
that breaks it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 600
LINE_CHARS_MAX = 100

SKIPPED_FOLDERS = frozenset(("__pycache__", "build", "dist", "node_modules", "venv"))
TEXT_SUFFIXES = frozenset(
    (".py", ".pyi", ".proto", ".md", ".toml", ".yaml", ".yml", ".sh", ".txt", ".css", ".js")
)
TEXT_NAMES = frozenset(("Makefile", "Dockerfile"))

# Put together here so that this file does not hold them.
BANNED_WORDS = tuple("".join(parts) for parts in (("TO", "DO"), ("FIX", "ME"), ("XX", "X")))

BROAD = frozenset(("Exception", "BaseException"))

# Where the tests of a distribution stand, and the sources that they mirror.
MIRRORS = {
    "tests/unit/server": "services/server/ringchat_server",
    "tests/unit/client": "services/client/ringchat_client",
    "tests/unit/proto": "proto/ringchat_proto",
    "tests/unit/chaos": "chaos",
    "tests/unit/bench": "bench",
    "tests/unit/demo": "demo",
    "tests/unit/deploy": "deploy",
    "tests/unit/examples": "examples",
}


def files() -> Iterator[Path]:
    """Every text of the repository that somebody wrote: nothing hidden, nothing generated."""
    ahead = [ROOT]
    while ahead:
        for path in sorted(ahead.pop().iterdir()):
            if path.name.startswith(".") or path.is_symlink() or path.name in SKIPPED_FOLDERS:
                continue
            if path.is_dir():
                if not path.name.endswith(".egg-info"):
                    ahead.append(path)
            elif is_text(path) and not is_generated(path):
                yield path


def is_text(path: Path) -> bool:
    """Whether people read and write this file, going by its name."""
    return path.suffix in TEXT_SUFFIXES or path.name in TEXT_NAMES


def is_generated(path: Path) -> bool:
    """Whether the protobuf compiler wrote this file."""
    return re.fullmatch(r".*_pb2(_grpc)?\.pyi?", path.name) is not None


def sources() -> Iterator[Path]:
    """The Python files among them."""
    return (path for path in files() if path.suffix in (".py", ".pyi"))


# ------------------------------------------------------------------- the rules


def long_modules(text: str) -> Iterator[str]:
    """Modules that do more than one thing."""
    count = len(text.splitlines())
    if count > MODULE_LINES_MAX:
        yield f"1: {count} lines, at most {MODULE_LINES_MAX}"


def long_lines(text: str) -> Iterator[str]:
    """Lines that do not fit beside another file."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE_CHARS_MAX:
            yield f"{number}: {len(line)} columns, at most {LINE_CHARS_MAX}"


def long_functions(text: str) -> Iterator[str]:
    """Functions longer than a screen, their docstring included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            if count > FUNCTION_LINES_MAX:
                yield f"{node.lineno}: {node.name} has {count} lines, at most {FUNCTION_LINES_MAX}"


def silent_handlers(text: str) -> Iterator[str]:
    """Handlers that swallow what nobody thought of."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield f"{node.lineno}: `except:` without a type"
            elif is_broad(node.type) and all(map(is_nothing, node.body)):
                yield f"{node.lineno}: a broad handler that does nothing"
        elif isinstance(node, ast.Call) and name_of(node.func) == "suppress":
            yield from (
                f"{node.lineno}: suppress() of any exception" for arg in node.args if is_broad(arg)
            )


def is_broad(node: ast.expr) -> bool:
    """Whether an expression names, among others, the exception of all exceptions."""
    return any(name_of(part) in BROAD for part in ast.walk(node))


def name_of(node: ast.AST) -> str:
    """The last name of `a`, `x.a` or `x.y.a`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_nothing(node: ast.stmt) -> bool:
    """Whether a statement only goes on."""
    if isinstance(node, ast.Pass | ast.Continue | ast.Break):
        return True
    if isinstance(node, ast.Return):
        return node.value is None or isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def banned_words(text: str) -> Iterator[str]:
    """Notes to oneself."""
    for number, line in enumerate(text.splitlines(), 1):
        for word in BANNED_WORDS:
            if re.search(rf"\b{word}\b", line):
                yield f"{number}: the word {word}"


def unmirrored(test: str, exists: set[str]) -> Iterator[str]:
    """A unit test that stands for no module. Paths are relative to the root."""
    path = Path(test)
    if not re.fullmatch(r"test_\w+\.py", path.name):
        return
    for tests_folder, sources_folder in MIRRORS.items():
        if path.is_relative_to(tests_folder):
            folder = Path(sources_folder) / path.parent.relative_to(tests_folder)
            # A long one may be cut: test_module__part.py.
            stem = path.stem.removeprefix("test_").partition("__")[0]
            names = (f"{stem}.py", f"__{stem}__.py", f"{stem}/__init__.py")
            if not any((folder / name).as_posix() in exists for name in names):
                yield f"1: mirrors {(folder / names[0]).as_posix()}, which does not exist"
            return
    yield f"1: unit tests stand in one of {', '.join(MIRRORS)}"


# ------------------------------------------------------------------- held


def found_by(rule: object, paths: Iterator[Path]) -> list[str]:
    """The complaints of a rule, each with its file."""
    assert callable(rule)
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path in paths
        for line in rule(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(
    "rule", [long_modules, long_lines, long_functions, silent_handlers], ids=lambda r: r.__name__
)
def test_the_sources_are_tidy(rule: object) -> None:
    assert found_by(rule, sources()) == []


def test_no_file_holds_a_banned_word() -> None:
    assert found_by(banned_words, files()) == []


def test_every_unit_test_mirrors_a_module() -> None:
    exists = {path.relative_to(ROOT).as_posix() for path in sources()}
    exists |= {f"proto/ringchat_proto/{p.name}" for p in (ROOT / "proto").rglob("*_pb2*.py")}
    tests = sorted(name for name in exists if name.startswith("tests/unit/"))
    assert [f"{test}:{line}" for test in tests for line in unmirrored(test, exists)] == []
    assert len(tests) >= 5


def test_there_is_something_to_look_at() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in files()}
    assert "services/server/ringchat_server/chat/chat.py" in names
    assert "proto/ringchat_proto/chat.proto" in names
    assert "tests/architecture/test_tidy.py" in names
    assert not any("_pb2" in name for name in names)


# ------------------------------------------------------------------- each rule bites


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (long_modules, "x = 1\n" * (MODULE_LINES_MAX + 1)),
        (long_lines, "x" * (LINE_CHARS_MAX + 1)),
        (long_functions, "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
        (long_functions, "class A:\n  async def f(self):\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
        (silent_handlers, "try:\n    f()\nexcept:\n    raise"),
        (silent_handlers, "try:\n    f()\nexcept Exception:\n    pass"),
        (silent_handlers, "try:\n    f()\nexcept BaseException as error:\n    ..."),
        (silent_handlers, "try:\n    f()\nexcept (OSError, Exception):\n    'ignored'"),
        (silent_handlers, "def g():\n  try:\n    f()\n  except Exception:\n    return None"),
        (
            silent_handlers,
            "for x in y:\n  try:\n    f()\n  except builtins.Exception:\n    continue",
        ),
        (silent_handlers, "with contextlib.suppress(Exception):\n    f()"),
        (banned_words, f"# {BANNED_WORDS[0]}: later"),
        (banned_words, f"x = 1  # {BANNED_WORDS[1]}"),
    ],
)
def test_the_rule_finds_what_breaks_it(rule: object, text: str) -> None:
    assert callable(rule)
    assert len(list(rule(text))) == 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (long_modules, "x = 1\n" * MODULE_LINES_MAX),
        (long_lines, "x" * LINE_CHARS_MAX),
        (long_functions, "def f():\n" + "    x = 1\n" * (FUNCTION_LINES_MAX - 1)),
        (silent_handlers, "try:\n    f()\nexcept OSError:\n    pass"),
        (silent_handlers, "try:\n    f()\nexcept Exception as error:\n    stop(error)"),
        (silent_handlers, "with contextlib.suppress(KeyError):\n    f()"),
        (banned_words, "MASTODON = 1"),
    ],
)
def test_the_rule_lets_the_rest_through(rule: object, text: str) -> None:
    assert callable(rule)
    assert list(rule(text)) == []


@pytest.mark.parametrize(
    ("test", "complaints"),
    [
        ("tests/unit/server/chat/test_names.py", 0),
        ("tests/unit/server/test_main.py", 0),
        ("tests/unit/server/test_chat.py", 0),
        ("tests/unit/server/chat/conftest.py", 0),
        ("tests/unit/server/chat/test_gone.py", 1),
        ("tests/unit/client/test_names.py", 1),
        ("tests/unit/test_names.py", 1),
    ],
)
def test_a_test_without_its_module_is_found(test: str, complaints: int) -> None:
    server = "services/server/ringchat_server"
    exists = {f"{server}/chat/{name}.py" for name in ("__init__", "names")}
    exists.add(f"{server}/__main__.py")
    assert len(list(unmirrored(test, exists))) == complaints


@pytest.mark.parametrize(
    ("name", "generated"),
    [("chat_pb2.py", True), ("chat_pb2_grpc.pyi", True), ("chat.py", False), ("pb2.py", False)],
)
def test_generated_code_is_known_by_its_name(name: str, generated: bool) -> None:
    assert is_generated(Path(name)) == generated
