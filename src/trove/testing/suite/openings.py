"""Openings: with what DSN a driver was opened, so that its author need not say it twice."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest  # noqa: TC002 - beside the others

from ...driver import Driver


class Openings:
    """Notes every successful ``open`` of a driver class that was defined before it began to watch."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[Driver, str, dict[str, Any]]] = {}

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for cls in _subclasses(Driver):
            opening = vars(cls).get("open")
            if opening is None or getattr(opening, "__isabstractmethod__", False):
                continue
            try:
                monkeypatch.setattr(cls, "open", self._noting(opening))
            except TypeError:
                continue  # an extension class can't be patched; its author can give the `dsn` fixture

    def of(self, driver: Driver) -> tuple[str | None, dict[str, Any]]:
        """The DSN and the options that ``driver`` was last opened with."""
        _, dsn, options = self._last.get(id(driver), (driver, None, {}))
        return dsn, options

    def _noting(self, opening: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(opening)
        def noted(driver: Driver, dsn: str, **options: Any) -> None:
            opening(driver, dsn, **options)
            self._last[id(driver)] = (driver, dsn, options)

        return noted


def _subclasses(cls: type[Any]) -> set[type[Any]]:
    found: set[type[Any]] = set()
    left = [cls]
    while left:
        for each in type.__subclasses__(left.pop()):
            if each not in found:
                found.add(each)
                left.append(each)
    return found
