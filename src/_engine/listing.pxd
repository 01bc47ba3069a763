from .core cimport Core


cdef object page(Core core, object request)
