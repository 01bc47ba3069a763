"""What a store holds, read through its driver."""

from __future__ import annotations

import hashlib

from trove.drivers.engine import EngineDriver

from .histories import Contents


def digest(data: bytes) -> str:
    return f"{len(data)}:{hashlib.blake2b(data, digest_size=8).hexdigest()}"


def contents(driver: EngineDriver) -> Contents:
    """Every bucket, and every object with the digest of its bytes."""
    found: Contents = {}
    for bucket in driver.list_buckets():
        found[bucket.name] = "a bucket"
        cursor = ""
        while True:
            page = driver.list(bucket.name, cursor=cursor)
            for info in page:
                with driver.get(bucket.name, info.key) as reader:
                    found[f"{bucket.name}/{info.key}"] = digest(reader.read())
            cursor = page.next_token
            if not cursor:
                break
    return found
