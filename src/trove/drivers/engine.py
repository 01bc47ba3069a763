"""EngineDriver: the embedded store, ``trove:///path``."""

from __future__ import annotations

from trove._engine.engine import Engine

from ..driver import RangeDriver, ServerCopyDriver


class EngineDriver(Engine, RangeDriver, ServerCopyDriver):
    """A store in a folder."""
