# cython: language_level=3, boundscheck=False, cdivision=True
"""Content: how an object's bytes become chunks in the log.

Bytes come in segments of a few MiB. A segment is cut, its chunks are named, those that the store has are
compared byte by byte and shared, and the others are appended as one extent. Nothing refers to an extent
until the object's commit does, so a reader that fails half way leaves only space to be reclaimed.

Of an object of the class COLD each chunk is compressed by itself, once it is named, and what is stored is another chunk:
the compressed bytes, with an id of their own. Only the reference says that they are to be decompressed, and how long
they are then.

Between being found here and being committed, a shared chunk can vanish with the last object that held it.
So the pack it was found in stays open in the Content, and at the commit, inside the write transaction,
whatever has vanished is appended again from there.
"""

import os
from concurrent.futures import ThreadPoolExecutor

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset

from trove.driver.data import blocks, flat
from trove.errors import CorruptStoreError, InvalidArgumentError, StorageIOError

from .codec cimport (
    CHUNK_ID,
    CHUNKS,
    EXTENT,
    INLINE,
    LIST,
    RAW_SHIFT,
    RECORD_HEADER,
    REFERENCE,
    SALT_SHIFT,
    Encoder,
    Reference,
    reference_at,
    set_place,
    store32,
    store64,
)
from .commit cimport Commit
from .core cimport Core, forks_so_far
from .index cimport Reading, row
from .pack cimport Pack, aligned, write_header
from .places cimport Stored, chunk_key, find_chunk, stored
from .usage cimport Room
from .cold import compressed

INLINE_LIMIT = 2048         # bytes: up to here an object lives in its row; measured, see docs/engine.md
LISTED = 8                  # more chunks than this stand in a list of their own
SEGMENT = 4 << 20           # bytes of a stream that are cut, hashed and appended at a time
WINDOW = 16 << 20           # the same for bytes in memory: up to here an object is one extent, and one view
PART_WINDOW = 1 << 20       # and of a part at first, then twice as much each time: one is cut while another is written


cdef class Content:
    def __dealloc__(self):
        free(self.references)

    cdef int kind(self) noexcept:
        if self.inline is not None:
            return INLINE
        return CHUNKS if self.count <= LISTED else LIST

    cdef int append(
        self, bytes digest, Py_ssize_t length, uint64_t raw, object pack, uint64_t offset, bint shared
    ) except -1:
        """Add a reference to a chunk; ``raw`` is its length when it is decompressed, 0 if it is stored as it is."""
        cdef uint8_t *grown
        cdef uint8_t *p
        if self.count == self._room:
            self._room = max(16, self._room * 2)
            grown = <uint8_t *>realloc(self.references, self._room * REFERENCE)
            if grown == NULL:
                raise MemoryError
            self.references = grown
        p = self.references + self.count * REFERENCE
        memcpy(p, PyBytes_AS_STRING(digest), CHUNK_ID)
        store32(p + CHUNK_ID, <uint32_t>length)
        store32(p + 20, (<Pack>pack).number)
        store64(p + 24, offset | raw << RAW_SHIFT)
        self._packs.append(pack if shared else None)
        self.count += 1
        self.size += raw or length
        return 0

    cdef int _wrote(self, Pack pack, uint64_t start, uint64_t end) except -1:
        self._extents.append((pack.number, start, end))
        self._written[pack.number] = pack
        return 0

    cdef int settle(self, Core core, Commit commit) except -1:
        """Point every reference at where its chunk is now. Called inside the write transaction."""
        cdef Py_ssize_t i
        cdef uint8_t *p
        cdef Reference reference
        cdef dict fresh = {}
        self._pin_dropped()
        for i in range(self.count):
            p = self.references + i * REFERENCE
            while True:
                reference = reference_at(p)
                key = chunk_key(reference)
                place = fresh.get(key)
                if place is None:
                    place = place_in(commit, key)
                if place is None or place[:2] == (reference.pack, reference.offset):
                    break
                pack = self._packs[i] if self._packs[i] is not None else core.packs.open_pack(reference.pack)
                data = (<Pack>pack).read(reference.length, reference.offset)
                if same(core, data, place[0], place[1], place[2]):
                    set_place(p, place[0], place[1])
                    # Should this be tried again, and the chunk have vanished by then, it is read from there.
                    self._packs[i] = core.packs.open_pack(place[0])
                    break
                # Two contents of one id: the later one is told apart by its salt, of which a byte is kept.
                if reference.salt == 255:
                    raise InvalidArgumentError(
                        "256 other contents have the id of a part of this one, which is no accident; "
                        "a store made with hash=blake3 takes them all"
                    )
                store32(p + CHUNK_ID, reference.length | ((reference.salt + 1) << SALT_SHIFT))
            if place is None:
                if self._packs[i] is not None:
                    self._append_again(core, i)
                reference = reference_at(p)
                fresh[key] = (reference.pack, reference.offset, reference.length)
        # The commit may go to another pack than they did, and others may have flushed what is behind them.
        for number, start, end in self._extents:
            core.note_extent(number, start, end)
        return 0

    def _pin_dropped(self):
        """Take new chunks in packs that were compacted away meanwhile for shared ones that have vanished."""
        cdef Py_ssize_t i
        dropped = {number: pack for number, pack in self._written.items() if (<Pack>pack).is_dropped()}
        if not dropped:
            return
        for i in range(self.count):
            if self._packs[i] is None:
                self._packs[i] = dropped.get(reference_at(self.references + i * REFERENCE).pack)
        self._extents = [extent for extent in self._extents if extent[0] not in dropped]
        for number in dropped:
            del self._written[number]

    def _append_again(self, Core core, Py_ssize_t i):
        """Append a shared chunk that has vanished meanwhile, from the pack that was kept open for it."""
        cdef uint8_t *p = self.references + i * REFERENCE
        cdef Reference reference = reference_at(p)
        cdef Pack pack = self._packs[i]
        data = pack.read(reference.length, reference.offset)
        digest = core.name(<const uint8_t *>PyBytes_AS_STRING(data), len(data))
        head = extent_head([(data, digest)], core.packs.seed)
        pack, offset = core.writer.reserve_extent(head, len(data))
        core.writer.write_data(pack, offset, [data])
        self._wrote(pack, offset - len(head), offset + len(data))
        set_place(p, pack.number, offset)
        self._packs[i] = None

    cdef bytes tail(self, Commit commit):
        """What stands at the end of the row; a list of chunks is added to the commit first."""
        if self.inline is not None:
            return self.inline
        return held_tail(commit, self.references[: self.count * REFERENCE])


cdef bytes held_tail(Commit commit, bytes references):
    """The end of a row whose content is these chunks, as CHUNKS or LIST; a list of them is added to the commit first."""
    cdef Py_ssize_t count = PyBytes_GET_SIZE(references) // REFERENCE
    cdef Encoder out = Encoder()
    if count <= LISTED:
        out.varint(count)
        out.raw(<const uint8_t *>PyBytes_AS_STRING(references), PyBytes_GET_SIZE(references))
    else:
        # The number of the commit and of the change in it: no other list ever has this id.
        list_id = commit.sequence.to_bytes(8, "big") + commit.count.to_bytes(4, "big")
        commit.add_list(list_id, references)
        out.raw(<const uint8_t *>PyBytes_AS_STRING(list_id), 12)
        out.varint(count)
    return out.taken()


cdef tuple place_in(Commit commit, bytes key):
    """Where the index says that a chunk is: (pack, offset, length), or ``None``."""
    cdef Stored chunk
    if not find_chunk(commit.index, commit.txn, key, &chunk):
        return None
    return chunk.pack, chunk.offset, chunk.length


cdef bint same(Core core, bytes data, uint32_t number, uint64_t offset, uint32_t length) except -1:
    """Whether the stored chunk at that place can be read, and has the bytes ``data``."""
    cdef bytes stored
    if length != <uint32_t>len(data):
        return False
    try:
        stored = core.packs.open_pack(number).read(length, offset)
    except (CorruptStoreError, StorageIOError):
        return False
    return memcmp(PyBytes_AS_STRING(stored), PyBytes_AS_STRING(data), length) == 0


cdef bytes extent_head(list chunks, uint64_t seed):
    """The header and table of an extent of ``chunks``: pairs of bytes and id."""
    cdef Py_ssize_t table = aligned(8 + 20 * len(chunks))
    cdef bytes head = PyBytes_FromStringAndSize(NULL, RECORD_HEADER + table)
    cdef uint8_t *start = <uint8_t *>PyBytes_AS_STRING(head)
    cdef uint8_t *p = start + RECORD_HEADER
    cdef uint64_t data_length = 0
    memset(p, 0, table)
    store32(p, <uint32_t>len(chunks))
    p += 8
    for piece, digest in chunks:
        memcpy(p, PyBytes_AS_STRING(digest), CHUNK_ID)
        store32(p + CHUNK_ID, <uint32_t>len(piece))
        data_length += len(piece)
        p += 20
    write_header(
        start, EXTENT, table + data_length, 0, start + RECORD_HEADER, table, seed
    )
    return head


cdef Content empty(bint cold):
    """Content to add chunks to, which are compressed if it is ``cold``."""
    cdef Content content = Content.__new__(Content)
    content.cold = cold
    content._packs, content._extents, content._written, content._digests = [], [], {}, Encoder()
    return content


cdef Content ingest(Core core, object data, bint inline=True, Room room=None, bint cold=False):
    """``data``, of any kind that ``put`` takes, in the log as far as it is not inline, which it is only if it may.

    It ends with QuotaExceededError as soon as there is more than ``room`` has room for.
    """
    cdef Content content
    if inline and type(data) is bytes and PyBytes_GET_SIZE(data) <= INLINE_LIMIT:
        content = Content.__new__(Content)
        content.inline = data
    else:
        content = empty(cold)
        window = WINDOW if inline else PART_WINDOW
        _fill(core, content, segments(data, core.parameters.chunk_maximum, window), inline, room)
    if content.inline is not None:
        content.size = PyBytes_GET_SIZE(content.inline)
        content.etag = core.name(<const uint8_t *>PyBytes_AS_STRING(content.inline), content.size)
    elif content.count == 0:
        content.etag = core.name(b"", 0)
    elif content.count == 1:
        content.etag = content._digests.taken()
    else:
        content.etag = core.name(content._digests.data, content._digests.size)
    return content


def segments(data, maximum, window_size):
    """The bytes of ``data`` in views of about SEGMENT bytes: (view, whether it is the last, how far to cut).

    What a segment leaves uncut, fewer than ``maximum`` bytes, comes again at the front of the next one: the
    caller sends back how many bytes it consumed.
    """
    whole = None if isinstance(data, os.PathLike) else flat(data)
    if whole is not None:
        # All in one buffer: segments are windows on it.
        start = 0
        while True:
            window = whole[start : start + window_size + maximum]
            # The next is cut while this one is written, which takes longer.
            window_size = min(2 * window_size, WINDOW)
            if not whole.readonly:
                # It could change between being named and being written.
                window = memoryview(bytes(window))
            last = start + len(window) == len(whole)
            start += yield window, last
            if last:
                return
    pieces = iter(blocks(data, block_size=SEGMENT))
    # A piece is copied before the next one is asked for: it may be one buffer that is filled again.
    buffer = bytearray(next(pieces, b""))
    following = next(pieces, None)
    while True:
        while following is not None and len(buffer) < SEGMENT:
            buffer += following
            following = next(pieces, None)
        consumed = yield memoryview(bytes(buffer)), following is None
        if following is None:
            return
        del buffer[:consumed]


cdef int _fill(Core core, Content content, object source, bint inline, Room room) except -1:
    consumed = None
    writing = None
    pool = None
    try:
        while True:
            try:
                view, last = source.send(consumed)
            except StopIteration:
                break
            if core.forks != forks_so_far():
                raise InvalidArgumentError(
                    "the process forked while the data of a put was read, and only the parent can go on with it"
                )
            if inline and last and content.count == 0 and len(view) <= INLINE_LIMIT:
                content.inline = bytes(view)
                consumed = len(view)
                continue
            if room is not None:
                room.require(content.size + len(view))
            if pool is None and not last:
                pool = ThreadPoolExecutor(1, thread_name_prefix="trove-append")
            chunks, consumed = _cut(core, view, last)
            job = add_chunks(core, content, chunks)
            if writing is not None:
                writing.result()
                writing = None
            if job is not None:
                if pool is None:
                    core.writer.write_data(job[0], job[1], job[2])
                else:
                    writing = pool.submit(core.writer.write_data, *job)
        if writing is not None:
            writing.result()
    finally:
        if pool is not None:
            pool.shutdown()
    return 0


cdef tuple _cut(Core core, object view, bint last):
    """The chunks at the front of ``view`` with their ids, and how many bytes they are."""
    cdef const uint8_t[::1] data = view
    cdef Py_ssize_t length = data.shape[0]
    cdef Py_ssize_t maximum = core.parameters.chunk_maximum
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t n
    chunks = []
    while position < length and (last or length - position >= maximum):
        with nogil:
            n = core.chunker.next_cut(&data[position], length - position)
        chunks.append((view[position : position + n], core.name(&data[position], n)))
        position += n
    return chunks, position


cdef object add_chunks(Core core, Content content, list chunks):
    """Add chunks, pairs of bytes and id, to the end of ``content``; what ``write_data`` is to write of them, if anything."""
    cdef list raws = [0] * len(chunks)
    for _, digest in chunks:
        content._digests.raw(<const uint8_t *>PyBytes_AS_STRING(<bytes>digest), CHUNK_ID)
    if content.cold:
        chunks, raws = _smaller(core, chunks)
    return _place(core, content, chunks, raws)


cdef tuple _smaller(Core core, list chunks):
    """What is stored of chunks that are to be compressed: (pairs of bytes and id, the length of each before, or 0)."""
    made, raws = [], []
    for piece, digest in chunks:
        packed = <bytes>compressed(piece)
        worth_it = PyBytes_GET_SIZE(packed) < len(piece)
        if worth_it:
            digest = core.name(<const uint8_t *>PyBytes_AS_STRING(packed), PyBytes_GET_SIZE(packed))
        made.append((packed if worth_it else piece, digest))
        raws.append(len(piece) if worth_it else 0)
    return made, raws


cdef object _place(Core core, Content content, list chunks, list raws):
    """Find which chunks are stored already and make room for the others; what is to be written, if any."""
    cdef Reference reference
    cdef uint8_t packed[REFERENCE]
    found = {}
    with Reading(core.index) as txn:
        for piece, digest in chunks:
            memset(packed, 0, REFERENCE)
            memcpy(packed, PyBytes_AS_STRING(<bytes>digest), CHUNK_ID)
            body = row(txn, core.index.chunks, chunk_key(reference_at(packed)), "chunks")
            if body is not None:
                found[digest] = body
    # By id, and by content where one id has several: (piece, its pinned place or else its number among the new).
    known, fresh, order = {}, [], []
    for piece, digest in chunks:
        which = None
        for one in known.get(digest, ()):
            if equal(one[0], piece):
                which = one
        if which is None:
            pinned = _pinned(core, found[digest], piece) if digest in found else None
            which = (piece, pinned, len(fresh))
            known.setdefault(digest, []).append(which)
            if pinned is None:
                fresh.append((piece, digest))
        order.append(which)
    pack, start, job = None, 0, None
    if fresh:
        size = sum(len(piece) for piece, _ in fresh)
        head = extent_head(fresh, core.packs.seed)
        pack, start = core.writer.reserve_extent(head, size)
        job = (pack, start, [piece for piece, _ in fresh])
    starts = []
    for piece, _ in fresh:
        starts.append(start)
        start += len(piece)
    for (piece, digest), raw, (_, pinned, number) in zip(chunks, raws, order):
        if pinned is not None:
            content.append(digest, len(piece), raw, pinned[0], pinned[1], True)
        else:
            content.append(digest, len(piece), raw, pack, starts[number], False)
    if fresh:
        content._wrote(pack, job[1] - len(head), start)
    return job


cdef bint equal(const uint8_t[::1] one, const uint8_t[::1] other):
    return one.shape[0] == other.shape[0] and memcmp(&one[0], &other[0], one.shape[0]) == 0


cdef object _pinned(Core core, bytes body, object piece):
    """The pack and offset of a stored chunk, if it is there and has the very bytes of ``piece``."""
    cdef Stored chunk = stored(body)
    cdef Pack pack
    cdef const uint8_t[::1] view = piece
    cdef bytes held
    if chunk.length != <uint32_t>view.shape[0]:
        return None
    try:
        pack = core.packs.open_pack(chunk.pack)
        held = pack.read(view.shape[0], chunk.offset)
    except (CorruptStoreError, StorageIOError):
        return None
    if memcmp(PyBytes_AS_STRING(held), &view[0], view.shape[0]):
        return None
    return pack, chunk.offset
