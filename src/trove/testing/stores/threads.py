"""Many threads on one store."""

from __future__ import annotations

from functools import partial

from ...store import Record, Store
from ..suite.threads import together
from .base import StoreTests

THREADS = 8
ROUNDS = 25


class StoreThreadSuite(StoreTests):
    """Calls at the same moment leave what one of their orders would leave."""

    def test_threads_write_keys_of_their_own(self, store: Store) -> None:
        def work(thread: int) -> None:
            for number in range(ROUNDS):
                key = f"{thread}/{number:02}"
                store.write(Record(key, key.encode()))
                assert store.read(key)[0].value == key.encode()

        together([partial(work, thread) for thread in range(THREADS)])
        assert store.list() == [
            f"{thread}/{number:02}" for thread in range(THREADS) for number in range(ROUNDS)
        ]

    def test_threads_write_one_key(self, store: Store) -> None:
        values = [bytes([thread]) * 1000 for thread in range(THREADS)]

        def work(value: bytes) -> None:
            for _ in range(ROUNDS):
                store.write(Record("key", value))
                assert store.read("key")[0].value in values

        together([partial(work, value) for value in values])
        assert store.list() == ["key"]
        last = store.read("key")
        assert last[0].value in values
        assert store.read("key") == last

    def test_threads_list_while_others_write(self, store: Store) -> None:
        store.write(Record("always", b""))

        def write(thread: int) -> None:
            for number in range(ROUNDS):
                store.write(Record(f"key-{thread}-{number}", b""))
                store.delete(f"key-{thread}-{number}")

        def look() -> None:
            for _ in range(ROUNDS):
                keys = store.list()
                assert "always" in keys
                assert keys == sorted(set(keys))
                assert "always" in [record.key for record in store.scan()]

        together([*(partial(write, thread) for thread in range(THREADS // 2)), *[look] * (THREADS // 2)])
        assert store.list() == ["always"]

    def test_threads_begin_together(self, store: Store) -> None:
        together([partial(store.write, Record(f"key-{thread}", b"")) for thread in range(THREADS)])
        assert store.list() == [f"key-{thread}" for thread in range(THREADS)]

    def test_threads_see_a_delete(self, store: Store) -> None:
        def work(thread: int) -> None:
            for number in range(ROUNDS):
                key = f"key-{number % 3}"
                store.get(key)
                if thread == 0:
                    store.write(Record(key, b""))
                    store.delete(key)
                    assert key not in store

        together([partial(work, thread) for thread in range(THREADS)])
        assert store.list() == []
