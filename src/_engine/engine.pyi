import builtins
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from trove.driver import BucketInfo, Data, ObjectInfo, ObjectIterator, ObjectRef
from trove.driver.ranges import RangeSpec

from .core import Core
from .reader import EngineReader

class Engine:
    """The native half of ``trove.drivers.engine.EngineDriver``, which has the documentation."""

    def __init__(self) -> None: ...
    @property
    def name(self) -> str: ...
    def open(self, dsn: str, **options: Any) -> None: ...
    def close(self) -> None: ...
    def ping(self) -> None: ...
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
    ) -> ObjectInfo: ...
    def get(
        self, bucket: str, key: str, *, range: RangeSpec | None = None, version_id: str | None = None
    ) -> EngineReader: ...
    def get_range(self, bucket: str, key: str, offset: int, length: int) -> EngineReader: ...
    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> ObjectInfo: ...
    def delete(self, bucket: str, key: str, *, version_id: str | None = None) -> None: ...
    def list(
        self, bucket: str, *, prefix: str = "", delimiter: str = "", max_keys: int = 1000, cursor: str = ""
    ) -> ObjectIterator: ...
    def copy(
        self,
        src_bucket: str,
        src_key: str,
        dst_bucket: str,
        dst_key: str,
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo: ...
    def server_copy(self, src: ObjectRef, dst: ObjectRef) -> ObjectInfo: ...
    def create_bucket(self, name: str, *, region: str | None = None) -> None: ...
    def delete_bucket(self, name: str) -> None: ...
    def list_buckets(self) -> builtins.list[BucketInfo]: ...
    def opened(self) -> Core:
        """The store that is open, for calls that stand elsewhere. Raises DriverClosedError when none is."""

    def opened_to_write(self) -> Core:
        """The same for calls that change it. Raises UnsupportedOptionError with mode=r."""

    @property
    def session(self) -> object:
        """What readers and watchers ask whether the driver is still open."""

    @property
    def durable(self) -> bool:
        """Whether writes are flushed before they are acknowledged."""

    def staged(self, method: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> object:
        """The change that a ``put``, ``copy`` or ``delete`` of a batch is; its data is in the log now."""

    def commit_staged(self, changes: Sequence[object]) -> builtins.list[ObjectInfo | None]:
        """Make changes of ``staged`` in one atomic commit; what each call would have returned."""

    def get_many(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """The data of those of ``keys`` that exist, read in one view of the store.

        Raises BucketNotFoundError, InvalidKeyError, and InvalidArgumentError for one key in place of a list.
        """
