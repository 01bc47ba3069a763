"""Small things for tests of objects: data, infos, comparison, reading."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import IO

from ..driver import ObjectInfo, ObjectReader, guess_content_type, whole
from ..driver.data import Data
from ..drivers.etag import content_etag

_COMPARED = ("key", "size", "content_type", "etag", "metadata", "tags", "version_id", "storage_class")


def test_object(key: str, data: Data) -> ObjectInfo:
    """The info of an object that holds ``data`` under ``key``, as a plain ``put`` of it would give.

    Its ``last_modified`` is the present, its etag the one that Trove's own drivers give.
    """
    content = whole(data)
    return ObjectInfo(key, len(content), guess_content_type(key), content_etag(content), datetime.now(UTC))


test_object.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test by its name


def random_data(size: int, *, seed: int = 0) -> bytes:
    """``size`` bytes that look random, and are the same for the same ``seed`` everywhere."""
    return random.Random(seed).randbytes(size)


def assert_object_equals(expected: ObjectInfo, actual: ObjectInfo) -> None:
    """Raise AssertionError, naming the fields, unless both infos say the same but for ``last_modified``."""
    differences = [
        f"{name}: expected {getattr(expected, name)!r}, got {getattr(actual, name)!r}"
        for name in _COMPARED
        if getattr(expected, name) != getattr(actual, name)
    ]
    if differences:
        raise AssertionError(f"infos of {expected.key!r} differ in " + "; ".join(differences))


def read_all(reader: ObjectReader | IO[bytes]) -> bytes:
    """What is left in ``reader``, which is closed after."""
    with reader:
        return reader.read()
