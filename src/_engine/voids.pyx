# cython: language_level=3, boundscheck=False, cdivision=True
"""Voids: which parts of damaged packs a repair makes records that say that there is nothing."""

from collections import Counter

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .codec cimport RECORD_HEADER, load32, load64
from .index cimport Index
from .scan cimport Log


def to_void(Log log, Index index):
    """What of the packs can become void, in order: [(pack, start, end)].

    These are the holes of ``log``. The head of a void is written over the first bytes of a hole, which may be
    the data of a chunk: where the head of an extent is damaged, its data is searched for records, and can hold
    what was one. Such a hole becomes one with the hole before it, if every commit between them is elsewhere, too.
    """
    spans = []
    if not log.holes:
        return spans
    taken = begun_by_chunks(log, index)
    copies = Counter(log.sequences())
    for number, holes in log.holes.items():
        before = None
        for start, end in holes:
            if (number, start) in taken:
                between = Counter(log.sequences(number, before[1], start)) if before else Counter()
                if before is None or any(copies[each] <= count for each, count in between.items()):
                    continue
                copies -= between
                before[2] = end
            elif end - start >= RECORD_HEADER:
                before = [number, start, end]
                spans.append(before)
    return [tuple(span) for span in spans]


cdef set begun_by_chunks(Log log, Index index):
    """The holes whose first bytes are of chunks that ``index`` has: {(pack, start)}."""
    cdef const uint8_t[::1] row
    cdef uint64_t offset, end
    cdef uint32_t length
    found = set()
    txn = index.begin()
    try:
        for _, value in txn.cursor(index.chunks):
            row = value
            holes = log.holes.get(load32(&row[8]))
            if holes is None:
                continue
            length, offset = load32(&row[12]), load64(&row[16])
            end = offset + length
            for start, _ in holes:
                if offset < start + RECORD_HEADER and start < end:
                    found.add((load32(&row[8]), start))
    finally:
        index.end(txn)
    return found
