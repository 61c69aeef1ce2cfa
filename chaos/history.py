"""What clients asked of a cluster and what they were told, for the checkers to judge.

Written by the simulator and by the chaos runs alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Letters = tuple[tuple[int, str], ...]
"""(message id, text) of the messages that wait in a mailbox, oldest first."""

CREATE, DELETE, EXISTS = "create", "delete", "exists"
SEND, READ, ACKNOWLEDGE = "send", "read", "acknowledge"
EDIT, NOTE = "edit", "note"
"""Of the one message that somebody has written to himself, and writes anew again and again."""

DONE = "done"
"""It was answered: it took effect, or the read is what `result` says."""
REFUSED = "refused"
"""Answered with a no that tells of the account: it exists already (create), or is not there."""
FAILED = "failed"
"""It certainly took no effect, and nothing more can be told of it."""
UNKNOWN = "unknown"
"""It may have taken effect at any time since it began, or never."""


@dataclass(slots=True)
class Call:
    """One call of one client. Times are seconds from any origin, one for the whole history.

    | kind        | value                            | result when done                  |
    |-------------|----------------------------------|-----------------------------------|
    | create      |                                  |                                   |
    | delete      |                                  |                                   |
    | exists      |                                  | bool                              |
    | send        | text, unlike any other's         | message id                        |
    | read        |                                  | `Letters`: the whole mailbox      |
    | acknowledge | message id: it and all before it |                                   |
    | edit        | text, unlike any other's         |                                   |
    | note        |                                  | what it says, a str               |

    The calls of one client may overlap.
    """

    client: str
    kind: str
    key: str
    """The account that it concerns: for a send, whose mailbox."""
    begin: float
    value: str | int | None = None
    end: float = math.inf
    """When the answer came; infinite if it never did."""
    outcome: str = UNKNOWN
    result: int | bool | str | Letters | None = None
