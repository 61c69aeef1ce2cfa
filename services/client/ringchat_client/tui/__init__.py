"""The terminal app: what a person sees who types `ringchat` at a capable terminal.

A pure core and thin widgets. `state.py` is all that is known of the chat: events go in,
nothing comes out but the state. `timeline.py`, `sidebar.py`, `heading.py` and `ring_line.py`
turn it into lines of text for a width; a line is spans, and a span is a text and the *role*
that it plays, never markup: what others wrote cannot be taken for instructions. `desk.py`
stands between the state and the SDK: it sends, loads, marks as read, and follows the events.
None of these imports Textual. The widgets show lines, and colour each role by the theme.

Typing is never interrupted: nothing that waits for the cluster is awaited by a widget, and
what is on its way is in the state, marked as unconfirmed.
"""
