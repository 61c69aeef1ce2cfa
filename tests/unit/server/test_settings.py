"""Every way to write the configuration wrongly, and the line that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringchat_server import settings
from ringchat_server.settings import Cluster, Member, SettingsError

THREE = """\
# the ring
prefer: availability
replicas:
  - {id: 0, client: "replica-0:50051", peer: "replica-0:50052"}
  - {id: 1, client: "replica-1:50051", peer: "replica-1:50052"}
  - {id: 2, client: "replica-2:50051", peer: "replica-2:50052"}
"""
KEY = b"0123456789abcdef0123456789abcdef"


def parse(text: str) -> Cluster:
    return settings.parse_cluster(text.encode(), "cluster.yaml")


def complaint(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(SettingsError) as caught:
        settings.parse_cluster(data, "cluster.yaml")
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def cluster_file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text(THREE)
    return path


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o600)
    return path


class TestClusterFile:
    def test_the_example_of_the_design(self) -> None:
        cluster = parse(THREE)
        assert cluster.prefer == "availability"
        assert cluster.suspect_after_seconds == 1.0
        assert cluster.members[1] == Member(1, "replica-1:50051", "replica-1:50052")
        assert [member.id for member in cluster.members] == [0, 1, 2]

    def test_the_ring_is_in_the_order_of_the_ids(self) -> None:
        head, *replicas = THREE.partition("replicas:\n")[2].splitlines(keepends=True)
        shuffled = "prefer: consistency\nreplicas:\n" + "".join([*replicas, head])
        assert [member.id for member in parse(shuffled).members] == [0, 1, 2]

    def test_every_key(self) -> None:
        cluster = parse(
            "prefer: consistency\n"
            "suspect_after_seconds: 0.25\n"
            "keep_entries: 5000\n"
            "replicas:\n"
            '  - {id: 0, client: "[::1]:1", peer: "10.0.0.1:2", published: "localhost:65535"}\n'
        )
        assert cluster == Cluster(
            "consistency", 0.25, 5000, (Member(0, "[::1]:1", "10.0.0.1:2", "localhost:65535"),)
        )

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("", "cluster.yaml:1: empty"),
            ("# nothing\n", "cluster.yaml:1: empty"),
            ("- a list\n", "cluster.yaml:1: expected the keys prefer, replicas"),
            ("prefer: availability\n", "cluster.yaml:1: the key 'replicas' is missing"),
            (THREE.replace("prefer", "prefers"), "cluster.yaml:2: unknown key 'prefers'"),
            (THREE + "prefer: consistency\n", "cluster.yaml:7: the key 'prefer' is there twice"),
            (
                THREE.replace("availability", "speed"),
                "cluster.yaml:2: prefer is availability or consistency, not 'speed'",
            ),
            (THREE.replace("availability", "[a, b]"), "cluster.yaml:2: prefer must be a single"),
            ("prefer: availability\nreplicas: []\n", "cluster.yaml:2: replicas must be a list"),
            ("prefer: availability\nreplicas: 3\n", "cluster.yaml:2: replicas must be a list"),
            (THREE.replace("{id: 1, ", "{"), "cluster.yaml:5: the key 'id' is missing"),
            (THREE.replace("id: 1", "id: one"), "cluster.yaml:5: id is a number from 0, not 'one'"),
            (THREE.replace("id: 1", "id: -1"), "cluster.yaml:5: id is a number from 0, not '-1'"),
            (THREE.replace("id: 2", "id: 1"), "cluster.yaml:6: replica 1 is there twice"),
            (
                THREE.replace("id: 2", "id: 3"),
                "cluster.yaml:6: id 3: the ids of 3 replicas are 0 to 2",
            ),
            (THREE.replace("peer:", "port:"), "cluster.yaml:4: unknown key 'port'"),
            (
                THREE.replace('peer: "replica-2:50052"', 'peer: "replica-1:50052"'),
                "cluster.yaml:6: peer: replica-1:50052 is there twice",
            ),
            (
                THREE.replace('peer: "replica-0:50052"', 'peer: "replica-0:50051"'),
                "cluster.yaml:4: peer: replica-0:50051 is there twice",
            ),
            (THREE.replace("  - {id: 0", "  - [id: 0"), "cluster.yaml:4: not valid YAML"),
            (THREE + "\tx: 1\n", "cluster.yaml:7: not valid YAML"),
            (THREE + "---\nprefer: x\n", "cluster.yaml:7: not valid YAML"),
            ("prefer: availability\nx: \x07\n", "cluster.yaml:2: not valid YAML"),
            ("[" * 20_000, "cluster.yaml:1: not valid YAML: nested too deeply"),
            (
                THREE + "suspect_after_seconds: 0\n",
                "cluster.yaml:7: suspect_after_seconds: '0' is not a number of seconds from 0.05",
            ),
            (THREE + "suspect_after_seconds: .nan\n", "cluster.yaml:7: suspect_after_seconds"),
            (THREE + "suspect_after_seconds: nan\n", "cluster.yaml:7: suspect_after_seconds"),
            (
                THREE + "keep_entries: 10\n",
                "cluster.yaml:7: keep_entries: '10' is not a number from",
            ),
            (THREE + "keep_entries: all\n", "cluster.yaml:7: keep_entries: 'all' is not a number"),
            (THREE + "suspect_after_seconds: soon\n", "cluster.yaml:7: suspect_after_seconds"),
        ],
    )
    def test_what_is_wrong_and_where(self, text: str, line: str) -> None:
        assert complaint(text).startswith(line)

    @pytest.mark.parametrize(
        "text",
        [
            'prefer: "\\UFFFFFFFF"',
            'prefer: "\\U00110000"',
            f"%YAML 1.{'9' * 5_000}\n--- a",
        ],
    )
    def test_what_the_yaml_library_does_not_expect(self, text: str) -> None:
        line = complaint(text)
        assert line == "cluster.yaml:1: not valid YAML: a number or a character that cannot be"

    @pytest.mark.parametrize("quoted", ["9" * 5_000, '"\\e[31m\\u2028"'])
    def test_what_is_quoted_is_short_and_can_be_shown(self, quoted: str) -> None:
        line = complaint(f"{THREE}suspect_after_seconds: {quoted}\n")
        assert line.isprintable()
        assert len(line) < 400

    def test_not_utf8(self) -> None:
        assert complaint(THREE.encode() + b"x: \xff\n") == "cluster.yaml:7: not UTF-8"

    def test_too_many_replicas(self) -> None:
        rows = "".join(
            f'  - {{id: {i}, client: "a:{i + 1}", peer: "b:{i + 1}"}}\n' for i in range(32)
        )
        assert "32 replicas; at most 31" in complaint(f"prefer: availability\nreplicas:\n{rows}")

    @pytest.mark.parametrize(
        "address",
        [
            "replica-1",
            "replica-1:",
            ":50051",
            "replica-1:0",
            "replica-1:65536",
            "replica-1:http",
            "replica-1:+5",
            "replica-1:\u0665",
            "a b:1",
            "::1:50051",
            "[replica-1]:50051",
            "http://replica-1:50051",
            "[::1%\\n]:50051",  # the name of a zone may be anything, to the library
        ],
    )
    def test_a_bad_address(self, address: str) -> None:
        line = complaint(THREE.replace("replica-1:50051", address))
        assert line.startswith("cluster.yaml:5: client: ")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        missing = tmp_path / "cluster.yaml"
        with pytest.raises(SettingsError, match=r"cluster.yaml: cannot be read: No such file"):
            settings.load_cluster(missing)

    def test_a_file_that_is_no_cluster_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "cluster.yaml"
        path.write_bytes(b"#" * (settings.CLUSTER_FILE_BYTES_MAX + 1))
        with pytest.raises(SettingsError, match="larger than 65536 bytes"):
            settings.load_cluster(path)


class TestKey:
    def test_without_the_end_of_its_line(self, key_file: Path) -> None:
        assert settings.load_key(key_file) == KEY

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"cluster.key: no cluster key: No such file"):
            settings.load_key(tmp_path / "cluster.key")

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o777])
    def test_open_to_others(self, key_file: Path, mode: int) -> None:
        key_file.chmod(mode)
        with pytest.raises(SettingsError, match=rf"others may use .*{mode:04o}.*chmod 600"):
            settings.load_key(key_file)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "empty"),
            (b" \n", "empty"),
            (KEY[:-1], "32 to 1024 characters"),
            (b"x" * 1025, "32 to 1024 characters"),
            (KEY + b"\n" + KEY, "printable ASCII"),
            (KEY + b"\xc3\xa9", "printable ASCII"),
        ],
    )
    def test_not_a_key(self, key_file: Path, data: bytes, reason: str) -> None:
        key_file.write_bytes(data)
        with pytest.raises(SettingsError, match=reason):
            settings.load_key(key_file)


class TestSettings:
    def test_all_together(self, cluster_file: Path, key_file: Path, tmp_path: Path) -> None:
        chosen = settings.load_settings(cluster_file, 2, tmp_path, key_file, "::")
        assert chosen.member.client == "replica-2:50051"
        assert (chosen.replica_id, chosen.listen_host) == (2, "::")
        assert (chosen.data_folder, chosen.cluster_key) == (tmp_path, KEY)

    @pytest.mark.parametrize("replica_id", [3, -1])
    def test_an_unknown_replica(
        self, cluster_file: Path, key_file: Path, tmp_path: Path, replica_id: int
    ) -> None:
        with pytest.raises(SettingsError, match=rf"no replica {replica_id}; the ids are 0 to 2"):
            settings.load_settings(cluster_file, replica_id, tmp_path, key_file)

    @pytest.mark.parametrize("host", ["", "a b", "0.0.0.0:50051"])
    def test_a_bad_host_to_listen_on(
        self, cluster_file: Path, key_file: Path, tmp_path: Path, host: str
    ) -> None:
        with pytest.raises(SettingsError, match="the host to listen on"):
            settings.load_settings(cluster_file, 0, tmp_path, key_file, host)


class TestFromTheEnvironment:
    def test_what_compose_gets_by_default(self) -> None:
        cluster = settings.cluster_from({"RINGCHAT_PREFER": ""})
        assert cluster == parse(THREE)

    def test_what_is_written_is_what_is_read(self) -> None:
        cluster = settings.cluster_from(
            {
                "RINGCHAT_REPLICAS": "2",
                "RINGCHAT_PREFER": "consistency",
                "RINGCHAT_SUSPECT_AFTER_SECONDS": "0.3",
                "RINGCHAT_HOST": "127.0.0.1",
                "RINGCHAT_CLIENT_PORTS": "7001, 7002",
                "RINGCHAT_PEER_PORTS": "7011,7012",
                "RINGCHAT_PUBLISHED_PORTS": "7001,7002",
            }
        )
        assert cluster.members[1] == Member(1, "127.0.0.1:7002", "127.0.0.1:7012", "127.0.0.1:7002")
        assert parse(settings.cluster_text(cluster)) == cluster

    def test_outside_there_are_published_ports_and_no_peer_port(self) -> None:
        cluster = settings.cluster_from({"RINGCHAT_PUBLISHED_PORTS": "7001,7002,7003"})
        text = settings.published_text(cluster)
        assert '{id: 2, client: "127.0.0.1:7003"}' in text
        assert "peer:" not in text
        assert "replica-" not in text

    def test_nothing_published(self) -> None:
        with pytest.raises(SettingsError, match="RINGCHAT_PUBLISHED_PORTS: not set"):
            settings.published_text(settings.cluster_from({}))

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("REPLICAS", "0", "is not 1 to 31"),
            ("REPLICAS", "32", "is not 1 to 31"),
            ("REPLICAS", "three", "is not 1 to 31"),
            ("PREFER", "speed", "is not availability or consistency"),
            ("SUSPECT_AFTER_SECONDS", "-1", "not a number of seconds"),
            ("CLIENT_PORTS", "1,2", "2 ports for 3 replicas"),
            ("CLIENT_PORTS", "99999", "not a port"),
            ("CLIENT_PORTS", "50052", "two addresses of the cluster are the same"),
            ("PEER_PORTS", "x", "not a port"),
            ("PUBLISHED_PORTS", "7001", "two replicas have the same address"),
        ],
    )
    def test_a_bad_variable(self, name: str, value: str, reason: str) -> None:
        with pytest.raises(SettingsError, match=reason) as caught:
            settings.cluster_from({f"RINGCHAT_{name}": value})
        assert f"RINGCHAT_{name}" in str(caught.value)


class TestWriting:
    def test_once_and_only_when_it_changes(self, tmp_path: Path) -> None:
        path = tmp_path / "cluster.yaml"
        assert settings.write_if_changed(path, "a\n")
        before = path.stat()
        assert not settings.write_if_changed(path, "a\n")
        assert path.stat().st_ino == before.st_ino
        assert settings.write_if_changed(path, "b\n")
        assert path.read_text() == "b\n"
        assert [file.name for file in tmp_path.iterdir()] == ["cluster.yaml"]

    def test_everybody_may_read_it(self, tmp_path: Path) -> None:
        settings.write_if_changed(tmp_path / "cluster.yaml", "a\n")
        assert (tmp_path / "cluster.yaml").stat().st_mode & 0o777 == 0o644

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="cannot be written"):
            settings.write_if_changed(tmp_path / "missing" / "cluster.yaml", "a\n")
