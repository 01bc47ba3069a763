"""Which store does a DSN name, and with what options."""

from __future__ import annotations

from collections.abc import Callable, Collection
from ssl import create_default_context
from typing import Any

from trove._engine.settings import folder_and_settings

from .. import open as open_driver
from ..driver import drivers, parse_dsn
from ..driver import lookup as lookup_driver
from ..errors import InvalidDSNError, UnknownDriverError, shown
from .base import Store
from .driver import DriverStore
from .engine import EngineStore
from .memory import MemoryStore
from .noop import NoopStore
from .registry import lookup, stores
from .served import CloudflareStore, EtcdStore, PostgresStore

AROUND = ("namespace", "prefix", "suffix")
"""The options of every store that can be parameters of its DSN."""

READ: dict[str, Callable[[str], object]] = {
    "connections": int,
    "nodes": lambda text: text.split(","),
    "timeout": float,
}
"""How options are read from a DSN that are no text."""


def open(dsn: str, **options: Any) -> Store:
    """The store for ``dsn``, found by its scheme and ready; close it, or use it in a ``with`` statement.

    ``memory://`` and ``noop://`` are stores of this process; ``trove:///absolute/path`` or
    ``trove://./relative`` is an :class:`EngineStore`. The DSN of any other driver gives a
    :class:`DriverStore` whose ``close`` closes the driver, too. ``postgresql://...`` is a
    :class:`PostgresStore`; ``etcd://[user:password@]host:port``, or ``etcds://`` over TLS, an
    :class:`EtcdStore`, for which ``nodes``, addresses with commas between them, can stand in place of the
    host; ``cloudflare://ACCOUNT:TOKEN@NAMESPACE_ID`` is a :class:`CloudflareStore`. ``namespace``,
    ``prefix``, ``suffix`` and the store's own options can stand in the DSN as parameters; further ones are
    settings of libpq or of the other driver. ``options`` are those of the store, and ``clock``.

    Raises InvalidDSNError, UnknownDriverError when there is neither a store nor a driver for the scheme, and
    what the backend raises when it is not ready.
    """
    scheme = parse_dsn(dsn).scheme
    factory = lookup(scheme)
    if factory is None:
        if lookup_driver(scheme) is None:
            raise unknown(scheme)
        factory = open_on_driver
    dsn, given = taken_off(dsn, AROUND, options)
    store = factory(dsn, **given)
    if not isinstance(store, Store):
        raise UnknownDriverError(
            f"the factory registered for {shown(scheme)} gave {shown(store)}, which is no Store; register a "
            "callable that returns an instance of trove.store.Store"
        )
    try:
        store.init()
    except BaseException:
        store.close()
        raise
    return store


def unknown(scheme: str) -> UnknownDriverError:
    """The error for a scheme that is of no store and no driver."""
    return UnknownDriverError(
        f"no store and no driver is registered for the scheme {shown(scheme)}; the stores are "
        f"{', '.join(stores()) or 'none'}, the drivers {', '.join(drivers()) or 'none'}: install the package "
        "that brings it, or register() it"
    )


def taken_off(dsn: str, names: Collection[str], options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """``dsn`` without the parameters of these ``names``, and ``options`` with them.

    Raises InvalidDSNError for one that stands in both.
    """
    params = parse_dsn(dsn).params
    found = {name: _value(name, text) for name, text in params.items() if name in names}
    for name in found:
        if name in options:
            raise InvalidDSNError(f"option {shown(name)} stands in the DSN and in open(); give it once")
    location, _, query = dsn.partition("?")
    rest = "&".join(item for item in query.split("&") if item and _name(item) not in found)
    return (f"{location}?{rest}" if rest else location), {**options, **found}


def open_memory(dsn: str, **options: Any) -> Store:
    """A MemoryStore for ``memory://``."""
    return MemoryStore(**_bare(dsn, MemoryStore, options))


def open_noop(dsn: str, **options: Any) -> Store:
    """A NoopStore for ``noop://``."""
    return NoopStore(**_bare(dsn, NoopStore, options))


def open_engine(dsn: str, **options: Any) -> Store:
    """An EngineStore for ``trove:///path``."""
    dsn, given = _own(dsn, EngineStore, options)
    folder, _ = folder_and_settings(dsn, {})
    return EngineStore(folder, **given)


def open_etcd(dsn: str, **options: Any) -> Store:
    """An EtcdStore for ``etcd://host:port`` or, over TLS, ``etcds://host:port``."""
    dsn, given = _own(dsn, EtcdStore, options)
    parsed = parse_dsn(dsn)
    if parsed.path not in ("", "/") or bool(parsed.host) == ("nodes" in given):
        raise InvalidDSNError(
            f"an {parsed.scheme}:// DSN names servers and no path; write {parsed.scheme}://host:port or "
            f"{parsed.scheme}://?nodes=host:port,host:port"
        )
    if parsed.scheme == "etcds" and given.get("tls") is None:
        given["tls"] = create_default_context()
    _refuse_what_the_dsn_has(given, "user", "password", "endpoints")
    return EtcdStore(parsed.host or (), user=parsed.user, password=parsed.password, **given)


def open_cloudflare(dsn: str, **options: Any) -> Store:
    """A CloudflareStore for ``cloudflare://ACCOUNT:TOKEN@NAMESPACE_ID``."""
    dsn, given = _own(dsn, CloudflareStore, options)
    parsed = parse_dsn(dsn)
    if parsed.path not in ("", "/") or not (parsed.user and parsed.password and parsed.host):
        raise InvalidDSNError(
            "a cloudflare:// DSN names an account, its token and a KV namespace by its ID; write "
            "cloudflare://ACCOUNT:TOKEN@NAMESPACE_ID"
        )
    _refuse_what_the_dsn_has(given, "account", "token", "namespace_id")
    return CloudflareStore(parsed.user, parsed.password, parsed.host, **given)


def open_postgres(dsn: str, **options: Any) -> Store:
    """A PostgresStore for ``postgresql://user:password@host:port/database``."""
    dsn, given = taken_off(dsn, PostgresStore.useful_options(), options)
    return PostgresStore(dsn, **given)


def open_on_driver(dsn: str, **options: Any) -> Store:
    """A DriverStore on the driver for ``dsn``, which it closes."""
    dsn, given = taken_off(dsn, DriverStore.useful_options(), options)
    driver = open_driver(dsn)
    try:
        return _OwningStore(driver, **given)
    except BaseException:
        driver.close()
        raise


class _OwningStore(DriverStore):
    """A DriverStore whose driver nobody else has."""

    def _release(self) -> None:
        super()._release()
        self._driver.close()


def _refuse_what_the_dsn_has(options: dict[str, Any], *names: str) -> None:
    for name in names:
        if name in options:
            raise InvalidDSNError(f"{name} is a part of the DSN; give it there, and not in open()")


def _own(dsn: str, kind: type[Store], options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """``dsn`` without parameters, and ``options`` with those that it has, all of which are of ``kind``."""
    known = kind.useful_options()
    dsn, given = taken_off(dsn, known, options)
    parsed = parse_dsn(dsn)
    parsed.settings(schemes=(parsed.scheme,), known=known)
    return dsn, given


def _bare(dsn: str, kind: type[Store], options: dict[str, Any]) -> dict[str, Any]:
    """``options`` with those of ``dsn``, which has nothing else."""
    dsn, given = _own(dsn, kind, options)
    parsed = parse_dsn(dsn)
    if parsed.user or parsed.password or parsed.host or parsed.path:
        scheme = parsed.scheme
        raise InvalidDSNError(f"a {scheme}:// store has no host and no path; write just {scheme}://")
    return given


def _value(name: str, text: str) -> object:
    try:
        return READ[name](text) if name in READ else text
    except ValueError as error:
        raise InvalidDSNError(f"parameter {shown(name)} is {shown(text)}; give a number") from error


def _name(item: str) -> str:
    return next(iter(parse_dsn(f"x://?{item}").params))
