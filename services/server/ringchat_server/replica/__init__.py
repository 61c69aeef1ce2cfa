"""The rules of replication as a pure state machine: values in, effects out.

This package reads no clock, draws no random number and touches no disk or
socket. Its caller, the driver, has these duties:

1. Call one input at a time, with the time; then take the effects and carry them
   out in order, before the next input.
2. `Persist`: write the records in the order of the tickets, sync, and only then
   call `persisted`. A failed write or sync ends the process (rule 13).
3. `Send`: messages on one link arrive in order or not at all. When a link
   breaks, call `link_down` before anything of a new link.
4. `Apply`: apply entries in order, each once. `Rebuild`: go back to an earlier
   state first.
5. Call `tick` several times per heartbeat interval.

The parts, each a role of the one `Replica`:

- `replica.py`: what every role shares; the links, the writes and what they release (rules 1, 8)
- `promotion.py`: who may ask for a view, and who is promised one (rules 1, 11, 15)
- `candidate.py`: from the question to the first entry of a view (rules 4, 5, 9)
- `master.py`: order, commit, the in-sync set, reads (rules 2, 3, 7, 12, 14)
- `backup.py`: following, divergence, rebuilding (rules 5, 6, 13)
- `log.py`: entries and runs, and where two logs part

The rule numbers are those of docs/protocol.md. Sources: Liskov and Cowling,
"Viewstamped Replication Revisited" (2012); Ongaro and Ousterhout, "In Search of
an Understandable Consensus Algorithm" (2014).
"""

from ringchat_server.replica.config import Config
from ringchat_server.replica.replica import Replica

__all__ = ["Config", "Replica"]
