# cython: language_level=3
"""The index: how rows are kept in LMDB, checked and given room.

LMDB writes through its map, which makes a small commit several times cheaper, and would be killed by
SIGBUS if the file system could not back a page of the map when it is touched. So every byte of the map is
allocated beforehand: the map never reaches beyond what ``posix_fallocate`` gave the file, and it grows at
quiet points, when this process has no transaction open. Other processes notice and follow.
"""

import os
import threading

import lmdb

from trove.errors import CorruptStoreError, StorageIOError

from .codec cimport unsealed

FIRST_MAP = 1 << 20
LEAST_GROWTH = 1 << 17
MAX_READERS = 1024
TABLES = ("buckets", "objects", "lists", "list_uses", "chunks", "packs", "meta")
LIB_VERSION = 1  # LMDB 1.0's file format takes the 1,280 bytes of our longest keys


cdef object row(object txn, object table, bytes key, str name):
    """The body of a row, ``None`` where there is none. Valid while the transaction is."""
    value = txn.get(key, None, table)
    return None if value is None else unsealed(key, value, name)


def index_error(error, doing):
    """The typed error for an ``lmdb.Error``; raise it from ``error``."""
    if isinstance(error, lmdb.DiskError):
        return StorageIOError(f"{doing} failed: {error}; check the medium and its free space")
    return CorruptStoreError(
        f"{doing} failed: {error}; the index can be rebuilt from the log: run `trove repair`"
    )


cdef class Index:
    def __init__(self, str folder, bint readonly=False, bint lock=True, size_t bulk=0):
        """The index in ``folder``. ``bulk`` is for one that is being built and that nobody else has: the
        bytes that it may take, beforehand; it is written without the map, which is faster then."""
        self.folder = folder
        self.bulk = bulk
        self.readonly = readonly
        self._gate = threading.Lock()
        self._idle = threading.Event()
        try:
            if not readonly:
                os.makedirs(folder, 0o700, exist_ok=True)
            self._open(lock)
        except lmdb.Error as error:
            raise index_error(error, f"opening the index in {folder}") from error
        except OSError as error:
            raise StorageIOError.of(error, f"opening the index in {folder}") from error

    def _open(self, lock):
        path = os.path.join(self.folder, "data.mdb")
        if not self.readonly and (not os.path.exists(path) or os.path.getsize(path) == 0):
            # LMDB lays its first pages out itself; only then can the file be allocated to its full size.
            env = self._environment(FIRST_MAP, writemap=False)
            env.close()
        size = max(os.path.getsize(path), self.bulk)
        if not self.readonly and not self.bulk:
            size = max(FIRST_MAP, size)
            self._allocate(size)
        self.env = self._environment(size, writemap=not self.readonly and not self.bulk, lock=lock)
        self.env.reader_check()
        tables = [self.env.open_db(name.encode(), create=not self.readonly) for name in TABLES]
        (self.buckets, self.objects, self.lists, self.list_uses, self.chunks, self.packs, self.meta) = tables

    def _environment(self, size, writemap, lock=True):
        return lmdb.open(
            self.folder,
            map_size=size,
            readonly=self.readonly,
            sync=False,
            writemap=writemap,
            readahead=False,
            max_readers=MAX_READERS,
            max_dbs=len(TABLES),
            max_spare_txns=16,
            mode=0o600,
            create=not self.readonly,
            lock=lock,
            lib_version=LIB_VERSION,
        )

    def _allocate(self, size):
        fd = os.open(os.path.join(self.folder, "data.mdb"), os.O_RDWR | os.O_CLOEXEC)
        try:
            os.posix_fallocate(fd, 0, size)
        finally:
            os.close(fd)

    cdef object begin(self):
        """A read transaction that gives memoryviews; end it with ``end``, soon."""
        return self._begin(True)

    cdef object begin_copying(self):
        """A read transaction that gives bytes: cheaper where every row is kept."""
        return self._begin(False)

    cdef object _begin(self, bint buffers):
        while True:
            if self._growing:
                with self._gate:
                    pass
            self._readers += 1
            try:
                if not self._growing:
                    return self.env.begin(None, None, False, buffers)
            except lmdb.MapResizedError:
                self._leave()
                self._resize(0)
                continue
            except BaseException:
                self._leave()
                raise
            self._leave()

    cdef int end(self, object txn) except -1:
        txn.abort()
        self._leave()
        return 0

    def _leave(self):
        self._readers -= 1
        if self._growing and self._readers == 0:
            self._idle.set()

    cdef object begin_write(self):
        """A write transaction: the lock between processes. The caller has no other one open."""
        while True:
            try:
                return self.env.begin(None, None, True, True)
            except lmdb.MapResizedError:
                self._resize(0)

    def grow(self):
        """Give the map more room. The caller holds this process's write lock and no transaction.

        Raises StorageFullError when the disk has no room for it.
        """
        size = self.env.info()["map_size"]
        if self.bulk:
            return self._resize(2 * size)
        more = min(max(size, FIRST_MAP), 64 << 20)
        while True:
            try:
                self._allocate(size + more)
                break
            except OSError as error:
                # On an almost full disk a little will do.
                more //= 2
                if more < LEAST_GROWTH:
                    raise StorageIOError.of(error, f"enlarging the index in {self.folder}") from error
        self._resize(size + more)

    def _resize(self, size):
        with self._gate:
            self._idle.clear()
            self._growing = True
            try:
                while self._readers:
                    self._idle.wait()
                    self._idle.clear()
                self.env.set_mapsize(size)
            finally:
                self._growing = False

    def sync(self):
        """Make the index durable."""
        try:
            self.env.sync(True)
        except lmdb.Error as error:
            raise index_error(error, f"flushing the index in {self.folder}") from error

    def close(self):
        if self.env is not None:
            env, self.env = self.env, None
            env.close()
