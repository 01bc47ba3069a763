"""The faults: what stands in the engine, what a faulty one would have in its place, and who is to find it."""

from __future__ import annotations

from dataclasses import dataclass

POWER_CUTS = "tests/crash/powercut/test_power_cuts.py"
KILLS = "tests/_engine/test_kills.py"
SIEGE = "tests/crash/kills/test_kills_at_random.py"
CLIENTS = "tests/stress/linear/test_clients.py"
COMPACT = "tests/_engine/test_compact.py"
BESIDE = "tests/_engine/test_compact_beside.py"
RECOVERY = "tests/_engine/test_compact_recovery.py"
SHRINK = "tests/_engine/test_shrink.py"


@dataclass(frozen=True)
class Mutant:
    """``old``, which stands once in ``file`` of the engine, becomes ``new``; then one of ``tests`` fails."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "a commit is not flushed",
        "core.pyx",
        "            with nogil:\n                failed = fdatasync(pack.fd)\n",
        "            with nogil:\n                failed = 0\n",
        (POWER_CUTS,),
    ),
    Mutant(
        "the packs of neighbours are not flushed",
        "core.pyx",
        "in self.state.unflushed():\n            pack =",
        "in self.state.unflushed()[-1:]:\n            pack =",
        (POWER_CUTS,),
    ),
    Mutant(
        "a commit is acknowledged before it is flushed",
        "core.pyx",
        "            if durable:\n                self.flush()\n            commit.finish",
        "            commit.finish",
        (POWER_CUTS,),
    ),
    Mutant(
        "the name of a new pack is not flushed",
        "pack.pyx",
        "            sync_folder(self.folder)\n",
        "",
        (POWER_CUTS,),
    ),
    Mutant(
        "the index is not flushed before the store is called clean",
        "opening.pyx",
        "        core.index.sync()\n",
        "",
        (POWER_CUTS,),
    ),
    Mutant(
        "the store is called clean before its log is flushed",
        "opening.pyx",
        "        core.flush_now()\n",
        "",
        (POWER_CUTS, "tests/_engine/test_durability.py"),
    ),
    Mutant(
        "half of a relaxed commit is taken for all of it",
        "recovery.pyx",
        "        drop_torn(log, known.surely)\n",
        "        pass\n",
        (POWER_CUTS, "tests/_engine/test_power_cut.py"),
    ),
    Mutant(
        "a commit that raised stays in the log",
        "core.pyx",
        "            self.writer.take_back(pack, offset, length)\n",
        "            pass\n",
        (POWER_CUTS, "tests/_engine/test_failing_commits.py"),
    ),
    Mutant(
        "the number of a commit that raised is given again",
        "core.pyx",
        "        self.state.raise_to(STATE_BURNED, sequence)\n        self.state.withdraw(sequence)\n",
        "        self.state.withdraw(sequence)\n",
        (POWER_CUTS, "tests/_engine/test_failing_commits.py"),
    ),
    Mutant(
        "nobody finishes what a dead writer had begun",
        "core.pyx",
        "            txn = self.catch_up(txn)\n",
        "",
        (KILLS, CLIENTS),
    ),
    Mutant(
        "the index is published before the log is written",
        "core.pyx",
        "            pack, offset = self.writer.append_commit(record.data, record.size, sequence, durable)\n",
        "            commit.finish(1, 64)\n            txn.commit()\n"
        "            txn = self.index.begin_write()\n"
        "            pack, offset = self.writer.append_commit(record.data, record.size, sequence, durable)\n",
        (KILLS,),
    ),
    Mutant(
        "a record's checksum is not looked at",
        "scan.pyx",
        "        if hash64(p, checked, checksum) != load64(header + 24):\n",
        "        if checksum == 0:\n",
        ("tests/fuzz", "tests/_engine/test_damage_open.py"),
    ),
    Mutant(
        "a row's checksum is not looked at",
        "codec.pyx",
        "    if length < SEAL or hash64(value + SEAL, length - SEAL, seed) != load64(value):\n",
        "    if length < SEAL or seed == 0:\n",
        ("tests/_engine/test_verify.py", "tests/fuzz"),
    ),
    Mutant(
        "a chunk's bytes are not held against its id",
        "reader.pyx",
        "        if memcmp(PyBytes_AS_STRING(digest), reference.id, CHUNK_ID):\n",
        "        if digest is None:\n",
        ("tests/_engine/test_damage_open.py", "tests/fuzz"),
    ),
    Mutant(
        "chunks of one id are taken for the same",
        "content.pyx",
        "    return memcmp(PyBytes_AS_STRING(stored), PyBytes_AS_STRING(data), length) == 0\n",
        "    return True\n",
        ("tests/_engine/test_dedup.py",),
    ),
    Mutant(
        "pages of the index are trusted",
        "pages.pyx",
        "            Pages(path, fd, seals).check()\n",
        "            pass\n",
        ("tests/_engine/test_pages.py", "tests/fuzz"),
    ),
    Mutant(
        "conditions are not looked at",
        "changes.pyx",
        "        if self.conditions is not None:\n",
        "        if False:\n",
        (CLIENTS,),
    ),
    Mutant(
        "a read sees the index as it was",
        "index.pyx",
        "                if self._sequence == NULL "
        "or __atomic_load_n(self._sequence, __ATOMIC_SEQ_CST) == before:\n"
        "                    return txn\n",
        "                return txn\n",
        ("tests/_engine/test_index_sharing.py",),
    ),
    Mutant(
        "a quota is looked at before the write lock is taken",
        "core.pyx",
        "                    commit.check_quotas()\n",
        "                    pass\n",
        ("tests/_engine/test_quota.py",),
    ),
    Mutant(
        "a quota that another process sets is not noticed",
        "core.pyx",
        "        return self._limited or self._is_behind()\n",
        "        return self._limited or not self._last\n",
        ("tests/_engine/test_quota.py",),
    ),
    Mutant(
        "a replaced object still counts",
        "usage.pyx",
        "            quota[_BYTES] += sign * size\n",
        "            quota[_BYTES] += max(0, sign) * size\n",
        ("tests/_engine/test_quota.py",),
    ),
    Mutant(
        "the index of another store is taken for one's own",
        "same_log.pyx",
        "            return owner == index.owner\n",
        "            pass\n",
        ("tests/_engine/test_foreign_files.py",),
    ),
    Mutant(
        "a snapshot counts before the log is flushed",
        "snapshots.py",
        "                flush()\n",
        "                pass\n",
        (POWER_CUTS, "tests/_engine/test_snapshots.py"),
    ),
    Mutant(
        "a new version's content is not counted",
        "commit.pyx",
        "        self._retain(row, place, True)\n        if not version_id:\n",
        "        if not version_id:\n",
        (KILLS,),
    ),
    Mutant(
        "a put while versions are suspended loses the one before",
        "commit.pyx",
        "            if old_id:\n",
        "            if old_id and version_id:\n",
        (KILLS,),
    ),
    Mutant(
        "an object that is overwritten expires still",
        "commit.pyx",
        "            self._schedule(place, old, False)\n            self.txn.put(place",
        "            self.txn.put(place",
        (KILLS,),
    ),
    Mutant(
        "a version that is overwritten expires still",
        "commit.pyx",
        "            self._flag(REPLACES)\n            self._schedule(place, old, False)\n            old_id",
        "            self._flag(REPLACES)\n            old_id",
        (SIEGE,),
    ),
    Mutant(
        "a part that is sent again is counted twice",
        "commit.pyx",
        "self._side(table), key, name_of(table))\n        if old is not None:\n",
        "self._side(table), key, name_of(table))\n        if False:\n",
        (KILLS,),
    ),
    Mutant(
        "a rebuild leaves uploads that are over",
        "commit.pyx",
        "            elif operation == DELETE_ROWS:\n                self.delete_rows(first[0], first[1:])\n",
        "            elif operation == DELETE_ROWS:\n                pass\n",
        (KILLS, POWER_CUTS),
    ),
    Mutant(
        "the version before is not shown when the newest is deleted",
        "changes.pyx",
        "        if not promote(commit, place):\n            commit.delete_object(place)\n",
        "        commit.delete_object(place)\n",
        (KILLS, CLIENTS),
    ),
    Mutant(
        "what is left of a version without an id is taken for one",
        "changes.pyx",
        '    if not id_of(body):\n        commit.delete_row(VERSIONS, version_key(place, b""))\n',
        "",
        (KILLS,),
    ),
    Mutant(
        "a restoration takes the version that is there",
        "changes.pyx",
        "        if body is None or id_of(body) != wanted:\n",
        "        if body is None:\n",
        (CLIENTS,),
    ),
    Mutant(
        "a delete marker is not kept apart from another of the same commit",
        "chain.pyx",
        "low = 2 * counter + 2 ",
        "low = 2 ",
        (CLIENTS, SIEGE),
    ),
    Mutant(
        "a completion leaves its upload open",
        "multipart.pyx",
        "            commit.delete_rows(UPLOADS, self.at)\n            done = True\n",
        "            done = True\n",
        (KILLS,),
    ),
    Mutant(
        "parts outlive an upload that is given up",
        "multipart.pyx",
        "        self.upload(commit)\n        commit.delete_rows(UPLOADS, self.at)\n",
        "        self.upload(commit)\n        commit.delete_row(UPLOADS, self.at)\n",
        (KILLS,),
    ),
    Mutant(
        "a part comes to an upload that is over",
        "multipart.pyx",
        "        self.upload(commit)\n        self.content.settle(",
        "        self.content.settle(",
        (SIEGE,),
    ),
    Mutant(
        "rules delete old versions with the newest",
        "lifecycle.pyx",
        "            delete_current(commit, flags, place, body, self.now)\n",
        "            commit.delete_object(place)\n",
        (SIEGE, "tests/_engine/test_lifecycle.py"),
    ),
    Mutant(
        "what is due is not noted anew when a version goes",
        "commit.pyx",
        "            self._touch(key)\n        return self._drop(",
        "            pass\n        return self._drop(",
        ("tests/_engine/test_schedule.py",),
    ),
    Mutant(
        "new rules leave what was due by the old ones",
        "schedule.pyx",
        "            if one != other:\n                yield one, other\n",
        "            if one is None:\n                yield one, other\n",
        ("tests/_engine/test_schedule.py",),
    ),
    Mutant(
        "an object that is moved to another class is as new",
        "lifecycle.pyx",
        "    commit.put_object(place, with_time(made, time_of(body)))\n",
        "    commit.put_object(place, made)\n",
        ("tests/_engine/test_lifecycle.py",),
    ),
    Mutant(
        "who watches hops over a commit that is still to come",
        "scan.pyx",
        "            if not beyond and (scan.kind == COMMIT or not scan.holes):\n",
        "            if not beyond:\n",
        ("tests/_engine/test_scan.py",),
    ),
    Mutant(
        "space that a writer gives back is damage",
        "scan.pyx",
        "            left = max(0, min(wanted, os.fstat(self.pack.fd).st_size - <int64_t>offset))\n",
        "            left = wanted\n",
        (SIEGE, "tests/_engine/test_scan.py"),
    ),
    Mutant(
        "a writer goes on behind a header that is gone",
        "pack.pyx",
        "        if pack.read(PACK_HEADER, 0) == pack_header(",
        "        if pack.read(PACK_HEADER, 0) is not None or pack_header(",
        ("tests/_engine/test_repair.py",),
    ),
    Mutant(
        "a pack is removed though something lives in it again",
        "compact.pyx",
        " and number not in commit._live and not live_in(commit.index, commit.txn, number):\n",
        ":\n",
        (BESIDE,),
    ),
    Mutant(
        "the highest pack is removed and its number given again",
        "compact.pyx",
        "            if number < highest and number not in commit._live and not",
        "            if number not in commit._live and not",
        (COMPACT,),
    ),
    Mutant(
        "packs are removed with one snapshot that can do without them",
        "compact.pyx",
        "        missing = snapshots.KEPT - kept if cut else 0\n",
        "        missing = 1 - kept if cut else 0\n",
        (RECOVERY,),
    ),
    Mutant(
        "packs are removed before all is on disk",
        "compact.pyx",
        "        self.core.flush()\n        highest",
        "        highest",
        (BESIDE,),
    ),
    Mutant(
        "a repair forgets that the log is cut",
        "repair.pyx",
        "                amendment.cut_to(min(base, cut_of(better)))\n",
        "                pass\n",
        (RECOVERY,),
    ),
    Mutant(
        "newest commits are not kept for watchers",
        "compact.pyx",
        "        while commits and commits[-1][3] <= room:\n",
        "        while commits and not room:\n",
        (RECOVERY,),
    ),
    Mutant(
        "what goes counts as an object still",
        "usage.pyx",
        "            quota[_OBJECTS] += sign * holds\n",
        "            quota[_OBJECTS] += max(0, sign) * holds\n",
        ("tests/_engine/test_quota.py",),
    ),
    Mutant(
        "a backup says that it is further than its packs",
        "backup.py",
        "        sequence = head(self._core.index)\n"
        "        for number in self._core.packs.numbers():\n"
        "            path = self._core.packs.path(number)\n"
        '            files.append(self._file(f"packs/{os.path.basename(path)}", path))\n',
        "        for number in self._core.packs.numbers():\n"
        "            path = self._core.packs.path(number)\n"
        '            files.append(self._file(f"packs/{os.path.basename(path)}", path))\n'
        "        sequence = head(self._core.index)\n",
        ("tests/_engine/test_backup.py",),
    ),
    Mutant(
        "the index is exchanged though others have it open",
        "shrink.pyx",
        "                if alone:\n",
        "                if True:\n",
        (SHRINK,),
    ),
    Mutant(
        "who has read with mode=r is not told that the index was exchanged",
        "shrink.pyx",
        "        core.state.count_opening()\n",
        "",
        (SHRINK,),
    ),
    Mutant(
        "an object that changes its class is read where it was",
        "transition.pyx",
        "            tried = core.packs.look_elsewhere(missing, tried)\n",
        "            raise\n",
        ("tests/_engine/test_transition.py",),
    ),
    Mutant(
        "a damaged chunk is moved",
        "moving.pyx",
        "            if named(core, piece) == key[:CHUNK_ID]:\n",
        "            if len(key) > CHUNK_ID:\n",
        (RECOVERY,),
    ),
    Mutant(
        "compaction does not count what stands beside chunks",
        "compact.pyx",
        "size - live - beside * live // all_live)",
        "size - live)",
        (COMPACT,),
    ),
    Mutant(
        "nobody is told that packs were removed",
        "compact.pyx",
        "            if dropped:\n",
        "        if not self.numbers:\n",
        (BESIDE,),
    ),
    Mutant(
        "a put forgets that its pack may be gone",
        "content.pyx",
        "        self._pin_dropped()\n        for i",
        "        for i",
        (BESIDE,),
    ),
    Mutant(
        "a chunk is looked for where it was",
        "places.pyx",
        "        if reference.pack in gone and not place(index, txn, p):\n",
        "        if reference.pack in gone and p == NULL:\n",
        (BESIDE,),
    ),
    Mutant(
        "half of a move is taken for all of it",
        "torn.pyx",
        "        elif operation == MOVE_CHUNKS:\n            references = named\n",
        "",
        (POWER_CUTS,),
    ),
)
