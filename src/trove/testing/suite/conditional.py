"""ConditionalSuite: ``if_match`` and ``if_none_match``, alone and in a race."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from ...driver import Driver, ObjectInfo
from ...errors import BucketNotFoundError, PreconditionFailedError
from .base import KEY, Suite, content_of, exists, honoured, unchanged, unique_name
from .threads import outcomes, together


def check_one_winner(
    driver: Driver, bucket: str, results: list[ObjectInfo | Exception], key: str = KEY
) -> None:
    winners = [result for result in results if isinstance(result, ObjectInfo)]
    losers = [result for result in results if not isinstance(result, ObjectInfo)]
    assert len(winners) == 1, f"{len(winners)} of {len(results)} racing writers won"
    assert all(isinstance(error, PreconditionFailedError) for error in losers), losers
    assert driver.head(bucket, key).etag == winners[0].etag


class ConditionalSuite(Suite):
    ROUNDS = 15
    """How often a race is run that a broken driver may win by luck."""

    @pytest.fixture
    def matching(self, driver: Driver, bucket: str) -> None:
        """Skips when the driver can't honour ``if_match``."""
        etag = driver.put(bucket, "probe", b"data").etag
        with honoured("if_match"):
            driver.put(bucket, "probe", b"data", if_match=etag)
        driver.delete(bucket, "probe")

    @pytest.fixture
    def creating(self, driver: Driver, bucket: str) -> None:
        """Skips when the driver can't honour ``if_none_match``."""
        with honoured("if_none_match"):
            driver.put(bucket, "probe", b"data", if_none_match="*")
        driver.delete(bucket, "probe")

    def test_conditional_if_none_match_creates(self, driver: Driver, bucket: str, creating: None) -> None:
        driver.put(bucket, KEY, b"data", if_none_match="*")
        assert content_of(driver, bucket, KEY) == b"data"

    def test_conditional_if_none_match_on_existing(self, driver: Driver, bucket: str, creating: None) -> None:
        driver.put(bucket, KEY, b"old", metadata={"old": "x"})
        with unchanged(driver, bucket), pytest.raises(PreconditionFailedError):
            driver.put(bucket, KEY, b"new", if_none_match="*")

    def test_conditional_if_none_match_after_delete(
        self, driver: Driver, bucket: str, creating: None
    ) -> None:
        driver.put(bucket, KEY, b"old")
        driver.delete(bucket, KEY)
        driver.put(bucket, KEY, b"new", if_none_match="*")
        assert content_of(driver, bucket, KEY) == b"new"

    def test_conditional_if_none_match_is_of_one_key(
        self, driver: Driver, bucket: str, creating: None
    ) -> None:
        driver.put(bucket, KEY + "/other", b"data")
        driver.put(bucket, KEY, b"data", if_none_match="*")
        assert exists(driver, bucket, KEY)

    def test_conditional_if_match_replaces(self, driver: Driver, bucket: str, matching: None) -> None:
        etag = driver.put(bucket, KEY, b"old").etag
        driver.put(bucket, KEY, b"new", if_match=etag)
        assert content_of(driver, bucket, KEY) == b"new"

    def test_conditional_if_match_takes_the_etag_of_head(
        self, driver: Driver, bucket: str, matching: None
    ) -> None:
        driver.put(bucket, KEY, b"old")
        driver.put(bucket, KEY, b"new", if_match=driver.head(bucket, KEY).etag)
        assert content_of(driver, bucket, KEY) == b"new"

    def test_conditional_if_match_of_other_content(self, driver: Driver, bucket: str, matching: None) -> None:
        stale = driver.put(bucket, KEY, b"old").etag
        driver.put(bucket, KEY, b"newer")
        with unchanged(driver, bucket), pytest.raises(PreconditionFailedError):
            driver.put(bucket, KEY, b"newest", if_match=stale)

    def test_conditional_if_match_of_nothing_known(self, driver: Driver, bucket: str, matching: None) -> None:
        driver.put(bucket, KEY, b"old")
        with unchanged(driver, bucket), pytest.raises(PreconditionFailedError):
            driver.put(bucket, KEY, b"new", if_match="no-such-etag")

    def test_conditional_if_match_on_missing(self, driver: Driver, bucket: str, matching: None) -> None:
        with pytest.raises(PreconditionFailedError):
            driver.put(bucket, KEY, b"new", if_match="no-such-etag")
        assert not exists(driver, bucket, KEY)

    def test_conditional_if_match_after_delete(self, driver: Driver, bucket: str, matching: None) -> None:
        etag = driver.put(bucket, KEY, b"old").etag
        driver.delete(bucket, KEY)
        with pytest.raises(PreconditionFailedError):
            driver.put(bucket, KEY, b"new", if_match=etag)
        assert not exists(driver, bucket, KEY)

    def test_conditional_if_match_of_another_key(self, driver: Driver, bucket: str, matching: None) -> None:
        etag = driver.put(bucket, "other", b"other").etag
        driver.put(bucket, KEY, b"old")
        with pytest.raises(PreconditionFailedError):
            driver.put(bucket, KEY, b"new", if_match=etag)

    def test_conditional_if_match_with_same_content(
        self, driver: Driver, bucket: str, matching: None
    ) -> None:
        etag = driver.put(bucket, KEY, b"data").etag
        driver.put(bucket, KEY, b"data", metadata={"n": "2"}, if_match=etag)
        assert dict(driver.head(bucket, KEY).metadata) == {"n": "2"}

    def test_conditional_bucket_not_found(self, driver: Driver, bucket: str, matching: None) -> None:
        with pytest.raises(BucketNotFoundError):
            driver.put(unique_name(), KEY, b"data", if_match="etag")

    # Races.

    def writes_meeting(self, write: Callable[[Iterator[bytes]], ObjectInfo]) -> list[ObjectInfo | Exception]:
        """What two writes give that both stand in the middle of their data at the same moment.

        A driver which lets only one in at a time holds the other one up; that takes ``STALL`` seconds.
        """
        barrier = threading.Barrier(2)

        def data(name: bytes) -> Iterator[bytes]:
            yield b"by "
            with suppress(threading.BrokenBarrierError):
                barrier.wait(self.STALL)
            yield name

        return outcomes([lambda: write(data(b"one")), lambda: write(data(b"two"))])

    def test_conditional_create_race(self, driver: Driver, bucket: str, creating: None) -> None:
        results = self.writes_meeting(lambda data: driver.put(bucket, KEY, data, if_none_match="*"))
        check_one_winner(driver, bucket, results)

    def test_conditional_create_race_of_many(self, driver: Driver, bucket: str, creating: None) -> None:
        for attempt in range(self.ROUNDS):
            key = f"{KEY}-{attempt}"
            results = outcomes(
                [lambda i=i, key=key: driver.put(bucket, key, b"%d" % i, if_none_match="*") for i in range(8)]  # type: ignore[misc]
            )
            check_one_winner(driver, bucket, results, key)

    def test_conditional_replace_race(self, driver: Driver, bucket: str, matching: None) -> None:
        etag = driver.put(bucket, KEY, b"old").etag
        results = self.writes_meeting(lambda data: driver.put(bucket, KEY, data, if_match=etag))
        check_one_winner(driver, bucket, results)

    def test_conditional_replace_race_of_many(self, driver: Driver, bucket: str, matching: None) -> None:
        for _ in range(self.ROUNDS):
            etag = driver.put(bucket, KEY, b"old").etag
            results = outcomes(
                [lambda i=i, etag=etag: driver.put(bucket, KEY, b"%d" % i, if_match=etag) for i in range(8)]  # type: ignore[misc]
            )
            check_one_winner(driver, bucket, results)

    def test_conditional_counter(self, driver: Driver, bucket: str, matching: None) -> None:
        driver.put(bucket, KEY, b"0")

        def count() -> None:
            for _ in range(10):
                while True:
                    with driver.get(bucket, KEY) as reader:
                        etag, value = reader.info.etag, int(reader.read())
                    try:
                        driver.put(bucket, KEY, b"%d" % (value + 1), if_match=etag)
                    except PreconditionFailedError:
                        continue
                    break

        together([count] * 4)
        assert content_of(driver, bucket, KEY) == b"40"
