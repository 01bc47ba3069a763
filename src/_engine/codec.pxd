# The data model: what stands in which byte. All integers are little-endian and unsigned unless said.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

# A record of a pack: 32 bytes of header, then the payload, padded with zeros to a multiple of 8.
#   0  4  magic
#   4  1  kind (RecordKind)
#   5  3  zero
#   8  8  payload length in bytes
#  16  8  sequence of the commit; 0 for an extent
#  24  8  XXH3-64 of the checked part of the payload, seeded with the FNV-1a of header bytes 0..24, begun from
#         the store's seed
cdef enum:
    RECORD_MAGIC = 0x4B505254  # "TRPK"
    RECORD_HEADER = 32
    RECORD_ALIGN = 8
    PACK_HEADER = 64

cdef enum RecordKind:
    # payload: count u32, zero u32, count x (chunk id 16, length and salt u32), zeros to 8; then the
    # chunks' bytes, end to end. Everything before the bytes is the checked part: the ids check the rest.
    EXTENT = 1
    # payload: predecessor u64, time i64 (microseconds), operations u32, flags u32 (CommitFlag), the
    # operations. All of it is the checked part.
    COMMIT = 2
    # a record that was taken back; nothing of its payload is checked
    VOID = 3

cdef enum CommitFlag:
    SETTLED = 1         # every commit before it was on disk when it was written: a hole before it is damage

# In the byte of an operation, beside its number: what was there for a reader before, for who watches the bucket.
cdef enum OperationFlag:
    REPLACES = 0x80     # an object
    OUTLIVES = 0x40     # an object whose time was over
    OPERATION = 0x3F    # what is the number

cdef enum Operation:
    CREATE_BUCKET = 1   # name, row
    DELETE_BUCKET = 2   # name
    PUT_OBJECT = 3      # place, row
    DELETE_OBJECT = 4   # place
    ADD_LIST = 5        # list id, chunk references
    SET_BUCKET = 6      # name, row
    PUT_VERSION = 7     # place, row: it is the newest version, and what was current is kept
    PUT_ROW = 8         # SideTable u8 and key, row
    DELETE_ROW = 9      # SideTable u8 and key
    DELETE_ROWS = 10    # SideTable u8 and what the keys of the rows begin with
    MOVE_CHUNKS = 11    # chunk references: where these chunks stand from now on
    CUT_LOG = 12        # a number: commits up to that one may be gone from the log from now on
    SET_QUOTA = 13      # name, empty for the store; limits: see `usage`

# Tables of rows that hold content as those of objects do, but are none.
cdef enum SideTable:
    VERSIONS = 1        # place, NUL, stamp of an older version or of any delete marker; see `chain`
    UPLOADS = 2         # place, NUL, upload id of a multipart upload; and behind that the number of a part

# How an object's row holds its content.
cdef enum ContentKind:
    INLINE = 0          # the bytes themselves
    CHUNKS = 1          # chunk references
    LIST = 2            # the id of a chunk list, which objects can share
    MARKER = 3          # none, of a delete marker or of what is no object: the stamp, see `chain`

cdef enum:
    CHUNK_ID = 16
    LIST_ID = 12
    STAMP = 12          # sequence u64, counter u32, most significant byte first: when a version was made
    REFERENCE = 32      # chunk id 16, length and salt u32, pack u32, place u64; the chunk may have been moved since
    RAW_SHIFT = 40      # of a place: the offset, and above this bit how long the chunk is when it is decompressed
    SALT_SHIFT = 24     # a chunk is shorter than 16 MiB; the upper byte tells true collisions apart
    LENGTH_MASK = 0xFFFFFF
    SEAL = 8            # every row of the index begins with the XXH3-64 of its value, seeded with its key


cdef struct Reference:
    const uint8_t *id
    uint32_t length
    uint32_t salt
    uint32_t pack
    uint64_t offset
    uint32_t raw        # bytes that it is to be decompressed to; 0 when it is stored as it is


# Inline: they stand in the innermost loops.

cdef inline uint32_t load32(const uint8_t *p) noexcept nogil:
    return p[0] | (<uint32_t>p[1] << 8) | (<uint32_t>p[2] << 16) | (<uint32_t>p[3] << 24)


cdef inline uint64_t load64(const uint8_t *p) noexcept nogil:
    return load32(p) | (<uint64_t>load32(p + 4) << 32)


cdef inline void store32(uint8_t *p, uint32_t value) noexcept nogil:
    p[0] = value & 0xFF
    p[1] = (value >> 8) & 0xFF
    p[2] = (value >> 16) & 0xFF
    p[3] = value >> 24


cdef inline void store64(uint8_t *p, uint64_t value) noexcept nogil:
    store32(p, <uint32_t>value)
    store32(p + 4, <uint32_t>(value >> 32))


cdef inline Reference reference_at(const uint8_t *p) noexcept nogil:
    """The chunk reference that begins at ``p``."""
    cdef Reference reference
    cdef uint32_t packed = load32(p + 16)
    reference.id = p
    reference.length = packed & LENGTH_MASK
    reference.salt = packed >> SALT_SHIFT
    reference.pack = load32(p + 20)
    reference.offset = load64(p + 24) & (((<uint64_t>1) << RAW_SHIFT) - 1)
    reference.raw = <uint32_t>(load64(p + 24) >> RAW_SHIFT)
    return reference


cdef inline uint32_t content_length(Reference reference) noexcept nogil:
    """How many bytes of an object a chunk is."""
    return reference.raw or reference.length


cdef inline void set_place(uint8_t *p, uint32_t pack, uint64_t offset) noexcept nogil:
    """Make the reference at ``p`` say that its chunk stands there."""
    store32(p + 20, pack)
    store64(p + 24, (load64(p + 24) >> RAW_SHIFT) << RAW_SHIFT | offset)


cdef class Encoder:
    cdef uint8_t *data
    cdef Py_ssize_t size
    cdef Py_ssize_t room
    cdef int reserve(self, Py_ssize_t more) except -1
    cdef int u8(self, uint8_t value) except -1
    cdef int u32(self, uint32_t value) except -1
    cdef int u64(self, uint64_t value) except -1
    cdef int varint(self, uint64_t value) except -1
    cdef int raw(self, const uint8_t *source, Py_ssize_t length) except -1
    cdef int text(self, bytes value) except -1
    cdef bytes taken(self)


cdef class Decoder:
    cdef const uint8_t[::1] view
    cdef const uint8_t *data
    cdef Py_ssize_t size
    cdef Py_ssize_t position
    cdef const uint8_t *take(self, Py_ssize_t length) except NULL
    cdef uint8_t u8(self) except? 0
    cdef uint32_t u32(self) except? 0
    cdef uint64_t u64(self) except? 0
    cdef uint64_t varint(self) except? 0
    cdef bytes text(self)
    cdef int skip_text(self) except -1


cdef uint64_t fnv1a(const uint8_t *data, Py_ssize_t length, uint64_t seed) noexcept nogil
cdef uint64_t key_seed(const uint8_t *key, Py_ssize_t length) noexcept nogil

cdef bytes sealed(bytes key, bytes body)
cdef uint64_t hash64(const uint8_t *start, Py_ssize_t length, uint64_t seed) except? 0
cdef bytes hash128(const uint8_t *start, Py_ssize_t length)
cdef int check_seal(bytes key, const uint8_t *value, Py_ssize_t length, str table) except -1
cdef bytes unsealed(bytes key, object value, str table)
