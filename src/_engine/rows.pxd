from libc.stdint cimport uint32_t


cdef bytes row(object txn, object table, bytes key, str name)
cpdef uint32_t owner_in(object txn, object meta) except? 0
cpdef uint32_t named_by(bytes store_id) except? 0
