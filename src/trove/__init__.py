"""Trove: an object store that lives inside your program.

>>> import trove
>>> with trove.open("mem://") as drv:
...     drv.create_bucket("photos")
...     _ = drv.put("photos", "2026/cat.jpg", b"...", metadata={"author": "alice"})
...     drv.head("photos", "2026/cat.jpg").content_type
'image/jpeg'

:func:`open` finds the driver for a DSN; :func:`capabilities` tells what a driver can do beyond
:class:`Driver`. The types and the errors are here too; what the author of a driver needs is in
:mod:`trove.driver`, the conformance suite in :mod:`trove.testing`, and records with expiry in
:mod:`trove.store`.
"""

from __future__ import annotations

import sys
from typing import Any

# Ahead of the imports, which would fail there for a reason that says less.
if sys.platform == "win32":
    raise ImportError("Trove does not run on Windows; use it on Linux, or in WSL")

from . import errors
from .driver import (
    DSN,
    BucketInfo,
    Driver,
    EventType,
    LifecycleDriver,
    LifecycleReport,
    LifecycleRule,
    MultipartDriver,
    NotificationDriver,
    ObjectEvent,
    ObjectInfo,
    ObjectIterator,
    ObjectReader,
    ObjectRef,
    PartInfo,
    PresignDriver,
    Quota,
    QuotaDriver,
    RangeDriver,
    ServerCopyDriver,
    UploadInfo,
    VersionInfo,
    VersioningDriver,
    Watcher,
    capabilities,
)
from .driver import drivers as _drivers
from .driver import lookup as _lookup
from .driver import parse_dsn as _parse_dsn
from .errors import *
from .errors import UnknownDriverError
from .errors import shown as _shown

__version__ = "0.1.0"

__all__ = [
    "BucketInfo",
    "DSN",
    "Driver",
    "EventType",
    "LifecycleDriver",
    "LifecycleReport",
    "LifecycleRule",
    "MultipartDriver",
    "NotificationDriver",
    "ObjectEvent",
    "ObjectInfo",
    "ObjectIterator",
    "ObjectReader",
    "ObjectRef",
    "PartInfo",
    "PresignDriver",
    "Quota",
    "QuotaDriver",
    "RangeDriver",
    "ServerCopyDriver",
    "UploadInfo",
    "VersionInfo",
    "VersioningDriver",
    "Watcher",
    "__version__",
    "capabilities",
    "open",
]
__all__ += errors.__all__


def open(dsn: str, **options: Any) -> Driver:
    """The open driver for ``dsn``, found by its scheme; close it, or use it in a ``with`` statement.

    ``options`` are settings of the driver, under the names that its DSN parameters have. Raises
    InvalidDSNError, and UnknownDriverError when no driver is registered for the scheme, or what is
    registered makes none.
    """
    scheme = _parse_dsn(dsn).scheme
    factory = _lookup(scheme)
    if factory is None:
        raise UnknownDriverError(
            f"no driver is registered for the scheme {_shown(scheme)}; there are "
            f"{', '.join(_drivers()) or 'none'}: "
            "install the package that brings it, or register() it"
        )
    driver = factory()
    if not isinstance(driver, Driver):
        raise UnknownDriverError(
            f"the factory registered for {_shown(scheme)} gave {_shown(driver)}, which is no Driver; "
            "register a class that extends trove.driver.Driver, or a function that returns an instance of one"
        )
    driver.open(dsn, **options)
    return driver
