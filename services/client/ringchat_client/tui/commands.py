"""What can be typed behind a slash, said once: for the parser, the help, Tab and the palette."""

from __future__ import annotations

from dataclasses import dataclass

from ringchat_client.plain_text import one_harmless_line

__all__ = ["COMMANDS", "CommandInfo", "Parsed", "common_beginning", "completions", "parse"]


@dataclass(frozen=True, slots=True)
class CommandInfo:
    """One command."""

    name: str
    arguments: str
    help: str
    where: str = ""
    """"room": only in a room; "open": only in a conversation."""

    @property
    def required(self) -> bool:
        """Whether it is nothing without its argument."""
        return bool(self.arguments) and not self.arguments.startswith("[")

    @property
    def usage(self) -> str:
        """As one types it."""
        return f"/{self.name} {self.arguments}".rstrip()


COMMANDS = (
    CommandInfo("open", "NAME", "the conversation with an account, or a room of that title"),
    CommandInfo("who", "[PATTERN]", "accounts: * any run of characters, ? any one"),
    CommandInfo("search", "[WORDS]", "find messages; Ctrl+F"),
    CommandInfo("create", "TITLE [@NAME ...]", "make a room that one is invited to"),
    CommandInfo("create-public", "TITLE [@NAME ...]", "make a room that anybody may join"),
    CommandInfo("rooms", "[PATTERN]", "public rooms; choose one to join it"),
    CommandInfo("join", "[ROOM]", "accept this invitation, or join a public room by its title"),
    CommandInfo("leave", "", "leave this room, or decline the invitation", "room"),
    CommandInfo("invite", "NAME", "ask somebody into this room", "room"),
    CommandInfo("remove", "NAME", "put somebody out of this room", "room"),
    CommandInfo("rename", "TITLE", "give this room another title", "room"),
    CommandInfo("topic", "[TEXT]", "set the topic of this room", "room"),
    CommandInfo("owner", "NAME", "hand this room over to a member", "room"),
    CommandInfo("members", "", "who is here, and how far each has read", "open"),
    CommandInfo("reply", "", "reply to the newest message, or to the chosen one", "open"),
    CommandInfo("edit", "", "edit your newest message, or the chosen one", "open"),
    CommandInfo("delete", "", "delete your newest message, or the chosen one", "open"),
    CommandInfo("profile", "[NAME]", "what is known of an account"),
    CommandInfo("name", "[TEXT]", "the name that is shown beside your own"),
    CommandInfo("password", "", "change the password; ends all other sessions"),
    CommandInfo("sessions", "", "where you are logged in; choose one to end it"),
    CommandInfo("end-sessions", "", "end all your sessions but this one"),
    CommandInfo("block", "NAME", "take no direct messages and invitations from somebody"),
    CommandInfo("unblock", "NAME", "take them again"),
    CommandInfo("export", "FILE", "write all that you have into a new file, as JSON"),
    CommandInfo("delete-account", "", "delete your account; what you said stays"),
    CommandInfo("status", "", "the replicas of the ring"),
    CommandInfo("theme", "[light|dark]", "the other colours; F3"),
    CommandInfo("help", "", "this list and the keys; F1"),
    CommandInfo("logout", "", "end this session and leave"),
    CommandInfo("quit", "", "leave; Ctrl+Q"),
)
BY_NAME = {command.name: command for command in COMMANDS}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line; `error` is one line if it is none."""

    name: str
    argument: str = ""
    error: str = ""


def parse(line: str) -> Parsed | None:
    """What a line asks for; None if it is a message. Two slashes begin a message with one."""
    if not line.startswith("/") or line.startswith("//"):
        return None
    word, _, argument = line[1:].strip().partition(" ")
    argument = argument.strip()
    command = BY_NAME.get(word.lower())
    if command is None:
        return Parsed(word, error=f"/{one_harmless_line(word, 40)}: no such command; see /help")
    if command.required and not argument:
        return Parsed(command.name, error=f"say it as: {command.usage}")
    if argument and not command.arguments:
        return Parsed(command.name, error=f"/{command.name} takes nothing behind it")
    return Parsed(command.name, argument)


def completions(line: str) -> list[CommandInfo]:
    """The commands that a line may become."""
    if not line.startswith("/") or " " in line or "\n" in line:
        return []
    return [command for command in COMMANDS if command.name.startswith(line[1:].lower())]


def common_beginning(names: list[str]) -> str:
    """How all of them begin."""
    first, last = min(names), max(names)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]
