# cython: language_level=3, boundscheck=False, cdivision=True
"""Listing: a page of a bucket's objects, by a walk over the index.

Over a common prefix it jumps by one look-up, so a page costs its own size, whatever the bucket's.
"""

import sys

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from trove.driver.listing import ObjectIterator, after_prefix
from trove.errors import BucketNotFoundError

from .codec cimport SEAL, check_seal
from .core cimport Core
from .index cimport Reading
from .info cimport info_of, now_us, row_expired


cdef object page(Core core, object request):
    """The page of a listing that ``request``, a checked one, asks for."""
    cdef bytes bucket = (<str>request.bucket).encode() + b"\0"
    cdef Py_ssize_t skip = PyBytes_GET_SIZE(bucket)
    cdef bytes prefix = (<str>request.prefix).encode()
    cdef bytes scope = bucket + prefix
    cdef Py_ssize_t scope_length = PyBytes_GET_SIZE(scope)
    cdef bytes delimiter = (<str>request.delimiter).encode()
    cdef Py_ssize_t wanted = min(request.max_keys, sys.maxsize)
    cdef Py_ssize_t count = 0
    cdef int64_t now = now_us()
    cdef list objects = []
    cdef list prefixes = []
    cdef bytes place, value
    cdef str last = ""
    cdef const char *text
    start = request.start
    with Reading(core.index, True) as txn:
        if txn.get(bucket[: skip - 1], None, core.index.buckets) is None:
            raise BucketNotFoundError.of(request.bucket)
        walk = txn.cursor(core.index.objects)
        found = start is not None and walk.set_range(bucket + (<str>start).encode())
        while found:
            rolled_up = None
            for item in walk.iternext(True, True):
                place = <bytes>(<tuple>item)[0]
                value = <bytes>(<tuple>item)[1]
                text = PyBytes_AS_STRING(place)
                if PyBytes_GET_SIZE(place) < scope_length or memcmp(text, PyBytes_AS_STRING(scope), scope_length):
                    break
                check_seal(place, <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), "objects")
                if row_expired(<const uint8_t *>PyBytes_AS_STRING(value) + SEAL, now):
                    continue
                if count == wanted:
                    return ObjectIterator(objects, prefixes, request.cursor(last))
                count += 1
                if delimiter:
                    at = place.find(delimiter, scope_length)
                    if at >= 0:
                        rolled_up = place[skip : at + len(delimiter)].decode()
                        prefixes.append(rolled_up)
                        last = rolled_up
                        break
                last = PyUnicode_DecodeUTF8(text + skip, PyBytes_GET_SIZE(place) - skip, NULL)
                objects.append(info_of(last, value, SEAL))
            if rolled_up is None:
                break
            following = after_prefix(rolled_up)
            found = following is not None and walk.set_range(bucket + following.encode())
        return ObjectIterator(objects, prefixes)
