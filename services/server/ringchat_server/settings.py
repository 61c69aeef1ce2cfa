"""From cluster.yaml, the key file and the environment to one frozen `Settings`.

Everything that a person may have written wrongly is found here, before anything
runs, and told in one line that names the file and the line in it, or the variable.

`cluster.yaml` is the ring: which replicas there are, where clients reach them and
where they reach each other. The same file serves every replica and, in a second
form that holds the published ports only, the programs outside the containers.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

PREFERENCES = ("availability", "consistency")
REPLICAS_MAX = 31
SUSPECT_AFTER_SECONDS_DEFAULT = 1.0
SUSPECT_AFTER_SECONDS_MIN = 0.05
SUSPECT_AFTER_SECONDS_MAX = 60.0
KEEP_ENTRIES_DEFAULT = 250_000
KEEP_ENTRIES_MIN = 1_000
KEEP_ENTRIES_MAX = 100_000_000
CLUSTER_FILE_BYTES_MAX = 64 * 1024
COMPLAINT_CHARS_MAX = 300
KEY_BYTES_MIN = 32
KEY_BYTES_MAX = 1024

_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,32})?")
_NUMBER = re.compile(r"[0-9]{1,9}")


class SettingsError(Exception):
    """What was configured cannot be used; the text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Member:
    """One replica of the ring."""

    id: int
    client: str
    """`host:port` where clients reach it."""
    peer: str
    """`host:port` where the other replicas reach it; clients are never given it."""
    published: str = ""
    """The client port as seen from outside the containers; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What cluster.yaml says."""

    prefer: str
    """`availability` or `consistency`: see the two promises in docs/protocol.md."""
    suspect_after_seconds: float
    """A silence longer than this counts as a death."""
    keep_entries: int
    """How many entries compaction keeps for a replica that has not acknowledged them (rule 14)."""
    members: tuple[Member, ...]
    """In the order of the ring: `members[i].id == i`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that one replica is told from outside."""

    replica_id: int
    cluster: Cluster
    data_folder: Path
    """Holds the one pickle file of this replica."""
    cluster_key: bytes
    """Printable ASCII: it travels between replicas as gRPC metadata."""
    listen_host: str | None
    """The host to bind both ports to; `None`: the hosts of the replica's own addresses."""

    @property
    def member(self) -> Member:
        """This replica's own line of cluster.yaml."""
        return self.cluster.members[self.replica_id]


def load_settings(
    cluster_file: Path,
    replica_id: int,
    data_folder: Path,
    key_file: Path,
    listen_host: str | None = None,
) -> Settings:
    """Reads and checks all that a replica needs to start.

    Raises:
        SettingsError: one line that says what is wrong, and where.
    """
    cluster = load_cluster(cluster_file)
    check_replica_id(cluster, replica_id, cluster_file)
    if listen_host is not None and not (_is_host(listen_host) or _is_ipv6(listen_host)):
        raise SettingsError(
            f"the host to listen on, {listen_host!r}, is not a host name or address"
        )
    return Settings(replica_id, cluster, data_folder, load_key(key_file), listen_host)


def check_replica_id(cluster: Cluster, replica_id: int, cluster_file: Path) -> None:
    """Raises `SettingsError` unless the cluster has a replica of that id."""
    if not 0 <= replica_id < len(cluster.members):
        raise SettingsError(
            f"{cluster_file}: there is no replica {replica_id}; "
            f"the ids are 0 to {len(cluster.members) - 1}"
        )


def load_key(path: Path) -> bytes:
    """The cluster key: the one line of a file that only its owner may read.

    Raises:
        SettingsError: missing, unreadable, open to others, empty, too short or long,
            or not printable ASCII.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SettingsError(
                    f"{path}: others may use the cluster key (mode {stat.S_IMODE(mode):04o}); "
                    f"chmod 600 it"
                )
            key = file.read(KEY_BYTES_MAX + 2).strip()
    except OSError as error:
        raise SettingsError(f"{path}: no cluster key: {error.strerror}") from error
    if not key:
        raise SettingsError(f"{path}: the cluster key is empty")
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise SettingsError(
            f"{path}: a cluster key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} characters"
        )
    if not all(0x21 <= byte <= 0x7E for byte in key):
        raise SettingsError(f"{path}: a cluster key is one line of printable ASCII")
    return key


# --------------------------------------------------------------- cluster.yaml


def load_cluster(path: Path) -> Cluster:
    """Reads cluster.yaml.

    Raises:
        SettingsError: `cluster.yaml:7: what is wrong there`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(CLUSTER_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > CLUSTER_FILE_BYTES_MAX:
        raise SettingsError(f"{path}: larger than {CLUSTER_FILE_BYTES_MAX} bytes")
    return parse_cluster(data, str(path))


def parse_cluster(data: bytes, name: str) -> Cluster:
    """The cluster of a file's bytes; `name` stands in the complaints."""
    where = _Where(name)
    root = where.compose(data)
    if root is None:
        raise SettingsError(f"{name}:1: empty; it must name the replicas")
    top = where.mapping(root, ("prefer", "replicas"), ("suspect_after_seconds", "keep_entries"))
    prefer = where.text(top["prefer"], "prefer")
    if prefer not in PREFERENCES:
        raise where.error(top["prefer"], f"prefer is {' or '.join(PREFERENCES)}, not {prefer!r}")
    members = _members(top["replicas"], where)
    seconds = SUSPECT_AFTER_SECONDS_DEFAULT
    if given := top.get("suspect_after_seconds"):
        try:
            seconds = suspect_after(where.text(given, "suspect_after_seconds"))
        except ValueError as error:
            raise where.error(given, f"suspect_after_seconds: {error}") from error
    kept = KEEP_ENTRIES_DEFAULT
    if given := top.get("keep_entries"):
        try:
            kept = keep_entries(where.text(given, "keep_entries"))
        except ValueError as error:
            raise where.error(given, f"keep_entries: {error}") from error
    return Cluster(prefer, seconds, kept, members)


def check_address(address: str) -> str:
    """The address given, if it is `host:port`; raises `ValueError` with the reason."""
    host, colon, port = address.rpartition(":")
    if not colon:
        raise ValueError(f"{address!r} is not host:port")
    bracketed = host.startswith("[") and host.endswith("]")
    if not (_is_ipv6(host[1:-1]) if bracketed else _is_host(host)):
        raise ValueError(f"{host!r} in {address!r} is not a host name or address")
    if not _NUMBER.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise ValueError(f"{port!r} in {address!r} is not a port (1 to 65535)")
    return address


def _is_host(text: str) -> bool:
    """A name, or an IPv4 address."""
    return _HOST_NAME.fullmatch(text) is not None


def _is_ipv6(text: str) -> bool:
    if _IPV6.fullmatch(text) is None:  # the library takes anything for the name of a zone
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def suspect_after(text: str) -> float:
    """Seconds of silence that count as a death; raises `ValueError` with the reason."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    # A comparison with nan is false, so this refuses that too.
    if not SUSPECT_AFTER_SECONDS_MIN <= seconds <= SUSPECT_AFTER_SECONDS_MAX:
        raise ValueError(
            f"{text!r} is not a number of seconds from {SUSPECT_AFTER_SECONDS_MIN:g} "
            f"to {SUSPECT_AFTER_SECONDS_MAX:g}"
        )
    return seconds


def keep_entries(text: str) -> int:
    """A number of entries to keep; raises `ValueError` with the reason."""
    number = int(text) if _NUMBER.fullmatch(text) else -1
    if not KEEP_ENTRIES_MIN <= number <= KEEP_ENTRIES_MAX:
        raise ValueError(f"{text!r} is not a number from {KEEP_ENTRIES_MIN} to {KEEP_ENTRIES_MAX}")
    return number


def _members(listing: yaml.Node, where: _Where) -> tuple[Member, ...]:
    if not isinstance(listing, yaml.SequenceNode) or not listing.value:
        raise where.error(listing, "replicas must be a list with an item for each replica")
    count = len(listing.value)
    if count > REPLICAS_MAX:
        raise where.error(listing, f"{count} replicas; at most {REPLICAS_MAX}")
    members: dict[int, Member] = {}
    addresses: set[str] = set()
    for item in listing.value:
        member = _member(item, where, addresses)
        if member.id in members:
            raise where.error(item, f"replica {member.id} is there twice")
        if member.id >= count:
            raise where.error(
                item, f"id {member.id}: the ids of {count} replicas are 0 to {count - 1}"
            )
        members[member.id] = member
    return tuple(members[id_] for id_ in range(count))


def _member(item: yaml.Node, where: _Where, addresses: set[str]) -> Member:
    """One item of the list; `addresses` are those taken so far, and are added to."""
    fields = where.mapping(item, ("id", "client", "peer"), ("published",))
    number = where.text(fields["id"], "id")
    if not _NUMBER.fullmatch(number):
        raise where.error(fields["id"], f"id is a number from 0, not {number!r}")
    given = {"published": ""}
    for key in ("client", "peer", "published"):
        if key not in fields:
            continue
        text = where.text(fields[key], key)
        if key == "published" and not text:
            continue
        try:
            given[key] = check_address(text)
        except ValueError as error:
            raise where.error(fields[key], f"{key}: {error}") from error
        # Published ports live outside the containers: the same host:port may mean another there.
        taken = f"outside {text}" if key == "published" else text
        if taken in addresses:
            raise where.error(fields[key], f"{key}: {text} is there twice")
        addresses.add(taken)
    return Member(int(number), given["client"], given["peer"], given["published"])


class _Where:
    """Reads nodes of the YAML tree; every complaint begins with the file and the line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def error(self, node: yaml.Node, complaint: str) -> SettingsError:
        return self._error_at(node.start_mark.line + 1, complaint)

    def _error_at(self, line: int, complaint: str) -> SettingsError:
        # It may quote the file, which may hold anything, and any amount of it.
        shown = "".join(one if one.isprintable() else " " for one in complaint)
        if len(shown) > COMPLAINT_CHARS_MAX:
            shown = shown[:COMPLAINT_CHARS_MAX] + "…"
        return SettingsError(f"{self._name}:{line}: {shown}")

    def compose(self, data: bytes) -> yaml.Node | None:
        """The tree of the one document, unresolved, so that lines are still known."""
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise self._error_at(line, "not UTF-8") from error
        try:
            node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise self._error_at(line, f"not valid YAML: {error.problem}") from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self._error_at(line, "not valid YAML: a control character") from error
        except RecursionError as error:
            raise self._error_at(1, "not valid YAML: nested too deeply") from error
        except (ValueError, OverflowError) as error:
            # Of the YAML library's own making: it does not expect a \UFFFFFFFF.
            complaint = "not valid YAML: a number or a character that cannot be"
            raise self._error_at(1, complaint) from error
        return node

    def mapping(
        self, node: yaml.Node, required: Sequence[str], optional: Sequence[str]
    ) -> dict[str, yaml.Node]:
        known = (*required, *optional)
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"expected the keys {', '.join(known)}")
        found: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self.text(key_node, "a key")
            if key not in known:
                raise self.error(key_node, f"unknown key {key!r}; known: {', '.join(known)}")
            if key in found:
                raise self.error(key_node, f"the key {key!r} is there twice")
            found[key] = value
        for key in required:
            if key not in found:
                raise self.error(node, f"the key {key!r} is missing")
        return found

    def text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(node, f"{what} must be a single value")
        return str(node.value)


# ---------------------------------------------------- writing it, for a deployment


def cluster_from(environ: Mapping[str, str]) -> Cluster:
    """The cluster that the environment of a deployment describes.

    | variable                         | default        | meaning                           |
    |----------------------------------|----------------|-----------------------------------|
    | `RINGCHAT_REPLICAS`              | `3`            | how many                          |
    | `RINGCHAT_PREFER`                | `availability` | or `consistency`                  |
    | `RINGCHAT_SUSPECT_AFTER_SECONDS` | `1.0`          |                                   |
    | `RINGCHAT_KEEP_ENTRIES`          | `250000`       |                                   |
    | `RINGCHAT_HOST`                  | `replica-{id}` | a replica's host                  |
    | `RINGCHAT_CLIENT_PORTS`          | `50051`        | one for all, or one each: `1,2,3` |
    | `RINGCHAT_PEER_PORTS`            | `50052`        | the same                          |
    | `RINGCHAT_PUBLISHED_HOST`        | `127.0.0.1`    | where the client ports are seen   |
    | `RINGCHAT_PUBLISHED_PORTS`       | none           | from outside                      |

    Raises:
        SettingsError: one line that names the variable.
    """

    def value(name: str, default: str) -> str:
        # Compose passes a variable that nobody set as an empty one.
        return environ.get(f"RINGCHAT_{name}", "").strip() or default

    count = replica_count(environ)
    prefer = value("PREFER", "availability")
    if prefer not in PREFERENCES:
        raise SettingsError(f"RINGCHAT_PREFER: {prefer!r} is not {' or '.join(PREFERENCES)}")
    try:
        suspect_after_seconds = suspect_after(
            value("SUSPECT_AFTER_SECONDS", str(SUSPECT_AFTER_SECONDS_DEFAULT))
        )
    except ValueError as error:
        raise SettingsError(f"RINGCHAT_SUSPECT_AFTER_SECONDS: {error}") from error
    try:
        kept = keep_entries(value("KEEP_ENTRIES", str(KEEP_ENTRIES_DEFAULT)))
    except ValueError as error:
        raise SettingsError(f"RINGCHAT_KEEP_ENTRIES: {error}") from error

    hosts = [value("HOST", "replica-{id}").replace("{id}", str(id_)) for id_ in range(count)]
    clients = _addresses("RINGCHAT_CLIENT_PORTS", value("CLIENT_PORTS", "50051"), hosts)
    peers = _addresses("RINGCHAT_PEER_PORTS", value("PEER_PORTS", "50052"), hosts)
    published = [""] * count
    if ports := value("PUBLISHED_PORTS", ""):
        outside = [value("PUBLISHED_HOST", "127.0.0.1")] * count
        published = _addresses("RINGCHAT_PUBLISHED_PORTS", ports, outside)
    if len({*clients, *peers}) < 2 * count:
        raise SettingsError(
            "RINGCHAT_CLIENT_PORTS, RINGCHAT_PEER_PORTS: two addresses of the cluster are the same"
        )
    members = tuple(map(Member, range(count), clients, peers, published))
    return Cluster(prefer, suspect_after_seconds, kept, members)


def replica_count(environ: Mapping[str, str]) -> int:
    """RINGCHAT_REPLICAS; raises `SettingsError`."""
    text = environ.get("RINGCHAT_REPLICAS", "").strip() or "3"
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= REPLICAS_MAX:
        raise SettingsError(f"RINGCHAT_REPLICAS: {text!r} is not 1 to {REPLICAS_MAX}")
    return int(text)


def _addresses(variable: str, ports_text: str, hosts: Sequence[str]) -> list[str]:
    """`host:port` for each host; one port stands for all."""
    ports = [port.strip() for port in ports_text.split(",")]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise SettingsError(f"{variable}: {len(ports)} ports for {len(hosts)} replicas")
    try:
        addresses = [
            check_address(f"{host}:{port}") for host, port in zip(hosts, ports, strict=True)
        ]
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from error
    if len(set(addresses)) < len(addresses):
        raise SettingsError(f"{variable}: two replicas have the same address")
    return addresses


def cluster_text(cluster: Cluster) -> str:
    """The cluster as cluster.yaml: what `load_cluster` reads back."""
    lines = _heading(cluster, "Written when the cluster starts; changes here do not last.")
    for member in cluster.members:
        published = f', published: "{member.published}"' if member.published else ""
        lines.append(
            f'  - {{id: {member.id}, client: "{member.client}", peer: "{member.peer}"{published}}}'
        )
    return "\n".join(lines) + "\n"


def published_text(cluster: Cluster) -> str:
    """The same for programs outside: published client ports, and no peer port.

    Raises:
        SettingsError: if a replica has no published port.
    """
    lines = _heading(cluster, "For programs outside the containers: the published ports.")
    for member in cluster.members:
        if not member.published:
            raise SettingsError("RINGCHAT_PUBLISHED_PORTS: not set, so nothing is published")
        lines.append(f'  - {{id: {member.id}, client: "{member.published}"}}')
    return "\n".join(lines) + "\n"


def _heading(cluster: Cluster, comment: str) -> list[str]:
    return [
        f"# {comment}",
        f"prefer: {cluster.prefer}",
        f"suspect_after_seconds: {cluster.suspect_after_seconds:g}",
        f"keep_entries: {cluster.keep_entries}",
        "replicas:",
    ]


def write_if_changed(path: Path, text: str) -> bool:
    """Puts a file in place whole, or leaves it alone if it says that already.

    Returns whether it was written.

    Raises:
        SettingsError: if it cannot be written.
    """
    side = path.with_name(f"{path.name}.new")
    try:
        if path.exists() and path.read_text() == text:
            return False
        side.write_text(text)
        side.chmod(0o644)
        side.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be written: {error}") from error
    return True
