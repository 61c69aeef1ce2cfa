"""Where tokens are kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ringchat_client.credentials import Credentials, Kept
from ringchat_client.errors import FailedPrecondition

ANN, BOB = Kept("ann", "secret-a"), Kept("bob", "secret-b")


def credentials(tmp_path: Path, **environment: str) -> Credentials:
    return Credentials({"XDG_CONFIG_HOME": str(tmp_path / "config"), **environment})


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    assert credentials(tmp_path).find("a:1") is None


def test_a_login_is_kept_for_its_cluster_only(tmp_path: Path) -> None:
    credentials(tmp_path).keep("a:1", ANN)
    credentials(tmp_path).keep("b:1", BOB)
    assert credentials(tmp_path).find("a:1") == ANN
    assert credentials(tmp_path).find("b:1") == BOB
    assert credentials(tmp_path).find("c:1") is None
    credentials(tmp_path).forget("a:1")
    assert credentials(tmp_path).find("a:1") is None
    assert credentials(tmp_path).find("b:1") == BOB
    credentials(tmp_path).forget("a:1")


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    kept = credentials(tmp_path)
    kept.path.parent.mkdir(parents=True)
    kept.path.write_text("{}")
    kept.path.chmod(0o644)
    kept.keep("a:1", ANN)
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert [path.name for path in kept.path.parent.iterdir()] == ["credentials.json"]


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    kept = credentials(tmp_path)
    kept.keep("a:1", ANN)
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700


def test_the_environment_goes_first_and_is_not_written(tmp_path: Path) -> None:
    credentials(tmp_path).keep("a:1", ANN)
    kept = credentials(tmp_path, RINGCHAT_TOKEN="from outside")
    assert kept.find("a:1") == Kept("", "from outside")
    assert "outside" not in kept.path.read_text()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"a:1": 5}', '{"a:1": {}}', "\0", "[" * 9999]
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    kept = credentials(tmp_path)
    kept.path.parent.mkdir(parents=True)
    kept.path.write_text(text)
    with pytest.raises(FailedPrecondition, match="not a credentials file"):
        kept.find("a:1")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file in its place")
    with pytest.raises(FailedPrecondition, match=r"credentials\.json: "):
        credentials(tmp_path).keep("a:1", ANN)


def test_where_it_is() -> None:
    assert Credentials({"HOME": "/h"}).path == Path("/h/.config/ringchat/credentials.json")
    relative = {"HOME": "/h", "XDG_CONFIG_HOME": "relative"}
    assert Credentials(relative).path == Path("/h/.config/ringchat/credentials.json")
