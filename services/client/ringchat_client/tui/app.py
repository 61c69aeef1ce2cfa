"""The screen itself: puts the widgets together and tells the desk what a person wants."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import TextArea

from ringchat_client.errors import RingchatError
from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tui.commands import CommandInfo, common_beginning, completions, parse
from ringchat_client.tui.composer import Composer
from ringchat_client.tui.deeds import Deeds
from ringchat_client.tui.desk import Desk
from ringchat_client.tui.heading import hint_line, title_line, topic_line
from ringchat_client.tui.line_view import Key, LineLabel, LineView
from ringchat_client.tui.lines import Line, Span, plain
from ringchat_client.tui.mentions import completed
from ringchat_client.tui.palette import Palette
from ringchat_client.tui.panes import ConversationPane, MessagePane
from ringchat_client.tui.ports import ChatClient
from ringchat_client.tui.relay import Listener
from ringchat_client.tui.ring_line import ring_line
from ringchat_client.tui.screens import SearchScreen
from ringchat_client.tui.sidebar import sidebar_lines
from ringchat_client.tui.state import State
from ringchat_client.tui.themes import DARK, LIGHT, suiting
from ringchat_client.tui.timeline import Timeline
from ringchat_client.tui.windows import Windows
from ringchat_client.values import ConversationName, Message, Page

__all__ = ["RingchatApp"]

NARROW_COLUMNS = 72
TICK_SECONDS = 0.1
REFRESH_SECONDS = 1.0
PAUSE_SECONDS = 1.0
"""Who has not touched a key for that long is not typing."""
REMARK_SECONDS = 8.0
BEHIND_WINDOWS = frozenset(("search", "sidebar", "neighbour", "unread", "page"))


class RingchatApp(Windows):
    """One person's chat; `client` is logged in. Its result is what ended it, if anything did."""

    CSS_PATH = "ringchat.tcss"
    TITLE = "Ringchat"
    # Textual declares these without ClassVar, and mypy wants the same here.
    COMMANDS = {Palette}  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (NARROW_COLUMNS, "-normal"),
        (110, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", "leave", priority=True),
        Binding("ctrl+c", "copy_or_leave", "copy", priority=True, show=False),
        Binding("ctrl+d", "leave_if_empty", "leave", priority=True, show=False),
        Binding("ctrl+f", "search", "search", priority=True),
        Binding("f1", "command('help')", "help"),
        Binding("f2,ctrl+b", "sidebar", "conversations", priority=True),
        Binding("f3", "command('theme')", "light or dark"),
        Binding("alt+down,ctrl+pagedown", "neighbour(1)", "next", priority=True),
        Binding("alt+up,ctrl+pageup", "neighbour(-1)", "previous", priority=True),
        Binding("ctrl+n", "unread", "next unread", priority=True),
        Binding("pageup", "page(-1)", "up", priority=True),
        Binding("pagedown", "page(1)", "down", priority=True),
    ]

    def __init__(
        self,
        client: ChatClient,
        account: str,
        *,
        listen: Callable[[Listener], None] | None = None,
    ) -> None:
        super().__init__()
        self.state = State(account)
        self.desk = Desk(client, self.state, self._changed, self.remark)
        self.deeds = Deeds(self.desk, self)
        self._listen = listen
        self._timeline = Timeline()
        self._shown_version = -1
        self._shown_at = 0.0
        self._remark = Line(())
        self._remark_until = 0.0
        self._reply_to: Message | None = None
        self._editing: Message | None = None
        self._leaving = False
        self._is_focused = True
        self._first = True
        self._typed_at = 0.0
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = suiting(os.environ)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What themes that are not ours lack."""
        return dict(DARK.variables)

    def compose(self) -> ComposeResult:
        """The widgets."""
        with Horizontal(id="body"):
            yield ConversationPane(id="sidebar")
            with Vertical(id="main"):
                yield LineLabel(id="title")
                yield LineLabel(id="topic")
                yield MessagePane(id="messages")
                yield LineLabel(id="hint")
                yield Composer(id="composer")
        yield LineLabel(id="ring")

    def on_mount(self) -> None:
        """Begin."""
        self._composer.focus()
        if self._listen is not None:
            self._listen(self.desk.on_connection)
        self.run_worker(self._work(), exit_on_error=True)
        self.set_interval(TICK_SECONDS, self._tick)

    async def _work(self) -> None:
        try:
            await self.desk.run()
        except RingchatError as error:
            self.exit(error)

    # ------------------------------------------------------------- showing

    @property
    def _is_there(self) -> bool:
        """Whether there are widgets: on the way out time goes on for a while without them."""
        return (
            self.is_running
            and bool(self.screen_stack)
            and bool(self.screen_stack[0].query("#ring"))
        )

    @property
    def _composer(self) -> Composer:
        return self.screen_stack[0].query_one(Composer)

    @property
    def _messages(self) -> MessagePane:
        return self.screen_stack[0].query_one(MessagePane)

    @property
    def _sidebar(self) -> ConversationPane:
        return self.screen_stack[0].query_one(ConversationPane)

    def _label(self, name: str) -> LineLabel:
        return self.screen_stack[0].query_one(f"#{name}", LineLabel)

    def _changed(self) -> None:
        """Something may have changed: shown once, however much it was, before the next key."""
        if self.is_running and self._shown_version >= -1:
            self._shown_version = -2
            self.call_later(self._show)

    def _tick(self) -> None:
        """What only time changes: the walk, who is typing, a remark that has been read."""
        if not self._is_there:
            return
        self._show_ring()
        now = self.desk.clock()
        if now - self._shown_at >= REFRESH_SECONDS:
            self._changed()

    def _show(self) -> None:
        if not self._is_there:
            return
        now = datetime.now(UTC)
        clock = self.desk.clock()
        self._shown_at = clock
        self._shown_version = self.state.version
        if self._first and self.state.is_listed:
            self._first = False
            self._begin()
        sidebar = self._sidebar
        sidebar.marked = self.state.opened
        sidebar.show(sidebar_lines(self.state, sidebar.room, now, clock))
        messages = self._messages
        messages.show(self._timeline.lines(self.state, messages.room, now))
        self._label("title").show(
            title_line(self.state, self._label("title").size.width, narrow=self._is_narrow)
        )
        self._label("topic").show(topic_line(self.state, self._label("topic").size.width, now))
        self._show_hint()
        self._show_ring()
        self.title = f"Ringchat ({self.state.unread_total()})"
        self._seen()

    def _begin(self) -> None:
        """What is looked at first: the newest conversation, or the choice of one."""
        ordered = [one for one in self.state.ordered() if not one.invited_by]
        if self.state.opened is not None:
            return
        if self._is_narrow and self.state.conversations and not self._composer.text:
            self.action_sidebar()
        elif ordered:
            self.open(ordered[0].name)

    def _seen(self) -> None:
        covered = self._is_narrow and self.screen.has_class("-list")
        looking = self._is_focused and len(self.screen_stack) == 1 and not covered
        if looking and self._messages.following:
            self.desk.seen()

    def _show_ring(self) -> None:
        label = self._label("ring")
        label.show(ring_line(self.state.ring, label.size.width, self.desk.clock()))

    def _show_hint(self) -> None:
        clock = self.desk.clock()
        remark = self._remark if clock < self._remark_until else None
        width = self._label("hint").size.width
        reply, editing = self._reply_to, self._editing
        found = completions(self._composer.text) if self._composer.text != "/" else []
        self._label("hint").show(
            hint_line(
                self.state,
                width,
                clock,
                remark,
                reply,
                editing,
                found,
                choosing=self._messages.has_focus and self._messages.chosen is not None,
            )
        )

    def remark(self, line: str, failed: bool) -> None:
        """One line for a while; it takes nobody's keys."""
        text = plain(one_harmless_line(line))
        self._remark = Line((Span(("✗ " if failed else "") + text, "error" if failed else "good"),))
        self._remark_until = self.desk.clock() + REMARK_SECONDS
        if self._is_there:
            self._show_hint()

    def on_descendant_focus(self) -> None:
        """Other keys mean something now."""
        if self._is_there:
            self._show_hint()

    @on(events.AppFocus)
    def _focused(self) -> None:
        self._is_focused = True
        self._changed()

    @on(events.AppBlur)
    def _blurred(self) -> None:
        self._is_focused = False

    def on_resize(self) -> None:
        """Lines are made for a width; the widgets know theirs after the layout."""
        self.call_after_refresh(self._changed)

    @property
    def _is_narrow(self) -> bool:
        return self.size.width < NARROW_COLUMNS

    # ------------------------------------------------------------- conversations

    def open(self, name: ConversationName) -> None:
        """Show a conversation; what was begun in the other one stays there."""
        if name != self.state.opened:
            if self.state.thread is not None and self._editing is None:
                self.state.thread.draft = self._composer.text
            from_nowhere = self.state.opened is None and bool(self._composer.text)
            self._reply_to = self._editing = None
            self.desk.open(name)
            if not from_nowhere:  # what was typed before anything was open is for this one
                self._composer.put(self.state.thread_of(name).draft)
            self._messages.choose(None)
            self._messages.follow()
        self.screen_stack[0].remove_class("-list")
        self._composer.focus()
        self.call_after_refresh(self._changed)

    @on(LineView.Picked, "#sidebar")
    def _picked(self, event: LineView.Picked) -> None:
        self.open(event.key)

    def action_sidebar(self) -> None:
        """To the conversations; in a narrow terminal instead of the messages."""
        screen = self.screen_stack[0]
        if self._sidebar.has_focus:
            screen.remove_class("-list")
            self._composer.focus()
        else:
            screen.add_class("-list")
            self._sidebar.focus()
        self.call_after_refresh(self._changed)

    @on(events.Click, "#title")
    def _title_clicked(self) -> None:
        if self._is_narrow:
            self.action_sidebar()

    def action_neighbour(self, by: int) -> None:
        """The conversation below, or above."""
        names = [one.name for one in self.state.ordered()]
        if names:
            at = names.index(self.state.opened) if self.state.opened in names else -1
            self.open(names[(at + by) % len(names)])

    def action_unread(self) -> None:
        """The next conversation in which something waits."""
        waiting = [one.name for one in self.state.ordered() if one.unread or one.invited_by]
        others = [name for name in waiting if name != self.state.opened]
        if others:
            self.open(others[0])
        else:
            self.remark("nothing waits", False)

    # ------------------------------------------------------------- typing

    @on(TextArea.Changed, "#composer")
    def _typed(self) -> None:
        self._typed_at = self.desk.clock()
        if self._composer.text and not self._composer.text.startswith("/"):
            self.desk.typing()
        self._show_hint()

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        text = event.text
        if not text.strip():
            return
        parsed = parse(text) if self._editing is None else None
        composer = self._composer
        if parsed is not None:
            composer.history_lines.add(text)
            composer.take()
            self.desk.start(self.deeds.do(parsed))
        elif self.state.opened is None:
            self.remark("to whom? /open NAME, or choose a conversation", True)
        elif self._editing is not None:
            self.desk.edit(self._editing, text)
            self._give_up()
        elif self._say(self.state.opened, text.removeprefix("/") if text[:2] == "//" else text):
            composer.history_lines.add(text)
            composer.take()
            self._give_up()
            self._messages.follow()

    def _say(self, name: ConversationName, text: str) -> bool:
        reply_to = self._reply_to.id if self._reply_to is not None else 0
        return self.desk.send(name, text, reply_to)

    @on(Composer.TabPressed)
    def _complete(self) -> None:
        composer = self._composer
        found = completions(composer.text)
        if found:
            names = [command.name for command in found]
            stem = common_beginning(names)
            composer.put(f"/{stem}" + (" " if len(found) == 1 else ""))
            return
        text = completed(composer.text, self._names())
        if text is not None:
            composer.put(text)
            return
        if not composer.text:
            self.action_sidebar()

    def _names(self) -> list[str]:
        members = self.state.thread.members if self.state.thread is not None else {}
        return sorted(name for name in members if name != self.state.account)

    @on(Composer.Escaped)
    def _escaped(self) -> None:
        if self._reply_to is not None or self._editing is not None:
            self._give_up()
        else:
            self._messages.focus()

    def _give_up(self) -> None:
        """Neither a reply nor an edit any more."""
        if self._editing is not None:
            self._composer.put("")
        self._reply_to = self._editing = None
        self._changed()

    def begin_command(self, command: CommandInfo) -> None:
        """From the palette: run it, or let its argument be typed."""
        if command.required:
            self._composer.put(f"/{command.name} ")
            self._composer.focus()
        else:
            self.action_command(command.name)

    def action_command(self, name: str) -> None:
        """Run a command without arguments."""
        parsed = parse(f"/{name}")
        assert parsed is not None
        self.desk.start(self.deeds.do(parsed))

    # ------------------------------------------------------------- messages

    @on(MessagePane.Moved)
    def _moved(self, event: MessagePane.Moved) -> None:
        if event.at_top and not self._messages.following:
            self.desk.load_older()
        self._seen()

    @on(MessagePane.Deed)
    def _deed(self, event: MessagePane.Deed) -> None:
        if event.what in {"leave", "command"}:
            if event.what == "command":  # on the message that stays chosen
                self._composer.put(self._composer.text or "/")
            else:
                self._messages.choose(None)
            self._composer.focus()
        else:
            self._do(event.what, event.key)

    def message_deed(self, what: str) -> None:
        """The same by a command: with the newest message of one's own, or the newest to reply."""
        thread = self.state.thread
        if self._messages.chosen is not None:
            self._do(what, self._messages.chosen)
        elif what == "reply":
            self._do(what, thread.newest_id() if thread is not None else None)
        else:
            own = self.state.own_last()
            self._do(what, own.id if own is not None else None)

    def _do(self, what: str, key: Key | None) -> None:
        if isinstance(key, str):
            self._do_outgoing(what, key)
            return
        thread = self.state.thread
        message = thread.find(key) if thread is not None and key is not None else None
        if message is None or (message.deleted_at is not None and what != "original"):
            self.remark("there is no such message to do that with", True)
            return
        if what in {"reply", "edit"}:
            self._messages.choose(None)
        if what == "copy":
            self.copy_to_clipboard(message.text)
            self.remark("copied", False)
        elif what == "original":
            if message.reply_to:
                self.desk.start(self._jump(message.reply_to))
        elif what == "reply":
            self._editing, self._reply_to = None, message
            self._composer.focus()
        elif message.sender != self.state.account:
            self.remark("that is not your message", True)
        elif what == "edit":
            self._reply_to, self._editing = None, message
            self._composer.put(message.text)
            self._composer.focus()
        else:
            self.desk.start(self._delete(message))
        self._changed()

    def _do_outgoing(self, what: str, key: str) -> None:
        if what == "reply":
            self.desk.send_again(key)
        elif what == "delete":
            self.desk.drop(key)

    async def _delete(self, message: Message) -> None:
        if await self.confirm(f"delete “{one_harmless_line(message.text, 60)}” for everybody?"):
            self.desk.delete(message)

    async def _jump(self, message_id: int) -> None:
        name = self.state.opened
        if name is not None:
            now = datetime.now(UTC)
            await self._go_to(Message(message_id, "", "", now, conversation=name))

    async def _go_to(self, message: Message) -> None:
        if not await self.desk.reach(message):
            self.remark("that message is too far back", True)
            return
        self.open(message.conversation)
        self._messages.following = False
        self._show()
        self._messages.focus()
        self._messages.choose(message.id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In front of a window the chat's own keys mean nothing."""
        return action not in BEHIND_WINDOWS or len(self.screen_stack) == 1

    def action_page(self, by: int) -> None:
        """A page of messages, wherever one types."""
        pane = self._messages
        pane.scroll_relative(y=by * max(pane.size.height - 2, 1), animate=False)

    # ------------------------------------------------------------- windows

    async def typing_pause(self) -> None:
        """Until who types has stopped for a moment, or has nothing begun."""
        while self._composer.text:
            left = self._typed_at + PAUSE_SECONDS - self.desk.clock()
            if left <= 0:
                break
            await asyncio.sleep(left)

    def action_search(self) -> None:
        """The window for it."""
        self.search("")

    def search(self, words: str) -> None:
        """Find messages, and go to one."""
        here = self.state.opened

        async def run(query: str, only_here: bool, before: int) -> Page:
            return await self.desk.search(query, here if only_here else None, before)

        def title_of(message: Message) -> str:
            return self.state.title_of(message.conversation)

        def found(message: Message | None) -> None:
            if message is not None:
                self.desk.start(self._go_to(message))

        self.push_screen(SearchScreen(run, title_of, words, can_narrow=here is not None), found)

    def theme_of(self, name: str) -> None:
        """Light, dark, or the other one."""
        is_dark = self.current_theme.dark
        wanted = name or ("light" if is_dark else "dark")
        if wanted not in {"light", "dark"}:
            self.remark("say it as: /theme light, or /theme dark", True)
        else:
            self.theme = LIGHT.name if wanted == "light" else DARK.name

    # ------------------------------------------------------------- leaving

    def action_leave(self) -> None:
        """Leave; once more if something is not confirmed."""
        self.leave()

    def action_leave_if_empty(self) -> None:
        """Ctrl+D, as at a shell: only with nothing typed."""
        if not self._composer.text:
            self.leave()

    def action_copy_or_leave(self) -> None:
        """Ctrl+C: what is selected is copied; else it says how one leaves."""
        selected = self._composer.selected_text or self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.remark("copied", False)
        else:
            self.remark("Ctrl+Q leaves", False)

    def leave(self) -> None:
        """Leave, unless something that was said is not confirmed: then only when asked again."""
        waiting = sum(len(thread.outgoing) for thread in self.state.threads.values())
        if waiting and not self._leaving:
            self._leaving = True
            self.remark(f"{waiting} not confirmed yet; once more leaves all the same", True)
        else:
            self.exit()
