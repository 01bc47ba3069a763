# cython: language_level=3, boundscheck=False, cdivision=True
"""Moving: how what lives in a pack that is given up is copied to another one.

A slice at a time, each by a commit that says where the chunks stand now, and only what proves to be what its id says.
"""

import time

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint32_t

from trove.errors import CorruptStoreError, StorageIOError

from .change cimport Change
from .codec cimport CHUNK_ID, COMMIT, EXTENT, LENGTH_MASK, RECORD_HEADER, REFERENCE, load32, reference_at
from .commit cimport Commit
from .content cimport extent_head
from .core cimport Core
from .index cimport Reading
from .pack cimport Pack, aligned
from .places cimport Stored, chunk_key, find_chunk, key_at, reference_to
from .scan cimport Scan

SLICE = 4 << 20            # bytes of live chunks that are moved by one commit, about
BESIDE = 20 + REFERENCE    # bytes that a chunk takes beside its own: in the table of its extent, and where it was moved


cdef class MoveChange(Change):
    """Says where copies of chunks stand, of those that still live where they were copied from."""

    cdef Core core
    cdef uint32_t source
    cdef list copies                  # (reference to the copy, offset that it was copied from)
    cdef tuple extent                 # (pack, start, end) of the copies

    cdef int stage(self, Commit commit) except -1:
        cdef Stored chunk
        moved = []
        for copied, offset in self.copies:
            key = chunk_key(reference_at(<const uint8_t *>PyBytes_AS_STRING(<bytes>copied)))
            if find_chunk(commit.index, commit.txn, key, &chunk) and (chunk.pack, chunk.offset) == (self.source, offset):
                moved.append(copied)
        if not moved:
            return 0
        number, start, end = self.extent
        self.core.note_extent(number, start, end)
        return commit.move_chunks(b"".join(moved))


class Moving:
    """What one compaction moves; ``stopped`` says between two slices whether to end it.

    With ``gentle`` it leaves half of the time to others.
    """

    def __init__(self, core, progress, stopped, gentle):
        self._core = core
        self._progress = progress
        self._stopped = stopped
        self._gentle = gentle
        self.moved = self.beside = 0  # bytes of chunks, and what they take beside their own
        self.wanted = 0  # bytes that are to be moved, as far as that is known

    def move(self, number):
        """Copy what lives in a pack to this process's own; the commits in it: [(sequence, pack, offset, length)]."""
        cdef Core core = self._core
        cdef Scan scan = Scan(core.packs, number)
        commits, pending, size = [], [], 0
        while scan.next() and not self._stopped.is_set():
            if scan.kind == COMMIT:
                commits.append((scan.sequence, number, scan.offset, RECORD_HEADER + aligned(scan.length)))
            elif scan.kind == EXTENT:
                # Those that stood next to each other do so again: an object that is read at once stays so.
                found = living(core, scan)
                pending += found
                size += sum(length for _, _, length in found)
                if size >= SLICE:
                    self._move_slice(scan.blocks.pack, pending)
                    pending, size = [], 0
        if pending:
            self._move_slice(scan.blocks.pack, pending)
        return commits

    def _move_slice(self, Pack pack, pending):
        cdef Core core = self._core
        cdef MoveChange change = MoveChange.__new__(MoveChange)
        begun = time.monotonic()
        copied = read_living(core, pack, pending)
        if copied:
            head = extent_head([(piece, key[:CHUNK_ID]) for key, _, piece in copied], core.packs.seed)
            target, start = core.writer.reserve_extent(head, sum(len(piece) for _, _, piece in copied))
            core.writer.write_data(target, start, [piece for _, _, piece in copied])
            change.core, change.source, change.copies = core, pack.number, []
            end = start
            for key, offset, piece in copied:
                change.copies.append((reference_to(key, len(piece), target.number, end), offset))
                end += len(piece)
            change.extent = target.number, start - len(head), end
            core.submit(change)
            self.moved += end - start
            self.beside += len(copied) * BESIDE
        if self._progress is not None:
            self._progress(self.moved, max(self.wanted, self.moved + 1))
        if self._gentle:
            self._stopped.wait(time.monotonic() - begun)


def living(Core core, Scan scan):
    """The chunks of the extent that ``scan`` is at which live there: [(key, offset, length)]."""
    cdef Pack pack = scan.blocks.pack
    cdef const uint8_t *p
    cdef uint32_t i, length
    found = []
    count = int.from_bytes(pack.read(4, scan.start), "little")
    table = pack.read(20 * count, scan.start + 8)
    at = scan.start + aligned(8 + 20 * count)
    with Reading(core.index) as txn:
        p = <const uint8_t *>PyBytes_AS_STRING(<bytes>table)
        for i in range(count):
            length = load32(p + 20 * i + CHUNK_ID) & LENGTH_MASK
            key = key_at(core.index, txn, table[20 * i : 20 * i + CHUNK_ID], pack.number, at)
            if key is not None:
                found.append((key, at, length))
            at += length
    return found


def read_living(Core core, Pack pack, pending):
    """The bytes of those chunks, but for what is damaged: [(key, offset, bytes)]; neighbours are read at once."""
    copied = []
    first = 0
    while first < len(pending):
        last = first
        while last + 1 < len(pending) and pending[last + 1][1] == pending[last][1] + pending[last][2]:
            last += 1
        start, end = pending[first][1], pending[last][1] + pending[last][2]
        try:
            data = memoryview(pack.read(end - start, start))
        except (CorruptStoreError, StorageIOError):
            data = None
        for key, offset, length in pending[first : last + 1]:
            if data is None:
                continue  # verify tells
            piece = data[offset - start : offset - start + length]
            if named(core, piece) == key[:CHUNK_ID]:
                copied.append((key, offset, piece))
        first = last + 1
    return copied


cdef bytes named(Core core, const uint8_t[::1] piece):
    return core.name(&piece[0], piece.shape[0])
