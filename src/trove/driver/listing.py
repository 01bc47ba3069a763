"""Listing: pages of objects in key order, their common prefixes, and the cursors between them.

A driver brings two functions, one that walks its keys in order from a given point and one that loads the
info of a key; :func:`list_page` makes the page that the contract asks for out of them, in time that
depends on the page and not on the bucket.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from ..errors import InvalidArgumentError, InvalidCursorError, shown
from .options import DEFAULT_MAX_KEYS, check_text
from .types import ObjectInfo

_CHECK_BYTES = 8


class ObjectIterator:
    """One page of a listing: iterate over it for its :class:`ObjectInfo` values, in key order.

    ``prefixes`` are the common prefixes of the page, in order; ``next_token`` is the cursor for the
    next page, ``""`` on the last one.
    """

    __slots__ = ("_objects", "next_token", "prefixes")

    def __init__(
        self, objects: Iterable[ObjectInfo], prefixes: Iterable[str] = (), next_token: str = ""
    ) -> None:
        self._objects = iter(objects)
        self.prefixes = list(prefixes)
        self.next_token = next_token

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ObjectInfo:
        return next(self._objects)

    def all(self) -> list[ObjectInfo]:
        """The objects of this page that were not iterated over yet."""
        return list(self._objects)

    def close(self) -> None:
        """Let go of the page; iterating ends."""
        self._objects = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The checked arguments of one ``list`` call; ``last`` is where the page before it ended."""

    driver: str
    bucket: str
    prefix: str
    delimiter: str
    max_keys: int
    last: str

    @property
    def start(self) -> str | None:
        """The first key that may be on the page, ``None`` when none can be."""
        if not self.last:
            return self.prefix
        if self.common_prefix(self.last) is not None:
            return after_prefix(self.last)
        return self.last + "\0"

    def common_prefix(self, key: str) -> str | None:
        """What ``key`` is rolled up to, ``None`` when it is listed itself."""
        if not self.delimiter:
            return None
        at = key.find(self.delimiter, len(self.prefix))
        return None if at < 0 else key[: at + len(self.delimiter)]

    def cursor(self, last: str) -> str:
        """The cursor for the page after the entry ``last``."""
        return base64.urlsafe_b64encode(self._check_bytes(last) + last.encode()).decode().rstrip("=")

    def _check_bytes(self, last: str) -> bytes:
        parts = (self.driver, self.bucket, self.prefix, self.delimiter, last)
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.blake2b(text.encode(), digest_size=_CHECK_BYTES, person=b"trove.cursor").digest()


def check_list(
    driver: str,
    bucket: str,
    *,
    prefix: object = "",
    delimiter: object = "",
    max_keys: object = DEFAULT_MAX_KEYS,
    cursor: object = "",
) -> ListRequest:
    """The arguments of ``list``, checked; ``driver`` and ``bucket`` are what its cursors are bound to.

    Raises InvalidArgumentError, and InvalidCursorError for a cursor that was not given by a page of
    the same listing.
    """
    if not isinstance(max_keys, int) or isinstance(max_keys, bool) or max_keys < 1:
        raise InvalidArgumentError(f"max_keys is {shown(max_keys)}; give an integer from 1 on")
    request = ListRequest(
        driver,
        bucket,
        check_text("prefix", prefix, empty=True),
        check_text("delimiter", delimiter, empty=True),
        max_keys,
        last="",
    )
    if cursor == "":
        return request
    last = _decoded(cursor)
    if last is None or request.cursor(last) != cursor:
        raise InvalidCursorError(
            f"{shown(cursor)} is no cursor of this listing of bucket {shown(bucket)}; pass the next_token "
            "of a page with the same prefix and delimiter, or '' to begin",
            bucket=bucket,
        )
    return ListRequest(driver, bucket, request.prefix, request.delimiter, max_keys, last)


def _decoded(cursor: object) -> str | None:
    if not isinstance(cursor, str):
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return raw[_CHECK_BYTES:].decode() or None
    except (binascii.Error, ValueError):
        return None


def list_page(
    request: ListRequest,
    keys_from: Callable[[str], Iterator[str]],
    load: Callable[[str], ObjectInfo | None],
) -> ObjectIterator:
    """The page that ``request`` asks for.

    ``keys_from(start)`` walks the keys from ``start`` on in order; ``load(key)`` gives the info of one
    of them, ``None`` when the object is gone or has expired.
    """
    objects: list[ObjectInfo] = []
    prefixes: list[str] = []
    last = ""
    for entry in _entries(request, keys_from, load):
        if len(objects) + len(prefixes) == request.max_keys:
            # One entry more than the page holds: only now is it known that another page follows.
            return ObjectIterator(objects, prefixes, request.cursor(last))
        if isinstance(entry, str):
            prefixes.append(entry)
            last = entry
        else:
            objects.append(entry)
            last = entry.key
    return ObjectIterator(objects, prefixes)


def _entries(
    request: ListRequest,
    keys_from: Callable[[str], Iterator[str]],
    load: Callable[[str], ObjectInfo | None],
) -> Iterator[ObjectInfo | str]:
    """Objects and common prefixes (as ``str``) in order, from the request's start on."""
    start = request.start
    while start is not None:
        rolled_up = None
        for key in keys_from(start):
            if not key.startswith(request.prefix):
                return
            info = load(key)
            if info is None:
                continue
            rolled_up = request.common_prefix(key)
            if rolled_up is not None:
                yield rolled_up
                break
            yield info
        if rolled_up is None:
            return
        start = after_prefix(rolled_up)


def after_prefix(prefix: str) -> str | None:
    """The first string behind all those that begin with ``prefix``; ``None`` if there is none.

    Strings compare by code point, which is the order of their UTF-8 bytes.
    """
    for end in range(len(prefix), 0, -1):
        following = ord(prefix[end - 1]) + 1
        if following == 0xD800:
            following = 0xE000  # surrogates are no characters
        if following <= 0x10FFFF:
            return prefix[: end - 1] + chr(following)
    return None
