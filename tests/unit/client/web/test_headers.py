"""What the page may load, run and be shown in."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from ringchat_client.web.headers import content_security_policy


def policy_of(text: str) -> dict[str, list[str]]:
    return {name: rest for name, *rest in (part.split() for part in text.split(";"))}


@pytest.mark.parametrize(
    "path", ["/", "/c/bob", "/r/7/12", "/static/main.js", "/api/export", "/none", "/health"]
)
def test_every_answer_has_them(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = policy_of(headers["content-security-policy"])
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert policy["require-trusted-types-for"] == ["'script'"]
    assert policy["trusted-types"] == ["'none'"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] in {"no-cache", "no-store"}


def test_sockets_go_here_and_to_siblings_only() -> None:
    policy = policy_of(content_security_policy("chat.example:8080", (8080, 8081)))
    hosts = {source.partition("://")[2] for source in policy["connect-src"]} - {""}
    assert hosts == {"chat.example:8080", "chat.example:8081"}


@pytest.mark.parametrize("host", ["x; script-src *", "a b", "a,b", "a/b", "a'b", ""])
def test_a_strange_host_is_not_repeated(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert policy_of(answer.headers["content-security-policy"])["connect-src"] == ["'self'"]
