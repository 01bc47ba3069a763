"""AtomicitySuite: a write is there as a whole or not at all."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ...driver import Driver
from ...errors import (
    BucketNotEmptyError,
    BucketNotFoundError,
    InvalidArgumentError,
    ObjectNotFoundError,
    TroveError,
)
from ..objects import read_all
from . import threads
from .base import KEY, Suite, exists, keys_of, unchanged
from .threads import Call


class DataError(Exception):
    """The failure of the data that a test puts."""


class DataStop(BaseException):
    """A failure that is no Exception, as KeyboardInterrupt is none."""


class _FailingFile(io.RawIOBase):
    """A file of 200,000 bytes, and then an error."""

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._given >= 200_000:
            raise self._error
        size = min(len(buffer), 200_000 - self._given)
        buffer[:size] = b"x" * size
        self._given += size
        return size


def _failing_iterable(error: BaseException) -> Iterator[bytes]:
    yield b"x" * 200_000
    yield b"y" * 200_000
    raise error


FAILURES: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: DataError("the data ends here"),
    "os-error": lambda: OSError(errno.EIO, "the data's own disk failed"),
    "full-disk": lambda: OSError(errno.ENOSPC, "not the store's disk"),
    "value-error": lambda: ValueError("the data is no good"),
    "trove-error": lambda: ObjectNotFoundError("of another driver"),
    "base-exception": lambda: DataStop("stop"),
}
SOURCES: dict[str, Callable[[BaseException], Any]] = {
    "file": _FailingFile,
    "iterable": _failing_iterable,
}


class AtomicitySuite(Suite):
    @pytest.mark.parametrize("failure", FAILURES)
    @pytest.mark.parametrize("source", SOURCES)
    def test_atomicity_error_of_the_data_is_raised_as_it_is(
        self, driver: Driver, bucket: str, source: str, failure: str
    ) -> None:
        error = FAILURES[failure]()
        with pytest.raises(type(error)) as raised:
            driver.put(bucket, KEY, SOURCES[source](error))
        assert raised.value is error

    @pytest.mark.parametrize("failure", ["exception", "base-exception"])
    @pytest.mark.parametrize("source", SOURCES)
    def test_atomicity_failing_data_creates_nothing(
        self, driver: Driver, bucket: str, source: str, failure: str
    ) -> None:
        with pytest.raises((DataError, DataStop)):
            driver.put(bucket, KEY, SOURCES[source](FAILURES[failure]()))
        assert not exists(driver, bucket, KEY)
        assert keys_of(driver.list(bucket)) == []

    @pytest.mark.parametrize("failure", ["exception", "base-exception"])
    @pytest.mark.parametrize("source", SOURCES)
    def test_atomicity_failing_data_keeps_the_old_object(
        self, driver: Driver, bucket: str, source: str, failure: str
    ) -> None:
        driver.put(bucket, KEY, b"old", metadata={"old": "x"})
        with unchanged(driver, bucket), pytest.raises((DataError, DataStop)):
            driver.put(bucket, KEY, SOURCES[source](FAILURES[failure]()), metadata={"new": "x"})

    def test_atomicity_failing_data_keeps_no_bucket_alive(
        self, driver: Driver, make_bucket: Callable[[], str]
    ) -> None:
        bucket = make_bucket()
        with pytest.raises(DataError):
            driver.put(bucket, "a/b/c", _failing_iterable(DataError()))
        driver.delete_bucket(bucket)
        assert bucket not in [info.name for info in driver.list_buckets()]

    def test_atomicity_after_failing_data_the_next_put_works(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(DataError):
            driver.put(bucket, KEY, _failing_iterable(DataError()))
        driver.put(bucket, KEY, b"data")
        assert read_all(driver.get(bucket, KEY)) == b"data"

    def test_atomicity_wrong_piece_in_the_middle_keeps_the_old_object(
        self, driver: Driver, bucket: str
    ) -> None:
        driver.put(bucket, KEY, b"old")
        with unchanged(driver, bucket), pytest.raises(InvalidArgumentError):
            driver.put(bucket, KEY, iter([b"x" * 200_000, "text"]))  # type: ignore[arg-type]

    # Looking while a write is under way.

    def look_halfway(self, driver: Driver, bucket: str, look: Callable[[], Any]) -> Any:
        """What ``look`` gives while a put of ``new content`` has read a part of its data.

        A driver may make ``look`` wait for the put; then it sees the state after it.
        """
        halfway, go_on = threading.Event(), threading.Event()

        def data() -> Iterator[bytes]:
            yield b"new " * 100_000
            halfway.set()
            go_on.wait(threads.PATIENCE)
            yield b"content"

        putting = Call(lambda: driver.put(bucket, KEY, data()))
        assert halfway.wait(threads.PATIENCE), "put has not read its data"
        looking = Call(look)
        looking.done(self.STALL)
        go_on.set()
        putting.end()
        return looking.end()

    def test_atomicity_put_is_not_readable_before_it_is_whole(self, driver: Driver, bucket: str) -> None:
        def look() -> int | None:
            try:
                return len(read_all(driver.get(bucket, KEY)))
            except ObjectNotFoundError:
                return None

        assert self.look_halfway(driver, bucket, look) in (None, 400_007)

    def test_atomicity_put_has_no_head_before_it_is_whole(self, driver: Driver, bucket: str) -> None:
        def look() -> int | None:
            try:
                return driver.head(bucket, KEY).size
            except ObjectNotFoundError:
                return None

        assert self.look_halfway(driver, bucket, look) in (None, 400_007)

    def test_atomicity_put_is_not_listed_before_it_is_whole(self, driver: Driver, bucket: str) -> None:
        def look() -> list[tuple[str, int]]:
            return [(info.key, info.size) for info in driver.list(bucket)]

        assert self.look_halfway(driver, bucket, look) in ([], [(KEY, 400_007)])

    def test_atomicity_overwriting_shows_the_old_content_until_it_is_whole(
        self, driver: Driver, bucket: str
    ) -> None:
        driver.put(bucket, KEY, b"old content")
        seen = self.look_halfway(driver, bucket, lambda: read_all(driver.get(bucket, KEY)))
        assert seen in (b"old content", b"new " * 100_000 + b"content")

    def test_atomicity_overwriting_shows_the_old_info_until_it_is_whole(
        self, driver: Driver, bucket: str
    ) -> None:
        driver.put(bucket, KEY, b"old content")
        old_etag = driver.head(bucket, KEY).etag

        def look() -> tuple[int, bool]:
            info = driver.head(bucket, KEY)
            return info.size, info.etag == old_etag

        assert self.look_halfway(driver, bucket, look) in ((11, True), (400_007, False))

    def test_atomicity_overwriting_lists_one_object(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"old content")

        def look() -> list[tuple[str, int]]:
            return [(info.key, info.size) for info in driver.list(bucket)]

        assert self.look_halfway(driver, bucket, look) in ([(KEY, 11)], [(KEY, 400_007)])

    def test_atomicity_bucket_deleted_while_a_put_is_under_way(
        self, driver: Driver, make_bucket: Callable[[], str]
    ) -> None:
        bucket = make_bucket()
        halfway, go_on = threading.Event(), threading.Event()

        def data() -> Iterator[bytes]:
            yield b"new "
            halfway.set()
            go_on.wait(threads.PATIENCE)
            yield b"content"

        putting = Call(lambda: driver.put(bucket, KEY, data()))
        assert halfway.wait(threads.PATIENCE), "put has not read its data"
        deleting = Call(lambda: driver.delete_bucket(bucket))
        deleting.done(self.STALL)
        go_on.set()
        assert putting.done(threads.PATIENCE)
        assert deleting.done(threads.PATIENCE)
        results = (putting.result, deleting.result)
        if isinstance(deleting.result, TroveError):
            assert isinstance(deleting.result, BucketNotEmptyError), results
            assert read_all(driver.get(bucket, KEY)) == b"new content"
        else:
            assert isinstance(putting.result, BucketNotFoundError), results
            assert bucket not in [info.name for info in driver.list_buckets()]
