# cython: language_level=3, boundscheck=False, cdivision=True
"""EngineReader: how an object's bytes are read and verified.

A reader holds the packs of its range open from the moment of ``get``: an unlinked pack stays readable
through it. Chunks are verified against their ids as they are read, whole; bytes that lie are
ChecksumMismatchError, never data. So does a chunk that is stored compressed: its id is that of the compressed bytes.
"""

import io
import operator

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from trove.driver.reader import ObjectReader
from trove.errors import ChecksumMismatchError, CorruptStoreError, StorageIOError, TroveError, shown

from .codec cimport CHUNK_ID, LIST, LIST_ID, REFERENCE, Reference, content_length, load64, reference_at
from .core cimport Core
from .index cimport row
from .info cimport EngineInfo
from .pack cimport Pack
from .places cimport placed
from .cold import FrameError, decompressed

LINE_BLOCK = 8192
FAR = 1 << 62
cdef object ALL = -1


cdef EngineReader reader_of(
    Core core, Session session, EngineInfo info, bytes references, uint64_t start, uint64_t size, int verify
):
    """A reader of ``size`` bytes from ``start`` on; ``references`` are None when the content is in the row."""
    cdef EngineReader reader = EngineReader.__new__(EngineReader)
    reader.info = info
    reader._core = core
    reader._session = session
    reader._start = start
    reader._size = size
    reader._verify = verify
    if references is None:
        reader._inline = info._held
        reader._inline_at = inline_start(info)
    else:
        reader.prepare(references)
    return reader


cdef Py_ssize_t inline_start(EngineInfo info) except -1:
    """Where in the row the content begins, of an object whose content is in it, to the row's end."""
    cdef Py_ssize_t start = info.content_start()
    if PyBytes_GET_SIZE(info._held) - start != <Py_ssize_t>load64(info.head() + 2):
        raise CorruptStoreError("the row of an object is cut short; run `trove repair`")
    return start


cdef bytes references_now(Core core, object txn, EngineInfo info):
    """The references of an object whose content is not inline, with the places where its chunks are now."""
    cdef bytes references
    if info.head()[0] == LIST:
        found = row(txn, core.index.lists, info.content()[:LIST_ID], "lists")
        if found is None:
            raise CorruptStoreError("a chunk list is missing from the index; run `trove repair` to rebuild it")
        references = found
    else:
        references = info.references()
    if core.index._dropped != NULL and core.index._dropped[0] != core.packs.dropped:
        core.packs.forget_dropped(core.index._dropped[0])
    if core.packs.gone:
        references = placed(core.index, txn, references, core.packs.gone)
    return references


cdef class Session:
    pass


cdef inline bint is_verified(Pack pack, Reference reference) noexcept:
    return pack.is_verified(reference.offset, reference.length)


cdef inline int let_go(EngineReader reader) except -1:
    reader._closed = True
    reader._packs = None
    reader._inline = reader._references = reader._unpacked = None
    return 0


cdef class EngineReader:
    """See :class:`trove.ObjectReader`; registered with it."""

    def __dealloc__(self):
        free(self._starts)

    cdef int prepare(self, bytes references) except -1:
        """Note where each chunk begins, and open the packs that the range needs."""
        cdef Py_ssize_t i
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(references)
        cdef uint64_t at = 0
        cdef Reference reference
        cdef Pack pack = None
        self._references = references
        self._chunks = PyBytes_GET_SIZE(references) // REFERENCE
        self._starts = <uint64_t *>malloc((self._chunks + 1) * sizeof(uint64_t))
        if self._starts == NULL:
            raise MemoryError
        for i in range(self._chunks):
            self._starts[i] = at
            at += content_length(reference_at(p + i * REFERENCE))
        self._starts[self._chunks] = at
        if at != <uint64_t>load64(self.info.head() + 2):
            raise CorruptStoreError(
                f"the chunks of object {shown(self.info.key)} don't add up to its size; run `trove repair`"
            )
        self._packs = []
        if self._size:
            self._first = self.chunk_at(self._start)
            for i in range(self._first, self.chunk_at(self._start + self._size - 1) + 1):
                reference = reference_at(p + i * REFERENCE)
                if pack is None or pack.number != reference.pack:
                    pack = self._core.packs.open_pack(reference.pack)
                self._packs.append(pack)
        return 0

    cdef Py_ssize_t chunk_at(self, uint64_t offset) noexcept:
        """The chunk that the byte at ``offset`` of the object is in."""
        cdef Py_ssize_t low = 0, high = self._chunks, middle
        while high - low > 1:
            middle = (low + high) // 2
            if self._starts[middle] <= offset:
                low = middle
            else:
                high = middle
        return low

    cdef int fill(self, uint8_t *target, uint64_t offset, uint64_t length) except -1:
        """Put ``length`` verified bytes from ``offset`` of the object on into ``target``."""
        cdef uint64_t end = offset + length
        cdef uint64_t start, stop
        cdef uint64_t limit = self._start + self._size
        cdef Py_ssize_t i, last
        cdef Reference reference, following
        cdef const uint8_t *p
        cdef Pack pack
        cdef bytes whole
        if offset < self._start or offset > limit or length > limit - offset:
            raise ValueError("the ObjectReader was moved while it read; let one thread use it at a time")
        # Held here, too: another thread may close the reader meanwhile.
        cdef bytes inline = self._inline
        cdef bytes references = self._references
        cdef list packs = self._packs
        if inline is not None:
            memcpy(target, PyBytes_AS_STRING(inline) + self._inline_at + offset, length)
            return 0
        if packs is None:
            raise ValueError("read of a closed ObjectReader; get the object again")
        p = <const uint8_t *>PyBytes_AS_STRING(references)
        i = self.chunk_at(offset)
        while offset < end:
            reference = reference_at(p + i * REFERENCE)
            pack = packs[i - self._first]
            start = self._starts[i]
            stop = self._starts[i + 1]
            if reference.raw:
                whole = self.unpacked(i, pack, reference, stop > end)
                stop = min(stop, end)
                memcpy(target, PyBytes_AS_STRING(whole) + (offset - start), stop - offset)
                i += 1
            elif offset == start and stop <= end:
                # A run of chunks that stand next to each other in one pack is one read.
                last = i
                while last + 1 < self._chunks and self._starts[last + 2] <= end:
                    following = reference_at(p + (last + 1) * REFERENCE)
                    if (
                        following.raw
                        or following.pack != reference.pack
                        or following.offset != reference.offset + (self._starts[last + 1] - start)
                    ):
                        break
                    last += 1
                stop = self._starts[last + 1]
                pack.read_into(target, stop - start, reference.offset)
                while i <= last:
                    self.check(pack, reference_at(p + i * REFERENCE), target + (self._starts[i] - start))
                    i += 1
            elif self._verify != NEVER and (self._verify == ALWAYS or not is_verified(pack, reference)):
                whole = pack.read(reference.length, reference.offset)
                self.check(pack, reference, <const uint8_t *>PyBytes_AS_STRING(whole))
                stop = min(stop, end)
                memcpy(target, PyBytes_AS_STRING(whole) + (offset - start), stop - offset)
                i += 1
            else:
                stop = min(stop, end)
                pack.read_into(target, stop - offset, reference.offset + (offset - start))
                i += 1
            target += stop - offset
            offset = stop
        return 0

    cdef int check(self, Pack pack, Reference reference, const uint8_t *data) except -1:
        """Raise ChecksumMismatchError unless ``data`` is the chunk that ``reference`` names."""
        cdef bytes digest
        if self._verify == NEVER or (self._verify == FIRST and is_verified(pack, reference)):
            return 0
        digest = self._core.name(data, reference.length)
        if memcmp(PyBytes_AS_STRING(digest), reference.id, CHUNK_ID):
            raise self.damaged(pack, reference)
        if self._verify == FIRST:
            pack.set_verified(reference.offset, reference.length)
        return 0

    cdef object damaged(self, Pack pack, Reference reference):
        return ChecksumMismatchError(
            f"object {shown(self.info.key)} has a damaged chunk at offset {reference.offset} of {pack.path}; "
            "put the object again from its source, or run `trove verify` to see what else is damaged",
            key=self.info.key,
        )

    cdef bytes unpacked(self, Py_ssize_t i, Pack pack, Reference reference, bint keep):
        """The bytes of chunk ``i``, which is stored compressed; with ``keep`` the next read need not do it again."""
        cdef tuple kept = self._unpacked
        cdef bytes stored, whole
        if kept is not None and kept[0] == i:
            return kept[1]
        stored = pack.read(reference.length, reference.offset)
        self.check(pack, reference, <const uint8_t *>PyBytes_AS_STRING(stored))
        try:
            whole = decompressed(stored, reference.raw)
        except FrameError as error:
            raise self.damaged(pack, reference) from error
        if keep and not self._closed:
            self._unpacked = (i, whole)
        return whole

    # Reading.

    def read(self, size=ALL, /):
        """At most ``size`` bytes, all that is left when it is negative or ``None``."""
        cdef uint64_t left
        cdef uint64_t length
        cdef bytes data
        # First: it can be anybody's code, which may even move this reader.
        wanted = -1 if size is None or size is ALL else operator.index(size)
        self._check_open()
        left = self._size - self._position if self._position < self._size else 0
        length = left if wanted < 0 or wanted > left else wanted
        data = PyBytes_FromStringAndSize(NULL, length)
        if length:
            self.fill(<uint8_t *>PyBytes_AS_STRING(data), self._start + self._position, length)
            self._position += length
        return data

    def read1(self, size=-1, /):
        return self.read(size)

    def readinto(self, buffer, /):
        """Fill ``buffer`` as far as there are bytes; the number of bytes filled in."""
        cdef uint8_t[::1] view
        cdef uint64_t left
        cdef uint64_t length
        self._check_open()
        flat = memoryview(buffer).cast("B")
        if flat.readonly:
            raise TypeError(f"readinto() needs a buffer that can be written to, not {type(buffer).__name__}")
        left = self._size - self._position if self._position < self._size else 0
        length = min(left, <uint64_t>len(flat))
        if length:
            view = flat
            self.fill(&view[0], self._start + self._position, length)
            self._position += length
        return length

    def readinto1(self, buffer, /):
        return self.readinto(buffer)

    def view(self):
        """The whole range as read-only memory, verified; without a copy where it is contiguous in a pack."""
        cdef Reference reference
        cdef const uint8_t *p
        cdef Py_ssize_t i, last
        cdef Pack pack
        cdef const uint8_t[::1] mapped
        self._check_open()
        if self._size == 0:
            return memoryview(b"")
        if self._inline is not None:
            at = self._inline_at + self._start
            return memoryview(self._inline)[at : at + self._size]
        # Held here, too: another thread may close the reader meanwhile.
        references, packs = self._references, self._packs
        if packs is None:
            raise ValueError("read of a closed ObjectReader; get the object again")
        p = <const uint8_t *>PyBytes_AS_STRING(<bytes>references)
        last = self.chunk_at(self._start + self._size - 1)
        reference = reference_at(p + self._first * REFERENCE)
        pack = packs[0]
        for i in range(self._first, last + 1):
            following = reference_at(p + i * REFERENCE)
            if (
                following.raw
                or following.pack != reference.pack
                or following.offset != reference.offset + (self._starts[i] - self._starts[self._first])
            ):
                position, self._position = self._position, 0
                try:
                    return memoryview(self.read())
                finally:
                    self._position = position
        base = reference.offset
        try:
            mapped = pack.view(base, self._starts[last + 1] - self._starts[self._first])
        except OSError as error:
            if isinstance(error, TroveError):
                raise
            raise StorageIOError.of(error, f"mapping {pack.path}") from error
        for i in range(self._first, last + 1):
            self.check(pack, reference_at(p + i * REFERENCE), &mapped[self._starts[i] - self._starts[self._first]])
        skip = self._start - self._starts[self._first]
        return memoryview(mapped.base)[skip : skip + self._size]

    def readline(self, size=-1, /):
        """One line with its newline, at most ``size`` bytes of it."""
        self._check_open()
        if self._position >= self._size:
            return b""
        origin = self._position
        limit = -1 if size is None else operator.index(size)
        limit = None if limit < 0 else limit
        pieces, total = [], 0
        while limit is None or total < limit:
            block = self.read(LINE_BLOCK if limit is None else min(LINE_BLOCK, limit - total))
            if not block:
                break
            end = block.find(b"\n") + 1
            pieces.append(block[:end] if end else block)
            total += len(pieces[-1])
            if end:
                break
        self._position = origin + total
        return b"".join(pieces)

    def readlines(self, hint=-1, /):
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self):
        self._check_open()
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    # Position.

    def seek(self, offset, whence=io.SEEK_SET, /):
        """Move to ``offset`` from the start, the position or the end; the new position."""
        self._check_open()
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"whence is 0, 1 or 2, not {whence!r}")
        position = (0, self.tell(), self._size)[whence] + operator.index(offset)
        if position < 0:
            raise ValueError(f"can't seek to {shown(position)}, before the start")
        # Far past the end of any object a position may be more than the machine can count.
        self._far = position if position > FAR else None
        self._position = min(position, FAR)
        return position

    def tell(self):
        self._check_open()
        return self._position if self._far is None else self._far

    # The end.

    def close(self):
        """Let go of the object; every later read raises ``ValueError``."""
        let_go(self)

    @property
    def closed(self):
        return self._closed or self._session.closed

    def __enter__(self):
        self._check_open()
        return self

    def __exit__(self, kind, error, trace):
        let_go(self)

    cdef int _check_open(self) except -1:
        if self._closed or self._session.closed:
            raise ValueError("read of a closed ObjectReader; get the object again")
        return 0

    # The rest of what Python asks of a binary file.

    @property
    def mode(self):
        return "rb"

    @property
    def name(self):
        return self.info.key

    def readable(self):
        self._check_open()
        return True

    def seekable(self):
        self._check_open()
        return True

    def writable(self):
        self._check_open()
        return False

    def isatty(self):
        self._check_open()
        return False

    def flush(self):
        self._check_open()

    def fileno(self):
        self._refuse("fileno")

    def write(self, data, /):
        self._refuse("write")

    def writelines(self, lines, /):
        self._refuse("writelines")

    def truncate(self, size=None, /):
        self._refuse("truncate")

    def detach(self):
        self._refuse("detach")

    def _refuse(self, operation):
        self._check_open()
        raise io.UnsupportedOperation(f"an ObjectReader has no {operation}()")

    def __repr__(self):
        state = "closed" if self.closed else f"at {self._position} of {self._size}"
        return f"<EngineReader {shown(self.info.key)} {state}>"


ObjectReader.register(EngineReader)
