# cython: language_level=3, boundscheck=False, cdivision=True
"""Packs: how records are appended to the log, found in it again, and read.

A pack begins with a header of 64 bytes (magic, format version, number, store id, checksum) and is from
then on a row of records. Every process appends to a pack of its own. A record's header is written before
its pack's tail moves on, so that whatever comes later can be reached by hopping from header to header; and
its checksum is seeded with a number of the store's own, so that a record inside somebody's data is not
taken for one where the hopping has to search.
"""

import fcntl
import mmap
import os
import re
import threading

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from xxhash import xxh3_64_intdigest

from trove.errors import CorruptStoreError, DriverClosedError, StorageIOError

from .codec cimport (
    PACK_HEADER,
    RECORD_ALIGN,
    RECORD_HEADER,
    RECORD_MAGIC,
    VOID,
    fnv1a,
    hash64,
    load64,
    store32,
    store64,
)
from .state cimport STATE_LEFT, State

cdef extern from "<sys/stat.h>" nogil:
    cdef struct stat_t "stat":
        long long st_size
        unsigned long st_nlink
    int fstat(int fd, stat_t *found)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void *buf, size_t count, long long offset)
    ssize_t pwrite(int fd, const void *buf, size_t count, long long offset)

PACK_MAGIC = b"TROVEPAK"
PACK_LIMIT = 256 << 20
AHEAD = 1 << 20  # bytes that a pack is made longer by, beforehand, when each of its records is flushed
OPEN_PACKS = 64
_NAME = re.compile(r"[0-9]{10}\.pack")


class MissingPackError(CorruptStoreError):
    """A pack is not there: it was lost, or compacted away, and the index knows better where its chunks are."""

    number = 0


cdef enum:
    VERIFIED_SHIFT = 6  # no two chunks of 64 bytes or more begin within 64 bytes


cdef uint64_t aligned(uint64_t length) noexcept nogil:
    return (length + RECORD_ALIGN - 1) & ~<uint64_t>(RECORD_ALIGN - 1)


def os_error(doing):
    """The typed error for ``errno``."""
    cause = OSError(errno, os.strerror(errno))
    error = StorageIOError.of(cause, doing)
    error.__cause__ = cause
    return error


cdef int write_all(int fd, const uint8_t *data, Py_ssize_t length, uint64_t offset, str path) except -1:
    cdef Py_ssize_t done = 0
    cdef ssize_t n
    while done < length:
        with nogil:
            n = pwrite(fd, data + done, length - done, <long long>(offset + done))
        if n > 0:
            done += n
        elif errno == EINTR:
            PyErr_CheckSignals()
        else:
            raise os_error(f"writing {path}")
    return 0


cdef class Pack:
    def __cinit__(self, uint32_t number, str path, int fd):
        self.number = number
        self.path = path
        self.fd = fd
        self._verified = bytearray()

    def __dealloc__(self):
        if self.fd >= 0:
            os.close(self.fd)

    cdef int read_into(self, uint8_t *target, Py_ssize_t length, uint64_t offset) except -1:
        """Fill ``target`` with the bytes at ``offset``. Raises CorruptStoreError when the pack ends before."""
        cdef Py_ssize_t done = 0
        cdef ssize_t n
        while done < length:
            with nogil:
                n = pread(self.fd, target + done, length - done, <long long>(offset + done))
            if n > 0:
                done += n
            elif n == 0:
                raise CorruptStoreError(
                    f"{self.path} ends {length - done} bytes before data that the store refers to; restore the "
                    "file, or run `trove repair` to save what is whole"
                )
            elif errno == EINTR:
                PyErr_CheckSignals()
            else:
                raise os_error(f"reading {self.path}")
        return 0

    def read(self, Py_ssize_t length, uint64_t offset):
        cdef bytes data = PyBytes_FromStringAndSize(NULL, length)
        self.read_into(<uint8_t *>PyBytes_AS_STRING(data), length, offset)
        return data

    def view(self, uint64_t offset, Py_ssize_t length):
        """A read-only memoryview of mapped bytes; whoever holds it keeps the mapping."""
        cdef uint64_t end = offset + length
        cdef uint64_t size
        cdef stat_t found
        # Asked each time: a page behind the end of a file that somebody cut kills whoever touches it.
        if fstat(self.fd, &found):
            raise os_error(f"looking at {self.path}")
        size = <uint64_t>found.st_size
        if size < offset or size - offset < <uint64_t>length:
            raise CorruptStoreError(f"{self.path} is cut short; run `trove repair` to save what is whole")
        if self._map is None or <uint64_t>len(self._map) < end:
            try:
                self._map = mmap.mmap(self.fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
            except OSError as error:
                raise StorageIOError.of(error, f"mapping {self.path}") from error
        return memoryview(self._map)[offset:end]

    cdef bint is_dropped(self) except -1:
        """Whether its file was compacted away. Its bytes can be read until it is let go of."""
        cdef stat_t found
        if fstat(self.fd, &found):
            raise os_error(f"looking at {self.path}")
        return found.st_nlink == 0

    cdef bint is_verified(self, uint64_t offset, uint32_t length) noexcept:
        """Whether that chunk is known to be whole. Of short ones, which can share a bit, that is never noted."""
        cdef uint64_t bit = offset >> VERIFIED_SHIFT
        cdef Py_ssize_t byte = bit >> 3
        return length >> VERIFIED_SHIFT != 0 and byte < len(self._verified) and (self._verified[byte] >> (bit & 7)) & 1

    cdef int set_verified(self, uint64_t offset, uint32_t length) except -1:
        cdef uint64_t bit = offset >> VERIFIED_SHIFT
        cdef Py_ssize_t byte = bit >> 3
        if not length >> VERIFIED_SHIFT:
            return 0
        if byte >= len(self._verified):
            self._verified.extend(bytes(byte + 1024 - len(self._verified)))
        self._verified[byte] |= 1 << (bit & 7)
        return 0


cdef class Packs:
    def __init__(self, str folder, bytes store_id, bytes parameters):
        self.folder = folder
        self.store_id = store_id
        self.parameters = parameters
        self.seed = xxh3_64_intdigest(store_id)
        self.gone = set()
        self._open = {}
        self._lock = threading.Lock()

    def path(self, number):
        return os.path.join(self.folder, f"{number:010d}.pack")

    def numbers(self):
        """The numbers of all packs, in order."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []  # what refers to a pack finds it missing
        except OSError as error:
            raise StorageIOError.of(error, f"listing {self.folder}") from error
        return sorted(int(name[:10]) for name in names if _NAME.fullmatch(name))

    cdef Pack open_pack(self, uint32_t number):
        """The pack of that number, opened for reading. Raises MissingPackError when it is not there."""
        cdef Pack pack = self._open.get(number)
        if pack is not None:
            return pack
        with self._lock:
            pack = self._open.get(number)
            if pack is None:
                pack = self._opened(number)
                if len(self._open) >= OPEN_PACKS:
                    del self._open[next(iter(self._open))]
                self._open[number] = pack
        return pack

    def open(self, number):
        return self.open_pack(number)

    def look_elsewhere(self, missing, tried):
        """See to it that the index is asked where the chunks of a missing pack are; ``tried`` and its number.

        Raises ``missing`` where that was tried: then nobody moved them.
        """
        if missing.number in tried:
            raise missing
        self.gone = self.gone | {missing.number}  # another set: somebody may be going through the old one
        return (*tried, missing.number)

    def _opened(self, uint32_t number):
        path = self.path(number)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            missing = MissingPackError(
                f"{path} is missing and the store refers to it; put the file back, or run `trove repair`"
            )
            missing.number = number
            raise missing from error
        except OSError as error:
            raise StorageIOError.of(error, f"opening {path}") from error
        return Pack(number, path, fd)

    def sync(self, leave_out=()):
        """Put every pack on disk, whoever wrote to it."""
        for number in self.numbers():
            if number not in leave_out:
                self.sync_one(number)

    def sync_one(self, number):
        """Put a pack on disk. Raises StorageIOError."""
        path = self.path(number)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise StorageIOError.of(error, f"flushing {path}") from error

    def drop(self, number):
        """Remove a pack that nothing refers to any more."""
        path = self.path(number)
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageIOError.of(error, f"removing {path}") from error
        with self._lock:
            self._open.pop(number, None)

    def forget_dropped(self, count):
        """Let go of packs that were compacted away, of which there were ``count`` so far.

        They take space for as long as somebody has them open.
        """
        with self._lock:
            self.dropped = count
            for number, pack in list(self._open.items()):
                if (<Pack>pack).is_dropped():
                    del self._open[number]

    def let_go(self):
        """Have none open. Not with the lock, which a thread of the parent process may have held."""
        self._open = {}

    def create(self):
        """A new pack, locked as this process's own, its name durable."""
        while True:
            number = max(self.numbers(), default=0) + 1
            path = self.path(number)
            try:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                if max(self.numbers()) == number:
                    break
                # Others came since the number was looked for: one of them may have had it, and be compacted away.
                os.close(fd)
                os.unlink(path)
            except FileExistsError:
                pass
            except OSError as error:
                raise StorageIOError.of(error, f"creating {path}") from error
        pack = Pack(number, path, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            header = pack_header(number, self.store_id, self.parameters)
            write_all(fd, <const uint8_t *>PyBytes_AS_STRING(header), PACK_HEADER, 0, path)
            # A record that the power leaves is so never in a pack without a header.
            os.fdatasync(fd)
            sync_folder(self.folder)
        except BaseException as error:
            os.unlink(path)
            if isinstance(error, OSError) and not isinstance(error, StorageIOError):
                raise StorageIOError.of(error, f"creating {path}") from error
            raise
        with self._lock:
            self._open[number] = pack
        return pack


def pack_header(number, store_id, parameters):
    """Magic, format version, number, store id, and the parameters of the STORE file, which is lost less easily so."""
    head = PACK_MAGIC + (1).to_bytes(4, "little") + number.to_bytes(4, "little") + store_id + parameters
    head += bytes(PACK_HEADER - 8 - len(head))
    return head + xxh3_64_intdigest(head).to_bytes(8, "little")


def is_unmade(start):
    """Whether nothing is in a pack that begins with ``start``: its bytes up to one beyond the header.

    It has no header yet: its maker died, or the power, which can leave the length of a file and take its bytes.
    """
    return len(start) < PACK_HEADER or start == bytes(PACK_HEADER)


def sync_folder(path):
    """Make the names in a folder durable."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise StorageIOError.of(error, f"flushing the folder {path}") from error


cdef int write_header(uint8_t *header, uint8_t kind, uint64_t length, uint64_t sequence, const uint8_t *checked,
                      Py_ssize_t checked_length, uint64_t seed) except -1:
    """Fill in the header of a record whose payload of ``length`` bytes begins with its checked part."""
    memset(header, 0, RECORD_HEADER)
    store32(header, RECORD_MAGIC)
    header[4] = kind
    store64(header + 8, length)
    store64(header + 16, sequence)
    store64(header + 24, hash64(checked, checked_length, fnv1a(header, 24, seed)))
    return 0


cdef inline bint has_room(PackWriter writer, uint64_t more) noexcept:
    """Whether ``more`` bytes can go to the present pack; any number can to an empty one."""
    return (
        writer.pack is not None and writer.pack.number > writer._state.get(STATE_LEFT)
        and (writer.tail + more <= writer._limit or writer.tail <= PACK_HEADER)
    )


cdef class PackWriter:
    def __init__(self, Packs packs, State state, uint64_t limit=PACK_LIMIT):
        self.packs = packs
        self._state = state
        self._limit = limit
        self._left = []
        self._lock = threading.Lock()

    def adopt(self, number, tail):
        """Go on with a pack at ``tail``, where its last writer would have, if it is one and nobody else has it.

        Not at its end: an extent that was begun there can claim bytes that were never written, and what
        is in them would be hopped over.
        """
        path = self.packs.path(number)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return
        pack = Pack(number, path, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        size = os.fstat(fd).st_size
        if not PACK_HEADER <= size <= tail < self._limit:
            return
        # What is behind a header that is damaged, or gone, is not found to be this store's.
        if pack.read(PACK_HEADER, 0) == pack_header(number, self.packs.store_id, self.packs.parameters):
            self.pack, self.tail = pack, tail

    def retire(self):
        """Append no more to the present pack; the next append makes a new one."""
        with self._lock:
            self._leave()

    def _leave(self):
        if self.pack is not None:
            self._left.append(self.pack)
        self.pack, self._allocated = None, 0

    def let_go(self):
        """In a forked child: have none open. The locks are the parent's, and stay."""
        self.pack, self._left = None, []

    def leave(self):
        """Append no more to the present pack, and let others have it. Called inside the write transaction."""
        with self._lock:
            self.trim()
            self._leave()
            self._unlock_left()

    def _unlock_left(self):
        # While a commit of this process is in flight, the lock of its pack says that its writer lives.
        cdef Pack pack
        while self._left:
            pack = self._left.pop()
            fcntl.flock(pack.fd, fcntl.LOCK_UN)

    def take_back(self, Pack pack, uint64_t offset, uint64_t length):
        """Make the commit at ``offset`` void: one that failed must not come back in a rebuild."""
        cdef uint8_t header[RECORD_HEADER]
        write_header(header, VOID, length - RECORD_HEADER, 0, header, 0, self.packs.seed)
        write_all(pack.fd, header, RECORD_HEADER, offset, pack.path)

    def trim(self):
        """Give back the space ahead of the tail. Nobody appends meanwhile: it would be cut off."""
        if self.pack is not None and os.fstat(self.pack.fd).st_size > self.tail:
            try:
                os.ftruncate(self.pack.fd, self.tail)
            except OSError as error:
                raise StorageIOError.of(error, f"cutting {self.pack.path} to its length") from error
        self._allocated = 0

    def end(self):
        """Append nothing any more: the tail stays where it is, and later appends raise DriverClosedError.

        Raises StorageIOError when the pack can't be cut there.
        """
        with self._lock:
            self._limit = 0
            self.trim()

    def _require_open(self):
        if not self._limit:
            raise DriverClosedError.of("trove")

    def _begin_pack(self):
        self.trim()
        fresh = self.packs.create()
        self._leave()
        self.pack = fresh
        self.tail = PACK_HEADER

    def _allocate(self, uint64_t end):
        """Make the file longer than it has to be: a flush then has no new length of it to write, too."""
        self._allocated = end + AHEAD
        try:
            os.posix_fallocate(self.pack.fd, end, AHEAD)
        except OSError:
            pass  # it is for speed alone, and the write tells what is wrong

    cdef tuple append_commit(self, const uint8_t *record, Py_ssize_t length, uint64_t sequence, bint ahead):
        """Append one whole commit record, its length a multiple of 8; its pack and offset.

        With ``ahead`` space is asked for beyond it. Whoever takes the lock next learns of it from the state file, should this process die here.
        """
        cdef uint64_t offset
        with self._lock:
            self._require_open()
            self._unlock_left()
            if not has_room(self, length):
                self._begin_pack()
            offset = self.tail
            self._state.announce(sequence, self.pack.number, offset)
            if ahead and offset + length > self._allocated:
                self._allocate(offset + length)
            write_all(self.pack.fd, record, length, offset, self.pack.path)
            self.tail = offset + length
            return self.pack, offset

    cpdef tuple reserve_extent(self, bytes head, uint64_t data_length):
        """Append an extent's header and table ``head`` and leave room for its data; pack and the data's offset.

        From then on the extent can be hopped over, and other threads append behind it while its data is on
        the way.
        """
        cdef uint64_t offset
        cdef uint64_t length = aligned(PyBytes_GET_SIZE(head) + data_length)
        with self._lock:
            self._require_open()
            if not has_room(self, length):
                self._begin_pack()
            offset = self.tail
            write_all(
                self.pack.fd, <const uint8_t *>PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), offset, self.pack.path
            )
            self.tail = offset + length
            return self.pack, offset + PyBytes_GET_SIZE(head)

    def write_data(self, Pack pack, uint64_t offset, list slices):
        """Write the data of a reserved extent: slices, end to end, neighbours in memory in one call."""
        cdef const uint8_t *run = NULL
        cdef Py_ssize_t length = 0
        cdef const uint8_t[::1] view
        for piece in slices:
            view = piece
            if not view.shape[0]:
                continue
            if run != NULL and run + length == &view[0]:
                length += view.shape[0]
                continue
            if run != NULL:
                write_all(pack.fd, run, length, offset, pack.path)
                offset += length
            run, length = &view[0], view.shape[0]
        if run != NULL:
            write_all(pack.fd, run, length, offset, pack.path)
