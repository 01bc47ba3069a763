# cython: language_level=3
"""Readonly: how the index is read by somebody who must not write anything.

There are three ways, and each time that somebody opens the store to write it is decided anew which one is open:

- *still*: nobody has the store open to write, and its index can be trusted. It is read as it is, without
  LMDB's lock file. For each read the STORE file's lock is held, shared: a writer who comes says so in
  ``state`` first and then waits for that lock, so nothing changes under a read.
- *shared*: writers are there. The index is read beside them, as they read it themselves: with LMDB's lock file.
- *private*: the index is not to be trusted (missing, damaged, from before a crash of the machine), or there
  are writers and their lock file can't be written here. An index of our own is made from the log in a temporary
  folder, and follows the log by the sequence in ``state``.
"""

import atexit
import mmap
import os
import shutil
import tempfile

from libc.stdint cimport uint64_t

import lmdb

from trove.errors import CorruptStoreError, DriverClosedError, StorageIOError, TroveError

from .index cimport Index
from .pack cimport Packs
from .scan cimport Log
from .state cimport STATE_DROPPED, STATE_OPENINGS, STATE_SEQUENCE, STATE_SIZE
from . import recovery, snapshots
from .gate import Gate, in_use
from .index import head
from .pack import MissingPackError
from .state import is_state, raised_in
from .state import known as state_known

cdef extern from "<sys/file.h>" nogil:
    int flock(int fd, int operation)
    enum: LOCK_SH
    enum: LOCK_NB
    enum: LOCK_UN

cdef enum Way:
    STILL
    SHARED
    PRIVATE

TRIES = 3  # to make an index of our own beside those who compact

_folders = {}  # temporary folders -> the process that made them: a forked child leaves them alone


def _remove_folders():
    for folder, pid in list(_folders.items()):
        if pid == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


atexit.register(_remove_folders)


cdef class ReadonlyIndex(Index):
    cdef str _store
    cdef Packs _packs_of_store
    cdef Way _way
    cdef object _page                 # the state file, mapped to read; None while there is none
    cdef const unsigned char[::1] _bytes
    cdef const volatile uint64_t *_words
    cdef uint64_t _openings           # as it was when the way was chosen
    cdef uint64_t _noted              # private: the sequence in the state up to which the log was followed
    cdef Index _builder               # private: what writes to the index in the temporary folder
    cdef dict _ends                   # private: how far each pack was read
    cdef readonly object damage       # why the store's own index can't be used; None if it can, or need not
    cdef int _still_fd                # of the STORE file, whose lock is held for each read
    cdef bint _held

    def __cinit__(self, *args, **kwargs):
        self._still_fd = -1

    def __init__(self, str store, Packs packs):
        self._store = store
        self._packs_of_store = packs
        super().__init__(os.path.join(store, "index"), readonly=True, store_id=packs.store_id)

    # Reads.

    cdef int _enter(self) except -1:
        while True:
            Index._enter(self)
            try:
                if self._current():
                    return 0
            except BaseException:
                self._leave()
                raise
            self._leave()
            self._renew()

    cdef int _leave(self) except -1:
        if self._held and self._rest.readers == 1:
            self._held = False
            flock(self._still_fd, LOCK_UN)
        return Index._leave(self)

    cdef bint _current(self) except -1:
        """Whether what is open is what is to be read now. A still index stays so until ``_leave``."""
        # No other thread runs in here: nothing lets go of the interpreter's lock.
        if self._way == STILL and not self._held:
            if flock(self._still_fd, LOCK_SH | LOCK_NB):
                return False  # a writer is about to come
            self._held = True
        if self._words == NULL:
            return mapped_state(self._store, self._packs_of_store.store_id) is None  # until somebody opens the store to write, and makes it
        if self._words[<int>STATE_OPENINGS >> 3] != self._openings:
            return False
        return self._way != PRIVATE or self._words[<int>STATE_SEQUENCE >> 3] == self._noted

    def _renew(self):
        """Bring what is open up to date, or choose another way."""
        with self._rest:
            if self._closed:
                raise DriverClosedError.of("trove")
            if (
                self._way == PRIVATE and self.env is not None and self._words != NULL
                and self._words[<int>STATE_OPENINGS >> 3] == self._openings
            ):
                try:
                    self._catch_up()
                    return
                except CorruptStoreError:
                    pass  # packs that were not read yet can have been compacted away: begin anew
                except BaseException:
                    self._let_go()  # the builder may be gone half way
                    raise
            self._open_typed()

    # Opening. Nobody reads meanwhile.

    def _open_typed(self):
        with Gate(self._store):
            for left in reversed(range(TRIES)):
                try:
                    return self._choose()
                except BaseException as error:
                    self._let_go()  # what is open was not looked at yet, or not to its end
                    # A pack can be compacted away between being listed and being read.
                    if not left or not isinstance(error, MissingPackError):
                        raise

    def _choose(self):
        """Open the index in the way that is right now. The gate is held."""
        self._let_go()
        self.damage = None
        self._map_state()
        live = in_use(self._store)
        self._openings = 0 if self._words == NULL else self._words[<int>STATE_OPENINGS >> 3]
        doubtful = False
        if live or self._known().intact:
            try:
                doubtful = self._open_as_it_is(live)
                if self.env is not None and not doubtful:
                    return
            except CorruptStoreError as error:
                self.damage = error
                self._close_env()
        if doubtful:
            self._close_env()
        try:
            self._open_private(live)
        except CorruptStoreError:
            if not doubtful:
                raise
            # It is the log that lost something: what the index has of it can be read.
            self._let_go_of_private()
            self._open_as_it_is(live)

    def _open_as_it_is(self, live):
        """Open the store's index if that is possible without writing; whether the log does not know where it is.

        Beside writers LMDB must note who reads what. That is all that is written, and not to the store's data.
        """
        if live and not self._can_share():
            return False
        folder = os.path.join(self._store, "index")
        try:
            fd = os.open(os.path.join(folder, "data.mdb"), os.O_RDONLY | os.O_CLOEXEC)
            try:
                empty = os.fstat(fd).st_size == 0
            finally:
                os.close(fd)
        except FileNotFoundError as error:
            raise CorruptStoreError(f"the index in {folder} is missing; it will be made from the log") from error
        except OSError as error:
            raise StorageIOError.of(error, f"opening the index in {folder}") from error
        if empty:
            raise CorruptStoreError(f"the index in {folder} is empty; it will be made from the log")
        self.folder, self._lock = folder, live
        self._way = SHARED if live else STILL
        self._sequence = NULL
        if live and self._words != NULL:
            self._sequence = &self._words[<int>STATE_SEQUENCE >> 3]
        known = self._known()
        if not live:
            recovery.check_file(self._store, known)
        Index._open_typed(self)
        txn = self._first_look()
        try:
            # Beside writers the state may be ahead of this transaction.
            recovery.check_index(self, txn, self._packs_of_store, 0 if live else known.least)
            doubtful = known.surely and not live and not recovery.is_recorded(self, txn, self._packs_of_store)
        finally:
            txn.abort()
        if not live:
            self._open_still_fd()
        return doubtful

    def _first_look(self):
        """A read transaction of the index, which nobody reads yet; whole, whoever commits meanwhile: see ``Index._begin``."""
        while True:
            before = 0 if self._sequence == NULL else self._sequence[0]
            try:
                txn = self.env.begin(buffers=True)
            except lmdb.MapResizedError:
                self._remap(False, False)
                continue
            if self._sequence == NULL or self._sequence[0] == before:
                return txn
            txn.abort()

    def _open_still_fd(self):
        name = os.path.join(self._store, "STORE")
        try:
            self._still_fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageIOError.of(error, f"opening {name}") from error

    def _can_share(self):
        try:
            os.close(os.open(os.path.join(self._store, "index", "lock.mdb"), os.O_RDWR | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def _known(self):
        """What the state says of the log and the index."""
        return state_known(self._store, self._page)

    def _raised(self):
        return (0, 0) if self._page is None else raised_in(self._page)

    def _open_private(self, live):
        """Make an index in a temporary folder, from the newest snapshot and the log."""
        try:
            self.folder = tempfile.mkdtemp(prefix="trove-index-")
        except OSError as error:
            raise StorageIOError.of(
                error, f"making an index of {self._store} in a temporary folder (TMPDIR names another one)"
            ) from error
        _folders[self.folder] = os.getpid()
        self._way, self._ends, self._sequence = PRIVATE, {}, NULL
        try:
            snapshots.restore(self._store, self.folder, self._packs_of_store.store_id)
            self._builder = Index(
                self.folder, bulk=recovery.BULK_BYTES, store_id=self._packs_of_store.store_id
            )
            if live and self._words != NULL:
                # What is beyond the last acknowledged commit may still fail.
                self._catch_up()
            else:
                self._noted = 0 if self._words == NULL else self._words[<int>STATE_SEQUENCE >> 3]
                recovery.replay(self._builder, self._packs_of_store, self._known(), self._raised())
                self._take_over()
        except OSError as error:
            self._let_go_of_private()
            if isinstance(error, TroveError):
                raise
            raise StorageIOError.of(error, f"making an index of {self._store} in {self.folder}") from error
        except BaseException:
            self._let_go_of_private()
            raise

    def _catch_up(self):
        """Follow the log to the commit that the state names."""
        cdef Log log
        cdef uint64_t until = self._words[<int>STATE_SEQUENCE >> 3]
        base = head(self._builder)
        if base < until:
            log = Log(self._packs_of_store, base, raised=self._raised(), begin=self._ends, until=until)
            if recovery.replay_chain(self._builder, log, base, until) < until:
                raise CorruptStoreError(
                    f"the log in {self._packs_of_store.folder} lacks commits up to {until}; run `trove repair` to save "
                    "what is whole"
                )
            self._ends = log.ends
        self._noted = until
        self._take_over()

    def _take_over(self):
        """Read what the builder has written."""
        cdef Index builder = self._builder
        self.env = builder.env
        self.buckets, self.objects, self.versions, self.uploads = (
            builder.buckets, builder.objects, builder.versions, builder.uploads
        )
        self.expiry, self.due = builder.expiry, builder.due
        self.lists, self.list_uses = builder.lists, builder.list_uses
        self.chunks, self.packs, self.quotas, self.meta = builder.chunks, builder.packs, builder.quotas, builder.meta

    def _map_state(self):
        self._page = mapped_state(self._store, self._packs_of_store.store_id)
        if self._page is not None:
            self._bytes = self._page
            self._words = <const volatile uint64_t *>&self._bytes[0]
            self._dropped = self._words + (<int>STATE_DROPPED >> 3)

    # Closing.

    def _close_env(self):
        if self.env is not None:
            env, self.env = self.env, None
            env.close()
        if self._still_fd >= 0:
            os.close(self._still_fd)
            self._still_fd = -1

    def _let_go_of_private(self):
        if self._builder is not None:
            if self.env is None:
                self.env = self._builder.env
            self._builder = None
        self._close_env()
        if self._way == PRIVATE and _folders.pop(self.folder, None) is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _let_go(self):
        self._let_go_of_private()
        self._dropped = NULL
        self._words = NULL
        self._sequence = NULL
        self._bytes = self._page = None

    def pause(self):
        """As of any index; after the fork the way to read is chosen anew."""
        if self._rest.is_inside():
            return  # the end of a read of this thread can't be waited for
        self._rest.take()
        self._paused = True
        self._let_go()

    def resume(self):
        if self._paused:
            self._paused = False
            self._rest.let_go()

    def close(self):
        with self._rest:
            self._closed = True
            self._let_go()


def mapped_state(store, store_id):
    """The state file of the store with that id, mapped to read; ``None`` where there is no whole one."""
    try:
        fd = os.open(os.path.join(store, "state"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.fstat(fd).st_size < STATE_SIZE:
            return None
        page = mmap.mmap(fd, STATE_SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
    except OSError:
        return None
    finally:
        os.close(fd)
    return page if is_state(page, store_id) else None
