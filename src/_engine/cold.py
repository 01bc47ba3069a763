"""Cold: how the chunks of the storage class COLD are made small, and what they were again.

Each is a Zstandard frame (RFC 8878) that says how long its content is.
"""

from __future__ import annotations

import sys
from typing import Any

from trove.errors import UnsupportedOptionError

COLD = "COLD"
# Of source code a third is left, at 0.25 GB/s; level 9 leaves a tenth less, and takes seven times as long.
LEVEL = 3


class FrameError(Exception):
    """What was to be decompressed is not what it is said to be."""


def require_cold() -> Any:
    """Python's module for Zstandard, or its backport. Raises UnsupportedOptionError where there is none."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise UnsupportedOptionError(
            f"what is stored in the class {COLD!r} needs a package that is missing; install it with: "
            "pip install 'trove-engine[cold]'"
        ) from error
    return zstd


def compressed(data: bytes | memoryview) -> bytes:
    """One frame that holds ``data``. Raises what ``require_cold`` raises."""
    frame: bytes = require_cold().compress(data, LEVEL)
    return frame


def decompressed(frame: bytes, size: int) -> bytes:
    """The ``size`` bytes that ``frame`` holds, in memory for as many at most, whatever it says.

    Raises FrameError where it does not hold them, and what ``require_cold`` raises.
    """
    zstd = require_cold()
    try:
        said = zstd.get_frame_info(frame).decompressed_size
        if said != size or zstd.get_frame_size(frame) != len(frame):
            raise FrameError(f"it is no frame of {size} bytes")
        data: bytes = zstd.decompress(frame)
    except zstd.ZstdError as error:
        raise FrameError(f"it is no frame of {size} bytes: {error}") from error
    if len(data) != size:
        raise FrameError(f"it is no frame of {size} bytes, for it holds {len(data)}")
    return data
