"""The registry: which store answers to which scheme.

A store is registered by a call of :func:`register`, or by an installed package that names it in the
entry-point group ``trove.stores``. Every scheme of a driver works beside them: see :func:`trove.store.open`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..driver.schemes import Schemes
from .base import Store

GROUP = "trove.stores"

Factory: TypeAlias = Callable[..., Store]
"""Makes a store out of a DSN and options by name."""

_schemes: Schemes[Factory] = Schemes(GROUP, "store", "a callable that takes a DSN and options")


def register(name: str, factory: Factory) -> None:
    """Make ``factory`` what makes stores for DSNs of the scheme ``name``.

    It is called with the DSN, without the parameters ``namespace``, ``prefix`` and ``suffix``, and with these
    and all other options by name. Raises InvalidArgumentError when the name is no scheme or is taken already,
    by a call or by an installed package.
    """
    _schemes.register(name, factory)


def lookup(name: str) -> Factory | None:
    """The factory registered under ``name``, ``None`` when there is none.

    Raises InvalidArgumentError for what is no ``str``, and UnknownDriverError when an installed package
    names the store but can't be imported.
    """
    return _schemes.lookup(name)


def stores() -> list[str]:
    """The names of all stores, registered and installed, in order."""
    return _schemes.names()
