# cython: language_level=3
"""Healing: what is done about a pack whose flush failed.

After a failed flush the system may count the bytes as written, keep them in memory for a while and drop
them then; a second flush would report success. So before a pack is flushed again, what is in it is written
again, each record and chunk only once it has proved to be what it was: then the bytes are in memory to be
written, and the flush means what it says. What can't be proved and is referred to has been lost, and no
write is called durable on top of it.
"""

import os

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from trove.errors import StorageIOError

from .codec cimport CHUNK_ID, EXTENT, RECORD_HEADER, VOID
from .core cimport Core
from .index cimport Reading
from .pack cimport Pack, aligned
from .places cimport key_at
from .scan cimport Scan


def write_again(Core core, Pack pack, uint64_t start, uint64_t end):
    """Write the bytes of ``pack`` from ``start`` to ``end`` once more. Called inside the write transaction.

    Raises StorageIOError when some of them are gone, or the medium doesn't take them.
    """
    cdef Scan scan = Scan(core.packs, pack.number)
    try:
        fd = os.open(pack.path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageIOError.of(error, f"writing {pack.path} again") from error
    try:
        while scan.next() and scan.offset < end:
            if scan.start + aligned(scan.length) > start:
                _copy(core, scan, pack, fd, end)
    except OSError as error:
        if isinstance(error, StorageIOError):
            raise
        raise StorageIOError.of(error, f"writing {pack.path} again") from error
    finally:
        os.close(fd)
    for hole, until in scan.holes:
        if hole < end and until > start:
            raise _lost(pack, hole)


cdef int _copy(Core core, Scan scan, Pack pack, int fd, uint64_t end) except -1:
    """Write the record that ``scan`` is at; of an extent, the chunks that are there."""
    cdef uint64_t position = scan.start
    if scan.kind == VOID:
        _write(fd, pack.read(RECORD_HEADER, scan.offset), scan.offset)
        return 0
    if scan.kind != EXTENT:
        _write(fd, pack.read(RECORD_HEADER + scan.length, scan.offset), scan.offset)
        return 0
    count = int.from_bytes(pack.read(4, position), "little")
    table = <bytes>pack.read(aligned(8 + 20 * count), position)
    _write(fd, <bytes>pack.read(RECORD_HEADER, scan.offset) + table, scan.offset)
    position += len(table)
    for i in range(count):
        entry = table[8 + 20 * i : 28 + 20 * i]
        digest, length = entry[:CHUNK_ID], int.from_bytes(entry[CHUNK_ID:], "little")
        try:
            data = <bytes>pack.read(length, position)
        except OSError:
            data = b""
        # One that is not whole may be on its way: its commit has not been, and its writer flushes it then.
        if core.name(<const uint8_t *>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)) == digest:
            _write(fd, data, position)
        elif _referred_to(core, digest, pack.number, position):
            raise _lost(pack, position)
        position += length
    return 0


cdef bint _referred_to(Core core, bytes digest, uint32_t number, uint64_t offset) except -1:
    """Whether a committed object has the chunk of that id in that place."""
    with Reading(core.index) as txn:
        return key_at(core.index, txn, digest, number, offset) is not None


def _write(fd, data, offset):
    while data:
        done = os.pwrite(fd, data, offset)
        data, offset = data[done:], offset + done


def _lost(Pack pack, offset):
    return StorageIOError(
        f"a flush of {pack.path} failed, and the bytes at {offset} are gone since then; "
        "check the medium, then run `trove repair` to save what is whole"
    )
