cdef class Rest:
    cdef Py_ssize_t readers           # reads that have begun and not ended
    cdef bint _wanted                 # somebody has the index stand still, or waits for the reads to end
    cdef object _lock                 # of whoever that is
    cdef unsigned long _owner         # the thread; 0 for none
    cdef object _idle                 # taken by whoever waits for the reads to end, let go by the last one
    cdef int enter(self) except -1
    cdef int leave(self) except -1
    cdef int _wait(self) except -1
    cdef int take(self) except -1
    cdef int let_go(self) except -1
    cdef bint is_inside(self) noexcept
    cdef int require_outside(self) except -1
