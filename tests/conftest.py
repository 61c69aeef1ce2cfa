"""For all tests, whatever started them."""

import signal

# What a shell starts in the background is deaf to Ctrl-C, and so are its children: those
# tests that interrupt a program would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
