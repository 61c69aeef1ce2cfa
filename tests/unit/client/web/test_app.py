"""What is served, and that it needs nothing from elsewhere."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from ringchat_client.web.app import STATIC

FILES = sorted(path.name for path in STATIC.iterdir())


@pytest.mark.parametrize("path", ["/", "/c/bob", "/c/b%2Fb/12", "/r/7", "/r/7/12"])
def test_every_deep_link_is_the_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert '<script type="module" src="/static/main.js">' in answer.text


def test_the_page_learns_of_siblings(client: TestClient) -> None:
    assert client.get("/api/config").json() == {"siblings": [8080, 8081]}


def test_nothing_else_is_served(client: TestClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/", "/docs", "/api"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_host(name: str) -> None:
    text = (STATIC / name).read_text()
    addresses = set(re.findall(r"[a-z]+://[\w.]+", text)) - {"http://www.w3.org"}
    assert addresses == set()


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_no_text_can_become_markup_or_code(name: str) -> None:
    text = (STATIC / name).read_text()
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    assert re.findall(ways, text) == []


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_every_module_that_is_imported_is_there(name: str) -> None:
    for imported in re.findall(r'from "\./([^"]+)"', (STATIC / name).read_text()):
        assert imported in FILES


def test_the_page_itself_holds_no_script_or_style() -> None:
    text = (STATIC / "index.html").read_text()
    assert "<style" not in text
    assert re.findall(r"<script(?![^>]*src=)", text) == []
    assert re.findall(r"\son\w+=|\sstyle=", text) == []


def _contrast(one: str, other: str) -> float:
    """As WCAG has it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _colours(scheme: str) -> dict[str, str]:
    text = (STATIC / "base.css").read_text()
    start = {"light": ":root {", "dark": ':root[data-theme="dark"] {\n  --', "system": "not("}[
        scheme
    ]
    block = text[text.index(start) :].partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(scheme: str) -> None:
    colours = _colours(scheme)
    pairs = [("text", ground) for ground in ("ground", "panel", "panel-2", "raised", "other")]
    pairs += [("muted", ground) for ground in ("ground", "panel", "panel-2", "other")]
    pairs += [("accent", "panel"), ("accent", "ground"), ("accent", "other")]
    pairs += [("on-accent", "accent"), ("own-text", "own"), ("own-muted", "own")]
    pairs += [("danger", "panel"), ("danger", "ground"), ("warn", "warn-soft")]
    pairs += [("text", "accent-soft"), ("muted", "accent-soft"), ("text", "mark")]
    pairs += [("panel", "text")]
    low = [pair for pair in pairs if _contrast(*(colours[name] for name in pair)) < 4.5]
    assert low == []


def test_dark_is_the_same_whoever_asks_for_it() -> None:
    assert _colours("dark") == _colours("system")
