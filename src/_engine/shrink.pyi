from .core import Core

WASTE: int

def is_wasteful(core: Core) -> bool:
    """Whether much of the index is pages that nothing is in any more."""

def shrink(core: Core) -> bool:
    """Make the index as small as it can be, if that is worth it and nobody else has the store open."""
