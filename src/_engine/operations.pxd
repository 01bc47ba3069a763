cdef list operations_of(object payload, bint flags=*)
