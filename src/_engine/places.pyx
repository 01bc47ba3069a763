# cython: language_level=3, boundscheck=False, cdivision=True
"""Places: where chunks stand, by the index's table of them.

What names a chunk says where it stood when it was named. That is right for as long as its pack is there: bytes in a
pack stay where they are, and no number is given to two packs. Compaction moves chunks and removes packs; where a
chunk is then, its row says.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from trove.errors import CorruptStoreError

from .codec cimport (
    CHUNK_ID,
    REFERENCE,
    SALT_SHIFT,
    Reference,
    load32,
    load64,
    reference_at,
    set_place,
    store32,
    store64,
)
from .index cimport Index
from .rows cimport row


cdef bytes chunk_key(Reference reference):
    """The key of a chunk's row: its id, and the salt that tells true collisions apart."""
    cdef bytes key = PyBytes_FromStringAndSize(NULL, CHUNK_ID + 1)
    cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(key)
    memcpy(p, reference.id, CHUNK_ID)
    p[CHUNK_ID] = <uint8_t>reference.salt
    return key


cdef bytes reference_to(bytes key, uint32_t length, uint32_t pack, uint64_t offset):
    """The reference to a chunk of that key, and of that length, in that place."""
    cdef bytes reference = PyBytes_FromStringAndSize(NULL, REFERENCE)
    cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(reference)
    memcpy(p, PyBytes_AS_STRING(key), CHUNK_ID)
    store32(p + CHUNK_ID, length | <uint32_t>(<const uint8_t *>PyBytes_AS_STRING(key))[CHUNK_ID] << SALT_SHIFT)
    store32(p + 20, pack)
    store64(p + 24, offset)
    return reference


cdef bytes chunk_row(uint32_t pack, uint64_t offset, uint32_t length, uint64_t references):
    cdef bytes body = PyBytes_FromStringAndSize(NULL, 24)
    cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(body)
    store32(p, pack)
    store32(p + 4, length)
    store64(p + 8, offset)
    store64(p + 16, references)
    return body


cdef Stored stored(bytes body):
    """What the body of a chunk's row says."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(body)
    cdef Stored found
    found.pack, found.length = load32(p), load32(p + 4)
    found.offset, found.references = load64(p + 8), load64(p + 16)
    return found


cdef bint find_chunk(Index index, object txn, bytes key, Stored *found) except -1:
    """Whether there is a chunk of that key; ``found`` is its row then."""
    body = row(txn, index.chunks, key, "chunks")
    if body is None:
        return False
    found[0] = stored(body)
    return True


cdef bytes key_at(Index index, object txn, bytes digest, uint32_t pack, uint64_t offset):
    """The key of the chunk with the id ``digest`` that stands in that place, ``None`` where none does."""
    cdef Stored chunk
    # Other content of the same id stands beside it, told apart by the salt at the end of the key.
    with txn.cursor(index.chunks) as walk:
        more = walk.set_range(digest)
        while more:
            key = bytes(walk.key())
            if key[:CHUNK_ID] != digest:
                break
            if find_chunk(index, txn, key, &chunk) and chunk.pack == pack and chunk.offset == offset:
                return key
            more = walk.next()
    return None


cdef bytes placed(Index index, object txn, bytes references, set gone):
    """These references with the places where their chunks are now, where they name one of the packs ``gone``."""
    cdef bytes now = PyBytes_FromStringAndSize(PyBytes_AS_STRING(references), PyBytes_GET_SIZE(references))
    cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(now)
    cdef Py_ssize_t i
    cdef Reference reference
    for i in range(PyBytes_GET_SIZE(references) // REFERENCE):
        reference = reference_at(p)
        if reference.pack in gone and not place(index, txn, p):
            raise CorruptStoreError("a chunk of an object is missing from the index; run `trove repair` to rebuild it")
        p += REFERENCE
    return now


cdef bytes all_placed(Index index, object txn, bytes references):
    """These references with the places where their chunks are now, as far as the index has them."""
    cdef bytes now = PyBytes_FromStringAndSize(PyBytes_AS_STRING(references), PyBytes_GET_SIZE(references))
    cdef Py_ssize_t i
    for i in range(PyBytes_GET_SIZE(references) // REFERENCE):
        place(index, txn, <uint8_t *>PyBytes_AS_STRING(now) + i * REFERENCE)
    return now


cdef bint place(Index index, object txn, uint8_t *reference) except -1:
    """Make a reference say where its chunk is now; whether the index has it."""
    cdef Stored found
    if not find_chunk(index, txn, chunk_key(reference_at(reference)), &found):
        return False
    set_place(reference, found.pack, found.offset)
    return True
