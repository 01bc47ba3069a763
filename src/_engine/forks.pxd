cdef int forks_so_far() noexcept nogil
