# cython: language_level=3, boundscheck=False
"""Versions: the calls about the versions of a bucket's objects."""

from trove.driver.options import check_bucket, check_key, check_switch, check_text
from trove.driver.types import VersionInfo
from trove.errors import BucketNotFoundError

from .chain cimport HAS_CHAINS, VERSIONED, flags_of, older_versions
from .changes cimport ExpireChange, RestoreChange, VersioningChange
from .codec cimport MARKER
from .core cimport Core
from .index cimport Reading
from .info cimport EngineInfo, info_of, now_us
from .rows cimport row


def set_versioning(Core core, durable, bucket, enabled):
    cdef VersioningChange change = VersioningChange.__new__(VersioningChange)
    change.bucket = check_bucket(bucket)
    change.bucket_name = change.bucket.encode()
    change.enabled = check_switch("enabled", enabled)
    change.durable = durable
    core.submit(change)


def get_versioning(Core core, bucket):
    name = check_bucket(bucket)
    with Reading(core.index) as txn:
        return bool(bucket_flags(core, txn, name) & VERSIONED)


cdef int bucket_flags(Core core, object txn, str bucket) except -1:
    body = row(txn, core.index.buckets, bucket.encode(), "buckets")
    if body is None:
        raise BucketNotFoundError.of(bucket)
    return flags_of(body)


def list_versions(Core core, durable, bucket, key):
    """The versions of ``key``, newest first."""
    bucket, key = check_bucket(bucket), check_key(key)
    found, late = _versions(core, bucket, key)
    if late and not core.readonly:
        # Its time is over: a delete marker says so from now on.
        _expire(core, durable, bucket, key)
        found, late = _versions(core, bucket, key)
    return found


cdef tuple _versions(Core core, str bucket, str key):
    """The versions, and whether the current one's time is over."""
    cdef EngineInfo info
    cdef bytes place = bucket.encode() + b"\0" + key.encode()
    cdef bint late = False
    with Reading(core.index) as txn:
        flags = bucket_flags(core, txn, bucket)
        bodies = [body for _, body in older_versions(core.index, txn, place)] if flags & HAS_CHAINS else []
        current = row(txn, core.index.objects, place, "objects")
        if current is not None:
            info = info_of(key, current, 0)
            late = info.expired(now_us())
            if flags & HAS_CHAINS or not late:
                bodies.insert(0, current)
        found = []
        for body in bodies:
            info = info_of(key, body, 0)
            marker = body[0] == MARKER
            found.append(
                VersionInfo(
                    info.version_id,
                    key,
                    info.size,
                    info.last_modified,
                    "" if marker else info.etag,
                    is_latest=not found and not late,
                    is_delete_marker=marker,
                )
            )
        return found, late and flags & HAS_CHAINS


cdef int _expire(Core core, bint durable, str bucket, str key) except -1:
    cdef ExpireChange change = ExpireChange.__new__(ExpireChange)
    change.bucket, change.bucket_name = bucket, bucket.encode()
    change.place = change.bucket_name + b"\0" + key.encode()
    change.durable = durable
    core.submit(change)
    return 0


def restore_version(Core core, durable, bucket, key, version_id):
    """Make a version the newest again, by its references; the new one's info."""
    cdef RestoreChange change = RestoreChange.__new__(RestoreChange)
    change.bucket, change.key = check_bucket(bucket), check_key(key)
    change.version_id = check_text("version_id", version_id, empty=True)
    change.bucket_name = change.bucket.encode()
    change.place = change.bucket_name + b"\0" + change.key.encode()
    change.durable = durable
    return core.submit(change)
