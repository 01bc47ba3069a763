"""The memory driver (``mem://``): the contract's reference implementation.

It is private to its handle, empty at each ``open`` and gone at ``close``. One lock guards it all, and
every change is made in one hold of it; data is read from the caller before, so that nobody waits for
somebody else's stream.
"""

from .driver import MemoryDriver

__all__ = ["MemoryDriver"]
