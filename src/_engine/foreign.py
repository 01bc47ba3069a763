"""Foreign: files of another store in a store's folder.

They are whole, so no checksum tells; but a pack says whose it is, and so does ``state``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xxhash import xxh3_64_intdigest

from trove.errors import CorruptStoreError

from .pack import PACK_MAGIC, Packs
from .state import durable_in, is_state

PACK_HEADER = 64
_STATE_SIZE = 4096
_STATE_SEQUENCE = slice(40, 48)


def header_fits(found: bytes) -> bool:
    """Whether a pack's header is what somebody wrote, of whatever format version."""
    sealed = len(found) == PACK_HEADER and found.startswith(PACK_MAGIC)
    return sealed and xxh3_64_intdigest(found[:-8]) == int.from_bytes(found[-8:], "little")


def is_foreign(header: bytes, store_id: bytes) -> bool:
    """Whether a pack that begins with ``header`` is of another store."""
    return header_fits(header) and header[16:32] != store_id


def check_own(path: str, header: bytes, store_id: bytes) -> None:
    """Raise CorruptStoreError if the pack ``path``, which begins with ``header``, is of another store."""
    if is_foreign(header, store_id):
        raise CorruptStoreError(
            f"{path} is of another store than the STORE file; put back the one that is not of this store, or "
            "run `trove repair`"
        )


def check_store(store: str, packs: Packs) -> None:
    """Raise CorruptStoreError if the STORE file of ``store`` is of another store than all the rest of it.

    Asked before ``state``, which may be all that knows how far the log went, is overwritten as another's.
    """
    if is_state(state_of(store), packs.store_id):
        return
    headers = []
    for number in packs.numbers():
        try:
            with Path(packs.path(number)).open("rb") as file:
                headers.append(file.read(PACK_HEADER))
        except OSError:
            pass  # whoever reads the log says so
    if is_of_no_pack(store, packs.store_id, headers):
        raise CorruptStoreError(
            f"{Path(store, 'STORE')} is of another store than the packs; put back the right one, or "
            "run `trove repair`"
        )


def state_of(store: str) -> bytes:
    """What stands in ``state``; nothing where it can't be read."""
    try:
        return Path(store, "state").read_bytes()
    except OSError:
        return b""


def is_of_no_pack(store: str, store_id: bytes, headers: Sequence[bytes]) -> bool:
    """Whether the STORE file of ``store``, which says ``store_id``, is of another store than the rest of it.

    So say all packs that say anything, those with ``headers``, and ``state`` has seen no commit of its own.
    """
    owners = {header[16:32] for header in headers if header_fits(header)}
    if not owners or store_id in owners:
        return False
    page = state_of(store).ljust(_STATE_SIZE, b"\0")
    used = any(page[_STATE_SEQUENCE]) or durable_in(page)
    return not (is_state(page, store_id) and used)
