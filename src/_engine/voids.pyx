# cython: language_level=3, boundscheck=False, cdivision=True
"""Voids: which parts of damaged packs are what somebody left, and can be written over."""

from .codec cimport RECORD_HEADER, SEAL
from .index cimport Index, Reading
from .places cimport Stored, stored
from .scan cimport Log


def holes_in_use(Log log, Index index):
    """The holes that chunks of ``index`` stand in: what they were written with is damaged: [(pack, start, end)].

    Not those that begin within a chunk: where the head of an extent is damaged, its data is searched for records,
    and can hold what was one. What is behind that belongs to the hole before it.
    """
    used, begun = holes_and_chunks(log, index)
    return [hole for hole in each_hole(log) if hole in used - begun]


def to_void(Log log, Index index):
    """The holes over whose first bytes the head of a void can be written: no chunk of ``index`` has them."""
    _, begun = holes_and_chunks(log, index)
    return [hole for hole in each_hole(log) if hole[2] - hole[1] >= RECORD_HEADER and hole not in begun]


def each_hole(Log log):
    """What is no whole record: [(pack, start, end)]."""
    return [(number, start, end) for number, holes in log.holes.items() for start, end in holes]


cdef tuple holes_and_chunks(Log log, Index index):
    """The holes that chunks begin in, and those whose first bytes are of a chunk."""
    cdef Stored chunk
    used, begun = set(), set()
    if not log.holes:
        return used, begun
    with Reading(index) as txn:
        for _, value in txn.cursor(index.chunks):
            if len(value) < SEAL + 24:
                continue  # told by the examination
            chunk = stored(bytes(value[SEAL:]))
            for hole in log.holes.get(chunk.pack, ()):
                if hole[0] <= chunk.offset < hole[1]:
                    used.add((chunk.pack, *hole))
                if chunk.offset < hole[0] + RECORD_HEADER and hole[0] < chunk.offset + chunk.length:
                    begun.add((chunk.pack, *hole))
    return used, begun
