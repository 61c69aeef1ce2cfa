"""What can be typed behind a slash."""

from __future__ import annotations

from ringchat_client.tui.commands import (
    COMMANDS,
    Parsed,
    common_beginning,
    completions,
    parse,
)


def test_messages_are_no_commands() -> None:
    assert parse("hello /quit") is None
    assert parse("//shrug") is None


def test_a_command_and_its_argument() -> None:
    assert parse("/create  the ring ") == Parsed("create", "the ring")
    assert parse("/HELP") == Parsed("help")


def test_what_is_wrong_is_said_in_one_line() -> None:
    for line, said in (
        ("/invite", "say it as: /invite NAME"),
        ("/quit now", "/quit takes nothing behind it"),
        ("/del", "/del: no such command; see /help"),
        ("/\x1b[2J\nx", "/␛[2J x: no such command; see /help"),
    ):
        parsed = parse(line)
        assert parsed is not None
        assert parsed.error == said


def test_completions() -> None:
    assert [command.name for command in completions("/cre")] == ["create", "create-public"]
    assert completions("/create ") == []
    assert completions("hello") == []
    assert len(completions("/")) == len(COMMANDS)
    assert common_beginning(["create", "create-public"]) == "create"
    assert common_beginning(["abc", "abd", "ab"]) == "ab"
