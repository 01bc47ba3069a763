# cython: language_level=3
"""Rest: how an index is made to stand still, so that its map can be moved or its file exchanged.

This is native code because an interrupt can come at any step of Python code, and a lock that is not let go of
would hold up everybody.
"""

import _thread

from trove.errors import InvalidArgumentError

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()

cdef extern from "reading.h" nogil:
    void read_begins(void *index)
    void read_ends(void *index)
    bint is_reading(void *index)


cdef class Rest:
    """Who reads an index, and who has it stand still, or waits for that; the latter is one thread at a time.

    In a block ``with rest`` no transaction of this process begins, and those that read have ended.
    """

    def __cinit__(self):
        self._lock = _thread.allocate_lock()
        self._idle = _thread.allocate_lock()

    # Reads. In between nothing lets go of the interpreter's lock.

    cdef int enter(self) except -1:
        """Wait until the index stays as it is, and keep it so until ``leave``."""
        # Inside a read of this thread it does stay: who waits for its end can't be waited for.
        cdef bint inside = self._wanted and is_reading(<void *>self)
        while True:
            if self._wanted and not inside:
                self._wait()
            self.readers += 1
            read_begins(<void *>self)
            if not self._wanted or inside:
                return 0
            self.leave()

    cdef int leave(self) except -1:
        self.readers -= 1
        read_ends(<void *>self)
        if self._wanted and self.readers == 0 and self._idle.locked():
            self._idle.release()
        return 0

    cdef int _wait(self) except -1:
        """Wait until it is over."""
        if self._owner == PyThread_get_thread_ident():
            raise InvalidArgumentError(
                "the store was called while it moves its index or forks, by a signal's handler or a finalizer; "
                "note there what is to be done, and do it afterwards"
            )
        with self._lock:
            return 0

    # Rest.

    cdef int take(self) except -1:
        """Wait until nobody reads, and have nobody begin to until ``let_go``."""
        self.require_outside()
        self._lock.acquire()
        self._owner = PyThread_get_thread_ident()
        # Whoever is the last to leave lets go of it.
        self._idle.acquire(False)
        self._wanted = True
        try:
            while self.readers:
                self._idle.acquire()
        except BaseException:
            self.let_go()
            raise
        return 0

    cdef int let_go(self) except -1:
        self._wanted = False
        self._owner = 0
        self._lock.release()
        return 0

    def __enter__(self):
        self.take()

    def __exit__(self, *exc_info):
        self.let_go()

    cdef bint is_inside(self) noexcept:
        """Whether this thread reads the index or has it stand still: it can't wait for the end of that."""
        return is_reading(<void *>self) or self._owner == PyThread_get_thread_ident()

    cdef int require_outside(self) except -1:
        """Raise InvalidArgumentError where it is."""
        if self.is_inside():
            raise InvalidArgumentError(
                "the store was called from inside a read that it is doing, by a signal's handler or a finalizer; "
                "note there what is to be done, and do it afterwards"
            )
        return 0
