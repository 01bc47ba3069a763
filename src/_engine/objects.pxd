from .core cimport Core
from .info cimport EngineInfo


cdef tuple place_of(object bucket, object key)
cdef EngineInfo checked_info(bytes place, str key, bytes value)
cdef tuple current_object(Core core, str bucket, str key, tuple place, bint content)
cdef bytes default_block(str key)
