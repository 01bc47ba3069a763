"""PresignSuite: PresignDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

import time
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import pytest

from ...driver import Driver, PresignDriver
from ...errors import InvalidArgumentError, InvalidBucketNameError, InvalidKeyError
from . import threads
from .base import KEY, Suite, content_of, having

HOUR = timedelta(hours=1)


def fetched(url: str, data: bytes | None = None) -> bytes:
    """What an HTTP server answers to a GET of ``url``, or to a PUT of ``data``."""
    if not url.startswith(("http://", "https://")):
        pytest.skip(f"{url.partition('://')[0]}:// URLs can't be opened here")
    request = urllib.request.Request(url, data=data, method="GET" if data is None else "PUT")
    with urllib.request.urlopen(request, timeout=threads.PATIENCE) as response:
        answer: bytes = response.read()
        return answer


class PresignSuite(Suite):
    @pytest.fixture
    def presigning(self, driver: Driver) -> PresignDriver:
        return having(driver, PresignDriver)

    def test_presign_gives_urls(self, presigning: PresignDriver, bucket: str) -> None:
        presigning.put(bucket, KEY, b"data")
        for url in (presigning.presign_get(bucket, KEY, HOUR), presigning.presign_put(bucket, KEY, HOUR)):
            assert isinstance(url, str)
            assert "://" in url

    @pytest.mark.parametrize("key", [KEY, "a b/ü+%2F?x=1&y#z"])
    def test_presign_get(self, presigning: PresignDriver, bucket: str, key: str) -> None:
        presigning.put(bucket, key, b"data")
        assert fetched(presigning.presign_get(bucket, key, HOUR)) == b"data"

    @pytest.mark.parametrize("key", [KEY, "a b/ü+%2F?x=1&y#z"])
    def test_presign_put(self, presigning: PresignDriver, bucket: str, key: str) -> None:
        fetched(presigning.presign_put(bucket, key, HOUR), b"data")
        assert content_of(presigning, bucket, key) == b"data"

    def test_presign_is_of_one_object(self, presigning: PresignDriver, bucket: str) -> None:
        presigning.put(bucket, KEY, b"data")
        presigning.put(bucket, "another", b"secret")
        url = presigning.presign_get(bucket, KEY, HOUR)
        other = url.replace(f"/{KEY}", "/another", 1)
        if other == url:
            pytest.skip("the URL does not show the key")
        with pytest.raises(urllib.error.HTTPError):
            fetched(other)

    def test_presign_get_can_not_put(self, presigning: PresignDriver, bucket: str) -> None:
        presigning.put(bucket, KEY, b"data")
        url = presigning.presign_get(bucket, KEY, HOUR)
        with pytest.raises(urllib.error.HTTPError):
            fetched(url, b"other")
        assert content_of(presigning, bucket, KEY) == b"data"

    def test_presign_is_over_after_its_time(self, presigning: PresignDriver, bucket: str) -> None:
        presigning.put(bucket, KEY, b"data")
        url = presigning.presign_get(bucket, KEY, timedelta(seconds=1))
        deadline = time.monotonic() + threads.PATIENCE
        while True:
            try:
                fetched(url)
            except urllib.error.HTTPError:
                return
            assert time.monotonic() < deadline, "the URL outlives its time"
            time.sleep(0.05)  # nothing tells a test that a server's clock has moved on

    @pytest.mark.parametrize("expires", [timedelta(0), -HOUR, 3600, None, "1h"], ids=repr)
    @pytest.mark.parametrize("call", ["presign_get", "presign_put"])
    def test_presign_bad_time(self, presigning: PresignDriver, bucket: str, call: str, expires: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            getattr(presigning, call)(bucket, KEY, expires)

    @pytest.mark.parametrize("call", ["presign_get", "presign_put"])
    def test_presign_bad_names(self, presigning: PresignDriver, bucket: str, call: str) -> None:
        with pytest.raises(InvalidKeyError):
            getattr(presigning, call)(bucket, "", HOUR)
        with pytest.raises(InvalidBucketNameError):
            getattr(presigning, call)("a/b", KEY, HOUR)
