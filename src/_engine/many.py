"""What the calls for many objects at once take: keys, and pairs of key and data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trove.errors import InvalidArgumentError, shown

# They can be gone through, letter by letter or byte by byte, which nobody means.
_ONE_THING = (str, bytes, bytearray, memoryview)


def listed_keys(keys: object) -> list[Any]:
    """``keys`` as a list; each is still to be checked. Raises InvalidArgumentError for a single one."""
    if isinstance(keys, _ONE_THING) or not isinstance(keys, Iterable):
        raise InvalidArgumentError(f"keys is {shown(keys)}; pass a list of keys, or another iterable of them")
    return [*keys]


def pairs(items: object) -> Iterator[tuple[Any, Any]]:
    """The pairs of key and data in ``items``, as they come. Raises InvalidArgumentError for what is none."""
    if isinstance(items, Mapping):
        yield from items.items()
        return
    if isinstance(items, _ONE_THING) or not isinstance(items, Iterable):
        raise InvalidArgumentError(
            f"items is {shown(items)}; pass a dict, or a list of pairs of key and data"
        )
    for item in items:
        # Also `["ab"]` would be a pair, of two letters.
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise InvalidArgumentError(f"items holds {shown(item)}; pass a dict, or pairs of key and data")
        yield item[0], item[1]
