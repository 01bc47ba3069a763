# cython: language_level=3
"""Gate: the locks of a store's files. Who opens or closes it now, has it open to write, or makes its index longer.

They are ``flock`` locks, which a medium that is read-only takes too. This is native code because an interrupt
(Ctrl-C) can come at any step of Python code: between the taking of a lock and the note that it was taken, or
before it is let go.
"""

import os

from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno

from trove.errors import StorageIOError

cdef extern from "<sys/file.h>" nogil:
    int flock(int fd, int operation)
    enum: LOCK_EX
    enum: LOCK_NB
    enum: LOCK_UN


cdef class Gate:
    """Held while a store is opened or closed: the lock of its folder's descriptor."""

    def __cinit__(self, str path):
        self._path = path
        self._fd = -1

    def __dealloc__(self):
        self._let_go()

    def __enter__(self):
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageIOError.of(error, f"opening {self._path}") from error
        try:
            take(self._fd, LOCK_EX)
        except OSError as error:
            self._let_go()
            raise StorageIOError.of(error, f"locking {self._path}") from error
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self._let_go()

    cdef int _let_go(self) except -1:
        cdef int fd = self._fd
        if fd >= 0:
            self._fd = -1
            # Unlocked by hand: a child forked meanwhile holds a copy of the descriptor.
            flock(fd, LOCK_UN)
            os.close(fd)
        return 0


cdef int take(int fd, int operation) except -1:
    """Take a lock, or raise OSError: BlockingIOError where it is somebody else's and ``operation`` won't wait."""
    cdef int failed
    while True:
        with nogil:
            failed = flock(fd, operation)
        if not failed:
            return 0
        if errno != EINTR:
            raise OSError(errno, os.strerror(errno))
        PyErr_CheckSignals()


def locked(int fd):
    """Whether nobody else has the file ``fd`` locked; now it is, for us alone.

    Of the file LOCK it says that nobody else has the store open, of a pack that nobody appends to it.
    """
    try:
        take(fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def in_use(path):
    """Whether some process has the store at ``path`` open to write. The gate is held."""
    lock = os.path.join(path, "LOCK")
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageIOError.of(error, f"opening {lock}") from error
    try:
        if not locked(fd):
            return True
        flock(fd, LOCK_UN)
        return False
    except OSError as error:
        raise StorageIOError.of(error, f"locking {lock}") from error
    finally:
        os.close(fd)


def await_lockless_readers(path):
    """Wait until no reader is left that does without the index's lock file.

    Such a reader holds the STORE file's lock for each read, some microseconds, and looks up in ``state``
    whether a writer has come before it reads. The caller has said so there.
    """
    name = os.path.join(path, "STORE")
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            take(fd, LOCK_EX)
            flock(fd, LOCK_UN)
        finally:
            os.close(fd)
    except OSError as error:
        raise StorageIOError.of(error, f"locking {name}") from error


cdef class Sized:
    """A descriptor of the file of an index, whose size nobody else changes meanwhile."""

    def __cinit__(self, str folder):
        self._folder = folder
        self._fd = -1

    def __dealloc__(self):
        self._let_go()

    def __enter__(self):
        path = os.path.join(self._folder, "data.mdb")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            take(self._fd, LOCK_EX)
        except BaseException:
            self._let_go()
            raise
        return self._fd

    def __exit__(self, *exc_info):
        self._let_go()

    cdef int _let_go(self) except -1:
        cdef int fd = self._fd
        if fd >= 0:
            self._fd = -1
            # Unlocked by hand: a child forked meanwhile holds a copy of the descriptor.
            flock(fd, LOCK_UN)
            os.close(fd)
        return 0
