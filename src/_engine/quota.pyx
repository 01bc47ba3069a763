# cython: language_level=3, boundscheck=False
"""Quota: the calls that set and show the limits of a bucket or of the store."""

from trove.driver.options import check_bucket, check_quota
from trove.driver.types import Quota
from trove.errors import BucketNotFoundError

from .change cimport Change
from .changes cimport require_bucket
from .commit cimport Commit
from .core cimport Core
from .index cimport Reading
from .rows cimport row
from .usage cimport LIMITS, limits_in, packed_limits, quota_key


cdef class QuotaChange(Change):
    cdef str bucket                   # None for the store
    cdef bytes name                   # of the bucket; empty for the store
    cdef bytes limits

    cdef int stage(self, Commit commit) except -1:
        if self.bucket is not None:
            require_bucket(commit, self.name, self.bucket)
        body = row(commit.txn, commit.index.quotas, quota_key(self.name), "quotas")
        before = packed_limits(None, None) if body is None else bytes(body[:LIMITS])
        if before != self.limits:
            commit.set_quota(self.name, self.limits)
        return 0


def set_quota(Core core, durable, bucket, max_bytes, max_objects):
    cdef QuotaChange change = QuotaChange.__new__(QuotaChange)
    change.bucket = None if bucket is None else check_bucket(bucket)
    change.name = b"" if bucket is None else change.bucket.encode()
    wanted = check_quota(max_bytes, max_objects)
    change.limits = packed_limits(wanted.max_bytes, wanted.max_objects)
    change.durable = durable
    core.submit(change)


def get_quota(Core core, bucket):
    cdef bytes name = b"" if bucket is None else check_bucket(bucket).encode()
    with Reading(core.index) as txn:
        if name and row(txn, core.index.buckets, name, "buckets") is None:
            raise BucketNotFoundError.of(bucket)
        body = row(txn, core.index.quotas, quota_key(name), "quotas")
        return Quota() if body is None else Quota(*limits_in(body))
