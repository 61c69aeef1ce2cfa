"""The inputs that are kept: each is there because it reaches something, or found a bug."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.target import ROOT, Target

FOLDER = ROOT / "tests" / "fuzz" / "corpus"

Line = tuple[str, int, int]
"""(function and file, line before, line): one step that the program took."""


def folder_of(target: str) -> Path:
    """Where the inputs of a target are kept."""
    return FOLDER / target


def load_corpus(target: str) -> list[bytes]:
    """What is kept, in the order of the names."""
    folder = folder_of(target)
    return [path.read_bytes() for path in sorted(folder.glob("*"))] if folder.is_dir() else []


def keep(target: str, data: bytes) -> Path:
    """Keep an input under the name of its hash."""
    path = folder_of(target) / hashlib.sha256(data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def minimised(
    target: Target, inputs: Iterable[bytes], bytes_max: int, kept_before: Iterable[bytes] = ()
) -> list[bytes]:
    """Short inputs first, each that takes a step which those before it did not take.

    Args:
        bytes_max: of all that are kept.
        kept_before: inputs that stay whatever they do: each was kept for a reason.
    """
    seen: set[Line] = set()
    kept: list[bytes] = []
    size = 0
    for data in kept_before:
        seen |= _steps(target, data)
        size += len(data)
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        steps = _steps(target, data)
        if steps - seen and size + len(data) <= bytes_max:
            seen |= steps
            kept.append(data)
            size += len(data)
    return kept


def _steps(target: Target, data: bytes) -> set[Line]:
    """The steps from line to line inside of the product."""
    found: set[Line] = set()
    before: dict[FrameType, int] = {}

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            code = frame.f_code
            name = f"{code.co_filename}:{code.co_qualname}"
            found.add((name, before.get(frame, 0), frame.f_lineno))
            before[frame] = frame.f_lineno
        elif event == "return":
            before.pop(frame, None)
        return local

    def call(frame: FrameType, _event: str, _: Any) -> Any:
        return local if "ringchat_" in frame.f_code.co_filename else None

    sys.settrace(call)
    try:
        target.run(data)
    finally:
        sys.settrace(None)
    return found
