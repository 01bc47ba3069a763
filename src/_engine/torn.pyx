# cython: language_level=3
"""Torn: which commits at the end of the log the power took half of.

A relaxed commit is acknowledged before it is on disk, and a power cut can leave its record and take its
chunks. Commits before the last one that says so were on disk, all of them (`SETTLED`), and so were those
that `state` calls durable; of the rest each chunk is held against its id, in an extent that is whole, and the chain
ends before the first commit that lacks one.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint64_t

from trove.errors import CorruptStoreError

from .codec cimport ADD_LIST, CHUNK_ID, CHUNKS, MOVE_CHUNKS, PUT_OBJECT, PUT_ROW, PUT_VERSION, REFERENCE, Reference, reference_at
from .info cimport info_of
from .operations cimport operations_of
from .scan cimport Log
from . import store
from .naming import namer


def drop_torn(Log log, uint64_t durable):
    """End the chain of ``log`` before its first torn commit above ``durable``. Raises what reading the packs raises."""
    cdef Py_ssize_t i
    parameters = store.Parameters.unpacked(log.packs.store_id, log.packs.parameters)
    name = namer(parameters)
    there = set(log.packs.numbers())
    for i in range(max(log.last_settled(), log.above(durable)), log.length):
        if _torn(log, log.payload(log.chain[i]), name, there):
            log.cut(i)
            return


cdef bint _torn(Log log, bytes payload, object name, set there) except -1:
    for operation, named, body in operations_of(payload):
        if operation == ADD_LIST:
            references = body
        elif operation == MOVE_CHUNKS:
            references = named
        elif operation in (PUT_OBJECT, PUT_VERSION, PUT_ROW) and body[0] == CHUNKS:
            references = info_of("", body, 0).references()
        else:
            continue
        for at in range(0, len(references), REFERENCE):
            if not _whole(log, references[at : at + REFERENCE], name, there):
                return True
    return False


cdef bint _whole(Log log, bytes packed, object name, set there) except -1:
    cdef Reference reference = reference_at(<const uint8_t *>PyBytes_AS_STRING(packed))
    cdef bytes data
    if reference.pack not in there:
        return True  # its name was durable before anything was in it: this is no power cut but damage
    for start, end in log.holes.get(reference.pack, ()):
        if start <= reference.offset < end:
            return False  # its bytes may be there, but what says of them in the log what they are is not
    try:
        data = log.packs.open_pack(reference.pack).read(reference.length, reference.offset)
    except CorruptStoreError:
        return False
    return name(data) == packed[:CHUNK_ID]
