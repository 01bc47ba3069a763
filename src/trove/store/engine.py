"""EngineStore: records in the embedded store, in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, cast
from urllib.parse import quote

from ..drivers.engine import EngineDriver
from ..errors import InvalidArgumentError, shown
from .arguments import Clock, utc_now
from .driver import DriverStore

DURABILITIES = ("full", "relaxed")


class EngineStore(DriverStore):
    """Records in a ``trove://`` store in the folder ``path``, which is made when it is not there.

    Its own options are ``bucket`` and ``durability``: ``"full"`` (by itself) flushes every write to the disk
    before it returns, ``"relaxed"`` about once a second; either way no write is lost when a process dies.
    What has expired, by this store's clock or by the machine's, is gone, and freed in the background, about
    once a minute. Any number of threads and processes may
    use one folder. The folder is opened by ``init``, and let go of by ``close``.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {**DriverStore.OPTIONS, "durability": "full"}

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock = utc_now, **options: Any) -> None:
        self._dsn = f"trove://{quote(_absolute(path))}"
        self._opened_with: str | None = None
        super().__init__(EngineDriver(), clock=clock, **options)

    @property
    def name(self) -> str:
        return "engine"

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        checked = super()._check_own(options)
        if "durability" in checked and checked["durability"] not in DURABILITIES:
            raise InvalidArgumentError(
                f"durability is {shown(checked['durability'])}; give {' or '.join(DURABILITIES)}"
            )
        return checked

    def _prepare(self) -> None:
        durability = cast(str, self._options["durability"])
        if self._opened_with != durability:
            self._rows = None
            self._driver.close()
            self._opened_with = None
            self._driver.open(self._dsn, durability=durability, lifecycle="auto")
            self._opened_with = durability
        super()._prepare()

    def _release(self) -> None:
        super()._release()
        self._driver.close()


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
