cdef class Gate:
    cdef str _path
    cdef int _fd
    cdef int _let_go(self) except -1


cdef class Sized:
    cdef str _folder
    cdef int _fd
    cdef int _let_go(self) except -1
