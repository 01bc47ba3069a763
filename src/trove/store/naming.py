"""What a record is called in a backend that keeps everything under names of one kind.

A name is made of the namespaces of a record and its key::

    =KEY                      without a namespace
    @NAMESPACE/=KEY           in one; one in another gives @OUTER/@INNER/=KEY

In a namespace ``/`` and ``%`` are escaped, so that no namespace begins another one's names. In a key NUL,
which many backends don't take, is written as two characters U+0001, and U+0001 as U+0001 U+0002: names are in
the order of their keys, and begin with what the prefix of their keys is written as.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from ..errors import InvalidKeyError, shown
from .arguments import MOST_BYTES
from .base import Space, Store


def name_of(space: Space, key: str) -> str:
    """What the record of ``key`` is called, or what the names of all begin with whose keys begin with it."""
    return _folder(space) + written(key)


def key_in(space: Space, name: str) -> str | None:
    """The key of the record in ``space`` that is called ``name``, ``None`` when none is called so."""
    rest = name[len(_folder(space)) :]
    if "\1" not in rest:
        return rest
    key = rest.replace("\1\1", "\0").replace("\1\2", "\1")
    return key if written(key) == rest else None


class NamedStore(Store):
    """A store in a backend whose names have at most ``MOST_NAME_BYTES``."""

    MOST_NAME_BYTES: ClassVar[int]

    def _check_whole(self, key: str, space: Space, whole: str) -> None:
        super()._check_whole(key, space, whole)
        name = name_of(space, whole)
        if len(name) * MOST_BYTES > self.MOST_NAME_BYTES < (size := len(name.encode())):
            raise InvalidKeyError(
                f"record {shown(key)} has a name of {size} bytes in its backend, with its namespaces and "
                f"with control characters escaped; the backend takes {self.MOST_NAME_BYTES}",
                key=key,
            )

    def _room(self, space: Space) -> int:
        return min(super()._room(space), (self.MOST_NAME_BYTES - len(_folder(space).encode())) // MOST_BYTES)


@lru_cache
def _folder(space: Space) -> str:
    escaped = (each.replace("%", "%25").replace("/", "%2F") for each in space)
    return "".join(f"@{each}/" for each in escaped) + "="


def written(key: str) -> str:
    """A key, or a part of one, as it stands in a name."""
    if "\0" not in key and "\1" not in key:
        return key
    return key.replace("\1", "\1\2").replace("\0", "\1\1")
