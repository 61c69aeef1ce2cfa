"""Ringchat for programs: the SDK of a replicated chat whose clients appoint the master.

::

    async with Client(cluster="cluster.yaml") as client:
        await client.log_in("ann", "a password")
        receipt = await client.send_message("bob", "hello")
        async for message in client.receive_messages():
            await client.acknowledge(message.id)

A program that uses gRPC itself had better import this first: see below.

Where to read: `client.py` is the interface, `values.py` what it hands out, `errors.py` what can
go wrong. Between these and the wire stand `requests.py` and `converting.py`. Below, `session.py`
numbers requests and matches answers, `ring.py` decides which replica to speak to, `connection.py`
does it; `receiving.py` and `watching.py` have streams of their own. `cli.py`, `chat_line.py` and
`tui/` are the command `ringchat`.
"""

import os

# Read once, when gRPC is loaded. Without the first it reports every connection that breaks on
# the program's standard error, in lines for its own developers. Without the second each message
# is handed from one of its threads to another on the way, which takes as long as all the rest.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from ringchat_client.client import Client
from ringchat_client.errors import (
    AlreadyExists,
    ClusterFileError,
    DeadlineExpired,
    FailedPrecondition,
    InvalidArgument,
    NotDone,
    NotFound,
    NotKnown,
    PermissionDenied,
    ResourceExhausted,
    RingchatError,
    Unauthenticated,
    Unavailable,
)
from ringchat_client.values import (
    AccountSession,
    Asking,
    Attached,
    Connected,
    ConnectionEvent,
    Conversation,
    ConversationChanged,
    ConversationGone,
    ConversationName,
    Event,
    Login,
    Lost,
    Marked,
    Member,
    Message,
    MessageChanged,
    NewMessage,
    Page,
    Presence,
    PresenceChanged,
    Profile,
    Receipt,
    Refused,
    ReplicaStatus,
    Room,
    Status,
    Typing,
)

__all__ = [
    "AccountSession",
    "AlreadyExists",
    "Asking",
    "Attached",
    "Client",
    "ClusterFileError",
    "Connected",
    "ConnectionEvent",
    "Conversation",
    "ConversationChanged",
    "ConversationGone",
    "ConversationName",
    "DeadlineExpired",
    "Event",
    "FailedPrecondition",
    "InvalidArgument",
    "Login",
    "Lost",
    "Marked",
    "Member",
    "Message",
    "MessageChanged",
    "NewMessage",
    "NotDone",
    "NotFound",
    "NotKnown",
    "Page",
    "PermissionDenied",
    "Presence",
    "PresenceChanged",
    "Profile",
    "Receipt",
    "Refused",
    "ReplicaStatus",
    "ResourceExhausted",
    "RingchatError",
    "Room",
    "Status",
    "Typing",
    "Unauthenticated",
    "Unavailable",
]
