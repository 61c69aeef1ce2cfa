"""One replica of Ringchat: its rules, chat, journal, transport, and the node that drives them."""
