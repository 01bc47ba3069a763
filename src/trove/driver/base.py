"""Driver: what every backend does."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from .data import Data
from .listing import ObjectIterator
from .options import DEFAULT_MAX_KEYS
from .ranges import RangeSpec
from .reader import ObjectReader
from .types import BucketInfo, ObjectInfo


class Driver(ABC):
    """Buckets of objects behind one interface; synchronous, thread-safe, a context manager.

    For users: get one with :func:`trove.open`. Every call but ``open``, ``close`` and ``name`` raises
    :class:`~trove.errors.DriverClosedError` while the driver is not open,
    :class:`~trove.errors.InvalidArgumentError` (or a class of it) for an argument of the wrong type or
    size, before anything is touched, and :class:`~trove.errors.StorageIOError` when the medium fails.

    For authors: implement all abstract methods with these signatures. The ``check_*`` functions of
    :mod:`trove.driver` check arguments, :func:`~trove.driver.blocks` reads every kind of data,
    :func:`~trove.driver.list_page` makes pages, :class:`~trove.driver.ObjectReader` is a file over
    yours, and :class:`~trove.driver.Handles` closes what you gave out. You need *not* check that
    options make sense together, nor that a cursor is genuine: those functions have done it. You *must*
    make each write atomic, let exactly one of two racing conditional writers win, and raise
    :class:`~trove.errors.UnsupportedOptionError` for an option that you can't honour. Offer more by
    extending the classes of :mod:`trove.driver.capability`. :mod:`trove.testing` checks it all.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The driver's short name for people: ``"memory"``, ``"local"``, ``"s3"``, ..."""

    # Opening and closing.

    @abstractmethod
    def open(self, dsn: str, **options: Any) -> None:
        """Connect to the store that ``dsn`` names, and make the folders that it needs.

        ``options`` are settings under the names that the DSN's parameters have. May be called again
        after ``close``. Raises InvalidDSNError for a DSN of another scheme or with an unknown
        parameter, and InvalidArgumentError when the driver is open already.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; closing twice is no error. Open readers and watchers end."""

    @abstractmethod
    def ping(self) -> None:
        """Do nothing, but raise when the backend can't serve."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # Objects.

    @abstractmethod
    def put(
        self,
        bucket: str,
        key: str,
        data: Data,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        storage_class: str | None = None,
        expires_at: datetime | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> ObjectInfo:
        """Store ``data`` under ``key``, in place of what is there; the new object's info.

        ``data`` is bytes-like, a binary file (read from its position on, not closed), a path
        (``os.PathLike``) or an iterable of bytes-like pieces. The write is atomic: nobody sees a
        part of it, and when reading ``data`` fails, its own exception is raised and the old object
        stays. A missing ``content_type`` is guessed from the key.

        ``expires_at`` is a timezone-aware instant from which on the object is as if deleted.
        ``if_none_match="*"`` only creates, ``if_match=etag`` only replaces the content of that etag;
        else PreconditionFailedError is raised. Of racing writers exactly one wins.

        Raises BucketNotFoundError.
        """

    @abstractmethod
    def get(
        self,
        bucket: str,
        key: str,
        *,
        range: RangeSpec | None = None,
        version_id: str | None = None,
    ) -> ObjectReader:
        """A reader of one consistent version, the current one unless ``version_id`` names another.

        What was written while versioning was off is the version ``""``, and in a driver without versions
        that is every object's only one.

        ``range`` is ``(offset, length)``, ``(offset, None)`` to the end, ``(-n, None)`` for the last n
        bytes, or ``"bytes=0-1023"``. A length past the end is cut, an offset equal to the size reads
        nothing, ``-n`` beyond the size is the whole. ``reader.info`` describes the whole object.

        Raises BucketNotFoundError, ObjectNotFoundError (also where a delete marker stands), and
        InvalidRangeError for an offset past the end. With a ``version_id`` that the key does not have,
        it raises VersionNotFoundError, whether or not the object exists.
        """

    @abstractmethod
    def delete(self, bucket: str, key: str, *, version_id: str | None = None) -> None:
        """Delete an object; that it is missing is no error.

        In a versioned bucket this puts a delete marker. With a ``version_id`` it deletes that version for
        good, ``""`` being the unversioned one as in ``get``. Raises BucketNotFoundError, and with a
        ``version_id`` that the key does not have, even as the object is missing, VersionNotFoundError.
        """

    @abstractmethod
    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """The info of an object, equal to what ``put`` returned. Raises what ``get`` raises."""

    @abstractmethod
    def list(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        max_keys: int = DEFAULT_MAX_KEYS,
        cursor: str = "",
    ) -> ObjectIterator:
        """One page of the objects whose keys begin with ``prefix``, in order of their UTF-8 bytes.

        With a ``delimiter``, keys that hold it after the prefix are rolled up to their common prefix,
        which ends with it. Objects and common prefixes both count to ``max_keys``, and every page but
        the last holds exactly that many. ``cursor`` is the ``next_token`` of the page before; it stays
        valid while others write and after reopening, and belongs to its prefix and delimiter.

        Raises BucketNotFoundError and InvalidCursorError.
        """

    @abstractmethod
    def copy(
        self,
        src_bucket: str,
        src_key: str,
        dst_bucket: str,
        dst_key: str,
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Copy the current version of an object, with its etag; the new object's info.

        Content type, tags, storage class, expiry and metadata go along; ``metadata`` replaces the
        metadata, ``{}`` clears it. Copying onto itself is allowed. Raises BucketNotFoundError and
        ObjectNotFoundError.
        """

    # Buckets.

    @abstractmethod
    def create_bucket(self, name: str, *, region: str | None = None) -> None:
        """Create an empty bucket. Raises BucketExistsError."""

    @abstractmethod
    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket; open uploads end with it.

        Raises BucketNotFoundError, and BucketNotEmptyError while it holds objects or versions.
        """

    @abstractmethod
    def list_buckets(self) -> builtins.list[BucketInfo]:
        """All buckets, sorted by name."""
