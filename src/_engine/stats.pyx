# cython: language_level=3
"""Stats: what a store holds and the space that it takes."""

import os

from trove.errors import StorageIOError

from .codec cimport SEAL
from .core cimport Core
from .index cimport Index, Reading
from . import snapshots
from .index import head_of
from .reports import Stats


def sizes(paths):
    """The sizes of those files that are there: a snapshot may be dropped meanwhile."""
    found = []
    for path in paths:
        try:
            found.append(os.path.getsize(path))
        except FileNotFoundError:
            continue
    return found


def stats(Core core):
    """See the driver's ``stats``."""
    cdef Index index = core.index
    try:
        packs = sizes(core.packs.path(number) for number in core.packs.numbers())
        copies = sizes(snapshots.found(core.path))
        index_bytes = os.path.getsize(os.path.join(index.folder, "data.mdb"))
    except OSError as error:
        raise StorageIOError.of(error, f"looking at the files of {core.path}") from error
    with Reading(index) as txn:
        live = sum(int.from_bytes(value[SEAL : SEAL + 8], "little") for _, value in txn.cursor(index.packs))
        return Stats(
            buckets=txn.stat(index.buckets)["entries"],
            objects=txn.stat(index.objects)["entries"],
            versions=txn.stat(index.versions)["entries"],
            uploads=txn.stat(index.uploads)["entries"],
            chunks=txn.stat(index.chunks)["entries"],
            live_bytes=live,
            packs=len(packs),
            pack_bytes=sum(packs),
            index_bytes=index_bytes,
            snapshots=len(copies),
            snapshot_bytes=sum(copies),
            sequence=head_of(index, txn),
        )
