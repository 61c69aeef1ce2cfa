"""The command `ringchat`.

Exit codes: 0 done; 1 something went wrong here (output, configuration folder);
2 wrong use: an argument, cluster.yaml; 3 not logged in, or a wrong password;
4 no account of that name; 5 the name is taken; 6 a limit was reached;
7 not done: the cluster cannot be reached or does not serve; 8 not known whether it
is done; 9 it is there, and one may not do that; 130 interrupted; 141 the reader of the
output went away.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import logging
import os
import sys
import unicodedata
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NoReturn

from ringchat_client.acknowledger import Acknowledger
from ringchat_client.chat_line import LineChat, Walk, addressee, log_in_or_sign_up
from ringchat_client.client import NAME_CHARACTERS_MAX, Client
from ringchat_client.credentials import Credentials, Kept
from ringchat_client.errors import (
    AlreadyExists,
    DeadlineExpired,
    InvalidArgument,
    NotFound,
    NotKnown,
    PermissionDenied,
    ResourceExhausted,
    RingchatError,
    Unauthenticated,
    Unavailable,
)
from ringchat_client.exporting import json_ready
from ringchat_client.plain_text import harmless, one_harmless_line, shown
from ringchat_client.requests import TEXT_BYTES_MAX
from ringchat_client.tables import status_lines
from ringchat_client.terminal import (
    ask_password,
    is_capable,
    is_interactive,
    piped_lines,
    typed_lines,
    write_line,
    write_remark,
)
from ringchat_client.tui.relay import Relay
from ringchat_client.values import ConnectionEvent, Message

__all__ = ["main"]

EXIT_FAILED, EXIT_USAGE, EXIT_NOT_DONE, EXIT_NOT_KNOWN = 1, 2, 7, 8
EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141
EXIT_CODES: tuple[tuple[type[RingchatError], int], ...] = (
    (InvalidArgument, EXIT_USAGE),
    (Unauthenticated, 3),
    (NotFound, 4),
    (AlreadyExists, 5),
    (ResourceExhausted, 6),
    (PermissionDenied, 9),
    (NotKnown, EXIT_NOT_KNOWN),
    (DeadlineExpired, EXIT_NOT_DONE),
    (Unavailable, EXIT_NOT_DONE),
)
TIMEOUT_SECONDS_MAX = 86_400.0
PORT_MAX = 65_535
QUIET_SECONDS = 0.5
"""The protocol does not mark the last message that waited: `inbox` ends after such a silence."""


class Parser(argparse.ArgumentParser):
    """argparse, but an error is one line of bearable length."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line; exit code 2."""
        _complain(f"{message} (see {self.prog} --help)")
        raise SystemExit(EXIT_USAGE)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= TIMEOUT_SECONDS_MAX:
        raise ValueError(text)
    return seconds


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= PORT_MAX:
        raise ValueError(text)
    return port


def _ports(text: str) -> tuple[int, ...]:
    return tuple(map(_port, filter(None, text.split(","))))


def _parser() -> Parser:
    common = Parser(add_help=False)
    where = common.add_mutually_exclusive_group()
    where.add_argument("--cluster", metavar="FILE", help="cluster.yaml (RINGCHAT_CLUSTER)")
    where.add_argument(
        "--master", metavar="HOST:PORT", help="any replica's client port (RINGCHAT_MASTER)"
    )
    common.add_argument("--json", action="store_true", help="for programs")
    common.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="of one request (30)"
    )
    assert __doc__ is not None
    parser = Parser(
        prog="ringchat",
        description="Chat that survives its servers.",
        epilog=__doc__.partition("\n\n")[2],
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[Command], Awaitable[int]], text: str) -> Parser:
        command: Parser = commands.add_parser(name, parents=[common], help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("signup", Command.sign_up, "make an account and log in").add_argument("name")
    add("login", Command.log_in, "log in").add_argument("name")
    add("logout", Command.log_out, "end the session")
    delete = add("delete-account", Command.delete_account, "delete the account that is logged in")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    accounts = add("accounts", Command.accounts, "list accounts")
    accounts.add_argument("pattern", nargs="?", default="*", help="* any run, ? any one character")
    send = add("send", Command.send, "send a message")
    send.add_argument("to", help="an account, or the number of a room: '#12'")
    send.add_argument("text", nargs="?", help="without it: standard input, to its end")
    inbox = add("inbox", Command.inbox, "show the messages that wait, and mark them as delivered")
    inbox.add_argument("--follow", action="store_true", help="go on as messages arrive")
    inbox.add_argument("--keep", action="store_true", help="do not mark them as delivered")
    add("export", Command.export, "all that the account has, as JSON")
    add("status", Command.status, "the replicas; exit code 7 if none serves")
    web = add("web", Command.web, "serve the chat to browsers; prints the address")
    web.add_argument("--host", default="127.0.0.1", help="to listen on (127.0.0.1)")
    web.add_argument("--port", type=_port, default=8080, help="to listen on (8080); 0: any")
    web.add_argument(
        "--siblings",
        type=_ports,
        default=os.environ.get("RINGCHAT_WEB_SIBLINGS", ""),
        metavar="PORT,...",
        help="of other gateways under the same host name (RINGCHAT_WEB_SIBLINGS)",
    )
    chat = add("chat", Command.chat, "chat; signs up or logs in. The same: ringchat alone")
    chat.add_argument("name", nargs="?", help="without it: who is logged in here")
    chat.add_argument(
        "--plain",
        action="store_true",
        help="lines, as for a pipe; RINGCHAT_THEME=light or dark colours the app",
    )
    return parser


class Command:
    """One run of one subcommand."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._json: bool = arguments.json
        self._timeout: float = arguments.timeout
        self._password = ""
        self._credentials = Credentials(os.environ)
        cluster, master = arguments.cluster, arguments.master
        if not cluster and not master:
            cluster = os.environ.get("RINGCHAT_CLUSTER")
            master = None if cluster else os.environ.get("RINGCHAT_MASTER")
        if not cluster and not master:
            raise InvalidArgument(
                "which cluster? --cluster FILE or --master HOST:PORT, "
                "or RINGCHAT_CLUSTER or RINGCHAT_MASTER in the environment"
            )
        self._cluster: str | None = cluster or None
        self._master: str | None = None if cluster else master
        self._where = str(Path(cluster).absolute()) if cluster else str(master)

    def prepare(self) -> bool:
        """Ask and read whatever blocks, before the event loop runs; False: leave it at that.

        Within the loop a first Ctrl-C would not interrupt it.
        """
        arguments = self._arguments
        if arguments.command in {"signup", "login", "chat"}:
            if arguments.command == "chat" and not self._prepare_chat():
                return True
            if len(unicodedata.normalize("NFKC", arguments.name)) > NAME_CHARACTERS_MAX:
                # Before a password is asked for; what else a name may hold the server says.
                raise InvalidArgument(f"a name has at most {NAME_CHARACTERS_MAX} characters")
            prompt = f"password for {one_harmless_line(arguments.name)}: "
            twice = arguments.command == "signup"
            self._password = ask_password(prompt, os.environ, twice=twice)
        elif arguments.command == "send" and arguments.text is None:
            arguments.text = _text_of_input()
        elif arguments.command == "delete-account":
            return bool(arguments.yes) or self._confirmed_deletion()
        return True

    def _prepare_chat(self) -> bool:
        """Who chats; False: it is the one who is logged in here, and no password is needed."""
        if self._json:
            raise InvalidArgument("chat is for people; for programs: inbox --follow --json")
        if self._arguments.name is None:
            if self._credentials.find(self._where) is not None:
                return False
            if not is_interactive():
                raise InvalidArgument("who chats? ringchat chat NAME")
            self._arguments.name = input("name: ").strip()
        return True

    def _confirmed_deletion(self) -> bool:
        kept = self._kept()
        if not is_interactive():
            raise InvalidArgument("to delete an account without being asked, add --yes")
        account = harmless(kept.account) or "this account"
        answer = input(f"delete {account}? its name stays taken [y/N] ")
        return answer.strip().lower() in {"y", "yes"}

    def _client(
        self, token: str = "", on_connection: Callable[[ConnectionEvent], None] | None = None
    ) -> Client:
        return Client(self._cluster, master=self._master, token=token, on_connection=on_connection)

    def _kept(self) -> Kept:
        """The login of an earlier command."""
        kept = self._credentials.find(self._where)
        if kept is None:
            raise Unauthenticated("not logged in here: ringchat login NAME")
        return kept

    def _known_client(self) -> Client:
        return self._client(self._kept().token)

    def _forget(self) -> None:
        """The login is over; one that came from the environment is not ours to forget."""
        if self._kept().account:
            self._credentials.forget(self._where)

    def _print(self, line: str, value: object) -> None:
        """The line for a person, or the value for a program."""
        print(json.dumps(value) if self._json else line, flush=True)

    # ---------------------------------------------------------------- accounts

    async def sign_up(self) -> int:
        """Make an account and log in."""
        async with self._client() as client:
            name = self._arguments.name
            await client.create_account(name, self._password, timeout=self._timeout)
            return await self._log_in(client)

    async def log_in(self) -> int:
        """Log in, and keep the token for the commands that follow."""
        async with self._client() as client:
            return await self._log_in(client)

    async def _log_in(self, client: Client) -> int:
        name = self._arguments.name
        login = await client.log_in(name, self._password, timeout=self._timeout)
        self._credentials.keep(self._where, Kept(login.name, login.token))
        value = {"account": login.name, "expires_at": login.expires_at.isoformat()}
        self._print(f"logged in as {harmless(login.name)}", value)
        return 0

    async def log_out(self) -> int:
        """End the session everywhere; one that has ended already is only forgotten."""
        async with self._known_client() as client:
            try:
                await client.log_out(timeout=self._timeout)
            except Unauthenticated:
                pass  # it had ended already: the wish is fulfilled
        self._forget()
        self._print("logged out", {})
        return 0

    async def delete_account(self) -> int:
        """Delete the account; `prepare` has asked."""
        async with self._known_client() as client:
            await client.delete_account(timeout=self._timeout)
        self._forget()
        self._print("deleted", {})
        return 0

    async def accounts(self) -> int:
        """List names, one a line."""
        async with self._client() as client:
            names = await client.list_accounts(self._arguments.pattern, timeout=self._timeout)
        if self._json:
            print(json.dumps({"accounts": names}), flush=True)
        else:
            print("".join(harmless(name) + "\n" for name in names), end="", flush=True)
        return 0

    async def export(self) -> int:
        """Everything of the account that is logged in, in one JSON object."""
        async with self._known_client() as client:
            value = await client.export(timeout=self._timeout)
        print(json.dumps(value, ensure_ascii=False, indent=None if self._json else 2), flush=True)
        return 0

    # ---------------------------------------------------------------- messages

    async def send(self) -> int:
        """Send one message; returns once it cannot be lost."""
        to, text = addressee(self._arguments.to), self._arguments.text
        async with self._known_client() as client:
            receipt = await client.send_message(to, text, timeout=self._timeout)
        value = {"message_id": receipt.message_id, "sent_at": receipt.sent_at.isoformat()}
        self._print(f"sent: {receipt.message_id}", value)
        return 0

    async def inbox(self) -> int:
        """Messages, oldest first; each is marked as delivered only after it was printed."""
        quiet_seconds = None if self._arguments.follow else QUIET_SECONDS
        async with self._known_client() as client:
            # Only once something was answered does silence mean that nothing waits.
            await client.list_accounts("-", timeout=self._timeout)
            async with (
                Acknowledger(client) as acknowledger,
                aclosing(client.receive_messages()) as messages,
            ):
                while (message := await _next(messages, quiet_seconds)) is not None:
                    self._print_message(message)
                    if not self._arguments.keep:
                        acknowledger.shown(message.id)
        return 0

    def _print_message(self, message: Message) -> None:
        head = f"{message.sent_at.astimezone():%Y-%m-%d %H:%M:%S} {harmless(message.sender)}"
        where = f" in #{message.conversation}" if isinstance(message.conversation, int) else ""
        self._print(shown(f"{head}{where}: ", message.text), json_ready(message))

    async def chat(self) -> int:
        """The terminal app, or lines where it cannot be."""
        name = self._arguments.name
        token = self._kept().token if name is None else ""
        relay = Relay(Walk(write_remark))
        async with self._client(token, on_connection=relay) as client:
            if name is None:
                name, new = await self._kept_name(client), False
            else:
                new = await log_in_or_sign_up(client, name, self._password)
            if is_capable(os.environ) and not self._arguments.plain:
                return await self._chat_in_app(client, relay)
            welcome = "welcome" if new else "welcome back"
            write_line(f"{welcome}, {harmless(name)}; /help says what to type", dim=True)
            chat = LineChat(client, write_line)
            if not is_interactive():
                await chat.run(piped_lines())
                return 0
            screen, lines = typed_lines(lambda: chat.prompt)
            with screen:
                await chat.run(lines)
        return 0

    async def _kept_name(self, client: Client) -> str:
        """Whose login is kept; a token from the environment does not say."""
        return self._kept().account or (await client.profile(timeout=self._timeout)).account

    async def _chat_in_app(self, client: Client, relay: Relay) -> int:
        from ringchat_client.tui.app import RingchatApp

        # As the cluster spells it: that is how one's own messages are known.
        account = (await client.profile(timeout=self._timeout)).account
        app = RingchatApp(client, account, listen=relay.listen)
        error = await app.run_async()
        if error is not None:
            raise error
        return app.return_code or 0

    async def web(self) -> int:
        """The web gateway, until it is told to end."""
        from ringchat_client.web.serve import serve

        arguments = self._arguments
        open_client = partial(Client, self._cluster, master=self._master)
        await serve(open_client, arguments.host, arguments.port, arguments.siblings)
        return 0

    # ------------------------------------------------------------------ status

    async def status(self) -> int:
        """The table of the replicas."""
        async with self._client() as client:
            status = await client.status(timeout=min(self._timeout, 2.0))
        self._print("\n".join(status_lines(status)), json_ready(status))
        return 0 if status.master_id >= 0 else EXIT_NOT_DONE


async def _next(
    messages: AsyncGenerator[Message, None], quiet_seconds: float | None
) -> Message | None:
    """The next message, or None after so long a silence (None: wait for ever)."""
    try:
        async with asyncio.timeout(quiet_seconds):
            return await anext(messages, None)
    except TimeoutError:
        return None


def _text_of_input() -> str:
    data = sys.stdin.buffer.read(TEXT_BYTES_MAX + 2)
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise InvalidArgument("the text is not valid UTF-8") from None


def _complain(line: str) -> None:
    print(f"ringchat: {one_harmless_line(line)}", file=sys.stderr)


def _exit_code(error: RingchatError) -> int:
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), EXIT_FAILED)


def _set_up_output(debug: bool) -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if debug:
        logging.basicConfig(level=logging.DEBUG)
    else:
        logging.getLogger().addHandler(logging.NullHandler())


def _with_command(argv: Sequence[str]) -> Sequence[str]:
    """At a terminal `ringchat` alone, or with nothing but options, is `ringchat chat`."""
    only_options = bool(argv) and argv[0].startswith("-") and argv[0] not in {"-h", "--help"}
    return ["chat", *argv] if only_options or (not argv and is_interactive()) else argv


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(_with_command(sys.argv[1:] if argv is None else argv))
    command = Command(arguments)
    if not command.prepare():
        return EXIT_FAILED
    code: int = asyncio.run(arguments.run(command))
    sys.stdout.flush()
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. RINGCHAT_DEBUG=1 logs, and shows tracebacks."""
    debug = bool(os.environ.get("RINGCHAT_DEBUG"))
    _set_up_output(debug)
    try:
        return _run(argv)
    except RingchatError as error:
        _complain(str(error))
        return _exit_code(error)
    except (KeyboardInterrupt, EOFError):
        _complain("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # What is still buffered has no reader; without this the interpreter would try again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _complain(str(error.strerror or error))
        return EXIT_FAILED
    except Exception as error:
        if debug:
            raise
        _complain(f"a bug: {type(error).__name__}: {error} (RINGCHAT_DEBUG=1 shows more)")
        return EXIT_FAILED
