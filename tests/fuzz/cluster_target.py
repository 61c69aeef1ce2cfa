"""Any bytes as cluster.yaml, for both readers: a cluster, or one line that says what is wrong."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ringchat_client.cluster_file import load_cluster
from ringchat_client.errors import ClusterFileError
from ringchat_server.settings import Cluster, SettingsError, cluster_text, parse_cluster
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Finding, one_line

WHOLE = b"""\
# three replicas
prefer: availability
suspect_after_seconds: 0.5
keep_entries: 2000
replicas:
  - {id: 0, client: "replica-0:50051", peer: "replica-0:50052"}
  - {id: 1, client: "10.0.0.1:50051", peer: '10.0.0.1:50052', published: "127.0.0.1:1"}
  - id: 2
    client: "[::1]:50051"
    peer: "[::1]:50052"
"""

WORDS = (
    *(
        b"prefer: |replicas: |suspect_after_seconds: |keep_entries: |availability|consistency"
        b"|id: |client: |peer: |published: |- |? |: |, |[|]|{|}|'|\"|\\n|\n|  |&a |*a|&a [*a]|<<: "
        b"|!!str |!!int |!!python/object/apply:os.system |!!binary |!<tag:x> |%YAML 1.2\n"
        b"|%TAG ! tag:x,2000:\n|--- |...\n|#|>-\n |>9\n |\\U00110000|\\UFFFFFFFF|\\ud800|\\x1b"
        b"|\xef\xbb\xbf|\xff\xfe|\xe2\x80\xa8|\xc2\x85|~|null|0x10|1e400|nan|.inf|-1|1_000|010|yes"
        b"|[::1%\\n]:1|[fe80::1%eth0]:1|a:b:1|:1|a:0|a:65536|\xd9\xa3"
    ).split(b"|"),
    b"|",
    b"9" * 400,
    b"[" * 200,
    b"%YAML 1." + b"9" * 400 + b"\n",
    b'"\\n": 1\n"\\n": 1\n',
    b"&a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b]",
)


class ClusterTarget:
    """The input is the file."""

    bytes_max = 1_024

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        handle, name = tempfile.mkstemp(dir=memory if memory.is_dir() else None)
        os.close(handle)
        self._path = Path(name)
        self._path.unlink()

    def seeds(self) -> Sequence[bytes]:
        """The whole of it and shorter ones, down to nothing."""
        short = b'prefer: consistency\nreplicas: [{id: 0, client: "a:1", peer: "b:2"}]\n'
        return [WHOLE, short, b"", b"prefer: availability\n", b"replicas: []\nprefer: x"]

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        """Lines move, words come in."""
        lines = data.split(b"\n")
        if len(lines) > 1 and chance.random() < 0.2:
            at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines.insert(to, lines[at] if chance.random() < 0.5 else lines.pop(at))
            return b"\n".join(lines)
        if (digits := [at for at, byte in enumerate(data) if 48 <= byte < 58]) and (
            chance.random() < 0.2
        ):
            at = chance.choice(digits)
            return data[:at] + b"%d" % chance.randrange(11) + data[at + 1 :]
        return mutated(data, chance, WORDS)

    def run(self, data: bytes) -> str:
        """Both readers; and what the server's accepts, its writer writes back the same."""
        try:
            cluster = parse_cluster(data, "cluster.yaml")
        except SettingsError as error:
            one_line(str(error))
            outcome = "refused, "
        else:
            _check(cluster)
            outcome = "a cluster, "
        self._path.write_bytes(data)
        try:
            client = load_cluster(self._path)
        except ClusterFileError as error:
            one_line(str(error))
            return f"{outcome}refused"
        finally:
            self._path.unlink()
        if not all(address.isprintable() for address in client.addresses):
            raise Finding("an address that cannot be shown")
        if len(set(client.addresses)) < len(client.addresses):
            raise Finding("two replicas at one address")
        return f"{outcome}a cluster"


def _check(cluster: Cluster) -> None:
    addresses = [text for one in cluster.members for text in (one.client, one.peer, one.published)]
    if not all(text.isprintable() and len(text) < 300 for text in addresses):
        raise Finding("an address that cannot be shown")
    if [one.id for one in cluster.members] != list(range(len(cluster.members))):
        raise Finding("not the ids of a ring")
    inside = [text for one in cluster.members for text in (one.client, one.peer)]
    if len(set(inside)) < len(inside):
        raise Finding("two ports at one address")
    again = parse_cluster(cluster_text(cluster).encode(), "again")
    if again.members != cluster.members or again.prefer != cluster.prefer:
        raise Finding("the cluster does not read back as it was written")


TARGET = ClusterTarget()
