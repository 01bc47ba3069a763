# cython: language_level=3, boundscheck=False, cdivision=True
"""Compact: how the space of what is gone comes back.

Packs that hold much that nobody refers to any more are given up: what lives in them is copied to this process's
pack, a slice at a time, each by a commit that says where the chunks stand now; then the files are removed. Readers
and writers go on. In the order that makes it safe:

1. Nobody appends to a pack that is given up: its ``flock`` is held. Bytes that a put has in it and has not committed
   yet are the put's to copy, see ``Content.settle``.
2. Live chunks are copied, once they have proved to be what their ids say. One that is damaged stays, and so does
   its pack.
3. All is flushed, the newest commits are copied for watchers, and a commit says up to which number others may be
   gone from now on. Two snapshots are there that have all of these, so an index can be made anew though one of
   them be damaged.
4. Under the write lock a pack that has nothing live is removed: a put that found a chunk in it has committed, and
   keeps it, or sees that it is gone. Never the one with the highest number: no number is given twice.

Who dies on the way leaves chunks copied that nobody needs yet, and packs that the next compaction removes.
"""

import fcntl
import os
import threading
from contextlib import contextmanager, suppress

from libc.stdint cimport uint64_t

from trove.errors import StorageIOError, TroveError

from .change cimport Change
from .commit cimport Commit
from .core cimport Core
from .index cimport Reading
from .pack cimport Pack
from .rows cimport row
from .state cimport STATE_DROPPED, STATE_LEFT
from . import snapshots
from .folder_lock import FolderLock
from .gate import locked
from .moving import BESIDE, Moving
from .reports import CompactReport
from .shrink import shrink

DEAD_SHARE = 20            # a pack is given up when more than one part in so many of it is dead
ACTIVE_DEAD = 1 << 20      # and, if it may still be appended to, so many bytes more than are kept for watchers
ROUND = 1 << 30            # bytes that are moved before packs are removed, at most about
LEAST_GAIN = 64 << 10      # bytes that such a round must give back for another to follow
# Bytes of the newest commits that are kept for watchers, whatever becomes of their packs: a part of what lives,
KEPT_SHARE = 16
KEPT_LEAST = 256 << 10     # and at least
KEPT_MOST = 4 << 20        # and at most so many


cdef class LeaveChange(Change):
    """Appends no more to the present pack, and lets others have it."""

    cdef Core core

    cdef int stage(self, Commit commit) except -1:
        self.core.writer.leave()
        return 0


cdef class CutChange(Change):
    """Says up to which commit the log may lack some; what was copied of later ones is flushed with it."""

    cdef Core core
    cdef uint64_t sequence
    cdef list copies                  # (pack, start, end)

    cdef int stage(self, Commit commit) except -1:
        for number, start, end in self.copies:
            self.core.note_extent(number, start, end)
        return commit.cut_log(self.sequence)


cdef class DropChange(Change):
    """Removes those of the packs that nothing lives in; their numbers are its result."""

    cdef Core core
    cdef list numbers

    cdef bint frees(self) except -1:
        return True

    cdef int stage(self, Commit commit) except -1:
        # Also what a put brought into one of them, and a delete took away again, since all was flushed: nobody can
        # flush it later, and a delete that the power takes back would leave the put.
        self.core.flush()
        highest = max(self.core.packs.numbers(), default=0)
        self.result = dropped = []
        try:
            for number in self.numbers:
                # What others of this commit bring or take away is in no row yet, and may still fail.
                if number < highest and number not in commit._live and not live_in(commit.index, commit.txn, number):
                    self.core.packs.drop(number)
                    dropped.append(number)
        finally:
            if dropped:
                self.core.state.set(STATE_DROPPED, self.core.state.get(STATE_DROPPED) + 1)
        return 0


def live_in(index, txn, number):
    """The bytes of chunks that live in a pack."""
    found = row(txn, index.packs, number.to_bytes(4, "big"), "packs")
    return 0 if found is None else int.from_bytes(found[:8], "little")


class Compaction:
    """One run; ``stopped`` says between two slices whether to end it, ``gentle`` to leave half of the time to others."""

    def __init__(self, core, progress, stopped, gentle):
        self._core = core
        self._progress = progress
        self._stopped = stopped
        self._moving = Moving(core, progress, stopped, gentle)
        self._kept = self._freed = self._packs = 0

    def run(self):
        """Give packs up until nothing is left to gain; the report."""
        # Those that are begun meanwhile are left to the next run: others may fill them as fast as they are given up.
        self._last = max((<Core>self._core).packs.numbers(), default=0)
        while not self._stopped.is_set():
            before = self._gain()
            with self._taken(self._worth_it()) as taken:
                if not taken:
                    break
                self._give_up(taken)
            if self._gain() < before + LEAST_GAIN:
                break
        if self._progress is not None:
            self._progress(self._moving.moved or 1, self._moving.moved or 1)
        return CompactReport(self._moving.moved, self._freed, self._packs)

    def _gain(self):
        return self._freed - self._moving.moved - self._moving.beside - self._kept

    # Which packs.

    def _worth_it(self):
        """The packs that are worth it, those with the least that lives first: [(number, live bytes)]."""
        cdef Core core = self._core
        found = []
        failed = core.state.failed
        sizes = space_of(core)
        highest = max(sizes, default=0)
        self._keeping = min(max(sum(live for _, live, _ in sizes.values()) // KEPT_SHARE, KEPT_LEAST), KEPT_MOST)
        for number, (size, live, dead) in sizes.items():
            least = ACTIVE_DEAD + self._keeping if number == highest or is_own(core, number) else 0
            if number <= self._last and number not in failed and dead > least and dead * DEAD_SHARE > size:
                found.append((number, live))
        return sorted(found, key=lambda one: one[1])

    @contextmanager
    def _taken(self, wanted):
        """Hold those of the packs that nobody appends to: [(number, descriptor)]."""
        cdef Core core = self._core
        numbers = [number for number, _ in wanted]
        if max(core.packs.numbers(), default=0) in numbers or any(is_own(core, number) for number in numbers):
            # What is moved, and what is written from now on, goes to a pack with a higher number.
            submit_leave(core)
        taken, room = [], self._room()
        try:
            for number, live in wanted:
                if taken and live > room:
                    break
                fd = locked_pack(core, number)
                if fd is None:
                    core.state.ask_to_leave(number)  # whoever appends to it begins another
                    continue
                taken.append((number, fd))
                room -= live
                self._moving.wanted += live
            yield taken
        finally:
            for _, fd in taken:
                # Unlocked by hand: a child forked meanwhile holds a copy of the descriptor.
                fcntl.flock(fd, fcntl.LOCK_UN)
                os.close(fd)

    def _room(self):
        """How many bytes can be moved before anything is given back."""
        found = os.statvfs(self._core.path)
        return min(ROUND, found.f_bavail * found.f_frsize // 2)

    # Giving them up.

    def _give_up(self, taken):
        """Move what lives in the packs and remove them."""
        cdef Core core = self._core
        cdef DropChange change = DropChange.__new__(DropChange)
        commits = []
        for number, _ in taken:
            commits += self._moving.move(number)
            if self._stopped.is_set():
                return
        spaces = space_of(core)
        sizes = {number: os.fstat(fd).st_size for number, fd in taken if spaces[number][1] == 0}
        core.flush_now()
        if not sizes or not self._cut([commit for commit in commits if commit[1] in sizes]):
            return
        change.core, change.numbers = core, list(sizes)
        for number in core.submit(change):
            self._freed += sizes[number]
            self._packs += 1

    def _cut(self, commits):
        """See to it that the log can do without the packs of these commits; False when it was stopped."""
        cdef Core core = self._core
        cdef CutChange change = CutChange.__new__(CutChange)
        commits.sort()
        copies = self._keep_newest(commits)
        cut = commits[-1][0] if commits else 0
        if not cut and not copies:
            return True
        kept = sum(snapshots.usable(path, core.packs.store_id) for path in snapshots.since(core.path, cut))
        missing = snapshots.KEPT - kept if cut else 0
        if missing > 1:
            core.snapshot()
        if self._stopped.is_set():
            return False
        change.core, change.sequence, change.copies, change.durable = core, cut, copies, True
        core.submit(change)
        if missing > 0:
            core.snapshot()  # which is another one, for there is a commit between them
        return not self._stopped.is_set()

    def _keep_newest(self, commits):
        """Copy the newest of ``commits``, and take them off it; where the copies stand: [(pack, start, end)]."""
        cdef Core core = self._core
        records, room = [], self._keeping
        while commits and commits[-1][3] <= room:
            _, number, offset, length = commits.pop()
            room -= length
            records.append((<Pack>core.packs.open_pack(number)).read(length, offset))
        if not records:
            return []
        records.reverse()
        pack, end = core.writer.reserve_extent(b"".join(records), 0)
        self._kept += sum(map(len, records))
        return [((<Pack>pack).number, end - sum(map(len, records)), end)]

def leave_if_asked(Core core):
    """Begin another pack with the next write where somebody wants to compact the present one."""
    if core.writer.pack is not None and core.writer.pack.number <= core.state.get(STATE_LEFT):
        submit_leave(core)


def let_go_of_removed(Core core):
    """Have no pack open that others have compacted away, which takes space until then. Who reads does so by the way."""
    if core.state.get(STATE_DROPPED) != core.packs.dropped:
        core.packs.forget_dropped(core.state.get(STATE_DROPPED))


def submit_leave(Core core):
    cdef LeaveChange change = LeaveChange.__new__(LeaveChange)
    change.core = core
    core.submit(change)


def is_own(Core core, number):
    """Whether this process appends to that pack."""
    return core.writer.pack is not None and core.writer.pack.number == number


def space_of(Core core):
    """What each pack takes, what of it lives, and what is dead, in bytes: {number: (size, live bytes, dead bytes)}.

    What a copy of the chunks would take beside them is not dead: compaction could not give it back.
    """
    sizes = {}
    with Reading(core.index) as txn:
        for number in core.packs.numbers():
            with suppress(FileNotFoundError):
                # The space that is asked for ahead of the tail is given back by itself.
                size = core.writer.tail if is_own(core, number) else os.path.getsize(core.packs.path(number))
                sizes[number] = size, live_in(core.index, txn, number)
        beside = BESIDE * txn.stat(core.index.chunks)["entries"]
    all_live = sum(live for _, live in sizes.values()) or 1
    return {
        number: (size, live, max(0, size - live - beside * live // all_live)) for number, (size, live) in sizes.items()
    }


def locked_pack(Core core, number):
    """A descriptor that holds the lock of a pack; ``None`` where somebody appends to it, or it is gone."""
    try:
        fd = os.open(core.packs.path(number), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if locked(fd):
        return fd
    os.close(fd)
    return None


def compact(Core core, progress=None, *, wait=True, stopped=None, gentle=False):
    """See the driver's ``compact``. ``None`` if somebody else is at it and ``wait`` is False."""
    core.require_outside()
    try:
        with FolderLock(core.packs.folder, wait=wait) as alone:
            if not alone:
                return None
            report = Compaction(core, progress, stopped or threading.Event(), gentle).run()
            if stopped is None or not stopped.is_set():
                shrink(core)
            return report
    except OSError as error:
        if isinstance(error, TroveError):
            raise
        raise StorageIOError.of(error, f"compacting the store in {core.path}") from error
