"""What of the host's pip configuration a build is told, and what it is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy import host_pip


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*host_pip.PROXY_VARIABLES, *host_pip.CERTIFICATE_VARIABLES):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_goes_before_install_and_that_before_global(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listing = (
        ":env:.timeout='30'\nglobal.index-url='https://one.test/simple'\nglobal.timeout='10'\n"
        "install.index-url='https://two.test/simple'\nlist.format='json'\n"
    )
    answer = subprocess.CompletedProcess(["pip"], 0, stdout=listing)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert host_pip.configured() == {"timeout": "30", "index-url": "https://two.test/simple"}


def test_folders_of_the_host_mean_nothing_in_a_container() -> None:
    options = {
        "index-url": "https://index.test/simple",
        "extra-index-url": "file:///opt/simple\nhttps://more.test/simple",
        "find-links": "/opt/wheels",
        "cert": "/etc/ca.crt",
        "no-index": "true",
    }
    assert host_pip.for_the_build(options) == {
        "index-url": "https://index.test/simple",
        "extra-index-url": "https://more.test/simple",
    }


def test_the_proxy_of_the_environment_unless_pip_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.test:1")
    assert host_pip.for_the_build({}) == {"proxy": "http://environment.test:1"}
    own = {"proxy": "http://own.test:1"}
    assert host_pip.for_the_build(own) == own


class TestTheFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(host_pip, "FOLDER", tmp_path / "build")
        monkeypatch.setattr(host_pip, "CERTIFICATE_FILES", ())
        return tmp_path / "build"

    def test_it_is_nobody_elses_and_complete(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = tmp_path / "bundle.crt"
        bundle.write_text("a certificate\n")
        options = {"cert": str(bundle), "index-url": "https://user:secret@index.test/simple"}
        monkeypatch.setattr(host_pip, "configured", lambda: options)
        host_pip.main()
        assert (folder / "ca.crt").read_text() == "a certificate\n"
        assert (folder / "pip.conf").read_text() == (
            "[global]\ncert = /build/ca.crt\nindex-url = https://user:secret@index.test/simple\n"
        )
        assert (folder / "network").read_text() == "default\n"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "pip.conf").stat().st_mode & 0o777 == 0o600

    def test_an_index_on_this_host_is_seen_from_its_network(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            host_pip, "configured", lambda: {"index-url": "http://localhost:3141/simple"}
        )
        host_pip.main()
        assert (folder / "network").read_text() == "host\n"

    def test_what_has_not_changed_is_left_alone_for_the_cache(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = tmp_path / "bundle.crt"
        bundle.write_text("a certificate\n")
        monkeypatch.setattr(host_pip, "configured", lambda: {"cert": str(bundle)})
        host_pip.main()
        before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        host_pip.main()
        assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before

    def test_nothing_is_configured(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host_pip, "configured", dict)
        host_pip.main()
        assert (folder / "pip.conf").read_text() == "[global]\n"
        assert not (folder / "ca.crt").exists()
