"""How keys and bucket names become the names of files and folders, and back.

A key is split at its ``/``; each component is one name, itself where it can be:

==========================  ==============================================================
``%``                       ``%25``
the components ``.``, ``..``  ``%2E``, ``%2E%2E``
an empty component          ``%_``
a name over 240 bytes       nested folders, every piece but the last ending with ``%+``
a file whose key is also    its name with ``%=`` behind (it is *displaced*)
another key's folder
==========================  ==============================================================

Every key has exactly one such path (but for ``%=``), so a path that is not the one of a key
belongs to no object. No name is over 242 bytes, ``.``, ``..`` or empty, or holds a slash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from ...driver import InvalidArgumentError, check_bucket

OWN_FOLDER = b".trove"
"""The folder in the root that holds what is the driver's and not the user's."""

CONTINUED = b"%+"
DISPLACED = b"%="
PIECE_BYTES = 240
_SPECIAL = {"": "%_", ".": "%2E", "..": "%2E%2E"}
_FROM_SPECIAL = {escaped: component for component, escaped in _SPECIAL.items()}


def key_path(key: str) -> list[bytes]:
    """The names from the bucket's folder to the file of ``key``: folders, and the file's own last."""
    return [name for component in key.split("/") for name in component_names(component)]


def folder_path(prefix: str) -> list[bytes]:
    """The names from the bucket's folder to the folder of ``prefix``, which is empty or ends with ``/``."""
    return key_path(prefix[:-1]) if prefix else []


def component_names(component: str) -> list[bytes]:
    """The names for one component of a key: one, or several nested ones when it is long."""
    escaped = _escaped(component).encode()
    if len(escaped) <= PIECE_BYTES:
        return [escaped]
    return list(_pieces(component))


def component_of(names: Iterable[bytes]) -> str | None:
    """The component that ``names`` stand for; ``None`` when :func:`component_names` gives others."""
    names = list(names)
    component = fragment_of(names)
    if component is None:
        return None
    return component if component_names(component) == names else None


def fragment_of(names: Iterable[bytes]) -> str | None:
    """The text that ``names`` spell, whether or not it ends there; ``None`` when they can't be ours."""
    try:
        escaped = b"".join(name.removesuffix(CONTINUED) for name in names).decode()
    except UnicodeDecodeError:
        return None
    special = _FROM_SPECIAL.get(escaped)
    if special is not None:
        return special
    text = escaped.replace("%25", "%")
    return text if _escaped(text) == escaped else None


def bucket_folder(bucket: str) -> bytes:
    """The name of a bucket's folder: its own, unless that would clash with the driver's names."""
    name = bucket.encode()
    if name.startswith(b"%") or name == OWN_FOLDER:
        return b"%" + hashlib.sha256(name).hexdigest().encode()
    return name


def is_hashed(folder: bytes) -> bool:
    """Whether a bucket's folder does not tell the bucket's name."""
    return folder.startswith(b"%")


def plain_bucket(folder: bytes) -> str | None:
    """The bucket whose folder has its own name; ``None`` when ``folder`` is no such name."""
    if folder == OWN_FOLDER or is_hashed(folder):
        return None
    try:
        return check_bucket(folder.decode())
    except (UnicodeDecodeError, InvalidArgumentError):
        return None


def _escaped(component: str) -> str:
    special = _SPECIAL.get(component)
    return component.replace("%", "%25") if special is None else special


def _pieces(component: str) -> Iterator[bytes]:
    # Each piece takes as many whole characters as fit, so that there is one way to cut only.
    piece = bytearray()
    for character in component:
        token = b"%25" if character == "%" else character.encode()
        if len(piece) + len(token) > PIECE_BYTES:
            yield bytes(piece) + CONTINUED
            piece.clear()
        piece += token
    yield bytes(piece)
