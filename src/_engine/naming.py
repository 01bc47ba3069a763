"""Naming: what makes the id of a chunk out of its bytes, in a store of either hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_digest

from trove.errors import InvalidDSNError

if TYPE_CHECKING:
    from .store import Parameters

ID_BYTES = 16


def blake3_hash() -> Any:
    """The hash of the package blake3. Raises InvalidDSNError when it is not installed."""
    try:
        from blake3 import blake3
    except ImportError as error:
        raise InvalidDSNError(
            "a store with hash=blake3 needs a package that is missing; install it with: "
            "pip install 'trove-engine[blake3]'"
        ) from error
    return blake3


def namer(parameters: Parameters) -> Callable[[bytes | memoryview], bytes]:
    """What makes ids in a store of those parameters. Raises what ``blake3_hash`` raises."""
    if parameters.hash != "blake3":
        return xxh3_128_digest
    blake3 = blake3_hash()

    def name(data: bytes | memoryview) -> bytes:
        digest: bytes = blake3(data).digest(ID_BYTES)
        return digest

    return name
