from .change cimport Change


cdef class Lead:
    cdef bint _taken                  # some thread leads, or is about to
    cdef unsigned long _owner         # the one that does; 0 while the lead is handed over
    cdef list _queue                  # changes that came meanwhile
    cdef Py_ssize_t waiting(self) except -1
    cdef bint is_mine(self) noexcept
    cdef int require_not_mine(self) except -1
    cdef object take_for(self, Change change)
    cdef object _wait(self, Change change)
    cdef list take_along(self)
    cdef int take(self, list interrupts) except -1
    cdef int hand_over(self, list changes) except -1
