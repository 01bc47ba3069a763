# cython: language_level=3, boundscheck=False
"""Multipart: uploads in parts, which become an object by their references alone.

An upload is a row of the table ``uploads`` under the object's place, a NUL and the upload's id; it has the attributes
and the conditions of the object to be. Each part is a row behind it, under its number, that holds chunks as an
object does. So they outlive whoever sent them, and what nobody completes or aborts can be found.
"""

import uuid

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t

from trove.driver.data import check_data
from trove.driver.options import (
    Conditions,
    check_bucket,
    check_key,
    check_part_number,
    check_parts,
    check_put,
    check_text,
)
from trove.driver.types import PartInfo, UploadInfo
from trove.errors import BucketNotFoundError, CorruptStoreError, InvalidPartError, UploadNotFoundError, shown

from .change cimport Change
from .changes cimport current, make_row, require_bucket, write
from .codec cimport CHUNKS, LIST, LIST_ID, MARKER, REFERENCE, UPLOADS, Decoder, Encoder, hash128, load64
from .commit cimport Commit
from .content cimport Content, held_tail, ingest
from .core cimport Core
from .index cimport Index, Reading
from .info cimport ROW_ETAG, ROW_HEAD, ROW_TIME, EngineInfo, attributes_block, info_of, microseconds, now_us
from .rows cimport row
from .usage cimport Room
from .cold import COLD, require_cold
from .content import LISTED
from .rows import keys_under
from .schedule import DAY

cdef enum:
    UPLOAD_ID = 16
    PART = 2  # bytes of a part's number, the most significant first


cdef class UploadChange(Change):
    """What the changes to uploads have in common."""

    cdef str bucket
    cdef str key
    cdef bytes place
    cdef bytes bucket_name
    cdef str upload_id
    cdef bytes at                     # the key of the upload's row, None for an id that can be no upload's

    cdef EngineInfo upload(self, Commit commit):
        require_bucket(commit, self.bucket_name, self.bucket)
        found = None if self.at is None else row(commit.txn, commit.index.uploads, self.at, "uploads")
        if found is None:
            raise UploadNotFoundError.of(self.bucket, self.key, self.upload_id)
        return info_of(self.key, found, 0)


cdef class InitiateChange(UploadChange):
    cdef object attributes
    cdef object conditions

    cdef int stage(self, Commit commit) except -1:
        cdef object given = self.attributes
        require_bucket(commit, self.bucket_name, self.bucket)
        expiry = 0 if given.expires_at is None else microseconds(given.expires_at) or -1
        block = attributes_block(given.content_type, given.storage_class, given.metadata, given.tags)
        conditions = packed_conditions(self.conditions)
        commit.put_row(UPLOADS, self.at, make_row(MARKER, 0, bytes(ROW_HEAD - ROW_ETAG), expiry, block, conditions))
        return 0


cdef class PartChange(UploadChange):
    cdef Core core
    cdef Content content
    cdef int number

    cdef int stage(self, Commit commit) except -1:
        self.upload(commit)
        self.content.settle(self.core, commit)
        tail = self.content.tail(commit)
        made = make_row(self.content.kind(), self.content.size, self.content.etag, 0, bytes(5), tail)
        commit.put_row(UPLOADS, part_key(self), made)
        self.result = PartInfo(self.number, self.content.etag.hex(), self.content.size)
        return 0


cdef bytes part_key(PartChange change):
    """The key of a part's row."""
    return change.at + change.number.to_bytes(PART, "big")


cdef class CompleteChange(UploadChange):
    cdef list parts

    cdef int stage(self, Commit commit) except -1:
        cdef EngineInfo upload = self.upload(commit)
        cdef EngineInfo before
        cdef EngineInfo part
        cdef Encoder references = Encoder()
        cdef Encoder etags = Encoder()
        cdef bytes held
        cdef int64_t size = 0
        cdef int flags = require_bucket(commit, self.bucket_name, self.bucket)
        for wanted in self.parts:
            part = self._sent(commit, wanted)
            held = references_in(commit.index, commit.txn, part)
            references.raw(<const uint8_t *><char *>held, PyBytes_GET_SIZE(held))
            etags.raw(part.head() + ROW_ETAG, ROW_HEAD - ROW_ETAG)
            size += <int64_t>part.size
        before = current(commit, self.place, self.key)
        conditions = unpacked_conditions(upload.content())
        conditions.check(self.bucket, self.key, None if before is None else before.etag)
        held = references.taken()
        kind = CHUNKS if PyBytes_GET_SIZE(held) <= LISTED * REFERENCE else LIST
        block = attributes_block(upload.content_type, upload.storage_class, upload.metadata, upload.tags)
        commit.begin_move()
        done = False
        try:
            self.result = write(
                commit, flags, self.key, self.place, kind, size, hash128(etags.data, etags.size), upload.expiry(), block,
                held_tail(commit, held),
            )
            commit.delete_rows(UPLOADS, self.at)
            done = True
        finally:
            commit.end_move(done)
        return 0

    cdef EngineInfo _sent(self, Commit commit, object wanted):
        """A part that was sent as the completion names it. Raises InvalidPartError."""
        cdef EngineInfo info
        found = row(commit.txn, commit.index.uploads, self.at + wanted.part_number.to_bytes(PART, "big"), "uploads")
        if found is not None:
            info = info_of(self.key, found, 0)
            if info.etag == wanted.etag:
                return info
            what = f"has the etag {info.etag!r}, not {shown(wanted.etag)}"
        else:
            what = "was not uploaded"
        raise InvalidPartError(
            f"part {wanted.part_number} of object {shown(self.key)} in bucket {shown(self.bucket)} {what}; "
            "list_parts() shows what was",
            bucket=self.bucket,
            key=self.key,
        )


cdef class AbortChange(UploadChange):
    cdef bint frees(self) except -1:
        return True

    cdef int stage(self, Commit commit) except -1:
        self.upload(commit)
        commit.delete_rows(UPLOADS, self.at)
        return 0


cdef bytes references_in(Index index, object txn, EngineInfo part):
    """The chunk references of a part, end to end."""
    if part.head()[0] != LIST:
        return part.references()
    found = row(txn, index.lists, part.content()[:LIST_ID], "lists")
    if found is None:
        raise CorruptStoreError("a chunk list is missing from the index; run `trove repair` to rebuild it")
    return found


cdef bytes packed_conditions(object conditions):
    cdef Encoder out = Encoder()
    for each in (conditions.if_match, conditions.if_none_match):
        out.u8(each is not None)
        out.text((each or "").encode())
    return out.taken()


cdef object unpacked_conditions(bytes packed):
    cdef Decoder decoder = Decoder(packed)
    found = []
    for _ in range(2):
        given = decoder.u8()
        text = decoder.text().decode()
        found.append(text if given else None)
    return Conditions(*found)


cdef int address(UploadChange change, bucket, key, upload_id, durable) except -1:
    """Say which upload a change is to, after checking its names."""
    change.bucket, change.key = check_bucket(bucket), check_key(key)
    change.bucket_name = change.bucket.encode()
    change.place = change.bucket_name + b"\0" + change.key.encode()
    change.upload_id = check_text("upload_id", upload_id)
    change.at = row_of(change.place, change.upload_id)
    change.durable = durable
    return 0


cdef bytes row_of(bytes place, str upload_id):
    """The key of an upload's row; ``None`` where no upload can have that id."""
    try:
        packed = bytes.fromhex(upload_id)
    except ValueError:
        return None
    return place + b"\0" + packed if len(packed) == UPLOAD_ID and packed.hex() == upload_id else None


# The calls.


def initiate(Core core, durable, bucket, key, options):
    """Begin an upload; its id."""
    cdef InitiateChange change = InitiateChange.__new__(InitiateChange)
    address(change, bucket, key, uuid.uuid4().hex, durable)
    change.attributes, change.conditions = check_put(change.key, **options)
    if change.attributes.storage_class == COLD:
        require_cold()
    core.submit(change)
    return change.upload_id


def upload_part(Core core, durable, bucket, key, upload_id, part_number, data):
    cdef PartChange change = PartChange.__new__(PartChange)
    address(change, bucket, key, upload_id, durable)
    change.number = check_part_number(part_number)
    check_data(data)
    storage_class = require_upload(core, change)  # before data is read that could not be kept
    change.core = core
    room = Room(core.index, "uploads", part_key(change))
    change.content = ingest(core, data, False, room, storage_class == COLD)
    return core.submit(change)


def complete(Core core, durable, bucket, key, upload_id, parts):
    cdef CompleteChange change = CompleteChange.__new__(CompleteChange)
    address(change, bucket, key, upload_id, durable)
    change.parts = check_parts(parts)
    return core.submit(change)


def abort(Core core, durable, bucket, key, upload_id):
    cdef AbortChange change = AbortChange.__new__(AbortChange)
    address(change, bucket, key, upload_id, durable)
    core.submit(change)


cdef class AbandonChange(Change):
    """Aborts an upload if it is there still, which is its result."""

    cdef bytes at

    cdef bint frees(self) except -1:
        return True

    cdef int stage(self, Commit commit) except -1:
        self.result = commit.txn.get(self.at, None, commit.index.uploads) is not None
        if self.result:
            commit.delete_rows(UPLOADS, self.at)
        return 0


def abort_older(Core core, days, stopped=None):
    """Abort the uploads that were begun more than ``days`` days ago, of all buckets; none if that is 0. How many.

    One by one: each may have thousands of parts. It ends early when the event ``stopped`` is set.
    """
    cdef AbandonChange change
    cdef int64_t limit
    if not days:
        return 0
    limit = now_us() - days * DAY
    old, aborted = [], 0
    with Reading(core.index) as txn:
        with txn.cursor(core.index.uploads) as walk:
            there = walk.first()
            while there:
                at = bytes(walk.key())
                if <int64_t>load64(info_of("", bytes(row(txn, core.index.uploads, at, "uploads")), 0).head() + ROW_TIME) < limit:
                    old.append(at)
                there = walk.set_range(at + b"\xff\xff\xff")  # behind its parts
    for at in old:
        if stopped is not None and stopped.is_set():
            break
        change = AbandonChange.__new__(AbandonChange)
        change.at = at
        aborted += core.submit(change)
    return aborted


cdef object require_upload(Core core, UploadChange change):
    """The storage class of an upload. Raises UploadNotFoundError, or BucketNotFoundError, where there is none."""
    found = None
    with Reading(core.index) as txn:
        if row(txn, core.index.buckets, change.bucket_name, "buckets") is None:
            raise BucketNotFoundError.of(change.bucket)
        if change.at is not None:
            found = row(txn, core.index.uploads, change.at, "uploads")
        if found is None:
            raise UploadNotFoundError.of(change.bucket, change.key, change.upload_id)
        return info_of(change.key, bytes(found), 0).storage_class


cdef list list_rows(Core core, UploadChange change):
    """The rows of an upload, its own first: [(what stands behind its key, row)]. Raises UploadNotFoundError."""
    require_upload(core, change)
    found = []
    with Reading(core.index) as txn:
        for key in keys_under(txn, core.index.uploads, change.at):
            found.append((key[len(change.at) :], bytes(row(txn, core.index.uploads, key, "uploads"))))
    if not found or found[0][0]:
        raise UploadNotFoundError.of(change.bucket, change.key, change.upload_id)
    return found


def list_parts(Core core, bucket, key, upload_id):
    cdef UploadChange change = UploadChange.__new__(UploadChange)
    address(change, bucket, key, upload_id, False)
    parts = []
    for number, body in list_rows(core, change)[1:]:
        info = info_of(change.key, body, 0)
        parts.append(PartInfo(int.from_bytes(number, "big"), info.etag, info.size))
    return parts


def list_multiparts(Core core, bucket):
    """The open uploads of a bucket, by key and then by time."""
    cdef bytes prefix = check_bucket(bucket).encode() + b"\0"
    found = []
    with Reading(core.index) as txn:
        if row(txn, core.index.buckets, prefix[:-1], "buckets") is None:
            raise BucketNotFoundError.of(bucket)
        with txn.cursor(core.index.uploads) as walk:
            there = walk.set_range(prefix)
            while there and bytes(walk.key()[: len(prefix)]) == prefix:
                at = bytes(walk.key())
                key, _, rest = at[len(prefix) :].partition(b"\0")
                info = info_of(key.decode(), bytes(row(txn, core.index.uploads, at, "uploads")), 0)
                found.append(UploadInfo(rest[:UPLOAD_ID].hex(), info.key, info.last_modified))
                there = walk.set_range(at + b"\xff\xff\xff")  # behind its parts
    return sorted(found, key=lambda upload: (upload.key.encode(), upload.initiated))
