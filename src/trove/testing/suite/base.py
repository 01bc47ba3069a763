"""Suite: what all suite classes share: their fixtures, and ways to look at a store."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pytest

from ...driver import Driver, ObjectInfo, ObjectIterator, VersioningDriver
from ...errors import ObjectNotFoundError, TroveError, UnsupportedOptionError
from ..objects import read_all
from .openings import Openings

BUCKET_PREFIX = "trove-suite-"
"""Every bucket that a suite makes has a name of its own that begins with this."""

KEY = "key"
"""The key of tests that need just one; clean-up looks for its old versions too."""

D = TypeVar("D", bound=Driver)


class Suite:
    """The base of the suites. A subclass brings the fixture ``driver``: an open driver.

    The driver may be shared and its store may hold other data; a suite touches only buckets that it
    made. Two more fixtures can be overridden: ``dsn``, with what ``driver`` can be opened again (found
    by itself for drivers written in Python; tests skip where it is ``None``), and ``new_driver``, which
    makes an unopened one (``type(driver)`` by itself).
    """

    LIFETIME = 1.0
    """Seconds that an object lives in the tests that watch one expire; more for a slow store."""

    STALL = 0.5
    """Seconds that a test waits for calls which a driver may rightly hold up until a write is over."""

    @pytest.fixture(autouse=True)
    def openings(self, monkeypatch: pytest.MonkeyPatch) -> Openings:
        openings = Openings()
        openings.watch(monkeypatch)
        return openings

    @pytest.fixture
    def dsn(self, driver: Driver, openings: Openings) -> str | None:
        return openings.of(driver)[0]

    @pytest.fixture
    def new_driver(self, driver: Driver) -> Callable[[], Driver]:
        return type(driver)

    @pytest.fixture
    def reopen(self, driver: Driver, dsn: str | None, openings: Openings) -> Callable[[], None]:
        """Close ``driver`` and open it again on the same store."""
        if dsn is None:
            pytest.skip("the `dsn` fixture is None: the driver can't be opened again")
        options = openings.of(driver)[1]

        def reopened() -> None:
            driver.close()
            driver.open(dsn, **options)

        return reopened

    @pytest.fixture
    def make_bucket(self, driver: Driver, dsn: str | None, openings: Openings) -> Iterator[Callable[[], str]]:
        """Makes buckets of unique names, which go when the test is over."""
        made: list[str] = []
        options = openings.of(driver)[1]

        def make() -> str:
            name = unique_name()
            driver.create_bucket(name)
            made.append(name)
            return name

        yield make
        # A broken driver must fail the test that names its fault, not the clean-up of every other one.
        with suppress(Exception):
            if made and dsn is not None and is_closed(driver):
                driver.open(dsn, **options)
        for name in made:
            with suppress(Exception):
                remove_bucket(driver, name)

    @pytest.fixture
    def bucket(self, make_bucket: Callable[[], str]) -> str:
        return make_bucket()


def unique_name() -> str:
    return BUCKET_PREFIX + uuid.uuid4().hex[:16]


def is_closed(driver: Driver) -> bool:
    try:
        driver.ping()
    except TroveError:
        return True
    return False


def remove_bucket(driver: Driver, name: str) -> None:
    """Delete a bucket with all that is in it."""
    if isinstance(driver, VersioningDriver):
        for key in {KEY, *(info.key for info in driver.list(name))}:
            for version in driver.list_versions(name, key):
                driver.delete_version(name, key, version.version_id)
    left: list[str] | None = None
    while keys := keys_of(driver.list(name)):
        if keys == left:
            break  # deleting does nothing here
        left = keys
        for key in keys:
            driver.delete(name, key)
    driver.delete_bucket(name)


def having(driver: Driver, capability: type[D]) -> D:
    """``driver`` as one that has ``capability``; skips the test when it doesn't."""
    if not isinstance(driver, capability):
        pytest.skip(f"driver {driver.name!r} is no {capability.__name__}")
    return driver


@contextmanager
def honoured(option: str) -> Iterator[None]:
    """Skips the test when the driver says, as it may, that it can't honour ``option``."""
    try:
        yield
    except UnsupportedOptionError as error:
        pytest.skip(f"the driver refuses the option {option}: {error}")


def keys_of(page: ObjectIterator) -> list[str]:
    return [info.key for info in page]


def content_of(driver: Driver, bucket: str, key: str, **options: Any) -> bytes:
    return read_all(driver.get(bucket, key, **options))


def exists(driver: Driver, bucket: str, key: str) -> bool:
    try:
        driver.head(bucket, key)
    except ObjectNotFoundError:
        return False
    return True


@contextmanager
def unchanged(driver: Driver, bucket: str) -> Iterator[None]:
    """Asserts that the bucket holds the same objects after the block as before."""
    before = _state(driver, bucket)
    yield
    assert _state(driver, bucket) == before


def _state(driver: Driver, bucket: str) -> list[tuple[Any, ...]]:
    return [(*_fields(info), content_of(driver, bucket, info.key)) for info in driver.list(bucket)]


def _fields(info: ObjectInfo) -> tuple[Any, ...]:
    return (
        info.key,
        info.size,
        info.content_type,
        info.etag,
        info.last_modified,
        dict(info.metadata),
        dict(info.tags),
        info.version_id,
        info.storage_class,
    )
