"""DriverStore: records as objects on any Trove driver.

``naming`` says what the object of a record is called. The instant at which a record is gone stands in the
object's metadata, and the driver is told it, too, where it can honour ``expires_at``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from trove._engine.records import ELSEWHERE, Records

from ..driver import MAX_KEY_BYTES, Driver, ObjectInfo, check_bucket
from ..drivers.engine import EngineDriver
from ..errors import (
    BucketExistsError,
    BucketNotFoundError,
    DriverClosedError,
    InvalidArgumentError,
    ObjectNotFoundError,
    TroveError,
    UnsupportedOptionError,
    shown,
)
from .arguments import MAX_KEY_BYTES as MAX_RECORD_KEY_BYTES
from .arguments import Clock, utc_now
from .attributes import CONTENT_TYPE, EXPIRES_AT, instant_in, metadata_until
from .base import Space, Store, Stored
from .naming import NamedStore, key_in, name_of, written
from .record import Record

PAGE_KEYS = 1000


class DriverStore(NamedStore):
    """Records as objects in one bucket of ``driver``, an open driver, which ``close`` leaves open.

    Its own option is ``bucket``, made by ``init`` when it is not there; ``"records"`` by itself. A listing
    walks the driver's own, and costs what matches its prefix.

    What has expired is hidden by this store's clock; where the driver honours ``expires_at``, by the
    driver's, too, which also frees it in the driver's way. Elsewhere it takes room until its key is written
    or deleted.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {**Store.OPTIONS, "bucket": "records"}
    MOST_NAME_BYTES = MAX_KEY_BYTES

    def __init__(self, driver: Driver, *, clock: Clock = utc_now, **options: Any) -> None:
        if not isinstance(driver, Driver):
            raise InvalidArgumentError(f"{shown(driver)} is no driver; give one that trove.open() returned")
        self._driver = driver
        self._expires_natively = True
        self._rows: Records | None = None  # of the engine, while the store is ready
        super().__init__(clock=clock, **options)

    @property
    def name(self) -> str:
        return f"driver {self._driver.name}"

    @property
    def _bucket(self) -> str:
        bucket: str = self._options["bucket"]
        return bucket

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        if "bucket" in options:
            options["bucket"] = check_bucket(options["bucket"])
        return options

    def _prepare(self) -> None:
        self._rows = None
        self._driver.ping()
        try:
            self._driver.list(self._bucket, max_keys=1).close()
        except BucketNotFoundError as missing:
            try:
                self._driver.create_bucket(self._bucket)
            except BucketExistsError:
                pass  # another one was faster
            except UnsupportedOptionError:  # a driver that writes nothing
                raise missing from None
        if isinstance(self._driver, EngineDriver):
            self._rows = self._rows_of(self._driver)

    def _rows_of(self, driver: EngineDriver) -> Records | None:
        before, behind = self._before, self._behind
        around = name_of(self._space, before + behind)
        longest = min(
            MAX_RECORD_KEY_BYTES - len((before + behind).encode()), MAX_KEY_BYTES - len(around.encode())
        )
        return Records(
            driver,
            Record,
            self._bucket,
            name_of(self._space, before),
            written(behind),
            longest,
            CONTENT_TYPE,
            EXPIRES_AT,
            None if self._clock is utc_now else self._clock,
        )

    def _release(self) -> None:
        self._rows = None

    # On the engine a small record is a row, which is read in about a microsecond: each step here counts.

    def _read_one(self, key: str) -> Record | None:
        rows = self._rows
        if rows is not None:
            record: Record | None = rows.read(key)
            if record is not ELSEWHERE:
                return record
        return super()._read_one(key)

    def _write_one(self, key: str, value: bytes, expires_at: datetime | None) -> None:
        rows = self._rows
        if rows is None or not rows.write(key, value, expires_at):
            super()._write_one(key, value, expires_at)

    def _read_many(self, keys: list[str]) -> Iterable[Record | None]:
        rows = self._rows
        if rows is None:
            return super()._read_many(keys)
        return (self._read_by(rows, key) for key in keys)

    def _read_by(self, rows: Records, key: str) -> Record | None:
        record: Record | None = rows.read(key)
        if record is not ELSEWHERE:
            return record
        # Not by _read_one: what others have put here may have a key that no record can have.
        return self._made(key, self._load(self._space, self._around(key)))

    def _load(self, space: Space, key: str) -> Stored | None:
        try:
            with self._driver.get(self._bucket, name_of(space, key)) as reader:
                return Stored(reader.read(), self._instant(key, reader.info))
        except ObjectNotFoundError:
            return None
        except ValueError as error:
            if isinstance(error, TroveError):
                raise
            # The driver was closed while the object was read.
            raise DriverClosedError.of(self._driver.name) from error

    def _instant(self, key: str, info: ObjectInfo) -> datetime | None:
        instants = [instant_in(key, info.metadata)]
        # Others may have put it, with an end that only the engine knows.
        if (rows := self._rows) is not None:
            instants.append(rows.instant_of(info))
        return min((each for each in instants if each is not None), default=None)

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        name = name_of(space, key)
        value, expires_at = stored
        if expires_at is None:
            self._driver.put(self._bucket, name, value, content_type=CONTENT_TYPE)
            return
        metadata = metadata_until(expires_at)
        if self._expires_natively:
            try:
                self._driver.put(
                    self._bucket,
                    name,
                    value,
                    content_type=CONTENT_TYPE,
                    metadata=metadata,
                    expires_at=expires_at,
                )
                return
            except UnsupportedOptionError:
                # It may be another option: then it is refused again.
                self._expires_natively = False
        self._driver.put(self._bucket, name, value, content_type=CONTENT_TYPE, metadata=metadata)

    def _drop(self, space: Space, key: str) -> None:
        self._driver.delete(self._bucket, name_of(space, key))

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        # The engine's clock is the machine's, too: of its own rows it lists none that is gone.
        rows, cursor = self._rows if self._clock is utc_now else None, ""
        while True:
            page = self._driver.list(
                self._bucket, prefix=name_of(space, prefix), max_keys=PAGE_KEYS, cursor=cursor
            )
            for info in page:
                key = key_in(space, info.key)
                if key is None or not key.endswith(suffix):
                    continue
                if (
                    (rows is not None and rows.is_own(info))
                    or (instant := self._instant(key, info)) is None
                    or instant > now
                ):
                    yield key
            cursor = page.next_token
            if not cursor:
                return
