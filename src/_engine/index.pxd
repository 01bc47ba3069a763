from libc.stdint cimport uint32_t, uint64_t

from .rest cimport Rest
from .state cimport State
from .waking cimport Waking


cdef class Index:
    """The LMDB environment and its tables. Rows are sealed: see `codec`."""

    cdef readonly str folder
    cdef readonly bint readonly
    cdef readonly size_t bulk         # see the constructor
    cdef readonly uint32_t owner      # whose it is, as its head row says; 0 for one whose rows nobody changes
    cdef readonly object env
    cdef readonly bint written        # whether a write transaction was ever begun
    cdef bint _writing                # whether `env` was opened for that
    # The tables: a name of a bucket -> its row; bucket NUL key -> an object; the same NUL stamp -> an older version;
    # NUL upload id -> an upload, and its parts; an instant and an object's place -> nothing, of those that expire; the same
    # of places where rules have something to do then; list id -> references of a chunk list; list id -> how many objects share it; chunk id -> where it is and its references;
    # number of a pack -> its live bytes; name of a bucket, or NUL for the store -> its quota; what the index is a
    # state of.
    cdef readonly object buckets, objects, versions, uploads, expiry, due, lists, list_uses, chunks, packs, quotas, meta
    cdef readonly object spare        # pages that nobody needs: see `Commit._use_up`; None where it can only be read
    cdef bint _closed
    cdef bint _lock                   # whether LMDB's lock file is used
    cdef State _state
    cdef const volatile uint64_t *_sequence  # of the last commit, as writers say; NULL where there are none
    cdef const volatile uint64_t *_dropped   # how many packs were removed, as they say; NULL likewise
    cdef Waking _waking
    cdef bint _paused                 # for a fork, or to be exchanged
    cdef Rest _rest
    cdef int watch(self, State state) except -1
    cdef object begin(self)
    cdef object begin_copying(self)
    cdef object _begin(self, bint buffers)
    cdef int end(self, object txn) except -1
    cdef int _enter(self) except -1
    cdef int _leave(self) except -1
    cdef object begin_write(self)
    cdef object _begin_write(self)
    cdef int wake_next(self) except -1


cdef class Reading:
    cdef Index _index
    cdef bint _copying
    cdef object _txn
