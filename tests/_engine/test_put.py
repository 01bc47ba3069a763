"""Puts: what is kept between them for speed never shows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import trove
from trove._engine.objects import _blocks  # type: ignore[import-not-found]
from trove.driver.options import guess_content_type
from trove.drivers.engine import EngineDriver
from trove.errors import BucketNotFoundError, InvalidArgumentError

# The first of each pair gives no type, by what the second has one by; or the other way round.
PAIRS = [
    (".html", "page.html"),
    ("a/..css", "a/b.css"),
    ("read-me", "app.webmanifest"),
    ("photo:1?.png", "photo.png"),
    ("data:,x", "x"),
    ("a.txt.gz", "b.gz"),
]


@pytest.mark.parametrize("keys", [order for pair in PAIRS for order in itertools.permutations(pair)], ids=str)
def test_the_guessed_type_is_the_same_whatever_was_put_before(tmp_path: Path, keys: tuple[str, str]) -> None:
    _blocks.clear()
    with trove.open(f"trove://{tmp_path}/store?durability=relaxed") as driver:
        driver.create_bucket("b")
        for key in keys:
            assert driver.put("b", key, b"x").content_type == guess_content_type(key), key


def test_endings_without_end_are_not_kept(tmp_path: Path) -> None:
    with EngineDriver() as driver:
        driver.open(f"trove://{tmp_path}/store?durability=relaxed")
        driver.create_bucket("b")
        driver.put_many("b", {f"host.{number}": b"" for number in range(3000)})
    assert len(_blocks) <= 1000


def test_a_batch_is_not_committed_to_another_store(tmp_path: Path) -> None:
    driver = EngineDriver()
    driver.open(f"trove://{tmp_path}/one?durability=relaxed")
    driver.create_bucket("b")
    batch = driver.batch()
    batch.put("b", "large", bytes(100_000))
    driver.close()
    driver.open(f"trove://{tmp_path}/other?durability=relaxed")
    with pytest.raises(InvalidArgumentError, match="the store that was open before"), batch:
        pass
    with pytest.raises(BucketNotFoundError):
        driver.head("b", "large")
    driver.close()


@pytest.mark.parametrize("content_type", ["x", "xy", "xyz"])
def test_an_empty_object_of_the_shortest_type_can_be_read(tmp_path: Path, content_type: str) -> None:
    with trove.open(f"trove://{tmp_path}/store") as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"", content_type=content_type)
        assert driver.head("b", "k").content_type == content_type
        assert [info.content_type for info in driver.list("b")] == [content_type]
        assert driver.get("b", "k").read() == b""
