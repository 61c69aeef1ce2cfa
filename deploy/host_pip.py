"""Writes down, for building images, how pip on this host reaches its package index.

Index, proxy and certificates of the host become `.run/build/pip.conf` and `ca.crt`, which
only the first stage of a Dockerfile sees: no name and no secret in them gets into the
repository or into an image that is used. Nothing is written that pip would not need.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = Path(".run/build")
INSIDE = "/build"
"""Where the Dockerfiles put the folder."""
CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
CERTIFICATE_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
URL_OPTIONS = ("index-url", "extra-index-url", "find-links")
OTHER_OPTIONS = ("trusted-host", "proxy", "timeout", "default-timeout", "retries")


def configured() -> dict[str, str]:
    """The options of pip on this host: the environment before `[install]` before `[global]`."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    options: dict[str, str] = {}
    rows = re.findall(r"^(global|install|:env:)\.([a-z-]+)=(.*)$", listing, re.MULTILINE)
    for section in ("global", "install", ":env:"):
        options |= {
            name: ast.literal_eval(value) for place, name, value in rows if place == section
        }
    return options


def for_the_build(options: dict[str, str]) -> dict[str, str]:
    """Those of the options that mean something in a container."""
    kept = {name: options[name] for name in OTHER_OPTIONS if name in options}
    for name in URL_OPTIONS:
        # A folder of the host cannot be reached from there.
        urls = [url for url in options.get(name, "").split() if url.startswith("http")]
        if urls:
            kept[name] = "\n    ".join(urls)
    proxies = [os.environ[name] for name in PROXY_VARIABLES if os.environ.get(name)]
    if proxies:
        kept.setdefault("proxy", proxies[0])
    return kept


def certificates(options: dict[str, str]) -> Path | None:
    """The bundle that this host trusts; behind an inspecting proxy it names that proxy too."""
    candidates = [options.get("cert"), *map(os.environ.get, CERTIFICATE_VARIABLES)]
    for name in (*candidates, *CERTIFICATE_FILES):
        if name and Path(name).is_file():
            return Path(name)
    return None


def write(name: str, text: str) -> None:
    """One file of the folder; left alone if it says that already."""
    path = FOLDER / name
    if not path.exists() or path.read_text() != text:
        path.touch(mode=0o600)
        path.write_text(text)


def main() -> None:
    """Writes the folder anew."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = configured()
    kept = for_the_build(options)
    bundle = certificates(options)
    if bundle is not None:
        if not (FOLDER / "ca.crt").exists() or (FOLDER / "ca.crt").read_bytes() != (
            bundle.read_bytes()
        ):
            shutil.copyfile(bundle, FOLDER / "ca.crt")
        kept["cert"] = f"{INSIDE}/ca.crt"
    write("pip.conf", "[global]\n" + "".join(f"{name} = {kept[name]}\n" for name in sorted(kept)))
    # An index or a proxy on this very host is only seen from the host's own network.
    hosts = {
        urlsplit(url).hostname
        for name in (*URL_OPTIONS, "proxy")
        for url in kept.get(name, "").split()
    }
    local = hosts & {"localhost", "127.0.0.1", "::1"}
    write("network", "host\n" if local else "default\n")


if __name__ == "__main__":
    main()
