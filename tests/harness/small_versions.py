"""What small stores hold beside plain objects: versions, parts of uploads, rules, and what expires.

Each has a place of its own in the history, of three words: a version its bucket, its key and its id; a part
its bucket, its key and its number; what is said of a bucket the bucket, what it is, and no more.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trove._engine.cold import COLD, require_cold
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver
from trove.errors import BucketNotFoundError, UnsupportedOptionError

from .described import described

if TYPE_CHECKING:
    from .small_store import History, Place

VERSIONS = "v"  # the bucket with versions
UPLOAD = "up"  # the key of an upload that stays open, in the bucket ``b``
OF_BUCKET = ""  # the last word of the place of what is said of a bucket
PART = "part "
RULES = [
    LifecycleRule("r", prefix="k", expiration_days=9000, transition_days=8000, transition_storage="COLD")
]
SIZES = (60, 300, 3_000, 9_000, 40_000)
YEARS = timedelta(days=9999)


def first_half(driver: EngineDriver, history: History) -> None:
    driver.create_bucket(VERSIONS)
    for key in "ab":
        put(driver, history, key, 1)  # without an id
    switch(driver, history, True)
    for key in "abcde":
        put(driver, history, key, 2)
        put(driver, history, key, 3)
    delete(driver, history, "d")
    upload = driver.initiate_multipart("b", UPLOAD)
    for number in (1, 2, 3):
        send(driver, history, upload, number, 1)
    driver.set_lifecycle("c", RULES)
    history.changes.append((("c", "rules", OF_BUCKET), repr(RULES).encode()))
    put_expiring(driver, history)
    put_cold(driver, history)


def second_half(driver: EngineDriver, history: History) -> None:
    restore(driver, history, "a", "")
    drop(driver, history, "b", ids(history, "b")[0])
    drop(driver, history, "c", ids(history, "c")[-1])
    switch(driver, history, False)
    put(driver, history, "c", 4)
    delete(driver, history, "a")
    switch(driver, history, True)
    put(driver, history, "e", 4)
    (open_upload,) = (each.upload_id for each in driver.list_multiparts("b") if each.key == UPLOAD)
    send(driver, history, open_upload, 2, 2)
    complete(driver, history)


def named(history: History, bucket: str, key: str, number: int, size: int) -> tuple[str, bytes]:
    name = f"{history.store}/{bucket}/{key}/{number}"
    return name, described(name, size)


def put(driver: EngineDriver, history: History, key: str, number: int) -> None:
    name, data = named(history, VERSIONS, key, number, SIZES[sum(key.encode()) % len(SIZES)])
    info = driver.put(VERSIONS, key, data, metadata={"name": name})
    history.changes += [((VERSIONS, key), data), ((VERSIONS, key, info.version_id), data)]


def delete(driver: EngineDriver, history: History, key: str) -> None:
    kept = driver.get_versioning(VERSIONS)
    driver.delete(VERSIONS, key)
    history.changes.append(((VERSIONS, key), None))
    if not kept:
        history.changes.append(((VERSIONS, key, ""), None))


def drop(driver: EngineDriver, history: History, key: str, version_id: str) -> None:
    driver.delete_version(VERSIONS, key, version_id)
    left = [each for each in driver.list_versions(VERSIONS, key) if each.is_latest]
    shown = left[0].version_id if left and not left[0].is_delete_marker else None
    data = None if shown is None else history.current[VERSIONS, key, shown]
    history.changes += [((VERSIONS, key, version_id), None), ((VERSIONS, key), data)]


def restore(driver: EngineDriver, history: History, key: str, version_id: str) -> None:
    data = history.current[VERSIONS, key, version_id]
    info = driver.restore_version(VERSIONS, key, version_id)
    history.changes += [((VERSIONS, key), data), ((VERSIONS, key, info.version_id), data)]


def ids(history: History, key: str) -> list[str]:
    """Those of the versions of a key that have one, the oldest first."""
    return sorted(p[2] for p in history.current if p[:2] == (VERSIONS, key) and len(p) == 3 and p[2])


def switch(driver: EngineDriver, history: History, enabled: bool) -> None:
    driver.set_versioning(VERSIONS, enabled)
    history.changes.append(((VERSIONS, "kept", OF_BUCKET), b"True" if enabled else None))


def send(driver: EngineDriver, history: History, upload: str, number: int, version: int) -> None:
    _, data = named(history, "b", f"{UPLOAD}-{number}", version, SIZES[number + 1])
    sent = driver.upload_part("b", UPLOAD, upload, number, data)
    history.etags[sent.etag] = data
    history.changes.append((("b", UPLOAD, f"{PART}{number}"), data))


def complete(driver: EngineDriver, history: History) -> None:
    """Another upload, of which an object is made."""
    name, first = named(history, "b", "joined-1", 1, SIZES[2])
    _, second = named(history, "b", "joined-2", 1, SIZES[3])
    upload = driver.initiate_multipart("b", "joined", metadata={"name": name})
    parts = [driver.upload_part("b", "joined", upload, n, data) for n, data in ((1, first), (5, second))]
    history.etags |= {parts[0].etag: first, parts[1].etag: second}
    driver.complete_multipart("b", "joined", upload, parts)
    history.changes.append((("b", "joined"), first + second))


def put_expiring(driver: EngineDriver, history: History) -> None:
    """What is there for years, and what is over and nobody ever sees."""
    now = datetime.now(UTC)
    name, data = named(history, "b", "mortal", 1, SIZES[3])
    driver.put("b", "mortal", data, metadata={"name": name}, expires_at=now + YEARS)
    history.changes.append((("b", "mortal"), data))
    driver.put("b", "over", data, expires_at=now - timedelta(hours=1))


def put_cold(driver: EngineDriver, history: History) -> None:
    """What is stored compressed, where Python can: half of it is said again, in hexadecimal digits."""
    if not can_be_cold():
        return
    for key, size in (("cold", SIZES[3]), ("frost", SIZES[1])):
        name, data = named(history, "b", key, 1, size)
        data += data.hex().encode()
        driver.put("b", key, data, metadata={"name": name}, storage_class=COLD)
        history.changes.append((("b", key), data))


def can_be_cold() -> bool:
    try:
        require_cold()
    except UnsupportedOptionError:
        return False
    return True


# What is there.


def read(driver: EngineDriver, place: Place, etags: dict[str, bytes]) -> bytes | None:
    """What is at a place of three words, ``None`` if nothing is; of a part what was sent with its etag."""
    bucket, key, word = place
    if word.startswith(PART):
        for number, etag in parts(driver).items():
            if number == int(word.removeprefix(PART)):
                return etags[etag]
        return None
    if (bucket, key) == (VERSIONS, "kept"):
        return b"True" if driver.get_versioning(bucket) else None
    if (bucket, key) == ("c", "rules"):
        rules = driver.get_lifecycle(bucket)
        return repr(rules).encode() if rules else None
    with driver.get_version(bucket, key, word) as reader:
        return reader.read()


def parts(driver: EngineDriver) -> dict[int, str]:
    """The etags of the parts of the open upload, by their numbers."""
    for upload in driver.list_multiparts("b"):
        if upload.key == UPLOAD:
            found = driver.list_parts("b", UPLOAD, upload.upload_id)
            return {part.part_number: part.etag for part in found}
    return {}


def check_goes_on(driver: EngineDriver, etags: dict[str, bytes]) -> None:
    """What is left of an upload can be completed, and versions come and go."""
    with contextlib.suppress(BucketNotFoundError):
        check_uploads_go_on(driver, etags)
    with contextlib.suppress(BucketNotFoundError):
        check_versions_go_on(driver)


def check_uploads_go_on(driver: EngineDriver, etags: dict[str, bytes]) -> None:
    for upload in driver.list_multiparts("b"):
        sent = driver.list_parts("b", upload.key, upload.upload_id)
        if not sent:
            driver.abort_multipart("b", upload.key, upload.upload_id)
            continue
        info = driver.complete_multipart("b", upload.key, upload.upload_id, sent)
        expected = b"".join(etags[part.etag] for part in sent)
        with driver.get("b", upload.key) as reader:
            assert reader.read() == expected, f"what was sent is not in {info}"


def check_versions_go_on(driver: EngineDriver) -> None:
    driver.set_versioning(VERSIONS, True)
    before = [each.version_id for each in driver.list_versions(VERSIONS, "a")]
    new = driver.put(VERSIONS, "a", b"after").version_id
    assert [each.version_id for each in driver.list_versions(VERSIONS, "a")] == [new, *before]
    driver.delete_version(VERSIONS, "a", new)
    assert [each.version_id for each in driver.list_versions(VERSIONS, "a")] == before
