"""The registry: which store answers to which scheme.

A store is registered by a call of :func:`register`, or by an installed package that names it in the
entry-point group ``trove.stores``. Every scheme of a driver works beside them: see :func:`trove.store.open`.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias

from ..errors import InvalidArgumentError, UnknownDriverError, shown
from .base import Store

GROUP = "trove.stores"

Factory: TypeAlias = Callable[..., Store]
"""Makes a store out of a DSN and options by name."""

_NAME = re.compile(r"[a-z][a-z0-9+.-]*")
_lock = threading.Lock()
_factories: dict[str, Factory] = {}
_installed: dict[str, EntryPoint] | None = None


def register(name: str, factory: Factory) -> None:
    """Make ``factory`` what makes stores for DSNs of the scheme ``name``.

    It is called with the DSN, without the parameters ``namespace``, ``prefix`` and ``suffix``, and with these
    and all other options by name. Raises InvalidArgumentError when the name is no scheme or is taken already,
    by a call or by an installed package.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{shown(name)} can't be a store's name; give a scheme: a lower-case letter, then "
            "lower-case letters, digits, '+', '.' or '-'"
        )
    if not callable(factory):
        raise InvalidArgumentError(
            f"the factory for {shown(name)} is {shown(factory)}; give a callable that takes a DSN and options"
        )
    with _lock:
        if name in _factories or name in _entry_points():
            raise InvalidArgumentError(f"store {shown(name)} is registered already; choose another name")
        _factories[name] = factory


def lookup(name: str) -> Factory | None:
    """The factory registered under ``name``, ``None`` when there is none.

    Raises InvalidArgumentError for what is no ``str``, and UnknownDriverError when an installed package
    names the store but can't be imported.
    """
    if not isinstance(name, str):
        raise InvalidArgumentError(f"{shown(name)} is no store's name; give a str, the scheme of a DSN")
    with _lock:
        factory = _factories.get(name)
        entry = _entry_points().get(name) if factory is None else None
    if entry is None:
        return factory
    try:
        loaded: Factory = entry.load()
    except Exception as error:
        raise UnknownDriverError(
            f"store {shown(name)} is installed as {entry.value} but can't be imported ({error}); "
            "install what it needs"
        ) from error
    return loaded


def stores() -> list[str]:
    """The names of all stores, registered and installed, in order."""
    with _lock:
        return sorted({*_factories, *_entry_points()})


def _entry_points() -> dict[str, EntryPoint]:
    global _installed
    if _installed is None:
        _installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    return _installed


def _renew_lock() -> None:
    # Whoever held it when another thread forked does not exist in the child.
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
