from libc.stdint cimport int64_t, uint32_t, uint64_t

from .codec cimport Encoder, Reference
from .index cimport Index
from .places cimport Stored
from .schedule cimport Schedule
from .usage cimport Usage


cdef class Commit:
    """One atomic list of changes: applied to the index and encoded for the log as they are made."""

    cdef readonly Index index
    cdef readonly object txn
    cdef readonly uint64_t sequence
    cdef readonly uint32_t count
    cdef readonly bint limited        # whether anything has a quota, as far as that was looked at
    cdef readonly bint ruled          # whether anything has rules, likewise
    cdef bint _replaying
    cdef Usage _usage                 # of the quotas; None where there are none
    cdef Schedule _rules              # of what is due by rules; None where there are none
    cdef Encoder _record
    cdef Py_ssize_t _operation        # where in the record the last operation begins
    cdef dict _live

    cdef int create_bucket(self, bytes name, bytes row) except -1
    cdef int delete_bucket(self, bytes name) except -1
    cdef bytes put_object(self, bytes place, bytes row)
    cdef int delete_object(self, bytes place) except -1
    cdef int set_bucket(self, bytes name, bytes row) except -1
    cdef bytes put_version(self, bytes place, bytes row, bytes old)
    cdef bytes current(self, bytes place)
    cdef int put_row(self, int table, bytes key, bytes row) except -1
    cdef int delete_row(self, int table, bytes key) except -1
    cdef int delete_rows(self, int table, bytes prefix) except -1
    cdef int add_list(self, bytes list_id, bytes references) except -1
    cdef int move_chunks(self, bytes references) except -1
    cdef int cut_log(self, uint64_t sequence) except -1
    cdef int set_quota(self, bytes name, bytes limits) except -1
    cdef int check_quotas(self) except -1
    cdef int require_room(self, bytes place, uint64_t size) except -1
    cdef Encoder record(self, uint64_t predecessor, int64_t time, uint32_t flags, uint64_t seed)
    cdef int finish(self, uint32_t pack, uint64_t offset) except -1
    cdef int replay(self, object payload) except -1

    cdef void _flag(self, int flag) noexcept
    cdef int _log(self, int operation, bytes first, bytes second) except -1
    cdef object _side(self, int table)
    cdef int _schedule(self, bytes place, bytes row, bint comes) except -1
    cdef int _touch(self, bytes place) except -1
    cdef int _put_bucket(self, bytes name, bytes row) except -1
    cdef int _rule_anew(self, bytes name, bytes row) except -1
    cdef int _reschedule(self, moved) except -1
    cdef int _drop(self, bytes key, object table, str name) except -1
    cdef int _drop_nameless(self, bytes place) except -1
    cdef int _keep(self, bytes place, bytes row, bytes stamp, bint nameless) except -1
    cdef int _retain(self, bytes row, bytes place, bint holds) except -1
    cdef int _release(self, bytes row, bytes place, bint holds) except -1
    cdef int _add_reference(self, Reference reference) except -1
    cdef int _drop_reference(self, Reference reference) except -1
    cdef int _put_chunk(self, bytes key, Stored chunk) except -1
    cdef uint32_t _merged             # pages that deletes have given up so far
    cdef int _delete(self, bytes key, object table) except -1
    cdef Py_ssize_t _pages(self, object table) except -1
    cdef int _use_up(self) except -1
    cdef int _each(self, bytes references, bint retain) except -1
    cdef dict _moving                 # references that come or go, and how often: see `begin_move`
    cdef int begin_move(self) except -1
    cdef int end_move(self, bint done) except -1
    cdef int _move(self, bytes packed, int more) except -1
    cdef int _count_moved(self) except -1
