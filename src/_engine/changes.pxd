from libc.stdint cimport int64_t, uint8_t

from .change cimport Change
from .commit cimport Commit
from .content cimport Content
from .core cimport Core
from .info cimport EngineInfo


cdef class PutChange(Change):
    cdef Core core
    cdef str bucket
    cdef str key
    cdef bytes place
    cdef bytes bucket_name
    cdef Content content
    cdef bytes attributes             # the row between its head and its content
    cdef int64_t expiry               # microseconds since 1970; 0 for never
    cdef object conditions            # None when there are none
    cdef bint alone                   # in no batch, in which other changes can make the room that it needs


cdef class DeleteChange(Change):
    cdef str bucket
    cdef str key
    cdef object version_id            # None for whatever is current
    cdef bytes place
    cdef bytes bucket_name


cdef class CopyChange(Change):
    cdef str src_bucket
    cdef str src_key
    cdef bytes src_place
    cdef bytes src_bucket_name
    cdef str bucket
    cdef str key
    cdef bytes place
    cdef bytes bucket_name
    cdef object metadata              # None to keep the source's


cdef class RestoreChange(Change):
    cdef str bucket
    cdef str key
    cdef str version_id
    cdef bytes place
    cdef bytes bucket_name


cdef class ExpireChange(Change):
    cdef str bucket
    cdef bytes place
    cdef bytes bucket_name


cdef class VersioningChange(Change):
    cdef str bucket
    cdef bytes bucket_name
    cdef bint enabled


cdef class CreateBucketChange(Change):
    cdef str bucket
    cdef bytes bucket_name


cdef class DeleteBucketChange(Change):
    cdef str bucket
    cdef bytes bucket_name


cdef class BatchChange(Change):
    cdef list changes


cdef int delete_current(Commit commit, int flags, bytes place, bytes body, int64_t now) except -1
cdef bint promote(Commit commit, bytes place) except -1
cdef int drop_older(Commit commit, bytes place, bytes key, bytes body) except -1
cdef int require_bucket(Commit commit, bytes name, str bucket) except -1
cdef EngineInfo current(Commit commit, bytes place, str key)
cdef bytes make_row(int kind, int64_t size, bytes etag, int64_t expiry, bytes attributes, bytes content)
cdef EngineInfo write(
    Commit commit, int flags, str key, bytes place, int kind, int64_t size, bytes etag, int64_t expiry, bytes attributes,
    bytes content
)
