"""One replica of Ringchat: its rules, chat, journal, transport, and the node that drives them."""

import os

# Read once, when gRPC is loaded. Without it gRPC hands each message from one of its threads to
# another on the way, which takes as long as all the rest.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
