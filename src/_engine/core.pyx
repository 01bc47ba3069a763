# cython: language_level=3, boundscheck=False, cdivision=True
"""Core: a store that this process has open, and how changes are committed to it.

One commit, in the order that makes it safe:

1. The data of large objects is in this process's pack already, outside any lock.
2. The index's write transaction begins: that is the lock between processes. A commit of somebody who died
   half way is rolled forward first. The changes check their preconditions and are made, inside the
   transaction.
3. The commit record is appended; with full durability every pack that holds unflushed bytes is flushed.
4. The transaction is committed, the sequence is published, and only then is anybody told of success.

Threads that come while one is at it queue up, and the next one of them commits for all (`lead`): one record, one
flush.
"""

import os

import lmdb
from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from trove.errors import (
    CorruptStoreError,
    DriverClosedError,
    StorageFullError,
    StorageIOError,
)

from .change cimport Change
from .chunker cimport Chunker
from .codec cimport CHUNK_ID, COMMIT, RECORD_HEADER, SETTLED, Encoder, hash128
from .commit cimport Commit
from .forks cimport forks_so_far
from .index cimport Index
from . import background, reserve
from .change import fail
from .index import head, head_of
from . import snapshots
from .background import Background
from .housekeeping import Wishes
from .gate import locked
from .heal import write_again
from .interrupts import patiently
from .naming import blake3_hash
from .rows import index_error
from .scan import record_at
from .state import not_shared
from .info cimport now_us
from .lead cimport Lead
from .pack cimport Pack, Packs, PackWriter, aligned
from .state cimport STATE_BURNED, STATE_INFLIGHT, STATE_SEQUENCE, State

cdef extern from "<unistd.h>" nogil:
    int fdatasync(int fd)

RESERVE_EVERY = 64  # commits between two tries to set space aside again
SNAPSHOT_ROOM = 64 << 20  # bytes that the index can grow by while it is copied without anybody waiting


class _Restage(Exception):
    """A change failed after it had changed the index: begin again without it."""


cdef class FlushChange(Change):
    cdef Core core

    cdef int stage(self, Commit commit) except -1:
        return self.core.flush()


cdef class RoomChange(Change):
    """Makes the index grow, unless it has room."""

    cdef Index index

    cdef int stage(self, Commit commit) except -1:
        used = self.index.used_bytes()
        if self.index.env.info()["map_size"] - used < min(SNAPSHOT_ROOM, used):
            raise lmdb.MapFullError("room is made for what comes while the index is copied")
        return 0


cdef class RollForwardChange(Change):
    cdef int stage(self, Commit commit) except -1:
        return 0  # whoever takes the write lock rolls forward


cdef class Core:
    def __init__(self, str path, parameters, Index index, Packs packs, State state, bint readonly, lifetime):
        self.path = path
        self.parameters = parameters
        self.index = index
        self.packs = packs
        self.state = state
        self.readonly = readonly
        self.forks = forks_so_far()
        self.writer = None if readonly else PackWriter(packs, state)
        self.chunker = Chunker(
            parameters.chunk_minimum, parameters.chunk_normal, parameters.chunk_maximum, parameters.chunk_level
        )
        self._blake3 = blake3_hash() if parameters.hash == "blake3" else None
        self._lead = Lead()
        self._reserved = readonly or reserve.keep(path)
        self._lifetime = lifetime
        self.background = Background()
        self.wishes = Wishes()
        self._unsaved_changes = 0 if readonly else max(0, state.sequence - snapshots.newest(path))

    cdef bytes name(self, const uint8_t *data, Py_ssize_t length):
        """The id of those bytes: of a chunk, and of the content of an object that is one."""
        if self._blake3 is None:
            return hash128(data, length)
        return self._blake3(<bytes>data[:length]).digest(CHUNK_ID)

    cdef bint may_be_limited(self) noexcept:
        """Whether anything may have a quota now, by what this process knows without looking."""
        return self._limited or self._is_behind()

    cdef bint _is_behind(self) noexcept:
        """Whether others have committed since this process did."""
        return self.state.get(STATE_SEQUENCE) != self._last

    # Committing.

    cdef object submit(self, Change change):
        """Commit ``change``, alone or with others that wait; its result. Raises its error.

        An interrupt (KeyboardInterrupt, or whatever a signal's handler raises) that comes while the change
        waits in the queue, or before the log has it, prevents it. One that comes later is raised when it is
        done, and says nothing of it: as anywhere in Python, it may have come just after.
        """
        interrupt = self._lead.take_for(change)
        if not change.done:
            changes = [change]
            try:
                changes += self._lead.take_along()
                self.commit(changes)
            finally:
                self._lead.hand_over(changes)
        if interrupt is not None:
            raise interrupt
        if change.error is not None:
            raise change.error
        return change.result

    def require_outside(self):
        """Raise InvalidArgumentError where this thread is inside a commit or a read: their end can't be waited for."""
        self._lead.require_not_mine()
        self.index.require_outside()

    @property
    def waiting(self):
        """How many changes have queued up behind the commit that is under way."""
        return self._lead.waiting()

    def pause(self):
        """Before a fork: no thread of this process commits or reads the index until ``resume``.

        It waits for the commit that is under way, and for reads of the index, the longest of which is the
        copying of a snapshot. Interrupts that come meanwhile are returned: the fork goes on whatever happens here.
        """
        interrupts = []
        if self._lead.is_mine():
            return interrupts  # forked by a signal's handler inside a commit, whose end can't be waited for
        self._lead.take(interrupts)
        self._resting = True
        patiently(self.index.pause, interrupts)
        return interrupts

    def resume(self):
        if not self._resting:
            return
        self._resting = False
        try:
            self.index.resume()
        finally:
            self._lead.hand_over([None])

    def shut(self, interrupts):
        """Close the index when what is under way has ended; whoever comes later gets DriverClosedError.

        That comes to its end whatever interrupts it, and is added to ``interrupts``.
        """
        self._lead.take(interrupts)
        try:
            patiently(self.index.close, interrupts)
        finally:
            self._lead.hand_over([None])

    cdef int commit(self, list changes) except -1:
        """Commit ``changes`` together; each gets its result or its own error. Called by the leader, the first."""
        cdef Change leader = changes[0]
        cdef bint done = False
        while not done:
            try:
                done = self._tried(changes)
            except Exception as error:
                fail(changes, error)
            except BaseException as error:
                # It is meant for this thread, whose change does not happen now. The others' do.
                leader.error = error
        return 0

    cdef bint _tried(self, list changes) except -1:
        """Commit those of ``changes`` that have not failed; False when what was against it is out of the way."""
        cdef Change change
        for change in changes:
            if change.error is None:
                break
        else:
            return True
        try:
            try:
                self._attempt(changes)
                return True
            except lmdb.MapFullError:
                self.index.grow()
        except _Restage:
            pass
        except StorageFullError as error:
            self._without_space(changes, error)
        except lmdb.Error as error:
            raise index_error(error, f"committing to the index in {self.index.folder}") from error
        return False

    cdef int _without_space(self, list changes, object error) except -1:
        """Fail those of ``changes`` that need the most room, for the others to go on; deletes get the reserve."""
        cdef Change change
        waiting = [change for change in changes if change.error is None]
        greedy = [change for change in waiting if isinstance(change, RoomChange)]
        puts = [change for change in waiting if not change.frees()]
        if greedy or puts:
            fail(greedy or puts, error)
        elif reserve.spend(self.path):
            # Only now: what a put is given, the next put takes, and nothing is left for a delete.
            self._reserved = False
        else:
            fail(waiting, error)
        return 0

    cdef int _attempt(self, list changes) except -1:
        cdef Change change
        cdef Commit commit
        cdef bint durable = False
        cdef uint32_t before, flags
        txn = self.index.begin_write()
        try:
            txn = self.catch_up(txn)
            if self.state.get(STATE_SEQUENCE) != self._last and self.state.get(STATE_SEQUENCE) != head_of(self.index, txn):
                raise not_shared(self.state.path)
            # Asked before the changes note what they wrote themselves.
            flags = SETTLED if self.state.settled() else 0
            sequence = max(self.state.get(STATE_SEQUENCE), self.state.get(STATE_BURNED)) + 1
            commit = Commit(self.index, txn, sequence, False, self.may_be_limited(), self._ruled or self._is_behind())
            for change in changes:
                if change.error is not None:
                    continue
                if self.handles == 0 and not isinstance(change, (FlushChange, RoomChange, RollForwardChange)):
                    # The last handle is being closed: nothing may come behind its flush.
                    change.error = DriverClosedError.of("trove")
                    continue
                before = commit.count
                try:
                    change.stage(commit)
                    commit.check_quotas()
                except lmdb.Error:
                    raise
                except Exception as error:
                    change.error = error
                    if commit.count != before:
                        raise _Restage from error
                else:
                    durable = durable or change.durable
            if commit.count:
                if self.forks != forks_so_far():
                    raise StorageIOError("the process forked inside a commit; in the child it is not made")
                self._append(commit, txn, durable, flags)
                txn = None
                try:
                    self._care(commit, durable)
                except Exception:
                    pass  # what is committed stays so: later commits try again
                except BaseException as error:
                    change = changes[0]
                    change.error = error
        finally:
            if txn is not None:
                txn.abort()
            self.index.wake_next()
        return 0

    cdef int _append(self, Commit commit, object txn, bint durable, uint32_t flags) except -1:
        """Steps 3 and 4. Whatever fails in them, the transaction is gone afterwards and so is the record."""
        cdef Pack pack
        cdef uint64_t offset
        cdef uint64_t sequence = commit.sequence
        cdef uint64_t predecessor = self.state.get(STATE_SEQUENCE)
        cdef Encoder record = commit.record(predecessor, now_us(), flags, self.packs.seed)
        pack = None
        offset = 0
        try:
            pack, offset = self.writer.append_commit(record.data, record.size, sequence, durable)
            self.note_written(pack.number, offset + record.size)
            if durable:
                self.flush()
            commit.finish(pack.number, offset)
        except BaseException as error:
            self._burn(predecessor, sequence, pack, offset, record.size, isinstance(error, lmdb.Error))
            txn.abort()
            raise
        try:
            txn.commit()
        except BaseException:
            # The lock went with the transaction. Whoever took it next has made nothing of this commit: see `catch_up`.
            self._burn(predecessor, sequence, pack, offset, record.size, True)
            raise
        # The lock is gone with the transaction: others may have committed more by now.
        self.state.publish(sequence)
        self._last, self._limited, self._ruled = sequence, commit.limited, commit.ruled
        self._unsaved_changes += commit.count
        self._unsaved_bytes += record.size
        return 0

    def _burn(self, predecessor, sequence, Pack pack, offset, length, bint sound):
        """See to it that the commit of that number, which raised, is none; its pack is used on if it is ``sound``.

        The lock need not be held: nobody makes anything of a commit that is burned.
        """
        # A record of it may be on disk, and must never be taken for another's.
        self.state.raise_to(STATE_BURNED, sequence)
        self.state.withdraw(sequence)
        if pack is None:
            return
        if not sound:
            self.writer.retire()
        self._take_back(predecessor, sequence, pack, offset, length)

    def _take_back(self, predecessor, sequence, Pack pack, offset, length):
        """Void the record of a commit: it must not come back in a rebuild."""
        # In the log, and in case the log can't be written, beside it.
        if self.state.raised[1] < sequence:
            self.state.declare_raised(predecessor, sequence)
        try:
            self.writer.take_back(pack, offset, length)
        except StorageIOError:
            pass  # what went wrong first is what the caller hears

    cdef int _care(self, Commit commit, bint durable) except -1:
        """What is due after a commit, and does not belong to it."""
        if not self._reserved and commit.sequence % RESERVE_EVERY == 0:
            self._reserved = reserve.keep(self.path)
        if not self._kept:
            self._kept = True
            self.background.keep_house(self)
        if not durable:
            self.background.flush(self)
        if self._unsaved_changes >= background.SNAPSHOT_CHANGES or self._unsaved_bytes >= background.SNAPSHOT_BYTES:
            if self.background.snapshot(self, self._unsaved_bytes):
                self._unsaved_changes = self._unsaved_bytes = 0
        return 0

    cdef object catch_up(self, object txn):
        """Roll a commit forward whose writer died between the log and the index; a transaction to go on with.

        Where the writer lives, its commit has failed, or it would be in the index: it is voided, by the writer
        itself or else here.
        """
        cdef uint64_t inflight, head
        cdef Commit commit
        while True:
            inflight = self.state.get(STATE_INFLIGHT)
            if inflight <= self.state.get(STATE_SEQUENCE):
                return txn
            head = head_of(self.index, txn)
            if head >= inflight:
                break
            _, number, offset = self.state.inflight
            payload = self.commit_payload(number, offset, inflight)
            if payload is None:
                self.state.raise_to(STATE_BURNED, inflight)
                break
            if inflight <= self.state.get(STATE_BURNED) or self._has_writer(number):
                self.state.raise_to(STATE_BURNED, inflight)
                pack = self._to_write(number)
                self._take_back(head, inflight, pack, offset, RECORD_HEADER + aligned(len(payload)))
                break
            commit = Commit(self.index, txn, inflight, replaying=True)
            commit.replay(payload)
            commit.finish(number, offset)
            self.note_written(number, offset + RECORD_HEADER + aligned(len(payload)))
            txn.commit()
            # The lock went with it: others may have committed more before it comes back.
            txn = self.index.begin_write()
        self.state.set(STATE_SEQUENCE, head)
        self.state.set(STATE_INFLIGHT, 0)
        self.state.wake()
        return txn

    def _has_writer(self, uint32_t number):
        """Whether the process that appends to the pack of that number is alive, or a child of it that has it open."""
        cdef Pack pack = self._to_write(number)
        try:
            return not locked(pack.fd)
        except OSError as error:
            raise StorageIOError.of(error, f"locking {pack.path}") from error

    def _to_write(self, uint32_t number):
        """The pack of that number, to write what is not appended."""
        path = self.packs.path(number)
        try:
            return Pack(number, path, os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise StorageIOError.of(error, f"opening {path}") from error

    def commit_payload(self, number, offset, sequence):
        """The payload of the commit that is said to stand there, ``None`` when it is not whole."""
        if number > 0xFFFFFFFF:
            return None  # no pack has such a number: the state file is damaged
        try:
            found = record_at(self.packs, number, offset)
        except CorruptStoreError:
            return None
        return found[2] if found is not None and found[:2] == (COMMIT, sequence) else None

    def let_go_of_packs(self):
        """In a forked child: have no pack of the parent open, which takes space where it was compacted away."""
        self.packs.let_go()
        if self.writer is not None:
            self.writer.let_go()

    # Flushing.

    cdef int flush(self) except -1:
        """Put every byte that any process appended on disk. Called inside the write transaction."""
        cdef Pack pack
        cdef int failed
        for number, start, end, failed_before in self.state.unflushed():
            pack = self.packs.open_pack(number)
            if failed_before:
                # The system may have dropped the bytes and would call the next flush a success.
                write_again(self, pack, start, end)
            with nogil:
                failed = fdatasync(pack.fd)
                while failed and errno == EINTR:
                    failed = fdatasync(pack.fd)
            if failed:
                cause = OSError(errno, os.strerror(errno))
                self.state.note_failed(number)
                if self.writer is not None:
                    self.writer.retire()
                raise StorageIOError.of(cause, f"flushing {pack.path}") from cause
            self.state.note_flushed(number, end)
        self.state.note_durable(self.state.get(STATE_SEQUENCE))
        return 0

    cdef int note_written(self, uint32_t number, uint64_t end) except -1:
        """Note that a pack is written up to ``end``; where there is no room for that, all is flushed first."""
        if not self.state.note_written(number, end):
            self.flush()
            self.state.note_written(number, end)
        return 0

    cdef int note_extent(self, uint32_t number, uint64_t start, uint64_t end) except -1:
        """Note likewise that an extent stands in a pack from ``start`` to ``end``."""
        if not self.state.note_extent(number, start, end):
            self.flush()
            self.state.note_extent(number, start, end)
        return 0

    def roll_forward(self):
        """Finish what somebody who died had begun to commit, so that readers see it from now on, or never."""
        self.submit(RollForwardChange.__new__(RollForwardChange))

    def flush_now(self):
        """Flush what is unflushed, in its own transaction."""
        cdef FlushChange change = FlushChange.__new__(FlushChange)
        change.core = self
        self.submit(change)

    # Snapshots.

    def snapshot(self, bint wait=True):
        """Take a snapshot of the index; ``None`` if another one is being taken and ``wait`` is False."""
        cdef RoomChange change = RoomChange.__new__(RoomChange)
        change.index = self.index
        self.submit(change)
        taken = snapshots.take(self.path, self.packs.store_id, self._copy_index, self.flush_now, wait)
        self._unsaved_changes = self._unsaved_bytes = 0
        return taken

    def _copy_index(self, folder):
        """A copy of the index in the new folder; the commit that it is at."""
        cdef Index copy
        self.index.copy(folder)
        copy = Index(folder, readonly=True, lock=False)
        try:
            return head(copy)
        finally:
            copy.close()
