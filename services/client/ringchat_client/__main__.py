"""`python -m ringchat_client` is the command `ringchat`."""

import sys

from ringchat_client.cli import main

sys.exit(main())
