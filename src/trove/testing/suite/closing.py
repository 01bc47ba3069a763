"""ClosingSuite: opening and closing, and what a driver that is not open says."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from ...driver import (
    Driver,
    LifecycleDriver,
    MultipartDriver,
    NotificationDriver,
    ObjectRef,
    PartInfo,
    PresignDriver,
    QuotaDriver,
    RangeDriver,
    ServerCopyDriver,
    VersioningDriver,
)
from ...errors import DriverClosedError, InvalidDSNError, TroveError
from .base import KEY, Suite, content_of, unique_name

PASSWORD = "s3cr3t-hunter2"
NAME = "trove-suite-closed"

CALLS: dict[str, tuple[type[Driver], Callable[[Any], object]]] = {
    "ping": (Driver, lambda drv: drv.ping()),
    "put": (Driver, lambda drv: drv.put(NAME, KEY, b"data")),
    "get": (Driver, lambda drv: drv.get(NAME, KEY)),
    "delete": (Driver, lambda drv: drv.delete(NAME, KEY)),
    "head": (Driver, lambda drv: drv.head(NAME, KEY)),
    "list": (Driver, lambda drv: drv.list(NAME)),
    "copy": (Driver, lambda drv: drv.copy(NAME, KEY, NAME, "copy")),
    "create_bucket": (Driver, lambda drv: drv.create_bucket(NAME)),
    "delete_bucket": (Driver, lambda drv: drv.delete_bucket(NAME)),
    "list_buckets": (Driver, lambda drv: drv.list_buckets()),
    "get_range": (RangeDriver, lambda drv: drv.get_range(NAME, KEY, 0, 1)),
    "server_copy": (
        ServerCopyDriver,
        lambda drv: drv.server_copy(ObjectRef(NAME, KEY), ObjectRef(NAME, "copy")),
    ),
    "initiate_multipart": (MultipartDriver, lambda drv: drv.initiate_multipart(NAME, KEY)),
    "upload_part": (MultipartDriver, lambda drv: drv.upload_part(NAME, KEY, "id", 1, b"data")),
    "complete_multipart": (
        MultipartDriver,
        lambda drv: drv.complete_multipart(NAME, KEY, "id", [PartInfo(1, "etag", 4)]),
    ),
    "abort_multipart": (MultipartDriver, lambda drv: drv.abort_multipart(NAME, KEY, "id")),
    "list_parts": (MultipartDriver, lambda drv: drv.list_parts(NAME, KEY, "id")),
    "list_multiparts": (MultipartDriver, lambda drv: drv.list_multiparts(NAME)),
    "set_versioning": (VersioningDriver, lambda drv: drv.set_versioning(NAME, True)),
    "get_versioning": (VersioningDriver, lambda drv: drv.get_versioning(NAME)),
    "list_versions": (VersioningDriver, lambda drv: drv.list_versions(NAME, KEY)),
    "get_version": (VersioningDriver, lambda drv: drv.get_version(NAME, KEY, "id")),
    "delete_version": (VersioningDriver, lambda drv: drv.delete_version(NAME, KEY, "id")),
    "restore_version": (VersioningDriver, lambda drv: drv.restore_version(NAME, KEY, "id")),
    "watch": (NotificationDriver, lambda drv: drv.watch(NAME)),
    "set_lifecycle": (LifecycleDriver, lambda drv: drv.set_lifecycle(NAME, [])),
    "get_lifecycle": (LifecycleDriver, lambda drv: drv.get_lifecycle(NAME)),
    "apply_lifecycle": (LifecycleDriver, lambda drv: drv.apply_lifecycle()),
    "set_quota": (QuotaDriver, lambda drv: drv.set_quota(NAME, max_bytes=1)),
    "get_quota": (QuotaDriver, lambda drv: drv.get_quota(NAME)),
    "presign_get": (PresignDriver, lambda drv: drv.presign_get(NAME, KEY, timedelta(hours=1))),
    "presign_put": (PresignDriver, lambda drv: drv.presign_put(NAME, KEY, timedelta(hours=1))),
}


def _call(driver: Driver, name: str) -> None:
    capability, call = CALLS[name]
    if not isinstance(driver, capability):
        pytest.skip(f"driver {driver.name!r} is no {capability.__name__}")
    call(driver)


def _said(error: BaseException) -> str:
    """All that an error and its causes say."""
    said, each = "", error
    while each is not None:
        said += f"{each} {each!r} {each.args!r} "
        each = each.__cause__ or each.__context__  # type: ignore[assignment]
    return said


class ClosingSuite(Suite):
    @pytest.fixture
    def unopened(self, new_driver: Callable[[], Driver]) -> Driver:
        try:
            return new_driver()
        except TypeError as error:
            pytest.skip(f"an unopened driver can't be made ({error}); give the fixture `new_driver`")

    @pytest.mark.parametrize("call", CALLS)
    def test_closed_refuses(self, driver: Driver, call: str) -> None:
        driver.close()
        with pytest.raises(DriverClosedError):
            _call(driver, call)

    @pytest.mark.parametrize("call", CALLS)
    def test_closed_before_the_first_open(self, unopened: Driver, call: str) -> None:
        with pytest.raises(DriverClosedError):
            _call(unopened, call)

    def test_close_twice(self, driver: Driver) -> None:
        driver.close()
        driver.close()

    def test_close_before_the_first_open(self, unopened: Driver) -> None:
        unopened.close()

    def test_close_keeps_the_name(self, driver: Driver) -> None:
        name = driver.name
        driver.close()
        assert driver.name == name

    def test_name_before_the_first_open(self, driver: Driver, unopened: Driver) -> None:
        assert unopened.name == driver.name

    def test_close_with_statement(self, driver: Driver) -> None:
        with driver as entered:
            assert entered is driver
        with pytest.raises(DriverClosedError):
            driver.ping()

    def test_close_with_statement_after_an_error(self, driver: Driver) -> None:
        with pytest.raises(ZeroDivisionError), driver:
            raise ZeroDivisionError
        with pytest.raises(DriverClosedError):
            driver.ping()

    def test_close_ends_readers(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"x" * 3_000_000)
        begun, fresh = driver.get(bucket, KEY), driver.get(bucket, KEY)
        begun.read(10)
        driver.close()
        for reader in (begun, fresh):
            with pytest.raises(ValueError):  # noqa: PT011 - it is what every file object raises
                reader.read()

    def test_close_readers_can_be_closed_after(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        reader = driver.get(bucket, KEY)
        driver.close()
        reader.close()

    # Opening.

    def test_open_when_open(self, driver: Driver, dsn: str | None) -> None:
        if dsn is None:
            pytest.skip("the `dsn` fixture is None: there is nothing to open")
        with pytest.raises(TroveError):
            driver.open(dsn)

    def test_open_when_open_changes_nothing(self, driver: Driver, bucket: str, dsn: str | None) -> None:
        if dsn is None:
            pytest.skip("the `dsn` fixture is None: there is nothing to open")
        driver.put(bucket, KEY, b"data")
        with suppress(TroveError):
            driver.open(dsn)
        assert content_of(driver, bucket, KEY) == b"data"

    def test_open_again(self, driver: Driver, reopen: Callable[[], None]) -> None:
        reopen()
        name = unique_name()
        driver.create_bucket(name)
        driver.delete_bucket(name)

    def test_open_again_finds_what_was_stored(
        self, driver: Driver, bucket: str, reopen: Callable[[], None]
    ) -> None:
        before = driver.put(bucket, KEY, b"data", content_type="text/css", metadata={"author": "alice"})
        reopen()
        if bucket not in [info.name for info in driver.list_buckets()]:
            pytest.skip("the store is empty when it is opened again")
        assert (content_of(driver, bucket, KEY), driver.head(bucket, KEY)) == (b"data", before)

    def test_open_another_finds_what_was_stored(
        self, driver: Driver, bucket: str, dsn: str | None, unopened: Driver
    ) -> None:
        if dsn is None:
            pytest.skip("the `dsn` fixture is None: there is nothing to open")
        driver.put(bucket, KEY, b"data")
        driver.close()
        with unopened as other:
            other.open(dsn)
            if bucket not in [info.name for info in other.list_buckets()]:
                pytest.skip("the store is empty when it is opened again")
            assert content_of(other, bucket, KEY) == b"data"

    @pytest.mark.parametrize("scheme", ["no-such-scheme", "x", "https+no-such"])
    def test_open_of_another_scheme(self, unopened: Driver, scheme: str) -> None:
        with pytest.raises(InvalidDSNError):
            unopened.open(f"{scheme}://host/path")

    @pytest.mark.parametrize("malformed", ["", "no scheme", "://host", "/path", 5, None, b"bytes"], ids=ascii)
    def test_open_malformed(self, unopened: Driver, malformed: Any) -> None:
        with pytest.raises(InvalidDSNError):
            unopened.open(malformed)

    def test_open_refused_leaves_it_closed(self, unopened: Driver) -> None:
        with pytest.raises(TroveError):
            unopened.open("no-such-scheme://host/path")
        with pytest.raises(DriverClosedError):
            unopened.ping()

    def test_open_unknown_parameter(self, driver: Driver, dsn: str | None) -> None:
        if dsn is None:
            pytest.skip("the `dsn` fixture is None: there is nothing to add a parameter to")
        driver.close()
        with pytest.raises(InvalidDSNError):
            driver.open(type(dsn)(f"{dsn}{'&' if '?' in dsn else '?'}no_such_parameter=1"))

    def test_open_shows_no_password(self, driver: Driver, dsn: str | None, unopened: Driver) -> None:
        scheme = dsn.partition("://")[0] if dsn else "no-such-scheme"
        for broken in (
            f"no-such-scheme://user:{PASSWORD}@host/path",
            f"{scheme}://user:{PASSWORD}@host/path?no_such_parameter=1",
            f"{scheme}://user:{PASSWORD}@host:{PASSWORD}/path?no_such_parameter=1",
            f"user:{PASSWORD}@host/path",
        ):
            with pytest.raises(TroveError) as raised:
                unopened.open(broken)
            assert PASSWORD not in _said(raised.value)
            assert PASSWORD not in repr(unopened)

    def test_open_error_is_no_empty_message(self, unopened: Driver) -> None:
        with pytest.raises(TroveError) as raised:
            unopened.open("no-such-scheme://host/path")
        assert str(raised.value).strip()

    def test_reader_is_a_file_for_others_until_closed(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"text\n")
        wrapper = io.TextIOWrapper(driver.get(bucket, KEY), encoding="utf-8")
        driver.close()
        with pytest.raises(ValueError):  # noqa: PT011 - it is what every file object raises
            wrapper.read()
