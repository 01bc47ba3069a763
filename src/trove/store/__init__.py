"""Records: a small key-value store with expiry, in memory, in an embedded store, on a server, on any driver.

>>> from datetime import timedelta
>>> from trove import store
>>> with store.open("memory://", namespace="sessions") as sessions:
...     sessions.write(store.Record("alice", b"token"), ttl=timedelta(hours=1))
...     sessions.read("alice")[0].value
b'token'

:func:`open` finds the store for a DSN; :class:`Store` says what each one does, and what the author of another
one implements. :class:`trove.testing.StoreSuite` holds them all to it.
"""

from .arguments import MAX_KEY_BYTES, MAX_NAMESPACE_BYTES, Clock, utc_now
from .base import Space, Store, Stored
from .cached import CachedStore
from .driver import DriverStore
from .engine import EngineStore
from .memory import MemoryStore
from .noop import NoopStore
from .opening import open
from .record import Record
from .registry import Factory, lookup, register, stores
from .scoped import ScopedStore
from .served import CloudflareStore, EtcdStore, PostgresStore, ServedStore

__all__ = [
    "CachedStore",
    "Clock",
    "CloudflareStore",
    "DriverStore",
    "EngineStore",
    "EtcdStore",
    "Factory",
    "MAX_KEY_BYTES",
    "MAX_NAMESPACE_BYTES",
    "MemoryStore",
    "NoopStore",
    "PostgresStore",
    "Record",
    "ScopedStore",
    "ServedStore",
    "Space",
    "Store",
    "Stored",
    "lookup",
    "open",
    "register",
    "stores",
    "utc_now",
]
