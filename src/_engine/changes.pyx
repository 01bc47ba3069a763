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

from .chain cimport (
    HAS_CHAINS,
    VERSIONED,
    flags_of,
    id_of,
    id_of_stamp,
    newest_older,
    stamp,
    version_in,
    version_key,
)
from .codec cimport MARKER, SEAL, UPLOADS, VERSIONS, load64, store64, unsealed
from .commit cimport Commit
from .core cimport Change
from .index cimport row
from .info cimport (
    HAS_EXPIRY,
    ROW_ETAG,
    ROW_HEAD,
    ROW_SIZE,
    ROW_TIME,
    EngineInfo,
    attributes_block,
    info_of,
    now_us,
    row_expired,
    with_time,
    with_version_id,
)
from .index import keys_under

_NO_ATTRIBUTES = bytes(5)


cdef int require_bucket(Commit commit, bytes name, str bucket) except -1:
    """The flags of a bucket (BucketFlag). Raises BucketNotFoundError."""
    found = commit.txn.get(name, None, commit.index.buckets)
    if found is None:
        raise BucketNotFoundError.of(bucket)
    if len(found) == SEAL + 8:
        return 0  # of most buckets, whose rows say nothing else
    return flags_of(unsealed(name, found, "buckets"))


cdef EngineInfo current(Commit commit, bytes place, str key):
    """The object that stands at ``place`` for a reader, ``None`` where there is none."""
    body = commit.current(place)
    if body is None:
        return None
    info = info_of(key, body, 0)
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


cdef bytes make_marker(Commit commit, int flags, int64_t now):
    """The row of a delete marker of this commit, put at the instant ``now``."""
    cdef bytes when = stamp(commit.sequence, commit.count)
    cdef bytes attributes = _NO_ATTRIBUTES
    if flags & VERSIONED:
        attributes = with_version_id(attributes, id_of_stamp(when))
    return with_time(make_row(MARKER, 0, bytes(ROW_HEAD - ROW_ETAG), 0, attributes, when), now)


cdef EngineInfo write(
    Commit commit, int flags, str key, bytes place, int kind, int64_t size, bytes etag, int64_t expiry, bytes attributes,
    bytes content
):
    """Make a new object, or the newest version, at ``place`` of a bucket with those flags; its info."""
    if not flags & HAS_CHAINS:
        made = make_row(kind, size, etag, expiry, attributes, content)
        return info_of(key, commit.put_object(place, made), SEAL)
    old = expire(commit, flags, place)
    if flags & VERSIONED:
        attributes = with_version_id(attributes, id_of_stamp(stamp(commit.sequence, commit.count)))
    made = make_row(kind, size, etag, expiry, attributes, content)
    return info_of(key, commit.put_version(place, made, old), SEAL)


cdef bytes expire(Commit commit, int flags, bytes place):
    """Delete the current version of a bucket with chains if its time is over; what is current then."""
    cdef bytes body = commit.current(place)
    if body is not None and row_expired(<const uint8_t *>PyBytes_AS_STRING(body), now_us()):
        delete_current(commit, flags, place, body, now_us())
        return None
    return body


cdef int delete_current(Commit commit, int flags, bytes place, bytes body, int64_t now) except -1:
    """Delete ``body``, which is current at ``place``: by a delete marker where there are versions to hide."""
    if not flags & HAS_CHAINS:
        return commit.delete_object(place)
    nameless_alone = not id_of(body) and newest_older(commit.index, commit.txn, place)[0] is None
    if not flags & VERSIONED and nameless_alone:
        commit.delete_object(place)
    else:
        commit.put_version(place, make_marker(commit, flags, now), body)
    return 0


cdef int delete_version(Commit commit, bytes place, bytes version_id) except -1:
    """Delete one version for good; the newest of what is left is current then, unless it is a marker. 0 if there is none."""
    body = commit.current(place)
    if body is not None and id_of(body) == version_id:
        if not promote(commit, place):
            commit.delete_object(place)
        return 1
    key, found = version_in(commit.index, commit.txn, place, version_id)
    if key is None:
        return 0
    drop_older(commit, place, key, found)
    if body is None:
        promote(commit, place)
    return 1


cdef bint promote(Commit commit, bytes place) except -1:
    """Make the newest older version current, if it is no marker; whether it is."""
    key, body = newest_older(commit.index, commit.txn, place)
    if key is None or body[0] == MARKER:
        return False
    commit.put_object(place, body)
    drop_older(commit, place, key, body)
    return True


cdef int drop_older(Commit commit, bytes place, bytes key, bytes body) except -1:
    commit.delete_row(VERSIONS, key)
    if not id_of(body):
        commit.delete_row(VERSIONS, version_key(place, b""))
    return 0


cdef class PutChange(Change):
    cdef int stage(self, Commit commit) except -1:
        cdef EngineInfo before
        cdef int flags = require_bucket(commit, self.bucket_name, self.bucket)
        if self.conditions is not None:
            before = current(commit, self.place, self.key)
            self.conditions.check(self.bucket, self.key, None if before is None else before.etag)
        if self.alone:
            commit.require_room(self.place, self.content.size)
        if self.content.inline is None:
            self.content.settle(self.core, commit)
        tail = self.content.tail(commit)
        self.result = write(
            commit, flags, self.key, self.place, self.content.kind(), self.content.size, self.content.etag, self.expiry,
            self.attributes, tail,
        )
        return 0


cdef class DeleteChange(Change):
    cdef bint frees(self) except -1:
        return True

    cdef int stage(self, Commit commit) except -1:
        cdef int flags = require_bucket(commit, self.bucket_name, self.bucket)
        if flags & HAS_CHAINS:
            body = expire(commit, flags, self.place)
            if self.version_id is None:
                if body is not None:
                    delete_current(commit, flags, self.place, body, now_us())
            elif not delete_version(commit, self.place, (<str>self.version_id).encode()):
                raise VersionNotFoundError.of(self.bucket, self.key, self.version_id)
            return 0
        if self.version_id is not None and (self.version_id or current(commit, self.place, self.key) is None):
            raise VersionNotFoundError.of(self.bucket, self.key, self.version_id)
        if commit.txn.get(self.place, None, commit.index.objects) is not None:
            commit.delete_object(self.place)
        return 0


cdef class CopyChange(Change):
    cdef int stage(self, Commit commit) except -1:
        cdef EngineInfo source
        cdef int flags
        require_bucket(commit, self.src_bucket_name, self.src_bucket)
        source = current(commit, self.src_place, self.src_key)
        if source is None:
            raise ObjectNotFoundError.of(self.src_bucket, self.src_key)
        flags = require_bucket(commit, self.bucket_name, self.bucket)
        metadata = source.metadata if self.metadata is None else self.metadata
        self.result = write_again(commit, flags, self.key, self.place, source, source.expiry(), metadata)
        return 0


cdef EngineInfo write_again(
    Commit commit, int flags, str key, bytes place, EngineInfo source, int64_t expiry, object metadata
):
    """Write what ``source`` has, by its references."""
    attributes = attributes_block(source.content_type, source.storage_class, metadata, source.tags)
    return write(
        commit, flags, key, place, source.head()[0], load64(source.head() + ROW_SIZE),
        source.head()[ROW_ETAG:ROW_HEAD], expiry, attributes, source.content(),
    )


cdef class RestoreChange(Change):
    cdef int stage(self, Commit commit) except -1:
        cdef EngineInfo source
        cdef int flags = require_bucket(commit, self.bucket_name, self.bucket)
        cdef bytes wanted = self.version_id.encode()
        body = expire(commit, flags, self.place) if flags & HAS_CHAINS else commit.current(self.place)
        if body is None or id_of(body) != wanted:
            body = version_in(commit.index, commit.txn, self.place, wanted)[1]
        if body is None:
            raise VersionNotFoundError.of(self.bucket, self.key, self.version_id)
        source = info_of(self.key, body, 0)
        if source.head()[0] == MARKER:
            raise ObjectNotFoundError.of(self.bucket, self.key)
        if not flags & HAS_CHAINS and source.expired(now_us()):
            raise VersionNotFoundError.of(self.bucket, self.key, self.version_id)
        # A time that is over would take the restored object away at once.
        expiry = 0 if source.expired(now_us()) else source.expiry()
        self.result = write_again(commit, flags, self.key, self.place, source, expiry, source.metadata)
        return 0


cdef class ExpireChange(Change):
    """Puts the delete marker of an object whose time is over, where versions are kept."""

    cdef int stage(self, Commit commit) except -1:
        cdef int flags = require_bucket(commit, self.bucket_name, self.bucket)
        if flags & HAS_CHAINS:
            expire(commit, flags, self.place)
        return 0


cdef class VersioningChange(Change):
    cdef int stage(self, Commit commit) except -1:
        cdef int flags = require_bucket(commit, self.bucket_name, self.bucket)
        cdef int wanted = flags | HAS_CHAINS | VERSIONED if self.enabled else flags & ~VERSIONED
        if wanted != flags:
            made = row(commit.txn, commit.index.buckets, self.bucket_name, "buckets")
            commit.set_bucket(self.bucket_name, made[:8] + bytes([wanted]) + made[9:])
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
        cdef int flags = require_bucket(commit, self.bucket_name, self.bucket)
        expired = []
        prefix = self.bucket_name + b"\0"
        for place in keys_under(commit.txn, commit.index.objects, prefix):
            # Where there is a version to hide, one whose time is over leaves a delete marker.
            body = commit.current(place)
            if flags & VERSIONED or id_of(body) or current(commit, place, "") is not None:
                raise BucketNotEmptyError.of(self.bucket)
            expired.append(place)
        if next(keys_under(commit.txn, commit.index.versions, prefix), None) is not None:
            raise BucketNotEmptyError.of(self.bucket)
        for place in expired:
            commit.delete_object(place)
        if next(keys_under(commit.txn, commit.index.uploads, prefix), None) is not None:
            commit.delete_rows(UPLOADS, prefix)
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
