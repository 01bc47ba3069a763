"""The registry: which driver answers to which scheme.

A driver is registered by a call of :func:`register`, or by an installed package that names it in the
entry-point group ``trove.drivers``. Entry points are read once, when they are first needed: at a look-up of
a name that no call has registered, or by a call, which can't take the name of what is installed. A driver's
module is imported when its name is looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .base import Driver
from .schemes import Schemes

GROUP = "trove.drivers"

Factory: TypeAlias = Callable[[], Driver]
"""Makes an unopened driver; a driver class is one."""

_schemes: Schemes[Factory] = Schemes(GROUP, "driver", "a class or a callable without arguments")


def register(name: str, factory: Factory) -> None:
    """Make ``factory`` the driver for DSNs of the scheme ``name``.

    Raises InvalidArgumentError when the name is no scheme or is taken already, by a call or by an
    installed package.
    """
    _schemes.register(name, factory)


def lookup(name: str) -> Factory | None:
    """The factory registered under ``name``, ``None`` when there is none.

    Raises InvalidArgumentError for what is no ``str``, and UnknownDriverError when an installed package
    names the driver but can't be imported.
    """
    return _schemes.lookup(name)


def drivers() -> list[str]:
    """The names of all drivers, registered and installed, in order."""
    return _schemes.names()
