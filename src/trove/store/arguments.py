"""Is this argument one that a store takes.

Each ``check_*`` function raises :class:`~trove.errors.InvalidArgumentError`, or a class of it, for what it
does not take, and touches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from ..driver import check_time
from ..errors import InvalidArgumentError, InvalidKeyError, UnsupportedOptionError, shown
from .record import Record

Clock: TypeAlias = Callable[[], datetime]
"""Tells the time as a timezone-aware ``datetime``."""

MAX_KEY_BYTES = 512
"""In UTF-8, with the prefix, the suffix and the scopes around it."""

MAX_NAMESPACE_BYTES = 128
"""In UTF-8."""

MOST_BYTES = 4
"""What one character takes in UTF-8 at most."""

_MOST = 1 << 60  # more than there are keys, and two of them can be counted


def utc_now() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


def check_record_key(key: object) -> str:
    """A key of a record: not empty; :func:`check_size` looks at how long it becomes."""
    if type(key) is str and key and key.isascii():
        return key  # as nearly all: a call less for each record
    text = _text("a record's key", key, InvalidKeyError)
    if not text:
        raise InvalidKeyError("a record's key is empty; give one of at least a character", key=text)
    return text


def check_size(key: str, whole: str) -> None:
    """Raise InvalidKeyError if ``whole``, which is ``key`` with what is put around it, is too long."""
    if len(whole) * MOST_BYTES > MAX_KEY_BYTES < (size := len(whole.encode())):
        raise InvalidKeyError(
            f"record {shown(key)} has a key of {size} bytes in UTF-8, with the prefix, suffix and scopes "
            f"around it; at most {MAX_KEY_BYTES} are taken",
            key=key,
        )


def check_affix(name: str, value: object) -> str:
    """A prefix or a suffix: any text, also none."""
    return _text(name, value, InvalidArgumentError)


def check_count(name: str, value: object) -> int:
    """A limit or an offset: a whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidArgumentError(f"{name} is {shown(value)}; give a whole number from 0 on")
    return min(value, _MOST)


def check_flag(name: str, value: object) -> bool:
    """Whether the key that is given to ``read`` is a prefix, or a suffix."""
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} is {shown(value)}; give True or False: the text is the key")
    return value


def check_record(record: object) -> Record:
    """A record with a key, a value of bytes and a time left that can be written."""
    if not isinstance(record, Record):
        raise InvalidArgumentError(f"{shown(record)} is no record; give a trove.store.Record")
    check_record_key(record.key)
    if not isinstance(record.value, bytes):
        raise InvalidArgumentError(
            f"record {shown(record.key)} has a value of type {type(record.value).__name__}; give bytes",
            key=record.key,
        )
    if record.expiry is not None:
        check_lifetime("the record's expiry", record.expiry)
    return record


def check_lifetime(name: str, value: object) -> timedelta | None:
    """A time to live: a ``timedelta`` above zero, or ``None``."""
    if value is not None and (not isinstance(value, timedelta) or value <= timedelta(0)):
        raise InvalidArgumentError(f"{name} is {shown(value)}; give a timedelta above zero, or None")
    return value


def due(clock: Clock, record: Record, ttl: object, expiry: object) -> datetime | None:
    """The instant, in UTC, at which ``record`` is gone when it is written now, ``None`` for never.

    ``ttl``, a ``timedelta``, goes before ``expiry``, a timezone-aware ``datetime``, and both go before the
    record's own.
    """
    lifetime = check_lifetime("ttl", ttl)
    instant = None if expiry is None else check_time("expiry", expiry)
    if lifetime is None and instant is None:
        lifetime = record.expiry
    try:
        if lifetime is not None:
            instant = clock() + lifetime
        return None if instant is None else _in_utc(instant)
    except OverflowError as error:
        raise InvalidArgumentError(
            f"record {shown(record.key)} would expire outside of the years 1 to 9999; leave the expiry out "
            "to keep it",
            key=record.key,
        ) from error


def _in_utc(instant: datetime) -> datetime:
    """``instant`` in UTC, as a plain ``datetime``: nobody relies on what a class of it makes of itself."""
    utc = datetime.astimezone(instant, UTC)
    if type(utc) is datetime:
        return utc
    day = utc.year, utc.month, utc.day
    return datetime(*day, utc.hour, utc.minute, utc.second, utc.microsecond, UTC)


def check_clock(clock: object) -> Clock:
    """A callable without arguments that tells the time, as one that tells it in UTC."""
    if not callable(clock):
        raise InvalidArgumentError(
            f"clock is {shown(clock)}; give a callable that returns a timezone-aware datetime"
        )
    if clock is utc_now or isinstance(clock, _InUTC):
        return clock
    in_utc = _InUTC(clock)
    in_utc()
    return in_utc


class _InUTC:
    """A clock that tells in UTC what another one tells: with times of a zone of its own, hours come twice."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> datetime:
        return _in_utc(check_time("what the clock tells", self._clock()))


def check_options(
    store: str, defaults: Mapping[str, Any], useful: Sequence[str], given: Mapping[str, object]
) -> dict[str, Any]:
    """The options that every store has, among those ``given``, checked; the others as they are.

    Raises UnsupportedOptionError for one that is not among the ``defaults`` of the store, and names those
    that are ``useful`` there.
    """
    checked: dict[str, Any] = dict(given)
    for name, value in given.items():
        if name not in defaults:
            raise UnsupportedOptionError(
                f"store {shown(store)} has no option {shown(name)}; it has {', '.join(useful)}"
            )
        if name == "nodes":
            checked[name] = _nodes(value)
        elif name == "namespace":
            checked[name] = _namespace(value)
        elif name in ("prefix", "suffix"):
            checked[name] = check_affix(name, value)
    return checked


def _nodes(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidArgumentError(f"nodes is {shown(value)}; give a list of addresses")
    return tuple(_text("an address in nodes", each, InvalidArgumentError) for each in value)


def _namespace(value: object) -> str:
    text = _text("namespace", value, InvalidArgumentError)
    if len(text.encode()) > MAX_NAMESPACE_BYTES or any(ch < " " or ch == "\x7f" for ch in text):
        raise InvalidArgumentError(
            f"namespace is {shown(text)}; give at most {MAX_NAMESPACE_BYTES} bytes of UTF-8 without control "
            "characters"
        )
    return text


def _text(name: str, value: object, kind: type[InvalidArgumentError]) -> str:
    if type(value) is str and value.isascii():
        return value
    try:
        if isinstance(value, str):
            value.encode()
            return str.__str__(value)
    except UnicodeEncodeError as error:
        raise kind(f"{name} is {shown(value)}, which UTF-8 can't encode; give valid Unicode") from error
    raise kind(f"{name} is {shown(value)}; give a str")
