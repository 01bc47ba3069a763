from typing import Any, Final

from trove.errors import CorruptStoreError, StorageIOError

TABLES: Final[tuple[str, ...]]
HEAD: Final[bytes]
CUT: Final[bytes]
SPARE: Final[str]
LIB_VERSION: Final[int]

def owner_in(txn: Any, meta: Any) -> int:
    """Whose the index is, as its head row says; 0 where it does not say."""

def named_by(store_id: bytes) -> int:
    """How the head row of an index names the store with that id."""

def index_error(error: Exception, doing: str) -> CorruptStoreError | StorageIOError:
    """The typed error for an ``lmdb.Error``; raise it from ``error``."""

def is_older(path: str) -> bool:
    """Whether the index in that file, which nobody has open, has some of our tables and lacks others."""

def owner_of(path: str) -> int:
    """Whose the index in that file is, which nobody writes to; 0 where it does not say."""
