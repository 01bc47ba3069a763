"""The reserve: space kept aside so that deletes still work on a full disk.

A delete needs a little room too, in the log and in the index. When there is none, the file ``reserve`` is
given back to the file system and the delete is tried again; the file is made anew when there is room.
"""

from __future__ import annotations

import os

NAME = "reserve"
SIZE = 1 << 20


def keep(store: str) -> bool:
    """Set the space aside, unless it is; whether it is now."""
    path = os.path.join(store, NAME)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(fd).st_size < SIZE:
                os.posix_fallocate(fd, 0, SIZE)
        finally:
            os.close(fd)
    except OSError:
        return False
    return True


def spend(store: str) -> bool:
    """Give the space back to the file system; whether there was any."""
    path = os.path.join(store, NAME)
    try:
        had = os.path.getsize(path) > 0
        os.truncate(path, 0)
    except OSError:
        return False
    return had
