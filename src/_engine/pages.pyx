# cython: language_level=3, boundscheck=False, cdivision=True
"""Pages: whether LMDB can be trusted with the file of an index.

LMDB believes what it reads. A flipped bit in a page can make it end the process, go round in circles, or say
that a key is not there. So a file that may have been read from the medium, or written to by somebody else, is
gone through before LMDB opens it, and without LMDB: from its newest meta page to every page that can be reached,
each where its parent says and nowhere else, every key in its order, every row as its seal has it, every count as
it was noted, and no page both free and in use.

The format is that of LMDB 1.0 on a 64-bit machine with little-endian numbers.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from trove.errors import CorruptStoreError, StorageIOError

from .codec cimport SEAL, hash64, key_seed, load32, load64
from .rows import SPARE, TABLES

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void *buf, size_t count, long long offset)

cdef enum:
    # A page: number u64, transaction u64, zero u16, kind u16, lower u16, upper u16; of an overflow page the
    # last two are one number, of its pages. From there on the places of the nodes, u16 each, up to `lower`; from
    # `upper` on the nodes; all counted from the end of the header.
    HEADER = 24
    BRANCH = 1
    LEAF = 2
    OVERFLOW = 4
    META_PAGE = 8
    # A node: length of its value u32 (of a branch, the child's number u48), flags u16, length of its key u16; the
    # key, up to an even place, the value.
    NODE = 8
    BIG = 1             # instead of the value, where it is: page u64, transaction u64, pages u64
    PLACE = 24
    TREE = 2            # the value is the record of a tree
    # The record of a tree: page size u32 (of the free pages' alone), flags u16, depth u16, then u64 each: branch
    # pages, leaf pages, overflow pages, entries, root.
    RECORD = 48
    INTEGER_KEYS = 8
    # A meta page, after its header: magic u32, version u32, address u64, size of the map u64, the records of the
    # trees of free pages and of tables, last page u64, transaction u64.
    META = 136
    MAGIC = 0xBEEFC0DE
    VERSION = 3
    DEEPEST = 32
    LARGEST = 1 << 16   # bytes of a page
    FIRST = 2           # page after the two meta pages


cdef struct Tree:
    uint16_t flags
    uint16_t depth
    uint64_t branches
    uint64_t leaves
    uint64_t overflows
    uint64_t entries
    uint64_t root


cdef struct Key:
    const uint8_t *start
    Py_ssize_t length


cdef inline uint32_t load16(const uint8_t *p) noexcept nogil:
    return p[0] | (<uint32_t>p[1] << 8)


cdef Tree tree_at(const uint8_t *p) noexcept:
    cdef Tree tree
    tree.flags, tree.depth = load16(p + 4), load16(p + 6)
    tree.branches, tree.leaves, tree.overflows = load64(p + 8), load64(p + 16), load64(p + 24)
    tree.entries, tree.root = load64(p + 32), load64(p + 40)
    return tree


cdef int64_t compared(Key one, Key other, bint integers) noexcept nogil:
    """Below, at or above 0 as one key is sorted before, with or behind the other."""
    cdef int order
    if integers:
        return -1 if load64(one.start) < load64(other.start) else load64(one.start) > load64(other.start)
    order = memcmp(one.start, other.start, min(one.length, other.length))
    return order if order else one.length - other.length


cdef class Pages:
    """Goes through the file of an index; every method raises CorruptStoreError at the first thing that can't be."""

    cdef str _path
    cdef int _fd
    cdef bint _seals                  # whether rows are held against them
    cdef uint64_t _size               # of the file, in bytes
    cdef uint32_t _page               # bytes of a page
    cdef uint64_t _end                # the number of pages
    cdef uint64_t _transaction
    cdef uint8_t *_used               # a bit for each page: reached
    cdef list _buffers                # a page for each level
    cdef list _free                   # the lists of free pages
    cdef list _tables                 # the names and records of tables: [(name, record)]
    cdef Tree _counted                # of the tree that is being gone through
    cdef bint _integers
    cdef str _table                   # its name; "" for the tables, None for the free pages

    def __cinit__(self, str path, int fd, bint seals):
        self._path, self._fd, self._seals = path, fd, seals
        self._size = os.fstat(fd).st_size
        self._free, self._tables = [], []

    def __dealloc__(self):
        free(self._used)

    def check(self):
        """Go through all of it."""
        cdef const uint8_t *meta
        newest = self._newest_meta()
        meta = <const uint8_t *>PyBytes_AS_STRING(<bytes>newest) + HEADER
        self._used = <uint8_t *>calloc(1, self._end // 8 + 1)
        if self._used == NULL:
            raise MemoryError
        self._buffers = [PyBytes_FromStringAndSize(NULL, self._page) for _ in range(DEEPEST)]
        self._check_tree(None, tree_at(meta + 24), INTEGER_KEYS)
        self._check_tree("", tree_at(meta + 24 + RECORD), 0)
        if sorted({name for name, _ in self._tables} | {SPARE}) != sorted({*TABLES, SPARE}):
            self._damaged(0, "its tables are not those of an index")
        for name, record in self._tables:
            self._check_tree(name, tree_at(<const uint8_t *>PyBytes_AS_STRING(<bytes>record)), 0)
        self._check_free()

    def _damaged(self, page, what):
        raise CorruptStoreError(
            f"page {page} of {self._path} is damaged: {what}; whoever opens the store to write makes the index anew "
            "from the log"
        )

    cdef int _read(self, uint8_t *target, uint64_t page, Py_ssize_t length) except -1:
        """Read ``length`` bytes from the beginning of a page on."""
        cdef Py_ssize_t done = 0
        cdef ssize_t n
        cdef uint64_t offset = page * self._page
        while done < length:
            with nogil:
                n = pread(self._fd, target + done, length - done, <long long>(offset + done))
            if n > 0:
                done += n
            elif n == 0:
                self._damaged(page, "the file ends before it")
            elif errno == EINTR:
                PyErr_CheckSignals()
            else:
                self._damaged(page, f"it can't be read: {os.strerror(errno)}")
        return 0

    # The meta pages.

    def _newest_meta(self):
        """The meta page that LMDB would begin from, checked; the fields that are the whole file's are set."""
        found = []
        self._page = LARGEST  # for the first one; its own word is held against the other's
        for number in (0, 1):
            found.append(self._meta_at(number))
        transactions = [int.from_bytes(meta[-8:], "little") for meta in found]
        # Each transaction writes the one page of the two that has its parity; a new file has zeros in both.
        for number, transaction in enumerate(transactions):
            if transaction and transaction % 2 != number:
                self._damaged(number, f"transaction {transaction} does not write to it")
        newest = found[transactions[1] > transactions[0]]
        self._transaction = max(transactions)
        last = int.from_bytes(newest[-16:-8], "little")
        if not FIRST <= last + 1 <= self._size // self._page:
            self._damaged(0, f"it says that page {last} is the last one")
        self._end = last + 1
        return newest

    cdef bytes _meta_at(self, int number):
        cdef bytes meta = PyBytes_FromStringAndSize(NULL, HEADER + META)
        cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(meta)
        cdef uint32_t size
        self._read(p, number, HEADER + META)
        size = load32(p + HEADER + 24)
        if number == 0:
            if size < 512 or size > LARGEST or size & (size - 1):
                self._damaged(0, f"it says that pages have {size} bytes")
            self._page = size
        if (
            load64(p) != <uint64_t>number or load16(p + 18) != META_PAGE or load32(p + HEADER) != <uint32_t>MAGIC
            or load32(p + HEADER + 4) != VERSION or size != self._page
        ):
            self._damaged(number, "it is no meta page")
        return meta

    # Trees.

    cdef int _check_tree(self, str table, Tree tree, int flags) except -1:
        cdef Key none
        none.start, none.length = NULL, 0
        self._table, self._integers = table, table is None
        self._counted = Tree(tree.flags, tree.depth, 0, 0, 0, 0, tree.root)
        if tree.flags != flags or tree.depth > DEEPEST:
            self._damaged(0, "the record of a tree can't be")
        if tree.depth == 0:
            # Nothing is in it.
            if tree.root != <uint64_t>-1:
                self._damaged(0, "the record of a tree can't be")
        else:
            self._check_page(tree.root, 1, none, none)
        if (
            self._counted.branches != tree.branches or self._counted.leaves != tree.leaves
            or self._counted.overflows != tree.overflows or self._counted.entries != tree.entries
        ):
            self._damaged(tree.root, "what is below it is not as much as its record says")
        return 0

    cdef int _reach(self, uint64_t page) except -1:
        """Note that a page is in use."""
        if not FIRST <= page < self._end:
            self._damaged(page, "something refers to it, and there is no such page")
        if self._used[page >> 3] >> (page & 7) & 1:
            self._damaged(page, "two refer to it")
        self._used[page >> 3] |= <uint8_t>(1 << (page & 7))
        if page & 1023 == 0:
            PyErr_CheckSignals()
        return 0

    cdef int _check_head(self, const uint8_t *p, uint64_t page) except -1:
        if load64(p) != page or load64(p + 8) > self._transaction:
            self._damaged(page, "its header is of another page, or of another time")
        return 0

    cdef int _check_page(self, uint64_t page, int depth, Key low, Key high) except -1:
        """Check a page and all below it, whose keys are not before ``low`` and before ``high``, if these are any."""
        cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(<bytes>self._buffers[depth - 1])
        cdef uint32_t kind, lower, upper
        self._reach(page)
        self._read(p, page, self._page)
        self._check_head(p, page)
        kind, lower, upper = load16(p + 18), load16(p + 20), load16(p + 22)
        # Bytes 16 and 17 say nothing here: LMDB leaves in them what the page held before, be it the middle of a long row.
        if lower & 1 or lower > upper or upper > self._page - HEADER:
            self._damaged(page, "its header can't be")
        if kind == BRANCH and depth < self._counted.depth and lower:
            self._counted.branches += 1
            return self._check_branch(p, page, depth, lower // 2, upper, low, high)
        if kind == LEAF and depth == self._counted.depth:
            self._counted.leaves += 1
            return self._check_leaf(p, page, lower // 2, upper, low, high)
        self._damaged(page, f"a page of the kind {kind} has no place there")

    cdef const uint8_t *_node(self, const uint8_t *p, uint64_t page, uint32_t i, uint32_t upper, Key *key) except NULL:
        """Node number ``i`` of a page, and its key."""
        cdef uint32_t at = load16(p + HEADER + 2 * i)
        cdef const uint8_t *node = p + HEADER + at
        if at < upper or HEADER + at + NODE > self._page:
            self._damaged(page, f"node {i} is not within it")
        key.start, key.length = node + NODE, load16(node + 6)
        if HEADER + at + NODE + key.length > self._page:
            self._damaged(page, f"the key of node {i} is not within it")
        return node

    cdef int _check_branch(
        self, const uint8_t *p, uint64_t page, int depth, uint32_t count, uint32_t upper, Key low, Key high
    ) except -1:
        cdef const uint8_t *node
        cdef const uint8_t *following
        cdef Key key, next_key, limit
        cdef uint32_t i
        node = self._node(p, page, 0, upper, &key)
        key = low  # the first node's own says nothing
        for i in range(count):
            limit = high
            following = NULL
            if i + 1 < count:
                following = self._node(p, page, i + 1, upper, &next_key)
                limit = next_key
                self._check_order(page, next_key, key, high)
            self._check_page(load32(node) | (<uint64_t>load16(node + 4) << 32), depth + 1, key, limit)
            node, key = following, next_key
        return 0

    cdef int _check_order(self, uint64_t page, Key key, Key low, Key high) except -1:
        if self._integers and key.length != 8:
            self._damaged(page, "a key is no number")
        if low.start != NULL and compared(key, low, self._integers) < 0:
            self._damaged(page, "a key is before those that it has to follow")
        if high.start != NULL and compared(key, high, self._integers) >= 0:
            self._damaged(page, "a key is behind those that have to follow it")
        return 0

    cdef int _check_leaf(
        self, const uint8_t *p, uint64_t page, uint32_t count, uint32_t upper, Key low, Key high
    ) except -1:
        cdef const uint8_t *node
        cdef const uint8_t *value
        cdef Key key, before
        cdef uint32_t i, flags
        cdef uint64_t length
        before = low
        for i in range(count):
            node = self._node(p, page, i, upper, &key)
            self._check_order(page, key, before, high)
            if i and compared(key, before, self._integers) == 0:
                self._damaged(page, "a key is there twice")
            before = key
            flags, length = load16(node + 4), load32(node)
            value = key.start + (key.length + 1 & ~1)
            if flags == BIG:
                if value + PLACE > p + self._page:
                    self._damaged(page, f"the value of node {i} is not within it")
                self._check_value(page, key, self._big(value, length))
            elif flags == (TREE if self._table == "" else 0):
                if value + length > p + self._page:
                    self._damaged(page, f"the value of node {i} is not within it")
                if self._table is None or self._table == "":
                    self._check_value(page, key, value[:length])
                else:
                    self._check_row(page, key, value, length)
            else:
                self._damaged(page, f"node {i} is of the unknown kind {flags}")
        self._counted.entries += count
        return 0

    cdef bytes _big(self, const uint8_t *place, uint64_t length):
        """The value that stands in pages of its own."""
        cdef uint64_t page = load64(place)
        cdef uint64_t count = (HEADER - 1 + length) // self._page + 1
        cdef uint64_t i
        cdef bytes held
        cdef uint8_t *p
        if page > self._end or count > self._end - page or load64(place + 16) != count:
            self._damaged(page, "a value of so many pages can't be there")
        for i in range(count):
            self._reach(page + i)
        held = PyBytes_FromStringAndSize(NULL, HEADER + length)
        p = <uint8_t *>PyBytes_AS_STRING(held)
        self._read(p, page, HEADER + length)
        self._check_head(p, page)
        if load16(p + 18) != OVERFLOW or load32(p + 20) != count:
            self._damaged(page, "it is not the first of a value's pages")
        self._counted.overflows += count
        return held[HEADER:]

    cdef int _check_value(self, uint64_t page, Key key, bytes value) except -1:
        """Note the list of free pages, or the table's record; check the seal of a row."""
        if self._table is None:
            if not 1 <= load64(key.start) <= self._transaction:
                self._damaged(page, "a transaction that was not yet has freed pages")
            self._free.append((page, value))
        elif self._table == "":
            if PyBytes_GET_SIZE(value) != RECORD:
                self._damaged(page, "the record of a tree can't be")
            # Names of tables end with a zero.
            self._tables.append(((<bytes>key.start[: key.length])[:-1].decode("ascii", "replace"), value))
        else:
            self._check_row(page, key, <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        return 0

    cdef int _check_row(self, uint64_t page, Key key, const uint8_t *value, uint64_t length) except -1:
        if not self._seals:
            return 0
        if length < SEAL or hash64(value + SEAL, length - SEAL, key_seed(key.start, key.length)) != load64(value):
            self._damaged(page, f"a row of the table {self._table!r} does not match its checksum")
        return 0

    # Free pages.

    def _check_free(self):
        """Check the lists of free pages: each a count, then the numbers, from the highest down; none is in use."""
        cdef bytes held
        cdef const uint8_t *p
        cdef uint64_t i, count, number, above
        for page, listed in self._free:
            held = listed
            p = <const uint8_t *>PyBytes_AS_STRING(held)
            count = PyBytes_GET_SIZE(held) // 8
            if PyBytes_GET_SIZE(held) % 8 or not count or load64(p) != count - 1:
                self._damaged(page, "a list of free pages is not as long as it says")
            above = self._end
            for i in range(1, count):
                number = load64(p + 8 * i)
                if number >= above:
                    self._damaged(page, "a list of free pages is not in order")
                # From here on it counts as in use: nobody else may have it free, too.
                self._reach(number)
                above = number


def check_pages(str path, bint seals=True):
    """Raise CorruptStoreError unless LMDB can be trusted with the index's file ``path``, to which nobody writes.

    Without ``seals`` rows that are not as their seals have them are let pass. A file that is missing or empty is
    none that LMDB could stumble on.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageIOError.of(error, f"opening {path}") from error
    try:
        if os.fstat(fd).st_size:
            Pages(path, fd, seals).check()
    finally:
        os.close(fd)
