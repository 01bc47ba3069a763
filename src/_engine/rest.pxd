cdef class Rest:
    cdef object _lock
    cdef unsigned long owner          # the thread that has it; 0 for none
    cdef int take(self) except -1
    cdef int let_go(self) except -1
    cdef int wait(self) except -1
