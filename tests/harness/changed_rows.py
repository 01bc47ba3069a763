"""Rows of an index that a test changes behind the engine's back, under seals that fit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import lmdb
from xxhash import xxh3_64_digest

from .index_rows import seed_of


@contextlib.contextmanager
def changed_rows(file: Path, table: str) -> Iterator[dict[bytes, bytes]]:
    """The rows of a table, without their seals; what they are at the end of the block is what the index has.

    ``file`` is an index or a snapshot that nobody has open.
    """
    size = file.stat().st_size + (1 << 20)
    env = lmdb.open(
        str(file), map_size=size, subdir=False, lock=False, max_dbs=1, lib_version=1, create=False
    )
    db = env.open_db(table.encode(), create=False)
    with env, env.begin(write=True, db=db) as txn:
        before = {bytes(key): bytes(value[8:]) for key, value in txn.cursor()}
        rows = dict(before)
        yield rows
        for key in before.keys() - rows.keys():
            txn.delete(key)
        for key, row in rows.items():
            txn.put(key, xxh3_64_digest(row, seed_of(key))[::-1] + row)
