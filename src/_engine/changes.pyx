# cython: language_level=3, boundscheck=False, cdivision=True
"""Changes: what each call that writes checks, and does, inside the write transaction."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from trove.errors import (
    BucketExistsError,
    BucketNotEmptyError,
    BucketNotFoundError,
    ObjectNotFoundError,
    VersionNotFoundError,
)

from .codec cimport INLINE, LIST, SEAL, load64, store64
from .commit cimport Commit
from .content cimport Content
from .core cimport Change, Core
from .index cimport row
from .info cimport HAS_EXPIRY, ROW_ETAG, ROW_HEAD, ROW_SIZE, ROW_TIME, EngineInfo, attributes_block, info_of, now_us


cdef int require_bucket(Commit commit, bytes name, str bucket) except -1:
    if commit.txn.get(name, None, commit.index.buckets) is None:
        raise BucketNotFoundError.of(bucket)
    return 0


cdef EngineInfo current(Commit commit, bytes place, str key):
    """The object that stands at ``place`` for a reader, ``None`` where there is none."""
    body = row(commit.txn, commit.index.objects, place, "objects")
    if body is None:
        return None
    info = info_of(key, bytes(body), 0)
    return None if info.expired(now_us()) else info


cdef bytes make_row(int kind, int64_t size, bytes etag, int64_t expiry, bytes attributes, bytes content):
    cdef Py_ssize_t head = ROW_HEAD + (8 if expiry else 0)
    cdef Py_ssize_t middle = PyBytes_GET_SIZE(attributes)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, head + middle + PyBytes_GET_SIZE(content))
    cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(made)
    p[0] = kind
    p[1] = HAS_EXPIRY if expiry else 0
    store64(p + ROW_SIZE, size)
    store64(p + ROW_TIME, now_us())
    memcpy(p + ROW_ETAG, PyBytes_AS_STRING(etag), ROW_HEAD - ROW_ETAG)
    if expiry:
        store64(p + ROW_HEAD, expiry)
    memcpy(p + head, PyBytes_AS_STRING(attributes), middle)
    memcpy(p + head + middle, PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content))
    return made


cdef class PutChange(Change):
    cdef int stage(self, Commit commit) except -1:
        cdef EngineInfo before
        require_bucket(commit, self.bucket_name, self.bucket)
        if self.conditions is not None:
            before = current(commit, self.place, self.key)
            self.conditions.check(self.bucket, self.key, None if before is None else before.etag)
        if self.content.inline is None:
            self.content.settle(self.core, commit)
        made = make_row(
            self.content.kind(),
            self.content.size,
            self.content.etag,
            self.expiry,
            self.attributes,
            self.content.tail(commit),
        )
        self.result = info_of(self.key, commit.put_object(self.place, made), SEAL)
        return 0


cdef class DeleteChange(Change):
    cdef bint frees(self) except -1:
        return True

    cdef int stage(self, Commit commit) except -1:
        require_bucket(commit, self.bucket_name, self.bucket)
        if self.version_id is not None and (self.version_id or current(commit, self.place, self.key) is None):
            raise VersionNotFoundError.of(self.bucket, self.key, self.version_id)
        if commit.txn.get(self.place, None, commit.index.objects) is not None:
            commit.delete_object(self.place)
        return 0


cdef class CopyChange(Change):
    cdef int stage(self, Commit commit) except -1:
        cdef EngineInfo source
        require_bucket(commit, self.src_bucket_name, self.src_bucket)
        source = current(commit, self.src_place, self.src_key)
        if source is None:
            raise ObjectNotFoundError.of(self.src_bucket, self.src_key)
        require_bucket(commit, self.bucket_name, self.bucket)
        made = make_row(
            source.head()[0],
            load64(source.head() + ROW_SIZE),
            source.head()[ROW_ETAG:ROW_HEAD],
            source.expiry(),
            attributes_block(
                source.content_type,
                source.storage_class,
                source.metadata if self.metadata is None else self.metadata,
                source.tags,
            ),
            source.content(),
        )
        self.result = info_of(self.key, commit.put_object(self.place, made), SEAL)
        return 0


cdef class CreateBucketChange(Change):
    cdef int stage(self, Commit commit) except -1:
        if commit.txn.get(self.bucket_name, None, commit.index.buckets) is not None:
            raise BucketExistsError.of(self.bucket)
        commit.create_bucket(self.bucket_name, now_us().to_bytes(8, "little"))
        return 0


cdef class DeleteBucketChange(Change):
    cdef bint frees(self) except -1:
        return True

    cdef int stage(self, Commit commit) except -1:
        require_bucket(commit, self.bucket_name, self.bucket)
        expired = []
        prefix = self.bucket_name + b"\0"
        cursor = commit.txn.cursor(commit.index.objects)
        found = cursor.set_range(prefix)
        while found and bytes(cursor.key()[: len(prefix)]) == prefix:
            place = bytes(cursor.key())
            if current(commit, place, "") is not None:
                raise BucketNotEmptyError.of(self.bucket)
            expired.append(place)
            found = cursor.next()
        cursor.close()
        for place in expired:
            commit.delete_object(place)
        commit.delete_bucket(self.bucket_name)
        return 0


cdef class BatchChange(Change):
    cdef bint frees(self) except -1:
        cdef Change change
        for change in self.changes:
            if not change.frees():
                return False
        return True

    cdef int stage(self, Commit commit) except -1:
        cdef Change change
        for change in self.changes:
            change.stage(commit)
        self.result = [change.result for change in self.changes]
        return 0
