"""LocalDriver: a folder of plain files as an object store, ``file:///path`` or ``local://./relative``.

``docs/local-files.md`` describes the files: what is where, the escapes of names, what other programs may do.
For who changes this code:

**The order of a write.** Data goes to a temporary file, which gets a modification time that the object's file
never had. Under the bucket's lock the conditions are checked; then the sidecar is replaced by one that
describes both the old file and the new one; then the file is moved to its place, which is the commit. A
reader takes no lock: it opens the file and picks the entry that has its size and time, so at any instant it
finds the whole old object or the whole new one. Flushes come in the same order. A deletion goes the other
way: the file, its folder's flush, then the sidecar, so that no file comes back without its expiry.

**Assumptions.** Rename is atomic, ``flock`` works between the processes that write, modification times are
kept, and names that differ are different files. The last two are checked.

========================================  ==============================================================
:mod:`.driver`                            the calls, their arguments checked
:mod:`.store`                             the root, its buckets, the driver's own folder
:mod:`.bucket`                            finding, replacing and removing the objects of one bucket
:mod:`.names`                             keys as paths, and back
:mod:`.walk`                              keys in order, reading as few folders as a page needs
:mod:`.sidecar`                           metadata, and which data file it belongs to
:mod:`.staging`                           temporary files, and what dead processes left
:mod:`.datafile`                          the bytes of an object as a file
:mod:`.folder`, :mod:`.locks`             system calls: no link followed, no lock lost in a fork
========================================  ==============================================================
"""

from .driver import LocalDriver

__all__ = ["LocalDriver"]
