"""CachedStore: fast stores in front of a slow one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from ..driver import check_switch
from ..errors import InvalidArgumentError, shown
from .base import Space, Store, Stored

_STRIPES = 64

Place: TypeAlias = tuple[Space, str]
Flight: TypeAlias = "Future[Stored | None]"


class _Leader:
    """Whoever asks for all who wait for ``flights``: should one come to no end, they are to ask anew.

    It also ends with the frame that has it: an interrupt can come at any step, of a ``finally`` too.
    """

    _flights: Collection[Flight] = ()

    def __init__(self, flights: Collection[Flight]) -> None:
        self._flights = flights

    def no_more(self) -> None:
        for flight in self._flights:
            flight.cancel()

    def __del__(self) -> None:
        self.no_more()


class CachedStore(Store):
    """Reads fall through ``stores``, the fastest first, and fill those above with the time left.

    The last store has everything. Writes and deletes go through all, the last one first, so that none above
    is ever ahead of it; those of one key go one after the other. Concurrent misses of one key ask the slower
    stores once. Listings are those of the last store. What others write to the last store is seen when what
    is above has expired. A store above the last one does without a record that it can't take, being too large
    for it or too short-lived.

    Its own option is ``skip_failing``, ``False`` by itself: one store that fails is an error, and after a
    write what stands in it and above it is deleted, where that works, rather than left as it was. With
    ``True`` a failing store is passed over: a read is an error only when no store has the record and the last
    one failed, a write or delete when all stores fail. A store does not know what it was passed over for:
    when it is back it has what it had, until that expires. Listings need the last store in either case.

    Options are put around keys before they reach the stores, which keep their own. It goes by the clock of
    the last store, and ``close`` closes all.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {**Store.OPTIONS, "skip_failing": False}

    def __init__(self, *stores: Store, **options: Any) -> None:
        for each in stores:
            if not isinstance(each, Store):
                raise InvalidArgumentError(f"{shown(each)} is no store; give trove.store.Store objects")
        if not stores or len({id(each) for each in stores}) < len(stores):
            raise InvalidArgumentError("give at least one store, the fastest first, and each once")
        self._stores = stores
        self._flights: dict[Place, Flight] = {}
        self._flights_lock = threading.Lock()
        self._key_locks = [threading.Lock() for _ in range(_STRIPES)]
        self._batch = stores[-1]._batch
        super().__init__(clock=stores[-1]._clock, **options)

    @property
    def name(self) -> str:
        return f"cached {self._stores[-1].name}"

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        if "skip_failing" in options:
            options["skip_failing"] = check_switch("skip_failing", options["skip_failing"])
        return options

    def _check_whole(self, key: str, space: Space, whole: str) -> None:
        super()._check_whole(key, space, whole)
        for store in self._stores:
            store._check_whole(key, store._space + space, store._around(whole))

    def _room(self, space: Space) -> int:
        rooms = [each._room(each._space + space) - len(each._around("")) for each in self._stores]
        return min(super()._room(space), *rooms)

    def _prepare(self) -> None:
        self._through(lambda store: store._be_ready())

    def _release(self) -> None:
        errors = []
        for store in self._stores:
            try:
                store.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    # Reading.

    def _load(self, space: Space, key: str) -> Stored | None:
        with suppress(Exception):  # whatever it is, it comes up again below
            if (stored := self._load_from(self._stores[0], space, key)) is not None:
                return stored
        return self._fetched(space, [key]).get(key)

    def _load_many(self, space: Space, keys: Sequence[str]) -> Iterable[Stored | None]:
        found: dict[str, Stored] = {}
        with suppress(Exception):
            found = self._found_in(self._stores[0], space, keys)
        found.update(self._fetched(space, [key for key in keys if key not in found]))
        return [found.get(key) for key in keys]

    def _fetched(self, space: Space, keys: Sequence[str]) -> dict[str, Stored]:
        """What any store has under ``keys``; each is asked for by one of those who want it at the time."""
        found: dict[str, Stored] = {}
        keys = [*dict.fromkeys(keys)]
        while keys:
            own: dict[str, Flight] = {key: Future() for key in keys}
            leads = _Leader(own.values())
            try:
                with self._flights_lock:
                    flights = {key: self._flight(space, key, own[key]) for key in keys}
                if mine := [key for key in keys if flights[key] is own[key]]:
                    walked = self._walk(space, mine, own)
                    self._land(space, own)
                    for key in mine:
                        own[key].set_result(walked.get(key))
            except BaseException as error:
                self._land(space, own)
                if len(own) == 1 and isinstance(error, Exception) and not own[keys[0]].done():
                    own[keys[0]].set_exception(error)
                # Of several keys, one may have failed all: who waits for another is to ask anew.
                leads.no_more()
                own.clear()
                flights = {}  # the error has this call, and must not have itself by it
                raise
            finally:
                leads.no_more()  # interrupted, perhaps
            keys = []
            for key, flight in flights.items():
                try:
                    if (stored := flight.result()) is not None:
                        found[key] = stored
                except CancelledError:
                    keys.append(key)
        return found

    def _flight(self, space: Space, key: str, own: Flight) -> Flight:
        """Who asks for ``key``: another one, or ``own``."""
        flight = self._flights.get((space, key))
        if flight is None or flight.done():  # one that is done was left by an interrupt
            flight = self._flights[space, key] = own
        return flight

    def _walk(self, space: Space, keys: Sequence[str], flights: Mapping[str, Flight]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        last: Exception | None = None
        for depth, store in enumerate(self._stores):
            try:
                there = self._found_in(store, space, [key for key in keys if key not in found])
            except Exception as error:
                if not self._options["skip_failing"]:
                    raise
                last = error
                continue
            last = None
            found.update(there)
            for key, stored in there.items():
                self._fill(self._stores[:depth], (space, key), stored, flights[key])
            if len(found) == len(keys):
                return found
        if last is not None:
            raise last
        return found

    def _fill(self, stores: tuple[Store, ...], place: Place, stored: Stored, flight: Flight) -> None:
        with self._key_lock(place):
            with self._flights_lock:
                if self._flights.get(place) is not flight:
                    return  # the record was written since it was read
            for store in reversed(stores):
                try:
                    store._be_ready()
                    self._save_to(store, *place, stored)
                except InvalidArgumentError:
                    pass  # it can't take this one
                except Exception:
                    if not self._options["skip_failing"]:
                        raise

    def _land(self, space: Space, own: Mapping[str, Flight]) -> None:
        with self._flights_lock:
            for key, flight in own.items():
                if self._flights.get((space, key)) is flight:
                    del self._flights[space, key]

    def _found_in(self, store: Store, space: Space, keys: Sequence[str]) -> dict[str, Stored]:
        """What ``store`` has under ``keys``."""
        if len(keys) == 1:
            (key,) = keys
            stored = self._load_from(store, space, key)
            return {} if stored is None else {key: stored}
        found: dict[str, Stored] = {}
        store._be_ready()
        for begin in range(0, len(keys), store._batch):
            some = keys[begin : begin + store._batch]
            whole = [store._around(key) for key in some]
            for key, each in zip(some, store._load_many(store._space + space, whole), strict=True):
                if each is not None and not each.gone(self._clock()):
                    found[key] = each
        return found

    def _load_from(self, store: Store, space: Space, key: str) -> Stored | None:
        store._be_ready()
        stored = store._load(store._space + space, store._around(key))
        if stored is None or stored.expires_at is None:
            return stored
        return None if stored.gone(self._clock()) else stored

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        last = self._stores[-1]
        last._be_ready()
        return last._within(space, prefix, suffix, now)

    # Writing.

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        self._change((space, key), lambda store: self._save_to(store, space, key, stored))

    def _drop(self, space: Space, key: str) -> None:
        self._change((space, key), lambda store: self._drop_from(store, space, key))

    def _change(self, place: Place, change: Callable[[Store], None]) -> None:
        def ready_and_change(store: Store) -> None:
            store._be_ready()
            try:
                change(store)
            except InvalidArgumentError:
                if store is self._stores[-1]:
                    raise
                self._drop_from(store, *place)  # it can't take this one, and must not keep one before it

        with self._key_lock(place):
            try:
                self._through(ready_and_change, otherwise=lambda store: self._drop_from(store, *place))
            except Exception:
                raise
            except BaseException:  # interrupted, perhaps with the last store changed and others not
                for store in self._stores[:-1]:
                    with suppress(Exception):
                        self._drop_from(store, *place)
                raise
            finally:
                # Whoever read before must not fill, and whoever reads from now on must ask anew.
                with self._flights_lock:
                    self._flights.pop(place, None)

    def _through(
        self, act: Callable[[Store], None], otherwise: Callable[[Store], None] = lambda store: None
    ) -> None:
        """``act`` on all stores, the last one first; ``otherwise`` on one above it that can't."""
        errors: list[Exception] = []
        for store in reversed(self._stores):
            if not errors or self._options["skip_failing"]:
                try:
                    act(store)
                    continue
                except InvalidArgumentError:
                    raise  # nothing fails: it is refused
                except Exception as error:
                    errors.append(error)
            if store is not self._stores[-1]:
                with suppress(Exception):  # the error that is told came first
                    otherwise(store)
        if errors and (not self._options["skip_failing"] or len(errors) == len(self._stores)):
            raise errors[0]

    def _save_to(self, store: Store, space: Space, key: str, stored: Stored) -> None:
        store._save(store._space + space, store._around(key), stored)

    def _drop_from(self, store: Store, space: Space, key: str) -> None:
        store._drop(store._space + space, store._around(key))

    # Locks.

    def _key_lock(self, place: Place) -> threading.Lock:
        return self._key_locks[hash(place) % _STRIPES]

    def _renew_locks(self) -> None:
        super()._renew_locks()
        self._flights = {}
        self._flights_lock = threading.Lock()
        self._key_locks = [threading.Lock() for _ in range(_STRIPES)]
