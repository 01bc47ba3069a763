# cython: language_level=3
"""Rest: the lock of whoever makes an index stand still.

This is native code because an interrupt can come at any step of Python code, and a lock that is not let go of
would hold up everybody.
"""

import _thread

from trove.errors import InvalidArgumentError

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()


cdef class Rest:
    """Who has an index stand still, or waits for that; one thread at a time."""

    def __cinit__(self):
        self._lock = _thread.allocate_lock()

    cdef int take(self) except -1:
        self._lock.acquire()
        self.owner = PyThread_get_thread_ident()
        return 0

    cdef int let_go(self) except -1:
        self.owner = 0
        self._lock.release()
        return 0

    cdef int wait(self) except -1:
        """Wait until it is over."""
        if self.owner == PyThread_get_thread_ident():
            raise InvalidArgumentError(
                "the store was called while it moves its index or forks, by a signal's handler or a finalizer; "
                "note there what is to be done, and do it afterwards"
            )
        with self._lock:
            return 0
