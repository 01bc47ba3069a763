"""Schemes: what answers to the scheme of a DSN, by a call or by the entry points of installed packages.

Entry points are read once, when they are first needed; what one names is imported when its own name is
looked up.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from ..errors import InvalidArgumentError, UnknownDriverError, shown
from .forking import renew_in_child

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"[a-z][a-z0-9+.-]*")


class Schemes(Generic[F]):
    """The factories of one kind: ``kind`` is its word in errors, ``factory`` says what to give for one."""

    def __init__(self, group: str, kind: str, factory: str) -> None:
        self._group = group
        self._kind = kind
        self._factory = factory
        self._factories: dict[str, F] = {}
        self._installed: dict[str, EntryPoint] | None = None
        self._lock = threading.Lock()
        renew_in_child(self)

    def register(self, name: str, factory: F) -> None:
        """Make ``factory`` what answers to ``name``.

        Raises InvalidArgumentError when the name is no scheme or is taken already, by a call or by an
        installed package.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidArgumentError(
                f"{shown(name)} can't be a {self._kind}'s name; give a scheme: a lower-case letter, then "
                "lower-case letters, digits, '+', '.' or '-'"
            )
        if not callable(factory):
            raise InvalidArgumentError(
                f"the factory for {shown(name)} is {shown(factory)}; give {self._factory}"
            )
        with self._lock:
            if name in self._factories or name in self._entry_points():
                raise InvalidArgumentError(
                    f"{self._kind} {shown(name)} is registered already; choose another name"
                )
            self._factories[name] = factory

    def lookup(self, name: str) -> F | None:
        """The factory registered under ``name``, ``None`` when there is none.

        Raises InvalidArgumentError for what is no ``str``, and UnknownDriverError when an installed package
        has the name but can't be imported.
        """
        if not isinstance(name, str):
            raise InvalidArgumentError(
                f"{shown(name)} is no {self._kind}'s name; give a str, the scheme of a DSN"
            )
        with self._lock:
            factory = self._factories.get(name)
            entry = self._entry_points().get(name) if factory is None else None
        if entry is None:
            return factory
        try:
            loaded: F = entry.load()
        except Exception as error:
            raise UnknownDriverError(
                f"{self._kind} {shown(name)} is installed as {entry.value} but can't be imported ({error}); "
                "install what it needs"
            ) from error
        return loaded

    def names(self) -> list[str]:
        """All names, registered and installed, in order."""
        with self._lock:
            return sorted({*self._factories, *self._entry_points()})

    def _entry_points(self) -> dict[str, EntryPoint]:
        if self._installed is None:
            self._installed = {entry.name: entry for entry in entry_points(group=self._group)}
        return self._installed

    def _renew_locks(self) -> None:
        self._lock = threading.Lock()
