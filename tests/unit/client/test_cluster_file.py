"""cluster.yaml: what is wrong with it, and in which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringchat_client.cluster_file import check_address, load_cluster
from ringchat_client.errors import ClusterFileError, InvalidArgument

GOOD = """\
# written when the cluster starts
prefer: availability
replicas:
  - {id: 0, client: "replica-0:50051", peer: "replica-0:50052"}
  - {id: 1, client: "replica-1:50051", peer: "replica-1:50052"}
  - {id: 2, client: "replica-2:50051", peer: "replica-2:50052"}
"""


def complaint(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "cluster.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ClusterFileError) as caught:
        load_cluster(path)
    line = str(caught.value)
    assert "\n" not in line
    return line.removeprefix(f"{tmp_path}/")


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(GOOD)
    cluster = load_cluster(path)
    assert cluster.prefer == "availability"
    assert cluster.addresses == ("replica-0:50051", "replica-1:50051", "replica-2:50051")


def test_the_order_of_the_lines_does_not_matter_and_servers_settings_are_passed_over(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "suspect_after_seconds: 2\nreplicas:\n"
        "  - {id: 1, client: b:2, peer: x, published: 'h:9'}\n"
        "  - {id: 0, client: a:1, colour: green}\nprefer: consistency\n"
    )
    assert load_cluster(path).addresses == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("availability", "speed", "cluster.yaml:2: prefer: 'speed' is unknown"),
        ("prefer: availability\n", "", "cluster.yaml:2: 'prefer' is missing"),
        ("replicas:", "servers:", "cluster.yaml:2: 'replicas' is missing"),
        ("id: 1", "id: 7", "cluster.yaml:5: unknown replica id 7"),
        ("id: 1", "id: 0", "cluster.yaml:5: replica id 0 is there twice"),
        ("id: 1", "id: one", "cluster.yaml:5: id has to be a whole number"),
        ("id: 1", "id: -1", "cluster.yaml:5: id has to be a whole number"),
        ("id: 1, ", "", "cluster.yaml:5: a replica without 'id'"),
        ('client: "replica-1:50051", ', "", "cluster.yaml:5: a replica without 'client'"),
        ("replica-1:50051", "replica-1", "cluster.yaml:5: client: 'replica-1' is not an address"),
        ("replica-1:50051", "replica-0:50051", "cluster.yaml:5: client: replica-0:50051 is there"),
        ('"replica-1:50051"', "5", "cluster.yaml:5: client has to be a string"),
        ("{id: 1", "{id: 1, id: 2", "cluster.yaml:5: 'id' is there twice"),
        ("  - {id: 1", "  - 5\n  - {id: 1", "cluster.yaml:5: a replica has to be a mapping"),
        ("{id: 1", "{id: 1, [", "cluster.yaml:5: not YAML"),
        ("replicas:\n", "replicas:\n\t- x\n", "cluster.yaml:4: not YAML"),
        (
            "replica-1:50051",
            "a\\e[31m:1",
            "cluster.yaml:5: client: 'a\\x1b[31m:1' is not an address",
        ),
        ("prefer:", '"a\\n": x\n"a\\n": x\nprefer:', "cluster.yaml:3: 'a\\n' is there twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    assert old in GOOD
    assert complaint(tmp_path, GOOD.replace(old, new, 1)).startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "cluster.yaml:1: the file is empty"),
        ("- a\n", "cluster.yaml:1: the file has to be a mapping"),
        ("prefer: availability\nreplicas: []\n", "cluster.yaml:2: 'replicas' has to be a list"),
        ("prefer: availability\nreplicas: x\n", "cluster.yaml:2: 'replicas' has to be a list"),
        (b"prefer: availability\n\xff\n", "cluster.yaml:2: not UTF-8"),
        (b"prefer: \x00\n", "cluster.yaml:1: not YAML"),
        ("x" * (2 << 20), "cluster.yaml: larger than 64 KiB"),
        ("[" * 60_000, "cluster.yaml:1: not YAML"),
        ('prefer: "\\UFFFFFFFF"', "cluster.yaml:1: not YAML"),
        ('prefer: "\\U00110000"', "cluster.yaml:1: not YAML"),
        (f"%YAML 1.{'9' * 5_000}\n--- a", "cluster.yaml:1: not YAML"),
    ],
)
def test_what_is_no_cluster_file_at_all(tmp_path: Path, text: str | bytes, line: str) -> None:
    assert complaint(tmp_path, text).startswith(line)


def test_what_is_quoted_is_short(tmp_path: Path) -> None:
    assert len(complaint(tmp_path, f"prefer: {'x' * 50_000}\n")) < 400


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ClusterFileError, match="missing.yaml: No such file"):
        load_cluster(tmp_path / "missing.yaml")
    with pytest.raises(ClusterFileError, match="Is a directory"):
        load_cluster(tmp_path)
    with pytest.raises(ClusterFileError):
        load_cluster(Path("a\0b"))


@pytest.mark.parametrize("address", ["a:1", "127.0.0.1:65535", "[::1]:50051", "replica-0:50051"])
def test_addresses(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a:",
        ":1",
        "a:0",
        "a:65536",
        "a:x",
        "::1:5",
        "a b:1",
        "http://a:1",
        "a:٣",
        "a:1,b:2",
    ],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InvalidArgument, match="host:port"):
        check_address(address)


def test_a_long_address_is_cut_in_the_complaint() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_address("x" * 10_000)
    assert len(str(caught.value)) < 200
