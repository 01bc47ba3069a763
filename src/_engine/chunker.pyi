from typing import Final, Self, final

from typing_extensions import Buffer

__all__ = ["KERNELS", "MAXIMUM_LIMIT", "Chunker", "parameters"]

KERNELS: Final[tuple[str, ...]]
"""The scanning loops that this machine has, fastest first. All of them cut alike."""

MAXIMUM_LIMIT: Final[int]
"""A chunk's maximum is smaller than this many bytes."""

def parameters(chunk_size: int) -> tuple[int, int, int, int]:
    """``(minimum, normal, maximum, level)`` for chunks of about ``chunk_size`` bytes on average.

    The minimum is half of ``chunk_size``, the maximum four times it, the normal size 25/32 of it, the
    level 2. Random data comes out within a tenth of ``chunk_size`` (within 2 % for powers of two from 4,096:
    the hash tests a whole number of bits), text about a tenth below that.

    Chosen by measurement at 65,536, on the standard libraries of eight Python versions one behind the other,
    on one of them after 400 small edits, and on programs after 200. With equal averages, minima of an
    eighth, a quarter and a half found the same duplicates (22.7, 22.8 and 22.2 % of the edited library), but
    nothing below the minimum need be scanned: a half is 1.5 times as fast as a quarter. Level 1 finds no more
    and spreads the lengths; level 3 loses a sixth of what the versions share. A maximum of twice the size
    loses a little in programs, and eight times gains nothing.

    Raises InvalidArgumentError if ``chunk_size`` is below 128 bytes or 4 MiB and more.
    """

@final
class Chunker:
    """Cuts bytes into chunks by their content.

    A chunk has at least ``minimum`` bytes, unless it is the last, and at most ``maximum``; most end soon
    after ``normal``. Up to ``normal`` the hash must have ``level`` more bits zero than log2(normal), after it
    ``level`` fewer (0 to 4). Sizes are in bytes: 64 <= minimum <= normal <= maximum < MAXIMUM_LIMIT.

    Equal parameters and equal bytes give equal cuts on every machine and in every release: stores rely on it.
    Immutable, so threads may share it. Raises InvalidArgumentError for parameters outside these bounds, and
    for a ``kernel`` that is not one of KERNELS.
    """

    @property
    def minimum(self) -> int: ...
    @property
    def normal(self) -> int: ...
    @property
    def maximum(self) -> int: ...
    @property
    def level(self) -> int: ...
    @property
    def kernel(self) -> str: ...
    def __new__(
        cls, minimum: int, normal: int, maximum: int, level: int, *, kernel: str | None = None
    ) -> Self: ...
    def cuts(self, data: Buffer) -> list[int]:
        """The lengths in bytes of the chunks of ``data``, in order; their sum is its length.

        To cut a stream piece by piece, give at least ``maximum`` bytes or all that is left, and go on after
        the first chunk: what follows it may be cut otherwise once more bytes are known. Runs without the
        GIL; ``data`` must be contiguous and stay as it is meanwhile. Raises BufferError if it is not
        contiguous and TypeError if it is no buffer.
        """
