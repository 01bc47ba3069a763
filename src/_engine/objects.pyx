# cython: language_level=3, boundscheck=False, cdivision=True
"""Objects: where one stands in the index, what its row says, and how the current one is found."""

import lmdb
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcpy

from trove.driver.options import check_bucket, check_key, guess_content_type
from trove.driver.types import EMPTY, STANDARD
from trove.errors import BucketNotFoundError

from .codec cimport INLINE, SEAL, check_seal
from .core cimport Core
from .info cimport EngineInfo, attributes_block, info_of, now_us
from .reader cimport references_now
from .index import index_error

cdef dict _blocks = {}  # attribute blocks of objects put without options, by the ending of their keys
cdef dict _prefixes = {}
cdef dict _names = {}


cdef tuple place_of(object bucket, object key):
    """Where an object stands in the index, and its bucket's name there. Raises for what can't be a name."""
    cdef Py_ssize_t key_length = 0
    cdef const char *text = NULL
    cdef bytes prefix
    cdef bytes place
    if type(bucket) is str and type(key) is str:
        prefix = _prefixes.get(bucket)
        if prefix is None:
            prefix = check_bucket(bucket).encode() + b"\0"
            if len(_prefixes) < 1000:
                _prefixes[bucket] = prefix
                _names[bucket] = prefix[:-1]
        try:
            text = PyUnicode_AsUTF8AndSize(key, &key_length)
        except UnicodeEncodeError:
            key_length = 0
        if 0 < key_length <= 1024 and memchr(text, 0, key_length) == NULL:
            place = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(prefix) + key_length)
            memcpy(PyBytes_AS_STRING(place), PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix))
            memcpy(PyBytes_AS_STRING(place) + PyBytes_GET_SIZE(prefix), text, key_length)
            return place, (_names.get(bucket) or prefix[:-1])
    bucket_name = check_bucket(bucket).encode()
    return bucket_name + b"\0" + check_key(key).encode(), bucket_name


cdef EngineInfo checked_info(bytes place, str key, bytes value):
    """The info over an object's sealed row."""
    check_seal(place, <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), "objects")
    return info_of(key, value, SEAL)


cdef tuple current_object(Core core, str bucket, str key, tuple place, bint content):
    """The current object at ``place``, ``None`` where there is none: its info and, if its content is asked for and
    not inline, its references. Raises BucketNotFoundError."""
    cdef bytes name = <bytes>place[0]
    cdef EngineInfo info = None
    cdef bytes references = None
    # Not through ``Reading``: each get pays for it.
    txn = core.index.begin_copying()
    try:
        held = txn.get(name, None, core.index.objects)
        if held is not None:
            info = checked_info(name, key, held)
            if info.expired(now_us()):
                info = None
            elif content and info.head()[0] != INLINE:
                references = references_now(core, txn, info)
        if info is None and txn.get(place[1], None, core.index.buckets) is None:
            raise BucketNotFoundError.of(bucket)
    except lmdb.Error as error:
        raise index_error(error, f"reading the index in {core.index.folder}") from error
    finally:
        # The last reference: a transaction that is let go of ends itself, a call cheaper than by abort().
        txn = None
        core.index._leave()
    return None if info is None else (info, references)


cdef bytes default_block(str key):
    """The attribute block of an object that is put without options."""
    cdef Py_ssize_t name = key.rfind("/") + 1
    cdef Py_ssize_t dot = key.rfind(".")
    # The guess looks at the last part of the key, and its ending tells all; but leading dots begin no ending, and
    # a colon can make a URL of it. Long endings are as rare.
    if key.find(":", name) >= 0 or (dot >= name and (key[name] == "." or len(key) - dot >= 12)):
        return guessed_block(key)
    ending = key[dot + 1 :] if dot > name else ""
    block = _blocks.get(ending)
    if block is None:
        block = guessed_block(key)
        if len(_blocks) < 1000:
            _blocks[ending] = block
    return block


cdef bytes guessed_block(str key):
    return attributes_block(guess_content_type(key), STANDARD, EMPTY, EMPTY)
