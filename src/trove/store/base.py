"""Store: what every store of records does."""

from __future__ import annotations

import builtins
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias, TypeVar, overload

from ..driver.forking import renew_in_child
from ..errors import DriverClosedError, RecordNotFoundError, TroveError, UnsupportedOptionError, shown
from .arguments import (
    MAX_KEY_BYTES,
    MOST_BYTES,
    Clock,
    check_affix,
    check_clock,
    check_count,
    check_flag,
    check_options,
    check_record,
    check_record_key,
    check_size,
    due,
    utc_now,
)
from .record import Record

Space: TypeAlias = tuple[str, ...]
"""The namespaces that a record is in, the outermost first; ``()`` where none was given."""

D = TypeVar("D")

_NONE = 0  # the limit or offset that is none, by its identity: False and 0.0 are equal to it


class Stored(NamedTuple):
    """What is kept under a key: the value, and the instant from which on it is gone."""

    value: bytes
    expires_at: datetime | None

    def gone(self, now: datetime) -> bool:
        """Whether it is as if deleted at ``now``."""
        return self.expires_at is not None and self.expires_at <= now


class Store(ABC):
    """Records under keys, each with an expiry of its own; thread-safe, a context manager.

    Options, of the constructor and of :meth:`init`:

    - ``namespace``: what is written in one namespace is not there in any other, nor without one;
    - ``prefix`` and ``suffix``: put around every key, and taken off on the way out; what does not have them
      is not there;
    - ``nodes``: addresses of servers, of a store that has any;
    - the store's own.

    ``clock`` tells the time, as a timezone-aware ``datetime``; the machine's time by itself.

    A key is not empty, and at most 512 bytes of UTF-8 with what is put around it. Every call but ``close``,
    ``name`` and ``options`` raises :class:`~trove.errors.DriverClosedError` after ``close``,
    :class:`~trove.errors.InvalidArgumentError` (or a class of it) for an argument that is not sound, before
    anything is touched, and what the backend raises when it fails.

    For authors: implement ``name`` and the methods at the end of the class. They are given checked
    arguments, whole keys (prefix and suffix are on them) and the namespace as a :data:`Space`, of which any
    two must not see each other. :class:`trove.testing.StoreSuite` checks it all.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {"nodes": (), "namespace": "", "prefix": "", "suffix": ""}
    """The names of the options and what they are by themselves."""

    HAS_NODES: ClassVar[bool] = False
    """Whether the option ``nodes`` is of use."""

    @classmethod
    def useful_options(cls) -> builtins.list[str]:
        """The names of the options that are of use."""
        return sorted(name for name in cls.OPTIONS if name != "nodes" or cls.HAS_NODES)

    def __init__(self, *, clock: Clock = utc_now, **options: Any) -> None:
        self._clock = check_clock(clock)
        self._closed = False
        self._ready = False
        self._failed: TroveError | None = None  # how the last try to set the backend up ended
        self._init_lock = threading.RLock()
        renew_in_child(self)
        self._fits = 0
        self._apply({**self.OPTIONS, **self._checked(options)})

    @property
    @abstractmethod
    def name(self) -> str:
        """The store's short name for people: ``"memory"``, ``"engine"``, ..."""

    @property
    def options(self) -> Mapping[str, Any]:
        """All options as they are now, read-only."""
        return MappingProxyType(dict(self._options))

    def init(self, **options: Any) -> None:
        """Apply ``options``, set the backend up, and check that it is ready.

        Options that are not given stay as they are. The first call that needs the backend does this by
        itself. Don't change options while other threads use the store. Raises UnsupportedOptionError for an
        option that the store does not have; nothing is applied then.
        """
        with self._init_lock:
            self._check_open()
            before = self._options
            self._apply({**before, **self._checked(options)})
            try:
                self._prepare()
            except BaseException as error:
                self._apply(before)
                self._ready = False  # the next call sets the backend up again
                if isinstance(error, TroveError):
                    self._failed = copy(error)  # without the frames of its traceback
                    self._failed.__cause__ = error.__cause__
                raise
            self._failed = None
            self._fits = self._room(self._space) - len(self._around(""))
            self._ready = True

    def close(self) -> None:
        """Let go of everything; closing twice is no error."""
        with self._init_lock:
            if not self._closed:
                self._closed = True
                self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # Records.

    def read(
        self, key: str, *, prefix: bool = False, suffix: bool = False, limit: int = 0, offset: int = 0
    ) -> builtins.list[Record]:
        """The record of ``key``; with ``prefix`` or ``suffix`` those whose keys begin or end with ``key``.

        With both, a key has to begin and to end with it. Records come in order of their keys; ``offset`` of
        them are left out, and at most ``limit`` are returned, all when it is 0.

        Raises RecordNotFoundError when one key is asked for and is not there; where no key matches a prefix
        or suffix, the list is empty.
        """
        if prefix is suffix is False and limit is offset is _NONE:
            record = self._read_one(key)
            if record is None:
                raise self._not_found(key)
            return [record]
        self._check_open()
        begins, ends = check_flag("prefix", prefix), check_flag("suffix", suffix)
        limit, offset = check_count("limit", limit), check_count("offset", offset)
        if not (begins or ends):
            return self.read(key)[offset : offset + limit if limit else None]
        text = check_affix("key", key)
        keys = self._matching(text if begins else "", text if ends else "")
        found = self._records(islice(keys, offset, None), limit or self._batch)
        return builtins.list(islice(found, limit or None))

    def write(self, record: Record, *, ttl: timedelta | None = None, expiry: datetime | None = None) -> None:
        """Keep ``record`` in place of what is under its key; ``record`` itself stays as it is.

        It is gone ``ttl`` from now on, or at the instant ``expiry``, a timezone-aware ``datetime``, or when
        the record's own expiry has passed; the first of these that is given counts. An instant that has
        passed already is no error: nothing is under the key then.
        """
        self._check_open()
        checked = check_record(record)
        if ttl is None and expiry is None and checked.expiry is None:
            self._write_one(checked.key, checked.value, None)
        else:
            self._write_one(checked.key, checked.value, due(self._clock, checked, ttl, expiry))

    def delete(self, key: str) -> None:
        """Delete the record of ``key``; that it is missing is no error."""
        self._check_open()
        whole = self._whole(key)
        self._be_ready()
        self._drop(self._space, whole)

    def list(
        self, *, prefix: str = "", suffix: str = "", limit: int = 0, offset: int = 0
    ) -> builtins.list[str]:
        """The keys that begin with ``prefix`` and end with ``suffix``, in order of their UTF-8 bytes.

        ``offset`` of them are left out, and at most ``limit`` are returned, all when it is 0.
        """
        self._check_open()
        limit, offset = check_count("limit", limit), check_count("offset", offset)
        keys = self._matching(check_affix("prefix", prefix), check_affix("suffix", suffix))
        return builtins.list(islice(keys, offset, offset + limit if limit else None))

    @overload
    def get(self, key: str) -> Record | None: ...

    @overload
    def get(self, key: str, default: D) -> Record | D: ...

    def get(self, key: str, default: D | None = None) -> Record | D | None:
        """The record of ``key``, or ``default`` where there is none."""
        record = self._read_one(key)
        return default if record is None else record

    def scan(self, *, prefix: str = "", suffix: str = "") -> Iterator[Record]:
        """The records whose keys begin with ``prefix`` and end with ``suffix``, in order of their keys, read
        as they are asked for. What others write meanwhile may or may not be among them."""
        self._check_open()
        keys = self._matching(check_affix("prefix", prefix), check_affix("suffix", suffix))
        return self._records(keys, 1)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    # What the calls above are made of.

    def _apply(self, options: dict[str, Any]) -> None:
        self._options = options
        self._before: str = options["prefix"]
        self._behind: str = options["suffix"]
        self._space: Space = (options["namespace"],) if options["namespace"] else ()

    def _whole(self, key: object) -> str:
        """``key`` with what is put around it, checked."""
        checked = check_record_key(key)
        whole = self._before + checked + self._behind
        if len(checked) > self._fits:
            self._check_whole(checked, self._space, whole)
        return whole

    def _around(self, key: str) -> str:
        return self._before + key + self._behind

    def _read_one(self, key: str) -> Record | None:
        """The record of ``key``, which is not checked yet; for stores with a shorter way to one."""
        self._check_open()
        whole = self._whole(key)
        self._be_ready()
        return self._made(key, self._load(self._space, whole))

    def _write_one(self, key: str, value: bytes, expires_at: datetime | None) -> None:
        """Keep ``value`` under ``key``, whose length is not checked yet; for stores with a shorter way."""
        whole = self._whole(key)
        self._be_ready()
        self._save(self._space, whole, Stored(bytes(value), expires_at))

    def _not_found(self, key: str) -> RecordNotFoundError:
        return RecordNotFoundError(
            f"record {shown(key)} is not in store {shown(self.name)}, or has expired; list() shows the keys "
            "that are there",
            key=key,
        )

    def _records(self, keys: Iterator[str], count: int) -> Iterator[Record]:
        """The records of ``keys``, of which ``count`` are read at once to begin with, and then ever more."""
        self._check_open()
        while batch := builtins.list(islice(keys, min(count, self._batch))):
            count *= 2
            self._check_open()
            for record in self._read_many(batch):
                self._check_open()
                if record is not None:  # it may have gone since it was listed
                    yield record

    def _read_many(self, keys: builtins.list[str]) -> Iterable[Record | None]:
        """The records of ``keys``; for stores with a shorter way to each."""
        found = self._load_many(self._space, [self._around(key) for key in keys])
        return [self._made(key, stored) for key, stored in zip(keys, found, strict=True)]

    def _made(self, key: str, stored: Stored | None) -> Record | None:
        if stored is None:
            return None
        if stored.expires_at is None:
            return Record(key, stored.value)
        now = self._clock()
        return None if stored.gone(now) else Record(key, stored.value, stored.expires_at - now)

    def _matching(self, prefix: str, suffix: str) -> Iterator[str]:
        self._be_ready()
        return self._within((), prefix, suffix, self._clock())

    def _within(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        """The keys, as users of this store know them, in a namespace within its own, in order."""
        before, behind = self._before, self._behind
        whole = self._keys(self._space + space, before + prefix, suffix + behind, now)
        stripped = (key[len(before) : len(key) - len(behind)] for key in whole)
        # Where what is put around it overlaps, a key can have less between the two than was asked for.
        keys = (key for key in stripped if key and key.startswith(prefix) and key.endswith(suffix))
        # With a suffix behind them keys are in another order than without: "a" + "z" comes after "a!" + "z".
        return iter(sorted(keys)) if behind else keys

    def _checked(self, given: Mapping[str, object]) -> dict[str, Any]:
        checked = check_options(self.name, self.OPTIONS, self.useful_options(), given)
        if checked.get("nodes") and not self.HAS_NODES:
            raise UnsupportedOptionError(
                f"store {shown(self.name)} takes no addresses of servers; leave the option nodes out"
            )
        return self._check_own(checked)

    def _be_ready(self) -> None:
        self._check_open()
        if not self._ready:
            failed_before = self._failed
            with self._init_lock:
                if self._ready:
                    return
                failed = self._failed
                if failed is not None and failed is not failed_before:
                    # While this one waited. Were each to try by itself, the last would wait for all before.
                    raise copy(failed) from failed.__cause__
                self.init()

    def _check_open(self) -> None:
        if self._closed:
            raise DriverClosedError(f"store {shown(self.name)} is closed; make another one")

    # For authors, and for stores that are made of other stores.

    def _renew_locks(self) -> None:
        self._init_lock = threading.RLock()

    def _check_whole(self, key: str, space: Space, whole: str) -> None:
        """Raise InvalidKeyError if ``whole``, which is ``key`` with what is put around it, is too long."""
        check_size(key, whole)

    def _room(self, space: Space) -> int:
        """How many characters fit into a whole key, whatever they are: so many need no other check."""
        return MAX_KEY_BYTES // MOST_BYTES

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        """``options`` with the store's own among them checked."""
        return options

    def _prepare(self) -> None:  # noqa: B027 - many have nothing to do
        """Set the backend up and check that it is ready. May be called again, with other options."""

    def _release(self) -> None:  # noqa: B027
        """Let go of everything; called once."""

    @abstractmethod
    def _load(self, space: Space, key: str) -> Stored | None:
        """What is under ``key``; it may be due already."""

    _batch = 1
    """How many keys ``_load_many`` is given at most."""

    def _load_many(self, space: Space, keys: Sequence[str]) -> Iterable[Stored | None]:
        """What is under each of ``keys``; for backends that can tell of many at once."""
        return [self._load(space, key) for key in keys]

    @abstractmethod
    def _save(self, space: Space, key: str, stored: Stored) -> None:
        """Keep ``stored`` under ``key``, in one atomic step."""

    @abstractmethod
    def _drop(self, space: Space, key: str) -> None:
        """Delete what is under ``key``, if there is anything."""

    @abstractmethod
    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        """The keys that begin with ``prefix``, end with ``suffix`` and are not gone at ``now``, in order."""
