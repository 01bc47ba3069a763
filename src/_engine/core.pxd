from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .change cimport Change
from .chunker cimport Chunker
from .commit cimport Commit
from .index cimport Index
from .lead cimport Lead
from .pack cimport Pack, Packs, PackWriter
from .state cimport State


cdef class Core:
    """A store that this process has open, shared by all its handles."""

    cdef readonly str path
    cdef readonly object parameters
    cdef readonly bint readonly
    cdef readonly int forks           # how often this process's line had forked when it was opened
    cdef readonly Packs packs
    cdef readonly Index index
    cdef readonly PackWriter writer
    cdef readonly State state
    cdef readonly Chunker chunker
    cdef object _blake3               # the hash of a store made with hash=blake3, else None
    cdef public int handles
    cdef Lead _lead                   # of the threads that commit
    cdef bint _resting                # for a fork
    cdef uint64_t _last               # the last commit that was made here, as far as nobody else came since
    cdef bint _limited                # whether anything had a quota then
    cdef bint _ruled                  # whether anything had rules then
    cdef object _lifetime             # the descriptor whose lock says that the store is open
    cdef readonly object background   # the threads that flush, take snapshots and keep house
    cdef readonly object wishes       # what is to be done by itself
    cdef bint _kept                   # somebody keeps house
    cdef bint _reserved               # space for deletes on a full disk is set aside
    cdef uint64_t _unsaved_changes    # since the last snapshot, as far as this process knows
    cdef uint64_t _unsaved_bytes
    cdef object __weakref__
    cdef bytes name(self, const uint8_t *data, Py_ssize_t length)
    cdef bint may_be_limited(self) noexcept
    cdef bint _is_behind(self) noexcept
    cdef object submit(self, Change change)
    cdef int commit(self, list changes) except -1
    cdef bint _tried(self, list changes) except -1
    cdef int _attempt(self, list changes) except -1
    cdef int _append(self, Commit commit, object txn, bint durable, uint32_t flags) except -1
    cdef int _care(self, Commit commit, bint durable) except -1
    cdef int _without_space(self, list changes, object error) except -1
    cdef int flush(self) except -1
    cdef int note_written(self, uint32_t number, uint64_t end) except -1
    cdef int note_extent(self, uint32_t number, uint64_t start, uint64_t end) except -1
    cdef object catch_up(self, object txn)
