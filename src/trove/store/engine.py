"""EngineStore: records in the embedded store, in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from trove._engine.settings import KNOWN, asked_by

from ..drivers.engine import EngineDriver
from ..errors import InvalidArgumentError, shown
from .arguments import Clock, utc_now
from .driver import DriverStore

SETTINGS: Mapping[str, str | None] = {**dict.fromkeys(KNOWN), "durability": "full", "lifecycle": "auto"}
"""The engine's settings with their values in a store of records, ``None`` for the engine's own default."""


class EngineStore(DriverStore):
    """Records in a ``trove://`` store in the folder ``path``, which is made when it is not there.

    Its own options are ``bucket`` and the settings of :class:`~trove.drivers.engine.EngineDriver`, each a
    ``str`` or, by itself, ``None``, but for two: ``durability`` is ``"full"`` by itself, which flushes every
    write to the disk before it returns, or ``"relaxed"``, about once a second; either way no write is lost
    when a process dies. ``lifecycle`` is ``"auto"`` by itself: what has expired, by this store's clock or by
    the machine's, is gone, and freed in the background, about once a minute.

    Any number of threads and processes may use one folder. It is opened by ``init``, anew where settings
    have changed, and let go of by ``close``.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {**DriverStore.OPTIONS, **SETTINGS}

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock = utc_now, **options: Any) -> None:
        self._dsn = f"trove://{quote(_absolute(path))}"
        self._opened_with: dict[str, str] | None = None
        super().__init__(EngineDriver(), clock=clock, **options)

    @property
    def name(self) -> str:
        return "engine"

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        checked = super()._check_own(options)
        asked_by(_settings(checked))
        return checked

    def _prepare(self) -> None:
        settings = _settings(self._options)
        if self._opened_with != settings:
            # First, as an interrupt may come: then the next call opens it.
            self._rows = self._opened_with = None
            self._driver.close()
            self._driver.open(self._dsn, **settings)
            self._opened_with = settings
        super()._prepare()

    def _release(self) -> None:
        super()._release()
        self._driver.close()


def _settings(options: Mapping[str, Any]) -> dict[str, str]:
    """Those of ``options`` that are settings of the engine, as the engine takes them."""
    given = {name: options[name] for name in SETTINGS if name in options}
    try:
        return {
            name: str(value)
            for name, value in given.items()
            if value is not None or SETTINGS[name] is not None
        }
    except ValueError as error:
        raise InvalidArgumentError(
            f"a setting of the engine can't be written ({error}); give text"
        ) from error


def _absolute(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if isinstance(text, str) and "://" in text:
        raise InvalidArgumentError(f"path is {shown(text)}, a DSN; give a path, or use trove.store.open()")
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidArgumentError(f"path is {shown(path)}; give the path of a folder as a str or a Path")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"path is {shown(path)}, which is not UTF-8; give one that is") from error
    return os.path.abspath(text)
