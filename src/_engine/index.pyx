# cython: language_level=3
"""The index: how LMDB's environment is opened, read, written to, made larger and closed.

The map never reaches beyond what is allocated to the file: see `allocation`. It grows at quiet points, when this
process has no transaction open. Other processes notice and follow.

Tables can be found in a write transaction only, unless the environment is opened for reading alone. So that is
how it is opened at first, and after a fork: whoever only reads never waits for a writer. Whoever begins to
write has it opened anew.

LMDB cuts the file to the size of each map that it makes. A map that is smaller than the file would so take
pages from under the maps of others. So whoever makes a map holds the lock of the file's size, and makes it as
long as the file is.
"""

import os

import lmdb

from trove.errors import CorruptStoreError, DriverClosedError, StorageIOError

from libc.stdint cimport uint64_t

from .gate cimport Sized
from .rest cimport Rest
from .rows cimport named_by, row
from .state cimport STATE_DROPPED, STATE_SEQUENCE, State
from .waking cimport Waking
from .allocation import FIRST_MAP, allocate, enlarged, extend
from .rows import CUT, HEAD, LIB_VERSION, SPARE, TABLES, index_error, is_older

cdef extern from * nogil:
    int __ATOMIC_SEQ_CST
    uint64_t __atomic_load_n(const volatile uint64_t *word, int order)

MAX_READERS = 1024
# Where LMDB keeps what processes share of an index: 64 bytes for each reader, and what precedes them. Allocated
# before it is mapped, like the index.
LOCK_SIZE = 68 << 10


def head_of(Index index, txn):
    """The sequence of the last commit that the index has."""
    body = row(txn, index.meta, HEAD, "meta")
    return 0 if body is None else int.from_bytes(body[:8], "little")


def head(Index index):
    """The same, of an index that no transaction is open of yet."""
    with Reading(index) as txn:
        return head_of(index, txn)


def cut_in(Index index, txn):
    """The commit up to which the log may lack some, by what an index says; 0 where it has all."""
    body = row(txn, index.meta, CUT, "meta")
    return 0 if body is None else int.from_bytes(body[:8], "little")


def cut_of(Index index):
    """The same, of an index that no transaction is open of yet."""
    with Reading(index) as txn:
        return cut_in(index, txn)


cdef class Reading:
    """A read transaction of an index; LMDB's errors come out typed. It is to end soon: writers take no space back meanwhile.

    It gives memoryviews, or bytes where it is ``copying``: see ``Index.begin``.
    """

    def __cinit__(self, Index index, bint copying=False):
        self._index = index
        self._copying = copying

    def __enter__(self):
        self._txn = self._index._begin(not self._copying)
        return self._txn

    def __exit__(self, kind, error, trace):
        txn, self._txn = self._txn, None
        self._index.end(txn)
        if error is not None and isinstance(error, lmdb.Error):
            raise index_error(error, f"reading the index in {self._index.folder}") from error


cdef class Index:
    def __init__(self, str folder, bint readonly=False, bint lock=True, size_t bulk=0, bytes store_id=b""):
        """The index in ``folder``. ``bulk`` is for one that is being built and that nobody else has: the
        bytes that it may take, beforehand; it is written without the map, which is faster then.

        ``store_id`` is the store that it is to belong to; needed where rows are changed."""
        self.folder = folder
        self.bulk = bulk
        self.owner = named_by(store_id)
        self.readonly = readonly
        self._rest = Rest()
        self._lock = lock
        self._open_typed()

    def _open_typed(self):
        try:
            if not self.readonly:
                os.makedirs(self.folder, 0o700, exist_ok=True)
            self._open(self._lock, self.bulk or self._writing)
        except lmdb.Error as error:
            raise index_error(error, f"opening the index in {self.folder}") from error
        except OSError as error:
            raise StorageIOError.of(error, f"opening the index in {self.folder}") from error

    def _open(self, lock, writing):
        if not self.readonly:
            lock_file = os.path.join(self.folder, "lock.mdb")
            allocate(lock_file, LOCK_SIZE)
            if self._waking is None:
                self._waking = Waking(lock_file)
                if self._state is not None:
                    self._waking.count_in(self._state)
        if not writing:
            try:
                return self._open_as(lock, False)
            except (FileNotFoundError, lmdb.NotFoundError):
                # There is none yet, or not all of it.
                if self.readonly:
                    raise
                self._require_own_tables()
        return self._open_as(lock, True)

    def _open_as(self, lock, writing):
        try:
            self._open_environment(lock, writing)
            self.env.reader_check()
            tables = self._tables(writing)
        except BaseException:
            self._drop()
            raise
        self._writing = writing
        (
            self.buckets, self.objects, self.versions, self.uploads, self.expiry, self.due, self.lists, self.list_uses,
            self.chunks, self.packs, self.quotas, self.meta, self.spare
        ) = tables

    def _require_own_tables(self):
        """Raise CorruptStoreError for an index that has other tables than we know: another version made it."""
        if is_older(os.path.join(self.folder, "data.mdb")):
            raise CorruptStoreError(
                f"the index in {self.folder} was made by another version of Trove, or not to its end; it will be rebuilt"
            )

    def _drop(self):
        env, self.env = self.env, None
        self._writing = False
        if env is not None:
            env.close()

    def _open_environment(self, lock, writing):
        path = os.path.join(self.folder, "data.mdb")
        if not writing:
            size = os.path.getsize(path)
            if size == 0:
                raise FileNotFoundError(path)
            while self.env is None:
                try:
                    self.env = self._environment(size, False, lock)
                except lmdb.MapResizedError:
                    # A writer enlarged the file in between. What is not so, and says so, is damaged.
                    before, size = size, os.path.getsize(path)
                    if size <= before:
                        raise
            # Asked only now: a writer may have enlarged the file, and used it, since it was mapped.
            size = os.path.getsize(path)
        else:
            with Sized(self.folder) as fd:
                size = os.fstat(fd).st_size
                if size == 0:
                    # LMDB lays its first pages out itself; only then can the file be allocated to its full size.
                    self._environment(FIRST_MAP, True, writemap=False).close()
                    size = os.fstat(fd).st_size
                room = max(size, FIRST_MAP, self.bulk)
                if not self.bulk:
                    extend(fd, size, room)
                self.env = self._environment(room, True, lock, writemap=not self.bulk)
                self._check_length(path, size)
            return
        self._check_length(path, size)

    def _check_length(self, path, size):
        if self._used() > size:
            raise CorruptStoreError(f"{path} is cut short; run `trove repair` to rebuild it from the log")

    def used_bytes(self):
        """How much of the file has ever been used."""
        self._enter()
        try:
            return self._used()
        except lmdb.Error as error:
            raise index_error(error, f"reading the index in {self.folder}") from error
        finally:
            self._leave()

    def _used(self):
        """The same, for those who keep the environment where it is."""
        return (self.env.info()["last_pgno"] + 1) * self.env.stat()["psize"]

    def _tables(self, writing):
        tries = 100
        while True:
            try:
                tables = [self.env.open_db(name.encode(), create=writing) for name in TABLES]
                tables.append(self.env.open_db(SPARE.encode()) if writing else None)
                return tables
            except lmdb.MapResizedError:
                self._remap(writing, False)
            except (lmdb.BadTxnError, lmdb.PageNotFoundError):
                # Begun while others committed, see `_begin`; or damage, which is the same the next time.
                if tries == 0:
                    raise
                tries -= 1

    def _environment(self, size, writing, lock=True, writemap=False):
        return lmdb.open(
            self.folder,
            map_size=size,
            readonly=not writing,
            sync=False,
            writemap=writemap,
            readahead=False,
            max_readers=MAX_READERS,
            max_dbs=len(TABLES) + 1,
            max_spare_txns=16,
            mode=0o600,
            create=writing,
            lock=lock,
            lib_version=LIB_VERSION,
        )

    cdef object begin(self):
        """A read transaction that gives memoryviews; end it with ``end``, soon."""
        return self._begin(True)

    cdef object begin_copying(self):
        """A read transaction that gives bytes: cheaper where every row is kept."""
        return self._begin(False)

    cdef int watch(self, State state) except -1:
        """Notice from now on who commits while a read begins, and who waits for the write lock."""
        self._waking.count_in(state)
        self._state, self._sequence = state, state._words + (<int>STATE_SEQUENCE >> 3)
        self._dropped = state._words + (<int>STATE_DROPPED >> 3)
        return 0

    cdef object _begin(self, bint buffers):
        cdef uint64_t before = 0
        while True:
            self._enter()
            if self._sequence != NULL:
                before = __atomic_load_n(self._sequence, __ATOMIC_SEQ_CST)
            try:
                txn = self.env.begin(None, None, False, buffers)
                if self._sequence == NULL or __atomic_load_n(self._sequence, __ATOMIC_SEQ_CST) == before:
                    return txn
                # LMDB copies the page that the transaction begins from without a lock. Whoever is held up there
                # for a commit and a half has half of a newer page.
                txn.abort()
                self._leave()
                continue
            except lmdb.MapResizedError:
                self._leave()
            except lmdb.ReadersFullError as error:
                # The places of processes that died come free when somebody looks.
                freed = self.env.reader_check()
                self._leave()
                if freed:
                    continue
                raise StorageIOError(
                    f"the index in {self.folder} has {MAX_READERS} readers at once and takes no more; try again"
                ) from error
            except lmdb.Error as error:
                self._leave()
                raise index_error(error, f"reading the index in {self.folder}") from error
            except BaseException:
                self._leave()
                raise
            self._follow()

    cdef int end(self, object txn) except -1:
        txn.abort()
        self._leave()
        return 0

    cdef int _enter(self) except -1:
        """Wait until the map stays where it is, and keep it there."""
        while True:
            self._rest.enter()
            if self.env is not None:
                return 0
            self._leave()
            self._revive()

    cdef int _leave(self) except -1:
        return self._rest.leave()

    cdef object begin_write(self):
        """A write transaction: the lock between processes. The caller has no other one open.

        ``wake_next`` is due when it has ended.
        """
        self._waking.comes()
        try:
            txn = self._begin_write()
        except BaseException:
            self._waking.gives_up()
            raise
        self._waking.has_it()
        return txn

    cdef int wake_next(self) except -1:
        """Wake a process that waits for the write lock, which this one has let go of."""
        if self._waking is not None:
            self._waking.let_go()
        return 0

    cdef object _begin_write(self):
        while True:
            # Once begun, LMDB itself refuses to move the map from under the transaction.
            self._enter()
            try:
                if self._writing:
                    self.written = True
                    return self.env.begin(None, None, True, True)
            except lmdb.MapResizedError:
                pass
            finally:
                self._leave()
            if self._writing:
                self._follow()
            else:
                self._open_to_write()

    def _open_to_write(self):
        with self._rest:
            self._require_open()
            if not self._writing:
                self._drop()
                self._writing = True
                self._open_typed()

    def grow(self):
        """Give the map more room. The caller holds this process's write lock and no transaction.

        Raises StorageFullError when the disk has no room for it.
        """
        try:
            with self._rest:
                self._require_open()
                # What readers that died had kept can be used again; that may be all the room that was lacking.
                if not self.env.reader_check():
                    self._remap(self._writing, True)
        except lmdb.Error as error:
            raise index_error(error, f"enlarging the index in {self.folder}") from error
        except OSError as error:
            raise _typed(error, f"enlarging the index in {self.folder}") from error

    def _follow(self):
        """Map what another process has added to the file."""
        try:
            with self._rest:
                self._require_open()
                self._remap(self._writing, False)
        except lmdb.Error as error:
            raise index_error(error, f"mapping the index in {self.folder}") from error
        except OSError as error:
            raise _typed(error, f"mapping the index in {self.folder}") from error

    def _remap(self, bint writing, bint more):
        known = self.env.info()["map_size"]
        if self.bulk:
            self._map(2 * known)
            return
        if not writing:
            self._map(os.path.getsize(os.path.join(self.folder, "data.mdb")))
            return
        with Sized(self.folder) as fd:
            size = os.fstat(fd).st_size
            if more and size <= known:
                size = enlarged(fd, known)
            if size <= known:
                return
            try:
                self._map(size)
            except lmdb.Error:
                # A write transaction of this process is open: it began with the map long enough.
                if more or self.env is None:
                    raise

    def _map(self, size):
        """Have LMDB map ``size`` bytes. Where that fails for want of memory, whoever needs the index next opens it."""
        try:
            self.env.set_mapsize(size)
        except lmdb.Error:
            try:
                self.env.info()
            except lmdb.Error:
                # The old map is gone and there is no new one: LMDB has given the environment up.
                self._drop()
            raise

    def require_outside(self):
        """Raise InvalidArgumentError where this thread is inside a read of the index: its end can't be waited for."""
        self._rest.require_outside()

    def _require_open(self):
        """Raise DriverClosedError after ``close``; open the environment where there is none. Everybody stands still."""
        if self._closed:
            raise DriverClosedError.of("trove")
        if self.env is None:
            self._open_typed()

    # A fork: LMDB's environments must not be open in two processes by inheritance.

    def pause(self):
        """Close the environment, and let everybody wait. The caller sees to it that nobody is writing."""
        if self._rest.is_inside():
            return  # forked by a signal's handler or a finalizer inside what it would wait for
        self._rest.take()
        self._paused = True
        self._drop()

    def resume(self):
        """Go on after ``pause``; if the index can't be opened, whoever needs it next tries again."""
        if not self._paused:
            return
        self._paused = False
        try:
            if not self._closed:
                self._open(self._lock, False)
        except (lmdb.Error, OSError, CorruptStoreError):
            pass
        finally:
            self._rest.let_go()

    def replace(self, folder):
        """Have the index in ``folder`` from now on, which has the same rows. It is paused, and nobody else has it open."""
        os.replace(os.path.join(folder, "data.mdb"), os.path.join(self.folder, "data.mdb"))
        # Who still reads the old one has its lock file, too.
        os.unlink(os.path.join(self.folder, "lock.mdb"))
        self._waking = None

    def _revive(self):
        with self._rest:
            self._require_open()

    def copy(self, folder, bint compact=True):
        """A copy of the index at one commit, made by LMDB, in the new folder ``folder``.

        One that is not made compact is of the file's length at most, whatever its pages hold.
        """
        path = os.path.join(folder, "data.mdb")
        try:
            os.makedirs(folder, 0o700)
            while not self._copied(path, compact):
                os.unlink(path)
                self._follow()
        except OSError as error:
            raise _typed(error, f"writing {path}") from error

    def _copied(self, path, bint compact):
        """Whether that was done; it was not if another process has enlarged the index since the transaction began."""
        txn = self.begin()
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                self.env.copyfd(fd, compact=compact, txn=txn if compact else None)
            finally:
                os.close(fd)
            return True
        except lmdb.MapResizedError:
            return False
        except lmdb.Error as error:
            raise index_error(error, f"copying the index in {self.folder}") from error
        finally:
            self.end(txn)
            self.wake_next()  # LMDB takes the write lock for a moment

    def sync(self):
        """Make the index durable."""
        self._enter()
        try:
            self.env.sync(True)
        except lmdb.Error as error:
            raise index_error(error, f"flushing the index in {self.folder}") from error
        finally:
            self._leave()

    def close(self):
        """Close the environment when nobody reads any more; whoever comes later gets DriverClosedError.

        The caller sees to it that nobody is writing.
        """
        with self._rest:
            self._closed = True
            try:
                if self.env is not None and self.bulk:
                    # Pages that were taken and given back in one go may never have been written.
                    used = self._used()
                    with Sized(self.folder) as fd:
                        os.ftruncate(fd, max(os.fstat(fd).st_size, used))
            finally:
                self._drop()


def _typed(error, doing):
    """The typed error for an OSError, which may be one of ours already."""
    return error if isinstance(error, StorageIOError) else StorageIOError.of(error, doing)
