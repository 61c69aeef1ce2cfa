"""Runs inside a container, in its network: hides neighbours from it, slows what it sends.

    python3 inside.py state
    python3 inside.py hide 172.18.0.3 172.18.0.4
    python3 inside.py slow
    python3 inside.py straighten

The standard library of Python and CAP_NET_ADMIN are enough, so no image needs a tool for it.

*Hidden*: whatever is sent to that address goes to a hardware address that nobody has, and
is gone without a word, connections that are open included. It works in one direction; what
the other one sends still arrives.
*Slow*: delay and loss (netem) where the kernel has that, else a narrow pipe (tbf).
`straighten` undoes both, and does nothing where there is nothing to undo.

Each prints the state afterwards, as JSON: {"hidden": [address, ...], "slow": ["tbf"]}.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path

SIOCSARP, SIOCDARP = 0x8955, 0x8953
ARPHRD_ETHER = 1
COMPLETE_AND_PERMANENT = 0x02 | 0x04
NOBODY = bytes.fromhex("02000000dead")
"""A hardware address of the locally administered ones."""

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST, ACK, DUMP, REPLACE, CREATE = 0x001, 0x004, 0x300, 0x100, 0x400
ROOT = 0xFFFFFFFF
KIND, OPTIONS = 1, 2
TBF_PARAMETERS, TBF_BURST = 1, 6
ETHERNET = 1

TICKS_PER_SECOND = 15_625_000
"""Of the kernel's packet scheduler: 64 ns each."""
DELAY_SECONDS, JITTER_SECONDS, LOSS = 0.1, 0.05, 0.01
PACKETS_MAX = 10_000
PIPE_BYTES_PER_SECOND = 32_768
BURST_BYTES = 4_096
QUEUE_BYTES = 16_384
"""Half a second of the pipe."""


# ------------------------------------------------------------------ neighbours


def _arp_request(address: str, hardware: bytes) -> bytes:
    protocol = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    return struct.pack(
        "=16sH14si16s16s",
        protocol,
        ARPHRD_ETHER,
        hardware,
        COMPLETE_AND_PERMANENT,
        b"",
        b"",
    )


def hide(addresses: list[str]) -> None:
    """What is sent to these addresses is gone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for address in addresses:
            fcntl.ioctl(any_socket, SIOCSARP, _arp_request(address, NOBODY))


def show() -> None:
    """Undoes `hide` for all addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for address in hidden():
            fcntl.ioctl(any_socket, SIOCDARP, _arp_request(address, bytes(6)))


def hidden() -> list[str]:
    """The addresses that are hidden."""
    rows = [line.split() for line in Path("/proc/net/arp").read_text().splitlines()[1:]]
    return sorted(row[0] for row in rows if row[3] == NOBODY.hex(":"))


# ------------------------------------------------------- the queue of an interface


def _attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def _netlink(kind: int, flags: int, interface: int, attributes: bytes = b"") -> list[bytes]:
    """One question about the root queue of an interface; the answers' bodies. Raises OSError."""
    body = struct.pack("=BxxxiIII", socket.AF_UNSPEC, interface, 0, ROOT, 0) + attributes
    head = struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 1, 0)
    answers: list[bytes] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.bind((0, 0))
        link.settimeout(5)
        link.send(head + body)
        while True:
            data = link.recv(1 << 16)
            while data:
                length, answer = struct.unpack_from("=IH", data)
                if answer == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", data, 16)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                    return answers
                if answer == NLMSG_DONE:
                    return answers
                answers.append(data[16:length])
                data = data[(length + 3) & ~3 :]


def _netem() -> bytes:
    def ticks(seconds: float) -> int:
        return int(seconds * TICKS_PER_SECOND)

    loss = int(LOSS * 0xFFFFFFFF)
    queue = ticks(DELAY_SECONDS), PACKETS_MAX, loss, 0, 0, ticks(JITTER_SECONDS)
    return _attribute(KIND, b"netem\0") + _attribute(OPTIONS, struct.pack("=6I", *queue))


def _tbf() -> bytes:
    rate = struct.pack("=BBHhHI", 0, ETHERNET, 0, 0, 0, PIPE_BYTES_PER_SECOND)
    fill_ticks = BURST_BYTES * TICKS_PER_SECOND // PIPE_BYTES_PER_SECOND
    parameters = rate + bytes(12) + struct.pack("=III", QUEUE_BYTES, fill_ticks, 0)
    options = _attribute(TBF_PARAMETERS, parameters)
    options += _attribute(TBF_BURST, struct.pack("=I", BURST_BYTES))
    return _attribute(KIND, b"tbf\0") + _attribute(OPTIONS, options)


def _interfaces() -> list[int]:
    return [index for index, name in socket.if_nameindex() if name.startswith("eth")]


def slow() -> None:
    """Slows what is sent. Raises OSError (ENOENT) if the kernel has no means."""
    for interface in _interfaces():
        try:
            _netlink(RTM_NEWQDISC, ACK | CREATE | REPLACE, interface, _netem())
        except FileNotFoundError:  # a kernel without netem
            _netlink(RTM_NEWQDISC, ACK | CREATE | REPLACE, interface, _tbf())


def haste() -> None:
    """Undoes `slow`."""
    for interface in _interfaces():
        try:
            _netlink(RTM_DELQDISC, ACK, interface)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINVAL):  # it was not slow
                raise


def slowed() -> list[str]:
    """The kinds of queue by which interfaces are slow."""
    found = set()
    for body in _netlink(RTM_GETQDISC, DUMP, 0):
        length, kind = struct.unpack_from("=HH", body, 20)
        name = body[24 : 20 + length].rstrip(b"\0").decode()
        if kind == KIND and name in ("netem", "tbf"):
            found.add(name)
    return sorted(found)


def main(words: list[str]) -> None:
    """Does what the first word says."""
    match words:
        case ["hide", *addresses]:
            hide(addresses)
        case ["slow"]:
            slow()
        case ["straighten"]:
            show()
            haste()
        case ["state"]:
            pass
        case _:
            raise SystemExit(f"not a command: {words}")
    print(json.dumps({"hidden": hidden(), "slow": slowed()}))


if __name__ == "__main__":
    main(sys.argv[1:])
