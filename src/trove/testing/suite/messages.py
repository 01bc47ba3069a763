"""MessageSuite: errors say what was asked, on what, and show no more of it than is good."""

from __future__ import annotations

import pickle

import pytest

from ...driver import Driver
from ...errors import (
    BucketExistsError,
    BucketNotFoundError,
    InvalidArgumentError,
    InvalidKeyError,
    NotFoundError,
    ObjectNotFoundError,
    TroveError,
)
from .base import KEY, Suite, unique_name


class MessageSuite(Suite):
    def test_messages_name_the_bucket(self, driver: Driver) -> None:
        name = unique_name()
        with pytest.raises(BucketNotFoundError, match=name):
            driver.head(name, KEY)

    def test_messages_name_the_bucket_that_exists(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(BucketExistsError, match=bucket):
            driver.create_bucket(bucket)

    def test_messages_name_bucket_and_key(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(ObjectNotFoundError) as raised:
            driver.head(bucket, "some/key")
        assert "some/key" in str(raised.value)
        assert bucket in str(raised.value)

    def test_messages_show_keys_as_repr(self, driver: Driver, bucket: str) -> None:
        key = "line\nbreak \x1b[31m"
        with pytest.raises(ObjectNotFoundError) as raised:
            driver.get(bucket, key)
        assert repr(key)[1:-1] in str(raised.value)
        assert key not in str(raised.value)

    def test_messages_cut_long_keys(self, driver: Driver, bucket: str) -> None:
        key = "k" * 1000
        with pytest.raises(ObjectNotFoundError) as raised:
            driver.get(bucket, key)
        assert "k" * 60 in str(raised.value)
        assert "k" * 81 not in str(raised.value)

    def test_messages_cut_keys_that_are_too_long(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(InvalidKeyError) as raised:
            driver.get(bucket, "k" * 5000)
        assert "k" * 81 not in str(raised.value)

    def test_messages_are_never_empty(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "there", b"data")
        for call in (
            lambda: driver.head(bucket, KEY),
            lambda: driver.head(unique_name(), KEY),
            lambda: driver.create_bucket(bucket),
            lambda: driver.delete_bucket(bucket),
            lambda: driver.put(bucket, "", b""),
            lambda: driver.list(bucket, cursor="forged"),
            lambda: driver.get(bucket, "there", range=(0, -1)),
        ):
            with pytest.raises(TroveError) as raised:
                call()
            assert str(raised.value).strip()

    def test_messages_errors_are_of_their_families(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(NotFoundError):
            driver.head(bucket, KEY)
        with pytest.raises(ValueError, match="key"):
            driver.put(bucket, "", b"")
        with pytest.raises(InvalidArgumentError):
            driver.list(bucket, cursor="forged")

    def test_messages_errors_can_be_pickled(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(ObjectNotFoundError) as raised:
            driver.head(bucket, KEY)
        again = pickle.loads(pickle.dumps(raised.value))
        assert (type(again), str(again)) == (type(raised.value), str(raised.value))
