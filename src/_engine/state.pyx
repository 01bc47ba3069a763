# cython: language_level=3, cdivision=True
"""State: what the processes that have a store open tell each other, and the next one after a crash.

It is a hint that must never be wrong when it is there: whatever is missing or damaged in it reads as
"not clean, of an unknown boot", and the index is rebuilt from the log.
"""

import mmap
import os
import struct
from typing import NamedTuple

from libc.stdint cimport uint32_t, uint64_t

from xxhash import xxh3_64_intdigest, xxh3_128_digest

from trove.errors import CorruptStoreError, StorageIOError

cdef extern from "futex.h" nogil:
    void futex_wake(const uint32_t *word, int count)
    void futex_wait(const uint32_t *word, uint32_t seen, long microseconds)
    enum: INT_MAX

cdef extern from * nogil:
    int __ATOMIC_SEQ_CST
    uint64_t __atomic_fetch_add(uint64_t *word, uint64_t more, int order)
    uint64_t __atomic_load_n(uint64_t *word, int order)
    bint __atomic_compare_exchange_n(
        uint64_t *word, uint64_t *expected, uint64_t desired, bint weak, int success, int failure
    )

MAGIC = b"TROVESTA"
VERSION = 1
UNKNOWN_BOOT = bytes(16)
_RAISED = struct.Struct("<QQQ")
_DURABLE = struct.Struct("<QQ")
_HIGHEST = 1 << 63  # no store gets so far: a number above it is damage


class Known(NamedTuple):
    """What a state file says of its store's log and index: see ``known``."""

    least: int      # the commit that the log reaches at least, by all that is said; 0 where nothing is
    surely: int     # and by what can't be the work of a damaged word
    intact: bool    # whether the index, and all of the log, are what their last writers left
    index_time: int # the last change of the index's file at a clean close in this boot, in nanoseconds; else 0


def this_boot(store):
    """What tells this boot of the machine, and this store's state file, from others: 16 bytes.

    Zeros where the system does not say. The file is in it because a copy of a store, made while it was open,
    says the same of the boot as the store; but its files are of different moments.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = bytes.fromhex(file.read().strip().replace("-", ""))
        where = os.stat(os.path.join(store, "state"))
    except (OSError, ValueError):
        return UNKNOWN_BOOT
    return xxh3_128_digest(boot + where.st_dev.to_bytes(8, "little") + where.st_ino.to_bytes(8, "little"))


def _check_of(*numbers):
    """Tells what was written from what a damaged page happens to hold."""
    return xxh3_64_intdigest(struct.pack(f"<{len(numbers)}Q", *numbers), seed=VERSION)


def _word(page, at):
    return int.from_bytes(page[at : at + 8], "little")


def _check_of_page(page):
    # Without the word that it is to prove, and the count of openings, which goes on while the store is clean.
    parts = page[:STATE_CLEAN], page[STATE_CLEAN + 8 : STATE_OPENINGS], page[STATE_OPENINGS + 8 : STATE_CHECK]
    return xxh3_64_intdigest(b"".join(parts), seed=VERSION)


def is_clean(page):
    """Whether a state file says that everything is on disk and nobody has the store open."""
    return _word(page, STATE_CLEAN) == 1 and _word(page, STATE_CHECK) == _check_of_page(page)


def _is_in_use(page):
    """Whether a state file can be that of a store that is, or was when its last writer died, open."""
    numbers = (_word(page, at) for at in (STATE_SEQUENCE, STATE_INFLIGHT, STATE_BURNED))
    return _word(page, STATE_CLEAN) == 0 and max(numbers) < _HIGHEST


def durable_in(page):
    """The commit up to which all are on disk, as far as a state file says."""
    number, check = _DURABLE.unpack(page[STATE_DURABLE : STATE_DURABLE + _DURABLE.size])
    return number if check == _check_of(number) else 0


def known(store, page):
    """What the state file ``page`` of the store at that path says: a Known.

    Of a clean store, and in the same boot, no commit that was acknowledged can be missing. A state that is in
    use has no checksum: its word counts when it says the same thing twice.
    """
    if page is None:
        return Known(0, 0, False, 0)
    clean, durable = is_clean(page), durable_in(page)
    here = page[STATE_BOOT : STATE_BOOT + 16] == this_boot(store) != UNKNOWN_BOOT
    if not clean and not (here and _is_in_use(page)):
        return Known(durable, durable, False, 0)
    sequence, inflight = _word(page, STATE_SEQUENCE), _word(page, STATE_INFLIGHT)
    least = max(sequence, durable)
    index_time = _word(page, STATE_INDEX_TIME) if clean and here else 0
    return Known(least, least if inflight == sequence else durable, True, index_time)


def head_of_state(bytes store_id):
    """What the state file of that store begins with."""
    return MAGIC + VERSION.to_bytes(4, "little") + store_id[:4]


def is_state(page, bytes store_id):
    """Whether ``page`` is of that store, and in the form that is known here."""
    return page[0:STATE_BOOT] == head_of_state(store_id)


def raised_in(page):
    """What a state file says of commits that raised: see ``State.raised``."""
    start, end, check = _RAISED.unpack(page[STATE_RAISED : STATE_RAISED + _RAISED.size])
    return (start, end) if check == _check_of(start, end) else (0, 0)


def not_shared(path):
    """The error for a state file that those who have the store open can't agree by."""
    return CorruptStoreError(
        f"{path} is not as the processes that have the store open left it; close the store in all of them, then open it "
        "again: what was acknowledged is in the log"
    )


cdef class State:
    def __init__(self, str path, bytes store_id, bint alone=True):
        """The state file of the store with that id, made if need be by who is ``alone`` with it."""
        self.path = path
        try:
            fd = os.open(path, os.O_RDWR | (os.O_CREAT if alone else 0) | os.O_CLOEXEC, 0o600)
            try:
                # Allocated, not just long: a store to a hole of a mapping would need space that may lack.
                os.posix_fallocate(fd, 0, STATE_SIZE)
                os.ftruncate(fd, STATE_SIZE)
                self._map = mmap.mmap(fd, STATE_SIZE)
            finally:
                os.close(fd)
        except FileNotFoundError as error:
            raise not_shared(path) from error
        except OSError as error:
            raise StorageIOError.of(error, f"opening {path}") from error
        self._view = self._map
        self._words = <volatile uint64_t *>&self._view[0]
        if not is_state(self._map, store_id):
            if not alone:
                raise not_shared(path)
            self._map[0:STATE_SIZE] = head_of_state(store_id) + bytes(STATE_SIZE - STATE_BOOT)

    cdef uint64_t get(self, StateField field) noexcept:
        return self._words[<int>field >> 3]

    cdef void set(self, StateField field, uint64_t value) noexcept:
        self._words[<int>field >> 3] = value

    cdef void raise_to(self, StateField field, uint64_t value) noexcept:
        """Set a field that only ever grows. Without the lock, too: who is late never takes it back."""
        cdef uint64_t *word = <uint64_t *>self._words + (<int>field >> 3)
        cdef uint64_t found = __atomic_load_n(word, __ATOMIC_SEQ_CST)
        while found < value:
            if __atomic_compare_exchange_n(word, &found, value, False, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST):
                break

    cdef void publish(self, uint64_t sequence) noexcept:
        """Say that the commit of that number is done, to whoever waits for it too."""
        self.raise_to(STATE_SEQUENCE, sequence)
        if __atomic_load_n(<uint64_t *>self._words + (<int>STATE_AWAITED >> 3), __ATOMIC_SEQ_CST):
            self.wake()

    cdef void wake(self) noexcept:
        """Wake all who wait for a commit, whether there is one or not."""
        futex_wake(<const uint32_t *>(self._words + (<int>STATE_SEQUENCE >> 3)), INT_MAX)

    cdef int await_commit(self, uint64_t seen, long microseconds) except -1:
        """Wait until there is a commit after ``seen``, as far as that is known, or that time is over; or less long."""
        cdef uint64_t *sequence = <uint64_t *>self._words + (<int>STATE_SEQUENCE >> 3)
        cdef uint64_t *awaited = <uint64_t *>self._words + (<int>STATE_AWAITED >> 3)
        with nogil:
            __atomic_fetch_add(awaited, 1, __ATOMIC_SEQ_CST)
            # The word's lower half comes first.
            if __atomic_load_n(sequence, __ATOMIC_SEQ_CST) == seen:
                futex_wait(<const uint32_t *>sequence, <uint32_t>seen, microseconds)
            __atomic_fetch_add(awaited, <uint64_t>-1, __ATOMIC_SEQ_CST)
        return 0

    cdef void withdraw(self, uint64_t sequence) noexcept:
        """Nothing is in flight any more, if ``sequence`` was."""
        cdef uint64_t *word = <uint64_t *>self._words + (<int>STATE_INFLIGHT >> 3)
        __atomic_compare_exchange_n(word, &sequence, 0, False, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

    @property
    def boot(self):
        return self._map[STATE_BOOT : STATE_BOOT + 16]

    @property
    def clean(self):
        return is_clean(self._map)

    def known(self, store):
        """What it says of the log and the index of the store at that path: see ``known``."""
        return known(store, self._map)

    @property
    def sequence(self):
        return self.get(STATE_SEQUENCE)

    @sequence.setter
    def sequence(self, value):
        self.set(STATE_SEQUENCE, value)

    @property
    def inflight(self):
        """The commit being written and where its record begins: (sequence, pack, offset)."""
        return self.get(STATE_INFLIGHT), self.get(STATE_PACK), self.get(STATE_OFFSET)

    @property
    def tail(self):
        """The pack that can be gone on with, and where in it: (number, offset)."""
        return self.get(STATE_TAIL_PACK), self.get(STATE_TAIL)

    @tail.setter
    def tail(self, place):
        self.set(STATE_TAIL_PACK, place[0])
        self.set(STATE_TAIL, place[1])

    def ask_to_leave(self, number):
        """Have whoever appends to a pack up to that number begin another one."""
        self.raise_to(STATE_LEFT, number)

    def count_opening(self):
        """Tell readers that do without the index's lock file that somebody is about to write."""
        self.set(STATE_OPENINGS, self.get(STATE_OPENINGS) + 1)

    @property
    def raised(self):
        """Commits that raised, should their records still be there: numbers above the first, up to the second."""
        return raised_in(self._map)

    def declare_raised(self, start, end):
        """Say, durably where the medium lets us, that commits above ``start`` up to ``end`` are none."""
        self._map[STATE_RAISED : STATE_RAISED + _RAISED.size] = _RAISED.pack(start, end, _check_of(start, end))
        try:
            self._map.flush()
        except OSError:
            pass  # it is the second of two ways to say so, after the record itself; and it stands in memory

    def mark(self, bint clean, bytes boot, uint64_t index_time=0):
        """Say whether the store is clean, durably; ``index_time`` is that of the index's file then."""
        self._map[STATE_BOOT : STATE_BOOT + 16] = boot
        self.set(STATE_CLEAN, 0)
        self.set(STATE_WAITING, 0)
        self.set(STATE_AWAITED, 0)
        self.set(STATE_LEFT, 0)
        self.set(STATE_INDEX_TIME, index_time)
        if clean:
            self.note_durable(self.get(STATE_SEQUENCE))
            self.set(STATE_INFLIGHT, self.get(STATE_SEQUENCE))
            self.set(STATE_CHECK, _check_of_page(self._map))
            self.set(STATE_CLEAN, 1)
        try:
            self._map.flush()
        except OSError as error:
            raise StorageIOError.of(error, f"flushing {self.path}") from error

    def reset(self, sequence):
        """Begin anew: the index is at ``sequence``, nothing is in flight, and all is flushed but what failed."""
        cdef Py_ssize_t i
        cdef volatile uint64_t *slot
        self.set(STATE_INFLIGHT, sequence)
        self.set(STATE_SEQUENCE, sequence)
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if not slot[3]:
                slot[0], slot[1], slot[2] = 0, 0, 0

    @property
    def failed(self):
        """The packs of this boot that a flush failed for, and that were not written again since."""
        return {number for number, _, _, failed in self.unflushed() if failed}

    def drop_slots(self, numbers):
        """Forget what is said of packs whose numbers are not in ``numbers``: they are not there to be flushed."""
        cdef Py_ssize_t i
        cdef volatile uint64_t *slot
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if slot[0] and slot[0] not in numbers:
                slot[0], slot[1], slot[2], slot[3] = 0, 0, 0, 0

    def forget(self):
        """Nothing that is there is still to be flushed: in another boot it was read from the disk, or somebody flushed all."""
        self._map[STATE_SLOTS:STATE_DURABLE] = bytes(STATE_DURABLE - STATE_SLOTS)

    cdef int announce(self, uint64_t sequence, uint32_t pack, uint64_t offset) noexcept:
        """Say where the record of ``sequence`` is about to be. The number goes last: it publishes the rest."""
        self.set(STATE_INFLIGHT, 0)
        self.set(STATE_PACK, pack)
        self.set(STATE_OFFSET, offset)
        self.set(STATE_INFLIGHT, sequence)
        return 0

    cdef bint note_written(self, uint32_t pack, uint64_t end) noexcept:
        """Note that ``pack`` holds bytes up to ``end``; False when there is no slot left for it."""
        cdef Py_ssize_t i, free = -1
        cdef volatile uint64_t *slot
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if slot[0] == pack:
                slot[1] = max(slot[1], end)
                return True
            if free < 0 and slot[1] == slot[2]:
                free = i
        if free < 0:
            return False
        slot = self._words + (STATE_SLOTS + free * STATE_SLOT) // 8
        # Its name goes last: who dies in between must not leave the other's figures under it.
        slot[0] = 0
        slot[1], slot[2], slot[3] = end, 0, 0
        slot[0] = pack
        return True

    cdef bint note_extent(self, uint32_t pack, uint64_t start, uint64_t end) noexcept:
        """Note that ``pack`` got bytes from ``start`` to ``end``, maybe after others behind them were flushed."""
        cdef Py_ssize_t i
        cdef volatile uint64_t *slot
        if not self.note_written(pack, end):
            return False
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if slot[0] == pack:
                slot[2] = min(slot[2], start)
        return True

    cdef void note_flushed(self, uint32_t pack, uint64_t end) noexcept:
        """Note that the first ``end`` bytes of ``pack`` are on disk."""
        cdef Py_ssize_t i
        cdef volatile uint64_t *slot
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if slot[0] == pack:
                slot[2] = max(slot[2], min(end, slot[1]))
                slot[3] = 0

    cdef void note_failed(self, uint32_t pack) noexcept:
        """Note that a flush of ``pack`` failed: the system may have dropped what it did not write."""
        cdef Py_ssize_t i
        cdef volatile uint64_t *slot
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if slot[0] == pack:
                slot[3] = 1

    cdef int note_durable(self, uint64_t sequence) except -1:
        """Note that every commit up to ``sequence`` is on disk. Called inside the write transaction, or alone."""
        if sequence > durable_in(self._map):
            self._map[STATE_DURABLE : STATE_DURABLE + _DURABLE.size] = _DURABLE.pack(sequence, _check_of(sequence))
        return 0

    cdef bint settled(self) noexcept:
        """Whether all that was ever written is on disk."""
        cdef Py_ssize_t i
        cdef volatile uint64_t *slot
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if slot[0] and slot[1] > slot[2]:
                return False
        return True

    def unflushed(self):
        """The packs that hold bytes which may not be on disk: [(pack, from, end, whether a flush failed)]."""
        cdef Py_ssize_t i
        cdef volatile uint64_t *slot
        pending = []
        for i in range(STATE_SLOT_COUNT):
            slot = self._words + (STATE_SLOTS + i * STATE_SLOT) // 8
            if 0 < slot[0] <= 0xFFFFFFFF and slot[1] > slot[2]:  # no pack has a higher number
                pending.append((slot[0], slot[2], slot[1], slot[3] != 0))
        return pending
