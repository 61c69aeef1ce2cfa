"""Reading cluster.yaml: who the replicas are, and one clear line when it is wrong.

A client needs the ids and the client addresses. Settings that concern only the
servers are passed over, so that a newer file does not stop an older client.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from ringchat_client.errors import ClusterFileError, InvalidArgument

__all__ = ["Cluster", "check_address", "load_cluster"]

FILE_BYTES_MAX = 64 << 10
"""As much as the servers read. The parser takes seconds for a megabyte."""
COMPLAINT_CHARS_MAX = 300
PREFERENCES = ("availability", "consistency")
STRING_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a client needs of cluster.yaml."""

    prefer: str
    addresses: tuple[str, ...]
    """The client port of each replica as `host:port`, in the order of the ids."""


def check_address(address: str) -> str:
    """Return a `host:port`; raise InvalidArgument if it is not one."""
    host, colon, port = address.rpartition(":")
    plain = 0 < len(host) <= 255 and not any(c in "/,@ " or not c.isprintable() for c in host)
    bare_v6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if not (colon and plain and not bare_v6 and 1 <= number <= 65535):
        shown = ascii(address if len(address) <= 80 else address[:80] + "...")
        raise InvalidArgument(f"{shown} is not an address of the form host:port")
    return address


def load_cluster(path: Path) -> Cluster:
    """Read cluster.yaml.

    Raises:
        ClusterFileError: one line, `file:line: what is wrong`.
    """
    return _Reader(path).cluster()


class _Reader:
    """One file being read; every complaint names a line of it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def cluster(self) -> Cluster:
        root = self._root()
        fields = self._fields(root, "the file")
        prefer = fields.get("prefer")
        if prefer is None:
            raise self._wrong(root, f"'prefer' is missing: {' or '.join(PREFERENCES)}")
        preference = self._string(prefer, "prefer")
        if preference not in PREFERENCES:
            line = f"prefer: {preference!r} is unknown; it is {' or '.join(PREFERENCES)}"
            raise self._wrong(prefer, line)
        replicas = fields.get("replicas")
        if replicas is None:
            raise self._wrong(root, "'replicas' is missing")
        if not isinstance(replicas, yaml.SequenceNode) or not replicas.value:
            raise self._wrong(replicas, "'replicas' has to be a list of at least one replica")
        return Cluster(preference, self._addresses(replicas))

    def _addresses(self, replicas: yaml.SequenceNode) -> tuple[str, ...]:
        count = len(replicas.value)
        by_id: dict[int, str] = {}
        taken: set[str] = set()
        for node in replicas.value:
            fields = self._fields(node, "a replica")
            for key in ("id", "client"):
                if key not in fields:
                    raise self._wrong(node, f"a replica without '{key}'")
            replica_id = self._id(fields["id"], count)
            if replica_id in by_id:
                raise self._wrong(fields["id"], f"replica id {replica_id} is there twice")
            address = self._string(fields["client"], "client")
            try:
                by_id[replica_id] = check_address(address)
            except InvalidArgument as error:
                raise self._wrong(fields["client"], f"client: {error}") from None
            if address in taken:
                raise self._wrong(fields["client"], f"client: {address} is there twice")
            taken.add(address)
        return tuple(by_id[replica_id] for replica_id in range(count))

    def _root(self) -> yaml.Node:
        try:
            with self._path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise ClusterFileError(f"{self._path}: {error.strerror or error}") from None
        except ValueError:
            raise ClusterFileError(f"{str(self._path)!a}: not a file name") from None
        if len(data) > FILE_BYTES_MAX:
            raise ClusterFileError(f"{self._path}: larger than 64 KiB: this is no cluster.yaml")
        try:
            root = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ClusterFileError(f"{self._path}:{line}: not UTF-8") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark is not None else 1
            problem = " ".join((error.problem or "not YAML").split())
            raise ClusterFileError(f"{self._path}:{line}: not YAML: {problem}") from None
        except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
            # The last two are of the library's own making: it does not expect a \UFFFFFFFF.
            problem = " ".join(str(error).split())[:200]
            raise ClusterFileError(f"{self._path}:1: not YAML: {problem}") from None
        if root is None:
            raise ClusterFileError(f"{self._path}:1: the file is empty")
        return root

    def _fields(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"{what} has to be a mapping of keys to values")
        fields: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            key = self._string(key_node, "a key")
            if key in fields:
                raise self._wrong(key_node, f"{key!r} is there twice")
            fields[key] = value_node
        return fields

    def _string(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != STRING_TAG:
            raise self._wrong(node, f"{what} has to be a string")
        return str(node.value)

    def _id(self, node: yaml.Node, count: int) -> int:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise self._wrong(node, "id has to be a whole number")
        if int(text) >= count:
            line = f"unknown replica id {int(text)}: {count} replicas have the ids 0 to {count - 1}"
            raise self._wrong(node, line)
        return int(text)

    def _wrong(self, node: yaml.Node, what: str) -> ClusterFileError:
        if len(what) > COMPLAINT_CHARS_MAX:  # it may quote the file, any amount of it
            what = what[:COMPLAINT_CHARS_MAX] + "…"
        return ClusterFileError(f"{self._path}:{node.start_mark.line + 1}: {what}")
