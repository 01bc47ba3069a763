"""EtcdStore: records in etcd, whose leases free what has expired."""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, ClassVar

from ...errors import InvalidArgumentError, StorageIOError, shown
from ..arguments import Clock, check_affix, utc_now
from ..base import Space, Stored
from ..naming import key_in, name_of
from .address import check_address, check_encrypted
from .answer import understood
from .base import ServedStore, required
from .etcd_gateway import PERMISSION_DENIED, EtcdError, EtcdGateway, Reason, busy

PORT = 2379
PAGE_KEYS = 1000
BATCH = 100
"""Keys in one transaction; etcd takes 128 operations (``--max-txn-ops``)."""

SPARE_SECONDS = 1
LONGEST_TTL = 9_000_000_000
"""Seconds, about 285 years; etcd takes no more. A lease that has half of it left lasts as long as any."""

LEASE_BITS = 4
"""The low bits of a lease's ID: which of the leases for an instant."""

_EPOCH = datetime.min.replace(tzinfo=UTC)  # no instant is before it, so no ID is below zero
_TICK = timedelta(microseconds=1)
_LAST_TICK = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _TICK
_TOO_LARGE = {Reason.REQUEST_TOO_LARGE, Reason.MESSAGE_TOO_LARGE}


class EtcdStore(ServedStore[EtcdGateway]):
    """Records in etcd 3.4 or newer at ``endpoints``, an address or a list of them; the option ``nodes`` goes
    in their place. They are asked in their order, beginning with the one that answered last. It takes the
    extra ``trove-engine[etcd]``.

    An address is ``host:port``, ``http://host:port`` or ``https://host:port``, at 2379 where it has no port;
    ``tls`` is the context for the latter, where Python's default one does not do; with it a bare address
    means the latter, and plain HTTP is refused. ``user`` and ``password`` are etcd's; they are no options,
    and appear in no error.

    Its own option is ``root``, which all its keys in etcd begin with; ``"trove/records/"`` by itself. A value
    is what etcd keeps, byte by byte.

    A record that expires is attached to a lease whose ID is its instant, so that keys alone tell what is due;
    all records of an instant share it. What is due is gone by this store's clock, and freed by etcd a second
    or two later by etcd's. A lease that has no record any more, as each was written again or deleted, ends by
    itself, too. With an expiry etcd keeps nothing for more than about 285 years, or half of that.

    Reads are linearizable, and a listing is of one moment, unless etcd is compacted while it is read: then it
    goes on with what is there. A listing walks all keys with its prefix, a thousand in a request.

    A request may have 1.5 MiB, unless the server is told otherwise (``--max-request-bytes``): a value that is
    larger raises InvalidArgumentError. Otherwise what etcd refuses raises StorageIOError with its words, and
    BackendUnavailableError says that none of the servers could be asked in time. ``timeout`` is for a read, a
    write, or a page of a listing. What is sent again is what ``http.py`` says: reads, leases, and what can't
    have been done; a write whose answer was lost is not.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {**ServedStore.OPTIONS, "root": "trove/records/"}

    _batch = BATCH

    def __init__(
        self,
        endpoints: str | Sequence[str],
        *,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
        clock: Clock = utc_now,
        **options: Any,
    ) -> None:
        required("EtcdStore", "etcd", "urllib3")
        if tls is not None and not isinstance(tls, ssl.SSLContext):
            raise InvalidArgumentError(f"tls is {shown(tls)}; give an ssl.SSLContext, or leave it out")
        self._tls = tls
        self._endpoints = self._addresses("endpoints", endpoints)
        if not (isinstance(user, str) and isinstance(password, str) and bool(user) == bool(password)):
            raise InvalidArgumentError("give user and password, each a str, or neither")
        self._user, self._password = user, password
        super().__init__(clock=clock, **options)
        self._nodes()

    @property
    def name(self) -> str:
        return "etcd"

    def _addresses(self, name: str, given: object) -> tuple[str, ...]:
        several = given if isinstance(given, (list, tuple)) else [given]
        if self._tls is None:
            return tuple(check_address(name, each, port=PORT) for each in several)
        whole = [check_address(name, each, scheme="https", port=PORT) for each in several]
        return tuple(check_encrypted(name, each) for each in whole)

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        checked = super()._check_own(options)
        if "nodes" in checked:
            self._addresses("an address in nodes", checked["nodes"])
        if "root" in checked:
            checked["root"] = check_affix("root", checked["root"])
        return checked

    def _nodes(self) -> tuple[str, ...]:
        nodes = self._addresses("nodes", self._options["nodes"]) or self._endpoints
        if not nodes:
            raise InvalidArgumentError("endpoints is empty; give the address of a server, or nodes")
        return nodes

    def _reach(self) -> EtcdGateway:
        from .http import HttpServers

        nodes, secrets = self._nodes(), [self._password] if self._password else []
        servers = HttpServers("etcd", nodes, self._timeout, tls=self._tls, secrets=secrets, busy=busy)
        return EtcdGateway(servers, self._user, self._password)

    def _prepare(self) -> None:
        self._keep_reach()
        # Tells that there is a leader, and that the user may read here.
        first, end = self._range(self._space, "")
        self._call("kv/range", {"key": first, "range_end": end, "limit": 1, "count_only": True}, again=True)

    def _call(self, path: str, body: dict[str, Any], *, again: bool, until: float | None = None) -> Any:
        return self._asking().call(f"/v3/{path}", body, again=again, until=until)

    # Reading.

    def _load(self, space: Space, key: str) -> Stored | None:
        until = self._asking().deadline()
        answer = self._call("kv/range", {"key": self._key(space, key)}, again=True, until=until)
        with understood("etcd"):
            return self._stored(answer, until, {})

    def _load_many(self, space: Space, keys: Sequence[str]) -> Iterable[Stored | None]:
        ranges = [{"request_range": {"key": self._key(space, key)}} for key in keys]
        until, foreign = self._asking().deadline(), dict[int, datetime]()
        answer = self._call("kv/txn", {"success": ranges}, again=True, until=until)
        with understood("etcd"):
            answers = [each["response_range"] for each in answer["responses"]]
            return [self._stored(each, until, foreign) for _, each in zip(keys, answers, strict=True)]

    def _stored(self, answer: Mapping[str, Any], until: float, foreign: dict[int, datetime]) -> Stored | None:
        """What stands in ``answer``; the ends of leases of other programs are noted in ``foreign``."""
        for found in answer.get("kvs", ()):
            value, lease = b64decode(found.get("value", "")), _lease(found)
            if not _is_foreign(lease):
                return Stored(value, _instant(lease))
            if lease not in foreign:
                left = self._seconds_left(lease, until)
                foreign[lease] = self._clock() + timedelta(seconds=left)
            return Stored(value, foreign[lease])
        return None

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        first, end = self._range(space, prefix)
        asked: dict[str, Any] = {"key": first, "range_end": end, "limit": PAGE_KEYS, "keys_only": True}
        while True:
            try:
                page = self._call("kv/range", asked, again=True)
            except EtcdError as error:
                if "revision" not in asked or Reason.COMPACTED not in error.reasons:
                    raise
                del asked["revision"]
                continue
            with understood("etcd"):
                pairs = [(self._key_of(space, found["key"]), found) for found in page.get("kvs", ())]
                there = [
                    key
                    for key, found in pairs
                    if key is not None and key.endswith(suffix) and not _gone(found, now)
                ]
                following = b64decode(page["kvs"][-1]["key"]) + b"\0" if page.get("more") else b""
                if following and following <= b64decode(asked["key"]):
                    raise StorageIOError("etcd gave the same keys twice: its listing has no end; try later")
                asked.setdefault("revision", page["header"]["revision"])
            yield from there
            if not following:
                return
            asked["key"] = _text(following)

    # Writing.

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        name = self._key(space, key)
        if stored.expires_at is None:
            self._put(key, name, stored.value)
            return
        left = (stored.expires_at - self._clock()).total_seconds()
        if left > 0:
            self._put_leased(key, name, stored.value, stored.expires_at, left)
        else:
            self._drop(space, key)

    def _drop(self, space: Space, key: str) -> None:
        self._call("kv/deleterange", {"key": self._key(space, key)}, again=False)

    def _put_leased(self, key: str, name: str, value: bytes, instant: datetime, left: float) -> None:
        until = self._asking().deadline()
        first = ((instant - _EPOCH) // _TICK) << LEASE_BITS
        for lease in range(first, first + (1 << LEASE_BITS)):
            shared = not self._grant(lease, left, until)
            if shared and self._seconds_left(lease, until) < min(left, LONGEST_TTL // 2):
                continue  # it was made by another clock, and would end too early
            try:
                self._put(key, name, value, lease, until)
                return
            except EtcdError as error:
                # It has ended meanwhile, or has keys of another user, who may not be joined.
                if Reason.LEASE_IS_GONE not in error.reasons and not (
                    shared and error.code == PERMISSION_DENIED
                ):
                    raise
        raise StorageIOError(
            f"record {shown(key)} was not written: none of etcd's {1 << LEASE_BITS} leases for its instant "
            "can be used; do the clocks of all writers, and that of etcd, go right?",
            key=key,
        )

    def _grant(self, lease: int, left: float, until: float) -> bool:
        """Make ``lease``; whether it was not there yet."""
        seconds = min(ceil(left) + SPARE_SECONDS, LONGEST_TTL)
        try:
            self._call("lease/grant", {"ID": str(lease), "TTL": str(seconds)}, again=True, until=until)
        except EtcdError as error:
            if Reason.LEASE_EXISTS not in error.reasons:
                raise
            return False
        return True

    def _seconds_left(self, lease: int, until: float) -> int:
        """Rounded down; below zero when it has ended."""
        told = self._call("lease/timetolive", {"ID": str(lease)}, again=True, until=until)
        with understood("etcd"):
            return int(told.get("TTL", 0))

    def _put(
        self, key: str, name: str, value: bytes, lease: int | None = None, until: float | None = None
    ) -> None:
        asked = {"key": name, "value": _text(value)}
        if lease is not None:
            asked["lease"] = str(lease)
        try:
            self._call("kv/put", asked, again=False, until=until)
        except EtcdError as error:
            if not error.reasons & _TOO_LARGE:
                raise
            raise InvalidArgumentError(
                f"record {shown(key)} has a value of {len(value)} bytes, and etcd takes no more in a request "
                "than 1.5 MiB, or what its --max-request-bytes says; keep large values elsewhere",
                key=key,
            ) from error

    # Names.

    def _key(self, space: Space, key: str) -> str:
        return _text(self._named(space, key))

    def _range(self, space: Space, prefix: str) -> tuple[str, str]:
        """Where the names begin whose keys begin with ``prefix``, and what comes after them."""
        name = self._named(space, prefix)
        return _text(name), _text(name[:-1] + bytes([name[-1] + 1]))  # no byte of UTF-8 is 255

    def _named(self, space: Space, key: str) -> bytes:
        root: str = self._options["root"]
        return (root + name_of(space, key)).encode()

    def _key_of(self, space: Space, name: str) -> str | None:
        try:
            text = b64decode(name).decode()
        except UnicodeDecodeError:
            return None  # nothing that this store wrote
        return key_in(space, text[len(self._options["root"]) :])


def _gone(found: Mapping[str, Any], now: datetime) -> bool:
    lease = _lease(found)
    # etcd frees a key with its lease, at a moment that only etcd knows where the lease is not this store's.
    instant = None if _is_foreign(lease) else _instant(lease)
    return instant is not None and instant <= now


def _lease(found: Mapping[str, Any]) -> int:
    return int(found.get("lease", 0))


def _is_foreign(lease: int) -> bool:
    """Whether ``lease`` is surely of another program: its ID is no instant."""
    return not 0 <= lease >> LEASE_BITS <= _LAST_TICK


def _instant(lease: int) -> datetime | None:
    return _EPOCH + (lease >> LEASE_BITS) * _TICK if lease else None


def _text(data: bytes) -> str:
    return b64encode(data).decode()
