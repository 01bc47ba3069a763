from libc.stdint cimport int64_t, uint8_t

from .commit cimport Commit
from .content cimport Content
from .core cimport Change, Core


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


cdef class CreateBucketChange(Change):
    cdef str bucket
    cdef bytes bucket_name


cdef class DeleteBucketChange(Change):
    cdef str bucket
    cdef bytes bucket_name


cdef class BatchChange(Change):
    cdef list changes
