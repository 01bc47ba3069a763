"""Makes the golden stores: ``python tests/_engine/golden/make_golden.py``, once for each format version.

``format-1-<hash>.tar.xz`` is a closed store as it lies on disk, ``format-1.json`` what it says of its
objects. They are made anew only with a new format version; the ones of older versions stay.
"""

from __future__ import annotations

import json
import random
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from trove._engine import store
from trove.drivers.engine import EngineDriver

HERE = Path(__file__).parent
HASHES = ("xxh3", "blake3")
STORE_ID = "0123456789abcdeffedcba9876543210"
CHUNK_SIZE = "1024"
FAR = datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

Content = dict[tuple[str, str], bytes]


def data(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)


def fill(driver: EngineDriver) -> Content:
    """Put one of everything that the format knows into an empty store; what is there in the end."""
    driver.create_bucket("b")
    driver.create_bucket("büro")
    driver.create_bucket("gone")
    driver.put("b", "empty", b"")
    driver.put("b", "inline.txt", data("inline", 100))
    driver.put("b", "inline/longest", data("longest", 2048))
    driver.put(
        "büro",
        "schlüssel/ü.json",
        data("described", 300),
        content_type="text/x-test",
        metadata={"author": "älice", "": "empty name"},
        tags={"env": "prod"},
        storage_class="COLD",
        expires_at=FAR,
    )
    driver.put("b", "one-chunk", bytes(2049))
    driver.put("b", "chunks", data("chunks", 2600))
    driver.put("b", "listed", data("listed", 16_000))
    driver.put("b", "shifted", b"-" + data("listed", 16_000))
    driver.copy("b", "listed", "büro", "copied")
    driver.copy("b", "inline.txt", "b", "copied-inline", metadata={"new": "one"})
    driver.put("b", "deleted", data("deleted", 3000))
    driver.snapshot()
    driver.delete("b", "deleted")
    driver.put("b", "inline.txt", data("again", 90))
    driver.delete_bucket("gone")
    with driver.batch() as batch:
        batch.put("b", "batch/1", data("first", 10))
        batch.copy("b", "chunks", "b", "batch/2")
        batch.delete("b", "empty")
    return {
        ("b", "batch/1"): data("first", 10),
        ("b", "batch/2"): data("chunks", 2600),
        ("b", "chunks"): data("chunks", 2600),
        ("b", "copied-inline"): data("inline", 100),
        ("b", "inline.txt"): data("again", 90),
        ("b", "inline/longest"): data("longest", 2048),
        ("b", "listed"): data("listed", 16_000),
        ("b", "one-chunk"): bytes(2049),
        ("b", "shifted"): b"-" + data("listed", 16_000),
        ("büro", "copied"): data("listed", 16_000),
        ("büro", "schlüssel/ü.json"): data("described", 300),
    }


def make(path: Path, hash_name: str) -> Content:
    """Make the store; only its times differ from one run to the next."""
    driver = EngineDriver()
    with mock.patch.object(store, "new_store_id", return_value=STORE_ID):
        driver.open(f"trove://{path}", hash=hash_name, chunk_size=CHUNK_SIZE)
    with driver:
        return fill(driver)


def described(path: Path, content: Content) -> dict[str, dict[str, Any]]:
    """What a store says of its objects."""
    found = {}
    with EngineDriver() as driver:
        driver.open(f"trove://{path}")
        for bucket, key in content:
            info = driver.head(bucket, key)
            found[f"{bucket}/{key}"] = {
                "size": info.size,
                "etag": info.etag,
                "content_type": info.content_type,
                "metadata": dict(info.metadata),
                "tags": dict(info.tags),
                "storage_class": info.storage_class,
                "last_modified": info.last_modified.isoformat(),
            }
    return found


def main() -> None:
    says = {}
    for hash_name in HASHES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "store")
            content = make(path, hash_name)
            says[hash_name] = described(path, content)
            with tarfile.open(HERE / f"format-{store.FORMAT}-{hash_name}.tar.xz", "w:xz") as archive:
                for part in ("STORE", "state", "packs", "index/data.mdb", "snapshots"):
                    archive.add(path / part, part)
    text = json.dumps(says, indent=1, sort_keys=True, ensure_ascii=False)
    (HERE / f"format-{store.FORMAT}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
