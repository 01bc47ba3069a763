from libc.stdint cimport uint8_t, uint32_t, uint64_t

# The state file: one page that all processes map. Fields change only under the index's write lock,
# `clean`, `boot` and what goes with them only under the gate lock. Offsets in bytes:
cdef enum StateField:
    STATE_MAGIC = 0        # 8 bytes
    STATE_VERSION = 8      # u32
    STATE_STORE = 12       # the first 4 bytes of the store's id: the state of another store is none
    STATE_BOOT = 16        # 16 bytes: the boot that the store was opened in
    STATE_CLEAN = 32       # u64: 1 when everything is on disk and nobody has it open
    STATE_SEQUENCE = 40    # u64: the last commit that the index has
    STATE_INFLIGHT = 48    # u64: the commit being written; the index may not have it yet
    STATE_PACK = 56        # u64: where its record begins
    STATE_OFFSET = 64      # u64
    STATE_BURNED = 72      # u64: the last number that must not be used, its commit having failed
    STATE_TAIL_PACK = 80   # u64: the pack that whoever closed the store last would have gone on with; 0 for none
    STATE_TAIL = 88        # u64: and where
    STATE_OPENINGS = 96    # u64: how often the store was opened to write by somebody who was alone with it
    STATE_RAISED = 104     # u64 from, u64 to, XXH3-64 of both: commits above `from` up to `to` raised
    STATE_SLOTS = 128      # 119 x (pack, end, flushed, failed), u64 each: packs with bytes that may not be on disk
    STATE_SLOT = 32
    STATE_SLOT_COUNT = 119
    STATE_WAITING = 3936   # u64: how many processes wait for the index's write lock, or died while they did: see `waking`
    STATE_AWAITED = 3944   # u64: how many wait for the next commit, to tell of it; or died while they did
    STATE_LEFT = 3952      # u64: packs up to that number take no more records: they are to be compacted
    STATE_DROPPED = 3960   # u64: how often packs were removed, for those who have them open
    STATE_DURABLE = 3968   # u64 number, XXH3-64 of it: every commit up to that one was on disk
    STATE_INDEX_TIME = 3984  # u64: when clean, the last change of the index's file, in nanoseconds
    STATE_CHECK = 3992     # u64: when clean, XXH3-64 of all before it but `clean` and `openings`
    STATE_SIZE = 4096


cdef class State:
    cdef readonly str path
    cdef object _map
    cdef volatile uint64_t *_words
    cdef const uint8_t[::1] _view
    cdef uint64_t get(self, StateField field) noexcept
    cdef void set(self, StateField field, uint64_t value) noexcept
    cdef void raise_to(self, StateField field, uint64_t value) noexcept
    cdef void publish(self, uint64_t sequence) noexcept
    cdef void wake(self) noexcept
    cdef int await_commit(self, uint64_t seen, long microseconds) except -1
    cdef void withdraw(self, uint64_t sequence) noexcept
    cdef int announce(self, uint64_t sequence, uint32_t pack, uint64_t offset) noexcept
    cdef bint note_written(self, uint32_t pack, uint64_t end) noexcept
    cdef bint settled(self) noexcept
    cdef bint note_extent(self, uint32_t pack, uint64_t start, uint64_t end) noexcept
    cdef void note_flushed(self, uint32_t pack, uint64_t end) noexcept
    cdef void note_failed(self, uint32_t pack) noexcept
    cdef int note_durable(self, uint64_t sequence) except -1
