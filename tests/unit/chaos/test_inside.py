from __future__ import annotations

import ast
import json
import socket
import struct
import sys
from pathlib import Path

import pytest

from chaos import inside


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(inside.__file__).read_text())
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names}


def test_a_neighbour_is_hidden_by_an_entry_that_the_kernel_can_read() -> None:
    request = inside._arp_request("172.18.0.3", inside.NOBODY)
    assert len(request) == 68, "struct arpreq"
    family, _, address = struct.unpack_from("=HH4s", request)
    assert (family, socket.inet_ntoa(address)) == (socket.AF_INET, "172.18.0.3")
    hardware_family, hardware = struct.unpack_from("=H6s", request, 16)
    assert (hardware_family, hardware) == (inside.ARPHRD_ETHER, inside.NOBODY)
    assert struct.unpack_from("=i", request, 32) == (6,)
    assert inside.NOBODY[0] & 0x03 == 0x02, "of one station, and of no maker"


def test_netem_is_asked_for_first_and_tbf_where_the_kernel_has_no_netem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []

    def netlink(kind: int, flags: int, interface: int, attributes: bytes = b"") -> list[bytes]:
        asked.append(attributes[4:].split(b"\0")[0])
        if asked[-1] == b"netem":
            raise FileNotFoundError
        return []

    monkeypatch.setattr(inside, "_netlink", netlink)
    monkeypatch.setattr(inside, "_interfaces", lambda: [2])
    inside.slow()
    assert asked == [b"netem", b"tbf"]


def test_a_kernel_that_has_neither_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def netlink(*_: object) -> list[bytes]:
        raise FileNotFoundError

    monkeypatch.setattr(inside, "_netlink", netlink)
    monkeypatch.setattr(inside, "_interfaces", lambda: [2])
    with pytest.raises(FileNotFoundError):
        inside.slow()


def test_the_options_are_those_of_the_kernel_s_structures() -> None:
    kind_bytes = len(inside._attribute(inside.KIND, b"netem\0"))
    assert len(inside._netem()) == kind_bytes + 4 + 24
    delay, limit, loss, gap, duplicate, jitter = struct.unpack_from(
        "=6I", inside._netem(), kind_bytes + 4
    )
    assert delay == 100_000_000 // 64, "ticks of 64 ns"
    assert (limit, gap, duplicate) == (inside.PACKETS_MAX, 0, 0)
    assert loss / 0xFFFFFFFF == pytest.approx(0.01)
    assert jitter < delay
    kind_bytes = len(inside._attribute(inside.KIND, b"tbf\0"))
    assert len(inside._tbf()) == kind_bytes + 4 + (4 + 36) + (4 + 4)


def test_the_state_is_told_and_an_unknown_word_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(inside, "hidden", lambda: ["172.18.0.3"])
    monkeypatch.setattr(inside, "slowed", lambda: ["tbf"])
    inside.main(["state"])
    assert json.loads(capsys.readouterr().out) == {"hidden": ["172.18.0.3"], "slow": ["tbf"]}
    with pytest.raises(SystemExit, match="not a command"):
        inside.main(["hurry"])
