from .changes cimport CopyChange, PutChange
from .core cimport Core
from .reader cimport EngineReader, Session


cdef class Engine:
    cdef Core _core
    cdef Session _session
    cdef str _path
    cdef bint _durable
    cdef bint _readonly
    cdef int _verify
    cdef object _wishes
    cdef object _opening              # held to open and close
    cdef int _opening_forks           # how often this process's line had forked when it was made
    cdef Core core(self)
    cdef Core writable(self)
    cdef int _put_into(
        self, Core core, PutChange change, bint alone, object bucket, object key, object data, object content_type,
        object metadata, object tags, object storage_class, object expires_at, object if_match, object if_none_match
    ) except -1
    cdef EngineReader _reader(self, Core core, str bucket, str key, tuple place, object wanted, object version_id)
    cdef tuple _find(self, Core core, str bucket, str key, tuple place, bint content)
    cdef tuple _find_version(self, Core core, str bucket, str key, tuple place, str version_id, bint content)
    cdef int _copy_into(self, CopyChange change, src_bucket, src_key, bucket, key, metadata) except -1
    cdef list _readers(self, Core core, Session session, str bucket, list places)
