# cython: language_level=3
"""Rows: which tables an index has, how their rows are looked up, and what they say of the index itself.

The latter also of a file that nobody has open, as a snapshot is.
"""

import os

import lmdb

from trove.errors import CorruptStoreError, StorageFullError, StorageIOError

from libc.stdint cimport uint32_t

from .codec cimport unsealed

TABLES = (
    "buckets", "objects", "versions", "uploads", "expiry", "due", "lists", "list_uses", "chunks", "packs", "quotas",
    "meta",
)
HEAD = b"head"  # the row of the table ``meta``: which commit the index is at, and whose it is
CUT = b"cut"  # the one that says from which commit on the log has them all
SPARE = "spare"  # the table that holds no rows, but pages
LIB_VERSION = 1  # LMDB 1.0's file format takes the 1,280 bytes of our longest keys


# What LMDB says of a file that is not what it left there.
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.NotFoundError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
)


cdef bytes row(object txn, object table, bytes key, str name):
    """The body of a row, ``None`` where there is none."""
    try:
        value = txn.get(key, None, table)
    except lmdb.Error as error:
        raise index_error(error, f"reading the index's table {name}") from error
    return None if value is None else unsealed(key, value, name)


def keys_under(txn, table, bytes prefix):
    """The keys of a table that begin with ``prefix``, in order."""
    with txn.cursor(table) as walk:
        there = walk.set_range(prefix)
        while there:
            key = bytes(walk.key())
            if not key.startswith(prefix):
                return
            yield key
            there = walk.next()


cpdef uint32_t owner_in(object txn, object meta) except? 0:
    """Whose the index is, as the head row in its table ``meta`` says: the first 4 bytes of the store's id.

    0 where it does not say: nothing was committed to it, or only by an older version.
    """
    body = row(txn, meta, HEAD, "meta")
    return 0 if body is None else named_by(body[12:16])


cpdef uint32_t named_by(bytes store_id) except? 0:
    """How the head row of an index names the store with that id."""
    return int.from_bytes(store_id[:4], "little")


def index_error(error, doing):
    """The typed error for an ``lmdb.Error``; raise it from ``error``."""
    if isinstance(error, lmdb.DiskError):
        return StorageFullError(f"{doing} failed: {error}; free some space, then try again")
    if isinstance(error, _DAMAGE):
        return CorruptStoreError(
            f"{doing} failed: {error}; the index can be rebuilt from the log: run `trove repair`"
        )
    return StorageIOError(f"{doing} failed: {error}; check the medium and its free space")


def is_older(path):
    """Whether the index in that file, which nobody has open, has some of our tables and lacks others."""
    size = os.path.getsize(path) if os.path.exists(path) else 0
    if not size:
        return False
    try:
        with _opened_alone(path, size) as env, env.begin() as txn:
            names = {bytes(name).rstrip(b"\0").decode("utf-8", "replace") for name, _ in txn.cursor()}
    except lmdb.Error as error:
        raise index_error(error, f"opening the index in {path}") from error
    return bool(names) and not names >= set(TABLES)


def owner_of(path):
    """Whose the index in that file is, which nobody writes to: see ``Index.owner``; 0 where it does not say."""
    size = os.path.getsize(path)
    if not size:
        return 0
    try:
        with _opened_alone(path, size) as env, env.begin(buffers=True) as txn:
            return owner_in(txn, env.open_db(b"meta", txn, create=False))
    except lmdb.NotFoundError:
        return 0  # nothing was ever committed to it
    except lmdb.Error as error:
        raise index_error(error, f"opening the index in {path}") from error


def _opened_alone(path, size):
    """The environment of an index in a file by itself, to be read only by this process."""
    return lmdb.open(
        path, map_size=size, subdir=False, readonly=True, lock=False, create=False, max_dbs=1, lib_version=LIB_VERSION
    )
