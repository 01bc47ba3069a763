from collections.abc import Callable
from contextlib import AbstractContextManager

from .core import Core
from .store import Parameters

def open_core(path: str, make_parameters: Callable[[], Parameters] | None, readonly: bool = False) -> Core:
    """The core for the store at ``path``, made if it is not there; shared with other handles on it."""

def close_core(core: Core) -> None:
    """Let go of one handle; with the last one the store is flushed and closed."""

def alone_with(path: str) -> AbstractContextManager[None]:
    """Hold the store at ``path``, so that nobody opens it. Raises InvalidArgumentError if somebody has."""
