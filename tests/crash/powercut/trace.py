"""Traces: what the recorder wrote down, event by event."""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEADER = struct.Struct("<IIQQ")


class Kind(enum.IntEnum):
    """The same numbers as in recorder.c."""

    WRITE = 0  # bytes at an offset
    EXTEND = 1  # a file is at least so long now
    CUT = 2  # a file is exactly so long now
    MADE = 3  # a file
    FOLDER = 4  # made
    RENAMED = 5
    REMOVED = 6
    UNFOLDED = 7  # a folder is gone
    FLUSHING = 8  # the flush of that number begins
    FLUSHED = 9
    FAILED = 10  # to be flushed
    MARK = 11  # of the workload's
    MAPPED = 12  # bytes found changed in a mapped file
    LEFT_OUT = 13  # a flush that never was: not recorded but planted


@dataclass(frozen=True, slots=True)
class Event:
    kind: Kind
    path: str  # relative to the folder that was recorded
    number: int  # an offset, a length, or which flush it is
    data: bytes

    @property
    def mark(self) -> dict[str, Any]:
        """What a mark says."""
        said = json.loads(self.data)
        assert isinstance(said, dict)
        return said


def read(file: Path) -> list[Event]:
    return list(_events(file.read_bytes()))


def _events(raw: bytes) -> Iterator[Event]:
    at = 0
    while at < len(raw):
        kind, path_length, number, data_length = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        path = raw[at : at + path_length].decode()
        at += path_length
        yield Event(Kind(kind), path, number, raw[at : at + data_length])
        at += data_length
