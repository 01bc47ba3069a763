# cython: language_level=3, boundscheck=False
"""Transition: how an object's chunks are compressed, or as they were again, when its storage class changes.

They are read as a reader reads them, each held against its id, and appended in the other form, a few MiB at a time.
Where one chunk ends and the next begins stays as it is. Nothing refers to what was appended until the object's row
does, so whoever dies on the way leaves only space to be reclaimed.
"""

from libc.stdint cimport uint8_t, uint64_t

from trove.errors import InvalidArgumentError

from .codec cimport load64
from .content cimport Content, add_chunks, empty
from .core cimport Core
from .forks cimport forks_so_far
from .index cimport Reading
from .info cimport ROW_SIZE, EngineInfo, info_of
from .reader cimport ALWAYS, EngineReader, Session, reader_of, references_now
from .rows cimport row
from .content import SEGMENT
from .pack import MissingPackError


def rewritten(Core core, bytes place, bytes body, bint cold, stopped):
    """The content of the object at ``place``, compressed if it is to be ``cold``, else as it was put.

    ``None`` if it is not the object with the row ``body`` any more, or the event ``stopped`` was set. Its etag is not
    set: it stays what it was.
    """
    cdef EngineReader reader = reader_at(core, place, body)
    cdef Content content = empty(cold)
    cdef Py_ssize_t first = 0
    cdef Py_ssize_t end = 0
    if reader is None:
        return None
    while first < reader._chunks:
        if stopped.is_set():
            return None
        if core.forks != forks_so_far():
            raise InvalidArgumentError(
                "the process forked while it changed the class of objects, and only the parent can go on with it"
            )
        end = first + 1
        while end < reader._chunks and reader._starts[end + 1] - reader._starts[first] <= <uint64_t>SEGMENT:
            end += 1
        job = add_chunks(core, content, named_chunks(core, reader, first, end))
        if job is not None:
            core.writer.write_data(job[0], job[1], job[2])
        first = end
    return content


cdef list named_chunks(Core core, EngineReader reader, Py_ssize_t first, Py_ssize_t end):
    """The next chunks of ``reader``, which are those from ``first`` to ``end``, as they were put: [(bytes, id)]."""
    cdef const uint8_t[::1] piece
    cdef Py_ssize_t i
    cdef uint64_t base = reader._starts[first]
    data = memoryview(reader.read(reader._starts[end] - base))
    chunks = []
    for i in range(first, end):
        part = data[reader._starts[i] - base : reader._starts[i + 1] - base]
        piece = part
        chunks.append((part, core.name(&piece[0], piece.shape[0])))
    return chunks


cdef EngineReader reader_at(Core core, bytes place, bytes body):
    """A reader of the current object at ``place``, ``None`` where its row is not ``body``."""
    cdef EngineInfo info = info_of(place.partition(b"\0")[2].decode(), body, 0)
    cdef tuple tried = ()
    while True:
        with Reading(core.index) as txn:
            found = row(txn, core.index.objects, place, "objects")
            if found is None or found != body:
                return None
            references = references_now(core, txn, info)
        try:
            return reader_of(core, Session(), info, references, 0, load64(info.head() + ROW_SIZE), ALWAYS)
        except MissingPackError as missing:
            tried = core.packs.look_elsewhere(missing, tried)
