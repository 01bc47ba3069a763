# cython: language_level=3
"""Change: something to commit, and what is said of it where that fails."""

import copy

from .commit cimport Commit


cdef class Change:
    cdef int stage(self, Commit commit) except -1:
        raise TypeError("a change has to say what it does")

    cdef bint frees(self) except -1:
        return False


def fail(changes, error):
    """Fail those of ``changes`` that have not failed, each with an exception of its own: they are raised in threads."""
    cdef Change change
    given = False
    for change in changes:
        if change.error is None:
            change.error = _like(error) if given else error
            given = True


def _like(error):
    """Another exception that says the same as ``error``; ``error`` itself where its kind can't be copied."""
    try:
        other = copy.copy(error)
    except Exception:
        return error
    if type(other) is not type(error):
        return error
    other.__cause__, other.__context__ = error.__cause__, error.__context__
    other.__suppress_context__ = error.__suppress_context__
    return other.with_traceback(error.__traceback__)
