# cython: language_level=3
"""Same log: whether an index can be of a log.

The index of another store is as sound as one's own. It says whose it is, unless an older version made it; but even
then its rows are not those that the commits of this log made.
"""

from trove.errors import CorruptStoreError

from .codec cimport (
    CREATE_BUCKET,
    DELETE_BUCKET,
    DELETE_OBJECT,
    MARKER,
    PUT_OBJECT,
    PUT_VERSION,
    SET_BUCKET,
)
from .index cimport Index, Reading
from .operations cimport operations_of
from .rows cimport owner_in, row
from .scan cimport Log

CHANGES = 20  # of a commit that are looked at when a store is opened, of maybe very many
ASKED = 100  # objects whose rows are compared at most


def is_made_by(Index index, txn, payload):
    """Whether ``index`` has what the commit of that payload, which is its last one, made."""
    tables = {
        PUT_OBJECT: "objects", PUT_VERSION: "objects", DELETE_OBJECT: "objects",
        CREATE_BUCKET: "buckets", SET_BUCKET: "buckets", DELETE_BUCKET: "buckets",
    }
    asked = {}
    for operation, name, body in reversed(operations_of(payload)):
        if operation in tables:
            asked.setdefault((tables[operation], name), current_of(body))
        if len(asked) == CHANGES:
            break
    for (table, name), body in asked.items():
        found = row(txn, getattr(index, table), name, table)
        if found != body:
            return False
    return True


cdef object current_of(object body):
    """What stands where a row was put: nothing, if it is a delete marker."""
    return None if body is None or body[0] == MARKER else body


def is_of(Index index, Log log, at):
    """Whether ``index``, which is at commit ``at``, is of ``log``.

    It says so; or if not, as far as the log has commits to tell by: two objects of two stores never have the same row: one that is as the log has it will do. And where none is,
    commits that are lost can have changed each of them, if there are as many.
    """
    commits = [each for each in log.numbered() if each[0] <= at]
    other = 0
    try:
        with Reading(index) as txn:
            owner = owner_in(txn, index.meta)
            if owner:
                return owner == index.owner
            for place, body in made_last(log, commits).items():
                found = row(txn, index.objects, place, "objects")
                if found is not None and found == body:
                    return True
                other += found is not None or body is not None
    except CorruptStoreError:
        return False
    return other <= at - len(commits)


cdef dict made_last(Log log, list commits):
    """What the newest of ``commits`` made of objects: place -> row, or ``None`` for none."""
    found = {}
    for _, entry in reversed(commits):
        try:
            operations = operations_of(log.payload(entry))
        except CorruptStoreError:
            continue
        for operation, place, body in reversed(operations):
            if operation in (PUT_OBJECT, PUT_VERSION, DELETE_OBJECT):
                found.setdefault(place, current_of(body))
        if len(found) >= ASKED:
            break
    return found
