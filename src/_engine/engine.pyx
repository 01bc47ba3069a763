# cython: language_level=3, boundscheck=False, cdivision=True
"""Engine: the calls of the driver, each from its arguments to its answer."""

import os
import threading

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport uint64_t

from datetime import UTC, datetime, timedelta

from trove.driver.data import check_data
from trove.driver.listing import check_list
from trove.driver.options import (
    check_bucket,
    check_key,
    check_mapping,
    check_put,
    check_ref,
    check_region,
    check_version_id,
)
from trove.driver.ranges import check_offset_length, check_range
from trove.driver.types import BucketInfo
from trove.errors import (
    BucketNotFoundError,
    DriverClosedError,
    InvalidArgumentError,
    ObjectNotFoundError,
    UnsupportedOptionError,
    VersionNotFoundError,
)

from .changes cimport BatchChange, CopyChange, CreateBucketChange, DeleteBucketChange, DeleteChange, PutChange
from .chain cimport HAS_CHAINS, VERSIONED, flags_of, id_of, version_in
from .codec cimport INLINE, MARKER, load64
from .content cimport ingest
from .core cimport Core, forks_so_far
from .index cimport Reading, row
from .listing cimport page
from .info cimport ROW_SIZE, EngineInfo, attributes_block, info_of, microseconds, now_us
from .objects cimport checked_info, current_object, default_block, place_of
from .reader cimport ALWAYS, FIRST, NEVER, EngineReader, Session, reader_of, references_now
from .usage cimport Room
from . import store
from .cold import COLD, require_cold
from .cores import close_core, open_core, require_closable
from .content import INLINE_LIMIT
from .housekeeping import heed
from .many import listed_keys
from .pack import MissingPackError
from .settings import asked_by, check_same, folder_and_settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERIFY = {"first": FIRST, "always": ALWAYS, "never": NEVER}


cdef class Engine:
    """The native half of ``trove.drivers.engine.EngineDriver``, which has the documentation."""

    def __init__(self):
        self._opening = threading.RLock()  # a finalizer may close the driver in the thread that opens it
        self._opening_forks = forks_so_far()

    @property
    def name(self):
        return "trove"

    # Opening and closing.

    def open(self, dsn, **options):
        path, settings = folder_and_settings(dsn, options)
        asked = asked_by(settings)
        cdef Core core
        with self._opening_here():
            if self._core is not None:
                raise InvalidArgumentError("driver 'trove' is open already; close() it first")
            there = store.read(path) if os.path.isdir(path) else None
            if there is not None:
                check_same(settings, there)
            core = open_core(path, asked.make, asked.readonly)
            try:
                # Somebody else may have made it meanwhile.
                check_same(settings, core.parameters)
                heed(core, asked.wishes)
            except BaseException:
                close_core(core)
                raise
            self._session = Session()
            self._path, self._durable, self._readonly = path, asked.durable, asked.readonly
            self._verify, self._wishes = _VERIFY[asked.verify], asked.wishes
            self._core = core  # last: from here on other threads find it open

    def _opening_here(self):
        """The lock for opening and closing; in a forked child a new one: nobody may be left to release the other."""
        if self._opening_forks != forks_so_far():
            fresh = threading.RLock()
            # From here on no other thread runs.
            if self._opening_forks != forks_so_far():
                self._opening, self._opening_forks = fresh, forks_so_far()
        return self._opening

    def close(self):
        with self._opening_here():
            if self._core is not None:
                self._let_go()

    def _let_go(self):
        cdef Core core = self._core
        ours = core.forks == forks_so_far()
        if ours:
            require_closable(core)
        self._core = None
        self._session.closed = True
        if core.state is not None:
            core.state.wake()  # watchers, to find that out
        if ours:
            close_core(core)

    def ping(self):
        core = self.core()
        with Reading(core.index):
            pass

    cdef Core core(self):
        """The open core; in a forked child a new one, opened by the way."""
        cdef Core core = self._core
        if core is None:
            raise DriverClosedError.of("trove")
        if core.forks != forks_so_far():
            return self._reopened()
        return core

    def _reopened(self):
        with self._opening_here():
            if self._core is None:
                raise DriverClosedError.of("trove")
            if self._core.forks != forks_so_far():
                core = open_core(self._path, None, self._readonly)
                try:
                    heed(core, self._wishes)
                except BaseException:
                    close_core(core)
                    raise
                self._core = core
            return self._core

    cdef Core writable(self):
        cdef Core core = self.core()
        if core.readonly:
            raise UnsupportedOptionError(
                "the store was opened with mode=r, which writes nothing; open it with mode=rw to change it"
            )
        return core

    # Objects.

    def put(
        self,
        bucket,
        key,
        data,
        *,
        content_type=None,
        metadata=None,
        tags=None,
        storage_class=None,
        expires_at=None,
        if_match=None,
        if_none_match=None,
    ):
        cdef Core core = self.writable()
        cdef PutChange change = PutChange.__new__(PutChange)
        self._put_into(
            core, change, True, bucket, key, data, content_type, metadata, tags, storage_class, expires_at, if_match,
            if_none_match,
        )
        return core.submit(change)

    cdef int _put_into(
        self, Core core, PutChange change, bint alone, object bucket, object key, object data, object content_type,
        object metadata, object tags, object storage_class, object expires_at, object if_match, object if_none_match
    ) except -1:
        """Make ``change`` the put of these arguments; the data is in the log afterwards."""
        cdef Room room = None
        if type(bucket) is not str or type(key) is not str:
            bucket, key = check_bucket(bucket), check_key(key)
        cdef bint cold = False
        place = place_of(bucket, key)
        change.core = core
        change.durable, change.alone = self._durable, alone
        change.bucket, change.key = bucket, key
        change.place, change.bucket_name = place
        if (
            content_type is None and metadata is None and tags is None and storage_class is None
            and expires_at is None and if_match is None and if_none_match is None
        ):
            change.attributes = default_block(key)
        else:
            attributes, conditions = check_put(
                key,
                content_type=content_type,
                metadata=metadata,
                tags=tags,
                storage_class=storage_class,
                expires_at=expires_at,
                if_match=if_match,
                if_none_match=if_none_match,
            )
            if if_match is not None or if_none_match is not None:
                change.conditions = conditions
            if attributes.expires_at is not None:
                # 0 is "never": the instant 0 itself is as past as the one before it.
                change.expiry = microseconds(attributes.expires_at) or -1
            cold = attributes.storage_class == COLD
            if cold:
                require_cold()
            change.attributes = attributes_block(
                attributes.content_type, attributes.storage_class, attributes.metadata, attributes.tags
            )
        if type(data) is not bytes:
            check_data(data)
        if type(data) is not bytes or PyBytes_GET_SIZE(<bytes>data) > INLINE_LIMIT:
            self._require_bucket(core, bucket, change.bucket_name)
            if alone and core.may_be_limited():
                room = Room(core.index, "objects", change.place)
        change.content = ingest(core, data, True, room, cold)
        return 0

    def _require_bucket(self, Core core, bucket, bytes name):
        """Raise BucketNotFoundError before data is read that could not be kept."""
        with Reading(core.index) as txn:
            if row(txn, core.index.buckets, name, "buckets") is None:
                raise BucketNotFoundError.of(bucket)

    def get(self, bucket, key, *, range=None, version_id=None):
        cdef Core core = self.core()
        if type(bucket) is not str or type(key) is not str:
            bucket, key = check_bucket(bucket), check_key(key)
        cdef tuple place = place_of(bucket, key)
        cdef object wanted = None if range is None else check_range(range)
        if version_id is not None:
            check_version_id(version_id)
        return self._reader(core, bucket, key, place, wanted, version_id)

    def get_range(self, bucket, key, offset, length):
        cdef Core core = self.core()
        if type(bucket) is not str or type(key) is not str:
            bucket, key = check_bucket(bucket), check_key(key)
        cdef tuple place = place_of(bucket, key)
        return self._reader(core, bucket, key, place, check_offset_length(offset, length), None)

    cdef EngineReader _reader(self, Core core, str bucket, str key, tuple place, object wanted, object version_id):
        cdef EngineInfo info
        cdef bytes references = None
        cdef uint64_t start = 0
        cdef uint64_t size
        cdef tuple tried = ()
        while True:
            if version_id is None:
                info, references = self._find(core, bucket, key, place, True)
            else:
                info, references = self._find_version(core, bucket, key, place, version_id, True)
            size = load64(info.head() + ROW_SIZE)
            if wanted is not None:
                start, size = wanted.within(size, bucket, key)
            try:
                return reader_of(core, self._session, info, references, start, size, self._verify)
            except MissingPackError as missing:
                tried = core.packs.look_elsewhere(missing, tried)

    cdef tuple _find(self, Core core, str bucket, str key, tuple place, bint content):
        """The current object: its info and, if its content is asked for and not inline, its references."""
        cdef tuple found = current_object(core, bucket, key, place, content)
        if found is None:
            raise ObjectNotFoundError.of(bucket, key)
        return found

    cdef tuple _find_version(self, Core core, str bucket, str key, tuple place, str version_id, bint content):
        """The same of one version."""
        cdef bytes wanted = version_id.encode()
        cdef EngineInfo info
        cdef bytes references = None
        with Reading(core.index, True) as txn:
            held = row(txn, core.index.buckets, place[1], "buckets")
            if held is None:
                raise BucketNotFoundError.of(bucket)
            flags = flags_of(held)
            body = row(txn, core.index.objects, place[0], "objects")
            if body is not None and id_of(body) == wanted:
                info = info_of(key, body, 0)
                # Where versions are kept one whose time is over is behind a delete marker, or as good as.
                if not flags & VERSIONED and not wanted and info.expired(now_us()):
                    body = None
            else:
                body = version_in(core.index, txn, place[0], wanted)[1] if flags & HAS_CHAINS else None
            if body is None:
                raise VersionNotFoundError.of(bucket, key, version_id)
            info = info_of(key, body, 0)
            if info.head()[0] == MARKER:
                raise ObjectNotFoundError.of(bucket, key)
            if content and info.head()[0] != INLINE:
                references = references_now(core, txn, info)
            return info, references

    def head(self, bucket, key, *, version_id=None):
        cdef Core core = self.core()
        if type(bucket) is not str or type(key) is not str:
            bucket, key = check_bucket(bucket), check_key(key)
        cdef tuple place = place_of(bucket, key)
        if version_id is not None:
            check_version_id(version_id)
            return self._find_version(core, bucket, key, place, version_id, False)[0]
        return self._find(core, bucket, key, place, False)[0]

    def delete(self, bucket, key, *, version_id=None):
        cdef Core core = self.writable()
        if type(bucket) is not str or type(key) is not str:
            bucket, key = check_bucket(bucket), check_key(key)
        cdef tuple place = place_of(bucket, key)
        cdef DeleteChange change
        if version_id is not None:
            check_version_id(version_id)
        change = DeleteChange.__new__(DeleteChange)
        change.durable = self._durable
        change.bucket, change.key, change.version_id = bucket, key, version_id
        change.place, change.bucket_name = place
        core.submit(change)

    def list(self, bucket, *, prefix="", delimiter="", max_keys=1000, cursor=""):
        cdef Core core = self.core()
        request = check_list(
            "trove", check_bucket(bucket), prefix=prefix, delimiter=delimiter, max_keys=max_keys, cursor=cursor
        )
        return page(core, request)

    def copy(self, src_bucket, src_key, dst_bucket, dst_key, *, metadata=None):
        cdef Core core = self.writable()
        cdef CopyChange change = CopyChange.__new__(CopyChange)
        self._copy_into(change, src_bucket, src_key, dst_bucket, dst_key, metadata)
        return core.submit(change)

    cdef int _copy_into(self, CopyChange change, src_bucket, src_key, bucket, key, metadata) except -1:
        if not (type(src_bucket) is type(src_key) is type(bucket) is type(key) is str):
            src_bucket, src_key = check_bucket(src_bucket), check_key(src_key)
            bucket, key = check_bucket(bucket), check_key(key)
        change.durable = self._durable
        change.src_place, change.src_bucket_name = place_of(src_bucket, src_key)
        change.src_bucket, change.src_key = src_bucket, src_key
        change.place, change.bucket_name = place_of(bucket, key)
        change.bucket, change.key = bucket, key
        if metadata is not None:
            change.metadata = check_mapping("metadata", metadata)
        return 0

    def server_copy(self, src, dst):
        self.writable()
        check_ref("src", src)
        check_ref("dst", dst)
        return self.copy(src.bucket, src.key, dst.bucket, dst.key)

    # Buckets.

    def create_bucket(self, name, *, region=None):
        cdef Core core = self.writable()
        cdef CreateBucketChange change = CreateBucketChange.__new__(CreateBucketChange)
        name = check_bucket(name)
        if check_region(region) is not None:
            raise UnsupportedOptionError.of("trove", "region", "leave it out")
        change.durable = self._durable
        change.bucket, change.bucket_name = name, name.encode()
        core.submit(change)

    def delete_bucket(self, name):
        cdef Core core = self.writable()
        cdef DeleteBucketChange change = DeleteBucketChange.__new__(DeleteBucketChange)
        name = check_bucket(name)
        change.durable = self._durable
        change.bucket, change.bucket_name = name, name.encode()
        core.submit(change)

    def list_buckets(self):
        cdef Core core = self.core()
        with Reading(core.index) as txn:
            buckets = []
            with txn.cursor(core.index.buckets) as walk:
                found = walk.first()
                while found:
                    name = bytes(walk.key())
                    body = row(txn, core.index.buckets, name, "buckets")
                    created = int.from_bytes(body[:8], "little")
                    buckets.append(BucketInfo(name.decode(), _EPOCH + timedelta(microseconds=created)))
                    found = walk.next()
            return buckets

    # Beyond the contract.

    def opened(self):
        """The store that is open, for calls that are made elsewhere."""
        return self.core()

    def opened_to_write(self):
        """The same for calls that change it. Raises UnsupportedOptionError with mode=r."""
        return self.writable()

    @property
    def session(self):
        """What readers and watchers ask whether the driver is still open."""
        return self._session

    @property
    def durable(self):
        """Whether writes are flushed before they are acknowledged."""
        return self._durable

    def staged(self, method, args, options):
        """The change that a ``put``, ``copy`` or ``delete`` of a batch is; its data is in the log afterwards."""
        return self._change(self.writable(), method, args, options)

    def commit_staged(self, changes):
        """Make changes of ``staged`` in one atomic commit; what each call would have returned."""
        cdef Core core = self.writable()
        cdef BatchChange batch = BatchChange.__new__(BatchChange)
        for change in changes:
            if isinstance(change, PutChange):
                if (<PutChange>change).core.packs.store_id != core.packs.store_id:
                    raise InvalidArgumentError("the batch has data for the store that was open before; begin another")
                # Staged before a fork, perhaps: what the other process appends to must be left alone.
                (<PutChange>change).core = core
        batch.durable = self._durable
        batch.changes = list(changes)
        return core.submit(batch)

    def get_many(self, bucket, keys):
        """The data of those of ``keys`` that exist, read in one view of the store: a dict of bytes."""
        cdef Core core = self.core()
        cdef dict found = {}
        cdef Session session = Session()  # of its own: what is found is read to its end, though the driver be closed
        bucket = check_bucket(bucket)
        named = [key if type(key) is str else check_key(key) for key in listed_keys(keys)]
        places = [(key, place_of(bucket, key)) for key in named]
        tried = ()
        while True:
            try:
                readers = self._readers(core, session, bucket, places)
                break
            except MissingPackError as missing:
                tried = core.packs.look_elsewhere(missing, tried)
        for key, reader in readers:
            found[key] = reader.read()
        return found

    cdef list _readers(self, Core core, Session session, str bucket, list places):
        """Readers of those objects that are there, in one view of the store: [(key, reader)]."""
        cdef EngineInfo info
        readers = []
        with Reading(core.index, True) as txn:
            if txn.get(bucket.encode(), None, core.index.buckets) is None:
                raise BucketNotFoundError.of(bucket)
            for key, place in places:
                value = txn.get(place[0], None, core.index.objects)
                if value is None:
                    continue
                info = checked_info(place[0], key, value)
                if info.expired(now_us()):
                    continue
                references = None if info.head()[0] == INLINE else references_now(core, txn, info)
                size = load64(info.head() + ROW_SIZE)
                readers.append((key, reader_of(core, session, info, references, 0, size, self._verify)))
        return readers

    def _change(self, Core core, method, args, options):
        cdef PutChange put
        cdef CopyChange copy
        cdef DeleteChange delete
        if method == "put":
            put = PutChange.__new__(PutChange)
            bucket, key, data = args
            self._put_into(
                core, put, False, bucket, key, data, options.get("content_type"), options.get("metadata"),
                options.get("tags"), options.get("storage_class"), options.get("expires_at"),
                options.get("if_match"), options.get("if_none_match"),
            )
            return put
        if method == "copy":
            copy = CopyChange.__new__(CopyChange)
            src_bucket, src_key, bucket, key = args
            self._copy_into(copy, src_bucket, src_key, bucket, key, options.get("metadata"))
            return copy
        delete = DeleteChange.__new__(DeleteChange)
        bucket, key = check_bucket(args[0]), check_key(args[1])
        delete.place, delete.bucket_name = place_of(bucket, key)
        delete.bucket, delete.key = bucket, key
        return delete
