# cython: language_level=3
"""Lead: which of the threads that change a store at once commits, and for whom.

One thread leads: it commits what is there, wakes whom it committed for, and hands the lead to the first of those
who came meanwhile, who takes them all along. Between the reading and the setting of a field here no other thread
runs: nothing in between lets go of the interpreter's lock, as making an object can, by way of the garbage
collection.
"""

import _thread

from trove.errors import InvalidArgumentError

from .change cimport Change
from .interrupts import patiently

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()


cdef class Lead:
    def __cinit__(self):
        self._queue = []

    cdef Py_ssize_t waiting(self) except -1:
        """How many changes have queued up."""
        return len(self._queue)

    cdef bint is_mine(self) noexcept:
        """Whether this thread leads."""
        return self._taken and self._owner == PyThread_get_thread_ident()

    cdef int require_not_mine(self) except -1:
        """Raise InvalidArgumentError where this thread leads: its own commit can't be waited for."""
        if self.is_mine():
            raise InvalidArgumentError(
                "the store was called from inside a change that it is making, by a signal's handler or a finalizer; "
                "note there what is to be done, and do it afterwards"
            )
        return 0

    cdef object take_for(self, Change change):
        """Wait until ``change`` is done, or this thread leads and is to commit it; the interrupt to raise then.

        One that comes while nobody has begun with the change is raised here, and prevents it.
        """
        interrupt = None
        if self._taken:
            self.require_not_mine()
            change.turn = _thread.allocate_lock()
            change.turn.acquire()
            if self._taken:
                self._queue.append(change)
                interrupt = self._wait(change)
        if not change.done:
            self._taken, self._owner = True, PyThread_get_thread_ident()
        return interrupt

    cdef object _wait(self, Change change):
        """Wait until ``change`` is done or may lead; the interrupt that came meanwhile and is to be raised then."""
        interrupt = None
        while True:
            try:
                change.turn.acquire()
                return interrupt
            except BaseException as error:
                if change in self._queue:
                    # Nobody has begun with it: it is not going to happen.
                    self._queue.remove(change)
                    raise
                interrupt = error

    cdef list take_along(self):
        """The changes that have queued up, for the leader to commit with its own."""
        taken, self._queue = self._queue, []
        return taken

    cdef int take(self, list interrupts) except -1:
        """Wait for the commit that is under way, and let the next ones wait for ``hand_over``."""
        cdef Change change
        while self._taken:
            change = Change.__new__(Change)
            change.turn = _thread.allocate_lock()
            change.turn.acquire()
            if not self._taken:
                break
            self._queue.insert(0, change)
            patiently(change.turn.acquire, interrupts)
            if not change.done:
                break
            # The leader before had taken it along.
        self._taken, self._owner = True, PyThread_get_thread_ident()
        return 0

    cdef int hand_over(self, list changes) except -1:
        """Wake whoever is to lead next, and those for whom the leader committed: for all but the first of ``changes``."""
        cdef Change change
        self._owner = 0
        if self._queue:
            change = self._queue.pop(0)
            change.turn.release()
        else:
            self._taken = False
        for change in changes[1:]:
            change.done = True
            change.turn.release()
        return 0
