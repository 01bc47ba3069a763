from typing import Any, Final

from trove.errors import CorruptStoreError, StorageIOError

TABLES: Final[tuple[str, ...]]
HEAD: Final[bytes]
CUT: Final[bytes]
SPARE: Final[str]
LIB_VERSION: Final[int]

def index_error(error: Exception, doing: str) -> CorruptStoreError | StorageIOError:
    """The typed error for an ``lmdb.Error``; raise it from ``error``."""

def is_older(path: str) -> bool:
    """Whether the index in that file, which nobody has open, has some of our tables and lacks others."""

def owner_in(txn: Any, meta: Any) -> int:
    """Whose the index is, as its head row says; 0 where it does not say."""

def head_of(index: Index, txn: Any) -> int:
    """The sequence of the last commit that the index has, in an open transaction of it."""

def head(index: Index) -> int:
    """The same, of an index that no transaction is open of yet."""

def cut_in(index: Index, txn: Any) -> int:
    """The commit up to which the log may lack some, in an open transaction of it; 0 where it has all."""

def cut_of(index: Index) -> int:
    """The same, of an index that no transaction is open of yet."""

def named_by(store_id: bytes) -> int:
    """How the head row of an index names the store with that id."""

def owner_of(path: str) -> int:
    """Whose the index in that file is, which nobody writes to; 0 where it does not say."""

class Index:
    """The LMDB environment and its tables, in a folder."""

    def __init__(
        self, folder: str, readonly: bool = False, lock: bool = True, bulk: int = 0, store_id: bytes = b""
    ) -> None:
        """``bulk`` is for an index that is being built and that nobody else has: the bytes it may take.

        ``store_id`` is the store that it is to belong to; needed where rows are changed."""

    @property
    def folder(self) -> str: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def owner(self) -> int: ...
    @property
    def env(self) -> Any: ...
    def copy(self, folder: str, compact: bool = True) -> None:
        """A copy of the index at one commit, made by LMDB, in the new folder ``folder``."""

    def used_bytes(self) -> int:
        """How much of the file has ever been used."""

    def grow(self) -> None:
        """Give the map more room. Raises StorageFullError when the disk has none."""

    def sync(self) -> None:
        """Make the index durable."""

    def close(self) -> None: ...
