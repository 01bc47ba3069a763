# cython: language_level=3, boundscheck=False, cdivision=True
"""Scan: how the log is gone through, and which of its commits follow each other.

Packs are read in blocks and hopped through from header to header, without the data of extents. Where
no whole record stands, the bytes of the magic number are searched for; only a record whose checksum fits,
under the store's own seed, is taken for one.
"""

import os

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memset

from trove.errors import CorruptStoreError, StorageIOError

from .codec cimport (
    COMMIT,
    EXTENT,
    PACK_HEADER,
    RECORD_ALIGN,
    RECORD_HEADER,
    RECORD_MAGIC,
    SETTLED,
    VOID,
    fnv1a,
    hash64,
    load32,
    load64,
    store32,
)
from .pack cimport Pack, Packs, aligned
from .foreign import check_own
from .pack import MissingPackError

cdef extern from "<string.h>" nogil:
    void *memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length)

cdef enum:
    BLOCK = 1 << 18    # bytes that are read at once where the next record stands near
    HOP = 1 << 12      # and where the data of an extent was hopped over
    COMMIT_HEAD = 24   # the shortest payload of a commit
    READERS = 32       # packs whose blocks a replay holds at once

LAST = (1 << 64) - 1   # no commit has a higher number

cdef uint64_t HIGHEST = <uint64_t>1 << 63  # nor does any store get so far


cdef class Blocks:
    def __init__(self, Pack pack):
        self.pack = pack
        self.size = os.fstat(pack.fd).st_size

    def __dealloc__(self):
        free(self._buffer)

    cdef const uint8_t *at(self, uint64_t offset, Py_ssize_t length) except NULL:
        """The ``length`` bytes at ``offset``, until the next call. They must lie within the file."""
        cdef uint64_t wanted
        cdef uint8_t *grown
        if offset >= self._start and offset + length <= self._start + self._filled:
            return self._buffer + (offset - self._start)
        if offset + length > self.size:
            raise CorruptStoreError(f"{self.pack.path} is cut short; run `trove repair` to save what is whole")
        wanted = BLOCK if self._start <= offset <= self._start + self._filled else HOP
        wanted = min(max(wanted, <uint64_t>length), self.size - offset)
        if <Py_ssize_t>wanted > self._room:
            grown = <uint8_t *>realloc(self._buffer, wanted)
            if grown == NULL:
                raise MemoryError
            self._buffer, self._room = grown, wanted
        self._filled = 0
        try:
            self.pack.read_into(self._buffer, wanted, offset)
        except CorruptStoreError:
            # It has become shorter: its writer closed it, and gave back the space that it had asked for ahead.
            left = max(0, min(wanted, os.fstat(self.pack.fd).st_size - <int64_t>offset))
            memset(self._buffer, 0, wanted)
            self.pack.read_into(self._buffer, left, offset)
        self._start, self._filled = offset, wanted
        return self._buffer


cdef class Scan:
    def __init__(self, Packs packs, uint32_t number):
        self.blocks = Blocks(packs.open_pack(number))
        self.holes = []
        self._position = PACK_HEADER
        self._seed = packs.seed

    cdef bint next(self) except -1:
        """Go to the next whole record; False when there is none any more."""
        cdef uint64_t position = self._position
        cdef uint64_t size = self.blocks.size
        while position + RECORD_HEADER <= size:
            if self.whole(position):
                if position > self._position:
                    self.holes.append((self._position, position))
                self._position = self.start + aligned(self.length)
                return True
            position = self._next_magic(position + RECORD_ALIGN)
        if self._position < size:
            if not self._is_blank(self._position, size):
                self.holes.append((self._position, size))
            self._position = size
        return False

    cdef bint _is_blank(self, uint64_t start, uint64_t end) except -1:
        """Whether nothing was written there: space that a writer asked for beforehand."""
        cdef uint64_t at
        cdef Py_ssize_t i, length
        cdef const uint8_t *block
        for at in range(start, end, BLOCK):
            length = min(<uint64_t>BLOCK, end - at)
            block = self.blocks.at(at, length)
            for i in range(length):
                if block[i]:
                    return False
        return True

    cdef bint whole(self, uint64_t position) except -1:
        """Whether a whole record stands at ``position``; the fields are set to it then."""
        cdef uint8_t header[RECORD_HEADER]
        cdef const uint8_t *p
        cdef uint64_t left, length, checked, checksum
        cdef Py_ssize_t i
        # Not by a sum, which has an end: the position may be any number that a damaged state file holds.
        if position > self.blocks.size or self.blocks.size - position < RECORD_HEADER:
            return False
        p = self.blocks.at(position, RECORD_HEADER)
        for i in range(RECORD_HEADER):
            header[i] = p[i]
        left = self.blocks.size - position - RECORD_HEADER
        length = load64(header + 8)
        if load32(header) != RECORD_MAGIC or header[4] not in (EXTENT, COMMIT, VOID) or length > left:
            return False
        checked = 0 if header[4] == VOID else length
        if header[4] == COMMIT and (length < COMMIT_HEAD or not 0 < load64(header + 16) < HIGHEST):
            return False
        if header[4] == EXTENT:
            if length < 8:
                return False
            checked = load32(self.blocks.at(position + RECORD_HEADER, 8))
            checked = aligned(8 + 20 * checked)
            if checked > length:
                return False
        checksum = fnv1a(header, 24, self._seed)
        if checked:
            p = self.blocks.at(position + RECORD_HEADER, checked)
        if hash64(p, checked, checksum) != load64(header + 24):
            return False
        self.kind = header[4]
        self.sequence = load64(header + 16)
        self.offset = position
        self.start = position + RECORD_HEADER
        self.length = length
        return True

    cdef uint64_t _next_magic(self, uint64_t position) except? 0:
        """Where the bytes of a record's magic next stand on a multiple of 8; the end where nowhere."""
        cdef uint64_t size = self.blocks.size
        cdef uint8_t magic[4]
        cdef const uint8_t *block
        cdef const uint8_t *found
        cdef Py_ssize_t length, at
        store32(magic, RECORD_MAGIC)
        while position + RECORD_HEADER <= size:
            length = min(<uint64_t>BLOCK, size - position)
            block = self.blocks.at(position, length)
            at = 0
            while at + 4 <= length:
                found = <const uint8_t *>memmem(block + at, length - at, magic, 4)
                if found == NULL:
                    break
                at = found - block
                if at % RECORD_ALIGN == 0:
                    return position + at
                at += 1
            # The last bytes can be the beginning of one.
            position += max(RECORD_ALIGN, (length - RECORD_HEADER) & ~(RECORD_ALIGN - 1))
        return size


def record_at(Packs packs, number, offset):
    """The record that stands there: (kind, sequence, payload); ``None`` when it is no whole one."""
    cdef Scan scan = Scan(packs, number)
    if not scan.whole(offset):
        return None
    return scan.kind, scan.sequence, scan.blocks.pack.read(scan.length, scan.start)


def records(Packs packs, number):
    """Every whole record of a pack, in order: (kind, sequence, offset, payload offset, payload length)."""
    cdef Scan scan = Scan(packs, number)
    while scan.next():
        yield scan.kind, scan.sequence, scan.offset, scan.start, scan.length


cdef int by_predecessor(const void *one, const void *other) noexcept nogil:
    cdef const Entry *a = <const Entry *>one
    cdef const Entry *b = <const Entry *>other
    if a.predecessor != b.predecessor:
        return -1 if a.predecessor < b.predecessor else 1
    if a.sequence != b.sequence:
        return -1 if a.sequence > b.sequence else 1
    return 0


cdef class Log:
    def __init__(
        self, Packs packs, uint64_t base=0, progress=None, bint lenient=False, raised=(0, 0), begin=None,
        uint64_t until=LAST
    ):
        """Read which commits there are above ``base``. ``progress(bytes)`` hears of the packs gone through.

        A pack that can't be read is an error, unless ``lenient``: then it is noted as ``unreadable``. Commits in
        ``raised``, above the first number and up to the second, raised: they are none. ``begin`` is the ``ends``
        of a Log that was read up to ``base`` before: what lies before them is left out. The ends of this one
        lie before every commit above ``until``.
        """
        self.packs = packs
        self._raised_from, self._raised_to = raised
        self.holes = {}
        self.ends = dict(begin or {})
        self.unreadable = []
        self._readers = {}
        waiting, seen = packs.numbers(), set()
        while waiting:
            number = waiting.pop(0)
            seen.add(number)
            try:
                self._read(number, base, until, progress, lenient)
            except MissingPackError:
                # Compacted away meanwhile: the newest commits in it are copied, maybe to a pack that came since.
                waiting = [each for each in packs.numbers() if each not in seen]
            except (CorruptStoreError, StorageIOError) as error:
                if not lenient:
                    raise
                self.unreadable.append((number, error))
        qsort(self.entries, self.count, sizeof(Entry), by_predecessor)
        self.chain = <Py_ssize_t *>malloc(max(1, self.count) * sizeof(Py_ssize_t))
        if self.chain == NULL:
            raise MemoryError

    def _read(self, number, uint64_t base, uint64_t until, progress, bint lenient):
        cdef Scan scan = Scan(self.packs, number)
        cdef uint64_t end
        cdef bint beyond = False
        scan._position = end = self.ends.get(number, PACK_HEADER)
        if end == PACK_HEADER and not lenient and scan.blocks.size >= PACK_HEADER:
            # None of its records would be found to be one, as if it were empty.
            check_own(scan.blocks.pack.path, scan.blocks.at(0, PACK_HEADER)[:PACK_HEADER], self.packs.store_id)
        while scan.next():
            if scan.kind == COMMIT:
                self.highest = max(self.highest, scan.sequence)
                beyond = beyond or scan.sequence > until
                if scan.sequence > base and not self._raised_from < scan.sequence <= self._raised_to:
                    self._add(scan)
            # What is blank, or no whole record, can be the next commit by now: others write on while this is read, and
            # an extent that came behind it says nothing. A commit does: none of its pack that is newer stands before it.
            if not beyond and (scan.kind == COMMIT or not scan.holes):
                end = scan.start + aligned(scan.length)
        self.ends[number] = end
        if scan.holes:
            self.holes[number] = scan.holes
        if progress is not None:
            progress(scan.blocks.size)

    def __dealloc__(self):
        free(self.entries)
        free(self.chain)

    cdef int _add(self, Scan scan) except -1:
        cdef Entry *grown
        cdef Entry *entry
        if self.count == self._room:
            self._room = max(1024, self._room * 2)
            grown = <Entry *>realloc(self.entries, self._room * sizeof(Entry))
            if grown == NULL:
                raise MemoryError
            self.entries = grown
        entry = &self.entries[self.count]
        entry.sequence = scan.sequence
        entry.predecessor = load64(scan.blocks.at(scan.start, COMMIT_HEAD))
        entry.settled = load32(scan.blocks.at(scan.start, COMMIT_HEAD) + 20) & SETTLED != 0
        entry.offset, entry.length, entry.pack = scan.start, scan.length, scan.blocks.pack.number
        entry.chained = False
        self.count += 1
        return 0

    def predecessor(self, sequence):
        """The number before that commit's, ``None`` where it is not among those that were read."""
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.entries[i].sequence == <uint64_t>sequence:
                return self.entries[i].predecessor
        return None

    def chained_payload(self, i):
        """(sequence, payload) of the commit number ``i`` of the chain."""
        return self.entries[self.chain[i]].sequence, self.payload(self.chain[i])

    def before_chained(self, i):
        """The number of the commit before the one number ``i`` of the chain."""
        return self.entries[self.chain[i]].predecessor

    cdef uint64_t follow(self, uint64_t base, uint64_t until) except? 0:
        """Follow the commits from the one numbered ``base`` on, not beyond ``until``; where the chain ends.

        Where two follow the same commit, the older one was given up by its writer, or lost its place after
        a crash: the newer one's chain is the one that was acknowledged.
        """
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t low, high, middle
        self.length = 0
        for i in range(self.count):
            self.entries[i].chained = False
        # Sorted by predecessor, and a commit's number is above its predecessor's: the search goes one way.
        low = 0
        while True:
            high = self.count
            while low < high:
                middle = (low + high) // 2
                if self.entries[middle].predecessor < base:
                    low = middle + 1
                else:
                    high = middle
            if (
                low == self.count or self.entries[low].predecessor != base
                or not base < self.entries[low].sequence <= until
            ):
                return base
            self.entries[low].chained = True
            self.chain[self.length] = low
            self.length += 1
            base = self.entries[low].sequence

    cdef Py_ssize_t last_settled(self) noexcept:
        """Where in the chain the last commit stands that all before it were on disk with; 0 for none."""
        cdef Py_ssize_t i
        for i in range(self.length - 1, 0, -1):
            if self.entries[self.chain[i]].settled:
                return i
        return 0

    cdef Py_ssize_t above(self, uint64_t sequence) noexcept:
        """Where in the chain the first commit with a higher number stands."""
        cdef Py_ssize_t i
        for i in range(self.length):
            if self.entries[self.chain[i]].sequence > sequence:
                return i
        return self.length

    cdef void cut(self, Py_ssize_t length) noexcept:
        """Leave only so many commits in the chain."""
        cdef Py_ssize_t i
        for i in range(length, self.length):
            self.entries[self.chain[i]].chained = False
        self.length = length

    cdef bytes payload(self, Py_ssize_t number):
        """The payload of an entry; in the order of the chain, packs are read in blocks."""
        cdef Entry *entry = &self.entries[number]
        cdef Blocks blocks = self._readers.get(entry.pack)
        if blocks is None:
            if len(self._readers) >= READERS:
                del self._readers[next(iter(self._readers))]
            blocks = self._readers[entry.pack] = Blocks(self.packs.open_pack(entry.pack))
        return PyBytes_FromStringAndSize(
            <const char *>blocks.at(entry.offset, entry.length), entry.length
        )

    def damaged_after(self, uint64_t end):
        """Whether a commit is there that the chain, which ends at ``end``, would reach if nothing were damaged."""
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.entries[i].settled and self.entries[i].predecessor > end:
                return True
        return False

    def numbered(self):
        """All commits, in the order of their numbers: [(sequence, entry)]."""
        cdef Py_ssize_t i
        return sorted((self.entries[i].sequence, i) for i in range(self.count))

    def chained(self):
        """The numbers of the commits of the chain, in order."""
        cdef Py_ssize_t i
        return [self.entries[self.chain[i]].sequence for i in range(self.length)]

    def unchained(self):
        """Numbers of commits that the chain does not reach, in order: [(sequence, entry)]."""
        cdef Py_ssize_t i
        return sorted(
            (self.entries[i].sequence, i) for i in range(self.count) if not self.entries[i].chained
        )
