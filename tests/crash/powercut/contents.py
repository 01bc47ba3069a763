"""What a store holds, read through its driver."""

from __future__ import annotations

import hashlib

from harness import chains

import trove
from trove.drivers.engine import EngineDriver

from .histories import Contents

VERSIONED = ".v"  # what the names of buckets end with whose objects have versions
KEYS = 6  # of each writer
STANDARD = "STANDARD"  # the storage class of what was not moved


def digest(data: bytes) -> str:
    return f"{len(data)}:{hashlib.blake2b(data, digest_size=8).hexdigest()}"


def read(reader: trove.ObjectReader) -> str:
    return digest(reader.read())


def parts_in_words(sizes: dict[int, int]) -> str:
    """What is said of an open upload that has parts of those sizes."""
    return " ".join(["parts", *(f"{number}:{size}" for number, size in sorted(sizes.items()))])


def contents(driver: EngineDriver) -> Contents:
    """Every bucket, every object with the digests of its bytes or versions, every upload with its parts."""
    found: Contents = {}
    for bucket in driver.list_buckets():
        found[bucket.name] = "a bucket"
        if bucket.name.endswith(VERSIONED):
            found |= versions(driver, bucket.name)
            continue
        cursor = ""
        while True:
            page = driver.list(bucket.name, cursor=cursor)
            for info in page:
                with driver.get(bucket.name, info.key) as reader:
                    said = "" if info.storage_class == STANDARD else f" {info.storage_class}"
                    found[f"{bucket.name}/{info.key}"] = read(reader) + said
            cursor = page.next_token
            if not cursor:
                break
        for upload in driver.list_multiparts(bucket.name):
            parts = driver.list_parts(bucket.name, upload.key, upload.upload_id)
            sizes = {part.part_number: part.size for part in parts}
            line = f"{bucket.name}/{upload.key} uploaded"
            assert line not in found, f"two uploads of {upload.key}"
            found[line] = parts_in_words(sizes)
    return found


def versions(driver: EngineDriver, bucket: str) -> Contents:
    """Those of a writer's keys, which a listing has not where they are hidden."""
    found: Contents = {}
    if driver.get_versioning(bucket):
        found[bucket] = "a bucket that keeps versions"
    writer = bucket.removesuffix(VERSIONED)
    for key in (f"{writer}.{number}" for number in range(KEYS)):
        chain = chains.seen(driver, bucket, key, read)
        if chain:
            found[f"{bucket}/{key}"] = chains.in_words(chain)
    return found
