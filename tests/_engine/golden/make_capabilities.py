"""Makes the golden store of the capabilities: in `tests`, ``python -m _engine.golden.make_capabilities``.

``format-1-capabilities.tar.xz`` is a closed store that was compacted, as it lies on disk, and a backup of it;
``format-1-capabilities.json`` is what it says. It is made anew only with a new format version.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from harness import low_thresholds

from trove._engine import compact, store
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver

from .make_golden import CHUNK_SIZE, FAR, HERE, STORE_ID, data

NAME = f"format-{store.FORMAT}-capabilities"
RULES = [
    LifecycleRule("logs", prefix="log/", expiration_days=36500),
    LifecycleRule("late", transition_days=36000, transition_storage="COLD"),
    LifecycleRule("off", prefix="x", expiration_days=1, enabled=False),
]
LINES = b"".join(b"%d bottles of beer on the wall\n" % number for number in range(2000))  # compresses well


def fill(driver: EngineDriver) -> None:
    """Use every capability on an empty store, some before it is compacted and some afterwards."""
    for bucket in ("kept", "ruled", "cold"):
        driver.create_bucket(bucket)
    driver.put("kept", "doc", data("before versions", 300))
    driver.set_versioning("kept", True)
    for number in range(3):
        driver.put("kept", "doc", data(f"version {number}", 5000))
    driver.put("kept", "hidden", data("hidden", 5000), tags={"t": "1"})
    driver.delete("kept", "hidden")
    first = driver.put("kept", "back", data("first", 100)).version_id
    driver.put("kept", "back", data("second", 100))
    driver.restore_version("kept", "back", first)
    driver.set_lifecycle("ruled", RULES)
    driver.put("ruled", "log/1", data("log", 2500))
    driver.put("ruled", "soon", data("soon", 2500), expires_at=FAR)
    driver.put("cold", "lines", LINES, storage_class="COLD")
    driver.put("cold", "moved", LINES[::-1])
    driver.set_lifecycle("cold", [LifecycleRule("all", transition_days=0, transition_storage="COLD")])
    driver.apply_lifecycle(datetime.now(UTC) + timedelta(seconds=1))
    driver.set_quota("ruled", max_bytes=100_000, max_objects=10)
    driver.set_quota(None, max_bytes=10_000_000)
    upload = driver.initiate_multipart("kept", "upload", metadata={"m": "1"}, storage_class="COLD")
    driver.upload_part("kept", "upload", upload, 3, LINES)
    driver.put("kept", "waste", data("waste", 200_000))


def fill_further(driver: EngineDriver) -> None:
    """The same, after a backup."""
    driver.delete_version("kept", "waste", driver.head("kept", "waste").version_id)
    low_thresholds.lower()
    compact.KEPT_LEAST = compact.KEPT_MOST = 2048
    assert driver.compact().packs
    (upload,) = driver.list_multiparts("kept")
    driver.upload_part("kept", "upload", upload.upload_id, 1, data("part", 7000))
    driver.set_versioning("kept", False)
    driver.put("kept", "doc", data("suspended", 5000))
    driver.delete("kept", "back")


def said_by(driver: EngineDriver) -> dict[str, Any]:
    """All that a store says, by each capability."""
    return {
        "quota": quota_of(driver, None),
        **{bucket.name: bucket_of(driver, bucket.name) for bucket in driver.list_buckets()},
    }


def bucket_of(driver: EngineDriver, bucket: str) -> dict[str, Any]:
    infos = list(driver.list(bucket))
    keys = sorted({info.key for info in infos} | {"hidden", "back"})
    return {
        "quota": quota_of(driver, bucket),
        "versioning": driver.get_versioning(bucket),
        "rules": [rule.id for rule in driver.get_lifecycle(bucket)],
        "objects": {
            info.key: [info.etag, info.storage_class, digest(driver.get(bucket, info.key).read())]
            for info in infos
        },
        "versions": {
            key: [
                [
                    each.version_id,
                    each.last_modified.isoformat(),
                    each.is_latest,
                    each.is_delete_marker or digest(driver.get_version(bucket, key, each.version_id).read()),
                ]
                for each in driver.list_versions(bucket, key)
            ]
            for key in keys
        },
        "uploads": {
            upload.key: [
                [part.part_number, part.etag, part.size]
                for part in driver.list_parts(bucket, upload.key, upload.upload_id)
            ]
            for upload in driver.list_multiparts(bucket)
        },
    }


def quota_of(driver: EngineDriver, bucket: str | None) -> list[int | None]:
    quota = driver.get_quota(bucket)
    return [quota.max_bytes, quota.max_objects]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, EngineDriver() as driver:
        path, backup = Path(folder, "store"), Path(folder, "backup")
        with mock.patch.object(store, "new_store_id", return_value=STORE_ID):
            driver.open(f"trove://{path}", chunk_size=CHUNK_SIZE, compaction="off")
        fill(driver)
        driver.backup(backup)
        fill_further(driver)
        driver.backup(backup)
        driver.close()
        with tarfile.open(HERE / f"{NAME}.tar.xz", "w:xz") as archive:
            for part in ("STORE", "state", "packs", "index/data.mdb", "snapshots"):
                archive.add(path / part, f"store/{part}")
            archive.add(backup, "backup")
        driver.open(f"trove://{path}")
        said = said_by(driver)
    text = json.dumps(said, indent=1, sort_keys=True)
    (HERE / f"{NAME}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
