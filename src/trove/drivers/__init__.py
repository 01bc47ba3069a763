"""The drivers, one module per backend; :func:`trove.open` finds them by the scheme of a DSN."""

from .local import LocalDriver
from .memory import MemoryDriver

__all__ = ["LocalDriver", "MemoryDriver"]
