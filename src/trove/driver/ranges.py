"""Byte ranges: what ``get(range=...)`` takes, checked and applied to an object's size."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias, TypeGuard

from ..errors import InvalidRangeError, shown

RangeSpec: TypeAlias = tuple[int, int | None] | str
"""``(offset, length)``, ``(offset, None)`` to the end, ``(-n, None)`` the last n bytes, or one
range in the form of HTTP (RFC 9110): ``"bytes=0-1023"``, ``"bytes=1024-"``, ``"bytes=-512"``."""

_FORMS = "give (offset, length), (offset, None), (-n, None) or one HTTP range like 'bytes=0-1023'"
_HTTP = re.compile(r"bytes=([0-9]*)-([0-9]*)")


class ByteRange(NamedTuple):
    """A well-formed range whose fit to an object is still open.

    ``offset`` is negative for the last ``-offset`` bytes; ``length=None`` is to the end.
    """

    offset: int
    length: int | None

    def within(self, size: int, bucket: str, key: str) -> tuple[int, int]:
        """The absolute ``(start, length)`` in an object of ``size`` bytes.

        Raises InvalidRangeError when the range begins past the end.
        """
        start = max(0, size + self.offset) if self.offset < 0 else self.offset
        if start > size:
            raise InvalidRangeError(
                f"the range begins at {shown(start)}, past the {size} bytes of object {shown(key)} in "
                f"bucket {shown(bucket)}; begin at {size} or before",
                bucket=bucket,
                key=key,
            )
        left = size - start
        return start, left if self.length is None else min(self.length, left)


WHOLE = ByteRange(0, None)


def check_range(spec: object) -> ByteRange:
    """The :class:`ByteRange` for a ``range=`` argument; ``None`` is the whole object.

    Raises InvalidRangeError for every other form than those of :data:`RangeSpec`.
    """
    if spec is None:
        return WHOLE
    if isinstance(spec, str):
        return _http_range(spec)
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise InvalidRangeError(f"{shown(spec)} is not a range; {_FORMS}")
    offset, length = spec
    if not _is_integer(offset) or not (length is None or _is_integer(length)):
        raise InvalidRangeError(f"a range is of integers, not {shown(spec)}; {_FORMS}")
    if length is not None and (length < 0 or offset < 0):
        raise InvalidRangeError(f"{shown(spec)} has a negative length or counts twice; {_FORMS}")
    return ByteRange(offset, length)


def check_offset_length(offset: object, length: object) -> ByteRange:
    """The :class:`ByteRange` for the arguments of ``get_range``: ``length=-1`` is to the end."""
    if not _is_integer(offset) or not _is_integer(length) or offset < 0 or length < -1:
        raise InvalidRangeError(
            f"offset {shown(offset)} and length {shown(length)} are no range; give an offset from "
            "0 on and a length from 0 on, or -1 for all to the end"
        )
    return ByteRange(offset, None if length == -1 else length)


def _http_range(text: str) -> ByteRange:
    match = _HTTP.fullmatch(text)
    # Python refuses to convert numbers of thousands of digits; no range needs twenty.
    if match is None or len(text) > 64 or match[1] == match[2] == "":
        raise InvalidRangeError(f"{shown(text)} is not one HTTP range; {_FORMS}")
    first, last = match[1], match[2]
    if not first:
        if int(last) == 0:
            raise InvalidRangeError(f"{shown(text)} asks for the last 0 bytes; {_FORMS}")
        return ByteRange(-int(last), None)
    if not last:
        return ByteRange(int(first), None)
    if int(last) < int(first):
        raise InvalidRangeError(f"{shown(text)} ends before it begins; {_FORMS}")
    return ByteRange(int(first), int(last) - int(first) + 1)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
