"""ConcurrencySuite and PingSuite: many threads at once lose nothing."""

from __future__ import annotations

import threading

from ...driver import Driver
from ..objects import random_data
from .base import KEY, Suite, content_of, keys_of
from .threads import together


class PingSuite(Suite):
    def test_ping(self, driver: Driver) -> None:
        driver.ping()

    def test_name(self, driver: Driver) -> None:
        assert isinstance(driver.name, str)
        assert driver.name


class ConcurrencySuite(Suite):
    def test_concurrency_100_concurrent_puts(self, driver: Driver, bucket: str) -> None:
        keys = [f"key-{i:03}" for i in range(100)]
        together([lambda key=key: driver.put(bucket, key, key.encode()) for key in keys])  # type: ignore[misc]
        assert set(keys_of(driver.list(bucket))) == set(keys)
        assert [content_of(driver, bucket, key) for key in keys] == [key.encode() for key in keys]

    def test_concurrency_100_concurrent_reads(self, driver: Driver, bucket: str) -> None:
        data = random_data(100_000)
        driver.put(bucket, KEY, data)
        results = together([lambda: content_of(driver, bucket, KEY)] * 100)
        assert all(result == data for result in results)

    def test_concurrency_puts_of_one_key(self, driver: Driver, bucket: str) -> None:
        contents = [bytes([i]) * (10_000 + i) for i in range(32)]
        infos = together([lambda data=data: driver.put(bucket, KEY, data) for data in contents])  # type: ignore[misc]
        assert content_of(driver, bucket, KEY) in contents
        assert driver.head(bucket, KEY).etag in {info.etag for info in infos}

    def test_concurrency_content_and_info_are_of_one_put(self, driver: Driver, bucket: str) -> None:
        def write(letter: str) -> None:
            driver.put(bucket, KEY, letter.encode() * 1000, metadata={"letter": letter})

        for _ in range(5):
            together([lambda letter=letter: write(letter) for letter in "abcdefgh"])  # type: ignore[misc]
            with driver.get(bucket, KEY) as reader:
                assert reader.read() == reader.info.metadata["letter"].encode() * 1000

    def test_concurrency_deletes(self, driver: Driver, bucket: str) -> None:
        keys = [f"key-{i:02}" for i in range(20)]
        for key in keys:
            driver.put(bucket, key, b"data")
        together([lambda key=key: driver.delete(bucket, key) for key in keys[:10] * 2])  # type: ignore[misc]
        assert set(keys_of(driver.list(bucket))) == set(keys[10:])

    def test_concurrency_copies(self, driver: Driver, bucket: str) -> None:
        data = random_data(10_000)
        driver.put(bucket, KEY, data)
        copies = [f"copy-{i:02}" for i in range(20)]
        together([lambda copy=copy: driver.copy(bucket, KEY, bucket, copy) for copy in copies])  # type: ignore[misc]
        assert all(content_of(driver, bucket, copy) == data for copy in copies)

    def test_concurrency_listing_while_others_write(self, driver: Driver, bucket: str) -> None:
        steady = [f"{i:03}" for i in range(0, 100, 5)]
        for key in steady:
            driver.put(bucket, key, b"data")
        over = threading.Event()
        listings: list[list[str]] = []

        def listing() -> None:
            while not over.is_set() or not listings:
                listed, cursor = [], ""
                while True:
                    page = driver.list(bucket, max_keys=7, cursor=cursor)
                    listed += keys_of(page)
                    cursor = page.next_token
                    if not cursor:
                        break
                listings.append(listed)

        def writing() -> None:
            try:
                for _ in range(3):
                    for i in range(100):
                        if i % 5:
                            driver.put(bucket, f"{i:03}", b"data")
                    for i in range(100):
                        if i % 5:
                            driver.delete(bucket, f"{i:03}")
            finally:
                over.set()

        together([listing, writing])
        for listed in listings:
            assert listed == sorted(set(listed))
            assert set(steady) <= set(listed)

    def test_concurrency_buckets(self, driver: Driver, bucket: str) -> None:
        names = [f"{bucket}-{i:02}" for i in range(16)]
        together([lambda name=name: driver.create_bucket(name) for name in names])  # type: ignore[misc]
        found = [info.name for info in driver.list_buckets() if info.name in names]
        together([lambda name=name: driver.delete_bucket(name) for name in names])  # type: ignore[misc]
        assert sorted(found) == names
