"""The journal: all that a replica still knows after it was killed, in one pickle file.

The file
--------
`replica-N.pickle` is a pickle stream: `pickle.load` called again and again gives one
tuple `(header, payload)` after another (do that with your own files only; this
package refuses every global). Each is a *frame*: what was synced together, under one
checksum (`frames.py` has the layout, `encoding.py` the records):

    frame 0   ("ringchat journal", format version, replica id)          | the
    frame 1   the state record: ("state", index, runs, checksum), state | founding
    frame 2   the first records, a `Meta` among them                    | part
    frame 3…  the records of one `write` each: entries, metas, cuts, what is put aside

A file gets its name only by a rename, after its founding part was synced: at the
first write (`.new`), by a compaction (`.compact`) and by an installation
(`.install`). So under the journal's name there is always a whole founding part, or
the disk has lost bytes that it had said were safe.

Where a crash can come, and what is then found
----------------------------------------------
*In a write.* One frame, one append, one sync, and the next frame only after that.
So at most the last frame is torn; nobody was told that it was done, and it is cut
off at start. If it is there whole, though nobody was told, it is kept: a request
that was not confirmed may have been done (and is deduplicated if sent again).
A frame that cannot be read and has *anything* behind it was durable once: that is
damage. Where a frame ends is known from its head, which has a checksum of its own;
if the head cannot be read either, the rest of the file is searched for a good head,
so a bit that flips in a length does not pass for a torn write. A last frame that is
all there, and wrong, is damage, too. (Somebody may send such bytes as a message. If
that very frame is torn so that its head is lost and the message is not, the search
takes them for a head, and the replica is rebuilt without need: it errs on the side
where nothing is lost.) What remains is a file that somebody has cut short: no format
tells that from a torn write.

*After a sync that failed,* the system may have given the pages up while reads still
show them. The process ends and does not sync again (rule 13). At the next start the
last frame is written over with the same bytes and synced before anything is built
on it; likewise the folder, whose last rename may be durable only now.

*In a cut at start.* It may itself be lost, and is then done again.

*In the first write.* Before the rename there is no journal, after it a whole one.

*In a compaction* (`compaction.py`). The side file is not the journal until it is
renamed, and it is renamed only when it holds everything, synced: state, the entries
since, meta, what is put aside. Found at start, it is removed. After the rename, but
before the folder is synced, either file may be the journal after a crash: both hold
the same, for nothing is written in between.

*In an installation* (`installation.py`). The same: pieces, then a whole file beside
the journal, synced, renamed, folder synced. The journal's old contents are gone with
the rename and not before.

*Full disk.* A write that fails ends the process. At start, a probe file finds out, and
the replica says so instead of starting. A side file that does not fit is only given up.

Damage
------
A damaged journal is never repaired or read past: it is renamed
`replica-N.pickle.damaged-K`, for people to look at, and the replica is rebuilt from
the others (rule 13; Alagappan et al., *Protocol-Aware Recovery*: cutting a log at a
damaged place, as if it were a torn write, loses what others were told is safe).
Records that cannot be, a hostile pickle among them, are damage too, whatever their
checksum says. A journal of another replica or format is not damage: the replica does
not start, and leaves the file alone.
"""

from __future__ import annotations

from ringchat_server.journal.compaction import Fold, compact, journal_name, side_name
from ringchat_server.journal.disk import Disk, FolderDisk, OpenFile
from ringchat_server.journal.dump import describe
from ringchat_server.journal.encoding import encode_state
from ringchat_server.journal.errors import CompactionAbandoned, DiskFailed, JournalRefused
from ringchat_server.journal.installation import StateReader
from ringchat_server.journal.journal import Journal, Opened

EMPTY_STATE = encode_state(0, (), None)
"""The state record of a journal that has compacted nothing: for who has to begin anew."""

__all__ = [
    "EMPTY_STATE",
    "CompactionAbandoned",
    "Disk",
    "DiskFailed",
    "Fold",
    "FolderDisk",
    "Journal",
    "JournalRefused",
    "OpenFile",
    "Opened",
    "StateReader",
    "compact",
    "describe",
    "journal_name",
    "side_name",
]
