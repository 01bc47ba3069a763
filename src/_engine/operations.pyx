# cython: language_level=3, boundscheck=False, cdivision=True
"""Operations: what the payload of a commit lists, and whether it can be."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr

from trove.errors import CorruptStoreError

from .codec cimport (
    ADD_LIST,
    CREATE_BUCKET,
    CUT_LOG,
    DELETE_BUCKET,
    DELETE_OBJECT,
    DELETE_ROW,
    DELETE_ROWS,
    LIST_ID,
    MOVE_CHUNKS,
    OPERATION,
    PUT_OBJECT,
    PUT_ROW,
    PUT_VERSION,
    REFERENCE,
    SET_BUCKET,
    SET_QUOTA,
    UPLOADS,
    VERSIONS,
    Decoder,
    load64,
)
from .info cimport ROW_HEAD
from .usage cimport LIMITS

cdef enum:
    LONGEST_BUCKET = 255   # bytes of a name
    LONGEST_KEY = 1024
    LONGEST_BEHIND = 64    # what stands behind a place in the key of a row that is no object
    LEAST_ROW = ROW_HEAD + 5

cdef uint64_t LATEST = 253402300799999999  # the last microsecond of the year 9999


cdef bint is_bucket_row(bytes row) noexcept:
    """Whether it begins with a time that there is."""
    return PyBytes_GET_SIZE(row) >= 8 and load64(<const uint8_t *>PyBytes_AS_STRING(row)) <= LATEST


cdef bint is_place(const char *name, Py_ssize_t length):
    """Whether that is a bucket's name, a NUL and a key."""
    cdef const char *nul = <const char *>memchr(name, 0, length)
    if nul == NULL or not 0 < nul - name <= LONGEST_BUCKET:
        return False
    return 1 < length - (nul - name) <= LONGEST_KEY + 1 and is_text(name, length)


cdef bint is_side_key(const char *name, Py_ssize_t length):
    """Whether that is a place, a NUL and what tells the rows of that place apart."""
    cdef const char *nul = <const char *>memchr(name, 0, length)
    if nul != NULL:
        nul = <const char *>memchr(nul + 1, 0, length - (nul + 1 - name))
    return nul != NULL and is_place(name, nul - name) and length - (nul - name) - 1 <= LONGEST_BEHIND


cdef bint is_text(const char *text, Py_ssize_t length):
    try:
        PyUnicode_DecodeUTF8(text, length, NULL)
    except UnicodeDecodeError:
        return False
    return True


cdef int check_change(int operation, bytes first, bytes second) except -1:
    """Raise CorruptStoreError for a change that nobody can have made: what is damaged may still have a checksum."""
    cdef Py_ssize_t length = PyBytes_GET_SIZE(first)
    cdef const char *name = PyBytes_AS_STRING(first)
    cdef Py_ssize_t second_length = 0 if second is None else PyBytes_GET_SIZE(second)
    cdef bint right
    if operation == MOVE_CHUNKS:
        right = length % REFERENCE == 0
    elif operation == CUT_LOG:
        right = length == 8
    elif operation == ADD_LIST:
        right = length == LIST_ID and second_length and second_length % REFERENCE == 0
    elif operation == SET_QUOTA:
        right = length <= LONGEST_BUCKET and memchr(name, 0, length) == NULL and is_text(name, length)
        right = right and second_length == LIMITS
    elif operation in (CREATE_BUCKET, SET_BUCKET, DELETE_BUCKET):
        right = 0 < length <= LONGEST_BUCKET and memchr(name, 0, length) == NULL and is_text(name, length)
        right = right and (operation == DELETE_BUCKET or is_bucket_row(second))
    elif operation == DELETE_ROWS:
        right = length > 2 and VERSIONS <= name[0] <= UPLOADS and memchr(name + 1, 0, length - 1) != NULL
    elif operation in (PUT_ROW, DELETE_ROW):
        right = length > 1 and VERSIONS <= name[0] <= UPLOADS and is_side_key(name + 1, length - 1)
        right = right and (operation == DELETE_ROW or second_length >= LEAST_ROW)
    else:
        right = is_place(name, length)
        right = right and (operation == DELETE_OBJECT or second_length >= LEAST_ROW)
    if not right:
        raise CorruptStoreError(f"a commit in the log holds a change of the kind {operation} that can't be")
    return 0


cdef list operations_of(object payload, bint flags=False):
    """What the payload of a commit's record lists: (operation, bucket or place or list id, row or references).

    With ``flags`` each operation has its flags (OperationFlag).

    Raises CorruptStoreError for an operation that a newer version wrote, and for what can't be.
    """
    cdef Decoder decoder = Decoder(payload)
    cdef uint32_t i, count
    cdef int operation, flagged
    cdef list found = []
    decoder.take(16)
    count = decoder.u32()
    decoder.take(4)
    for i in range(count):
        flagged = decoder.u8()
        operation = flagged & OPERATION
        first = decoder.text()
        second = None
        if operation in (PUT_OBJECT, PUT_VERSION, PUT_ROW, ADD_LIST, CREATE_BUCKET, SET_BUCKET, SET_QUOTA):
            second = decoder.text()
        elif operation not in (DELETE_OBJECT, DELETE_ROW, DELETE_ROWS, DELETE_BUCKET, MOVE_CHUNKS, CUT_LOG):
            raise CorruptStoreError(
                f"a commit in the log holds a change of the unknown kind {operation}; it was written by a "
                "newer Trove: update this one"
            )
        check_change(operation, first, second)
        found.append((flagged if flags else operation, first, second))
    return found
