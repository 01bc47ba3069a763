"""LocalDriver: a folder of plain files as an object store, ``file:///path`` or ``local://./relative``.

**What is where.** The object ``key`` of ``bucket`` is the file ``root/bucket/key``, holding the user's bytes
and nothing else; keys that no path can carry are escaped (:mod:`.names`). Everything of the driver's own is
in ``root/.trove``: ``format``, ``tmp/`` (:mod:`.staging`), ``meta/`` (:mod:`.sidecar`), ``locks/``
(:mod:`.locks`) and ``buckets/``, the names and times of creation. A bucket whose name would clash
(``.trove``, or one that begins with ``%``) has the folder ``%`` + SHA-256 of its name.

**Other programs** may read everything, and write too: a folder in the root is a bucket, and a regular file in
it whose path is that of a key is an object, with an etag made from its bytes, a guessed content type and its
modification time. An object that another program wrote over is such an object as well. Symbolic links, FIFOs
and the like are no objects; nothing below the root is reached through a symbolic link (:mod:`.folder`).

**A write** goes to a temporary file, whose modification time is set to an instant that the object's file
never had. Under the bucket's lock its conditions are checked, then the sidecar is replaced by one that
describes both the old file and the new one, then the file is moved to its place: this is the commit. A reader
takes no lock; it opens the file and picks the entry that has its size and time. So readers, and whoever comes
after a crash at any point, meet the whole old object or the whole new one. With ``durability=full`` data,
sidecar and each folder that has a new name are flushed in this order; when a flush fails, the put has failed
and the old object is put back (where the file system has no hard links, the new one may stay).

**Expired objects** are hidden at their instant. Their files go when the key is written or deleted, or the
bucket is deleted.

**Assumptions**: rename is atomic, ``flock`` works between the processes that write, and modification times
are kept. A file system that takes two different names for the same (by case, or by Unicode normal form) is
refused.
"""

from .driver import LocalDriver

__all__ = ["LocalDriver"]
