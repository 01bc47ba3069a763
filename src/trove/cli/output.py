"""What the command prints: names that can't harm a terminal, sizes, times, tables, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..driver import BucketInfo, ObjectInfo, VersionInfo


def printable(text: str) -> str:
    """``text`` with all that is not printable (control characters, surrogates, …) as escapes."""
    if text.isprintable():
        return text
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)


def name(text: str) -> str:
    """A name from a store as stdout takes it: escaped for a terminal, unchanged for a program."""
    return printable(text) if sys.stdout is not None and sys.stdout.isatty() else text


def line(text: str) -> None:
    """Print one line on stdout. Buffered: a million of them are written in blocks."""
    if sys.stdout is not None:
        sys.stdout.write(f"{text}\n")


def flush() -> None:
    """Show what has been printed so far."""
    if sys.stdout is not None:
        sys.stdout.flush()


def json_line(value: Mapping[str, Any]) -> None:
    """Print ``value`` as one line of JSON, in ASCII."""
    line(json.dumps(value))


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print ``rows`` in aligned columns; the columns numbered in ``right`` are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        line("  ".join(cells).rstrip())


def size(count: float) -> str:
    """A number of bytes for people, in decimal units: ``'12.3 MB'``."""
    if count < 1000:
        return f"{count:.0f} B"
    units = iter(("kB", "MB", "GB", "TB"))
    unit, count = next(units), count / 1000
    while count >= 999.95 and (larger := next(units, None)):
        unit, count = larger, count / 1000
    return f"{count:.1f} {unit}"


def counted(number: int, thing: str) -> str:
    """``'1 object'``, ``'2 objects'``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def timestamp(time: datetime) -> str:
    """A time in UTC for people, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ")


def object_json(info: ObjectInfo) -> dict[str, Any]:
    """An object's info for scripts."""
    return {
        "key": info.key,
        "size": info.size,
        "content_type": info.content_type,
        "etag": info.etag,
        "last_modified": info.last_modified.isoformat(),
        "metadata": dict(info.metadata),
        "tags": dict(info.tags),
        "version_id": info.version_id,
        "storage_class": info.storage_class,
    }


def bucket_json(info: BucketInfo) -> dict[str, Any]:
    """A bucket's info for scripts."""
    return {"name": info.name, "created_at": info.created_at.isoformat()}


def version_json(info: VersionInfo) -> dict[str, Any]:
    """A version for scripts."""
    return {
        "version_id": info.version_id,
        "key": info.key,
        "size": info.size,
        "last_modified": info.last_modified.isoformat(),
        "etag": info.etag,
        "is_latest": info.is_latest,
        "is_delete_marker": info.is_delete_marker,
    }
