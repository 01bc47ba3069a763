"""The processes that have a place among an index's readers: ``python -m crash.kills.readers FOLDER``.

It is a process of its own, for LMDB may be opened once in a process only.
"""

from __future__ import annotations

import os
import sys

import lmdb


def main() -> None:
    size = os.path.getsize(os.path.join(sys.argv[1], "data.mdb"))
    with lmdb.open(
        sys.argv[1], map_size=size, readonly=True, create=False, max_dbs=16, lib_version=1, max_readers=1024
    ) as environment:
        # A table of which the first column are pids; or a sentence where there is none.
        for line in environment.readers().splitlines():
            first = line.split()[0]
            if first.isdigit():
                print(first)


if __name__ == "__main__":
    main()
