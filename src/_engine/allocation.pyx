# cython: language_level=3
"""Allocation: how the file of an index gets its bytes from the disk.

LMDB writes through its map, which makes a small commit several times cheaper, and would be killed by
SIGBUS if the file system could not back a page of the map when it is touched. So every byte of the map is
allocated beforehand: the map never reaches beyond what ``posix_fallocate`` gave the file.
"""

import mmap
import os
from contextlib import suppress

FIRST_MAP = 1 << 20
LEAST_GROWTH = 1 << 17
POPULATE_READ = 22  # Linux's MADV_POPULATE_READ, which Python has no name for; an older kernel refuses it


def allocate(path, size):
    """Have a file of at least ``size`` bytes; it is made where there is none."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, size)
    finally:
        os.close(fd)


def enlarged(fd, size):
    """Allocate more than ``size`` bytes; how many there are then."""
    more = min(max(size, FIRST_MAP), 64 << 20)
    while True:
        try:
            extend(fd, size, size + more)
            return size + more
        except OSError:
            # On an almost full disk a little will do.
            more //= 2
            if more < LEAST_GROWTH:
                raise


def extend(fd, size, room):
    """Allocate the file from ``size`` to ``room`` bytes."""
    os.posix_fallocate(fd, 0, room)
    if room > size and size % mmap.ALLOCATIONGRANULARITY == 0:
        # The pages are got ready in one go, which costs a third of a fault for each when it is first used.
        # Not by writing zeros: some file systems keep the promised space for the first write alone.
        with mmap.mmap(fd, room - size, offset=size) as fresh, suppress(OSError):
            fresh.madvise(POPULATE_READ)
