"""The chat: a pure state machine that every replica runs.

The law of this package: **the state and every answer depend on the entries applied, in
their order, and on nothing else.** Two replicas that applied the same entries hold the
same accounts, the same queues and the same digest, and answer alike; a replica that
reads its journal again arrives where it was. All of the product rests on that, so:

* No clock. The time is the entry's, given by the master that made it. Sessions end and
  idle clients are forgotten by that time only.
* No randomness. Salts, tokens and nonces come inside the entry, secrets hashed already.
* No order of a set, no hash() of a string, no object's identity.
* No table that differs between versions of the interpreter. Names are normalised before
  they are proposed, not when they are applied.
* No exception. Whatever an entry holds is answered (`requests.py` says why).
* Whether something is allowed is decided here, when it is applied, not when it was
  proposed: between the two the session may have ended, or the receiver been deleted.

How the parts stand together:

    entry -> requests   has it a shape that is known?
          -> dedupe     was it applied before? then its answer is kept here
          -> accounts   sessions, password hashes, what each account is in
          -> talk       conversations: who is in them, and their history
          -> answer, and the digest moves on over both

`Chat.apply` is the only way to change anything; `views` is what people see. `names` is for
admission, before there is an entry. `hand_over` is for the entries that a replica has to give
up, `earlier` (with `mailbox`) for journals of before there were conversations.

What the digest covers: every entry and every answer since the first, chained. Equal
digests at equal indexes are equal histories; the state, a function of those, is not
hashed again. An entry of unknown shape is covered by its frame and kind alone.
"""

from ringchat_server.chat.accounts import verification
from ringchat_server.chat.answers import OK, Answer, Answers
from ringchat_server.chat.chat import Chat
from ringchat_server.chat.conversations import (
    AccountChanged,
    Altered,
    Changed,
    Conversation,
    Invited,
    Left,
    Marked,
    Message,
    Name,
    News,
    Posted,
)
from ringchat_server.chat.dedupe import CLIENTS_MAX, GAPS_MAX
from ringchat_server.chat.hand_over import hand_over
from ringchat_server.chat.kept import WINDOW
from ringchat_server.chat.names import (
    BadRequest,
    are_sound_texts,
    check_pattern,
    check_text,
    normal_display_name,
    normal_name,
    normal_title,
    normal_topic,
)
from ringchat_server.chat.views import ConversationState, MemberState, Profile, RoomState

__all__ = [
    "CLIENTS_MAX",
    "GAPS_MAX",
    "OK",
    "WINDOW",
    "AccountChanged",
    "Altered",
    "Answer",
    "Answers",
    "BadRequest",
    "Changed",
    "Chat",
    "Conversation",
    "ConversationState",
    "Invited",
    "Left",
    "Marked",
    "MemberState",
    "Message",
    "Name",
    "News",
    "Posted",
    "Profile",
    "RoomState",
    "are_sound_texts",
    "check_pattern",
    "check_text",
    "hand_over",
    "normal_display_name",
    "normal_name",
    "normal_title",
    "normal_topic",
    "verification",
]
