from threading import Event
from typing import Literal, overload

from .core import Core
from .reports import CompactReport, Progress

DEAD_SHARE: int
ACTIVE_DEAD: int
ROUND: int
LEAST_GAIN: int
KEPT_SHARE: int
KEPT_LEAST: int
KEPT_MOST: int

def leave_if_asked(core: Core) -> None: ...
def let_go_of_removed(core: Core) -> None: ...
def space_of(core: Core) -> dict[int, tuple[int, int, int]]: ...
@overload
def compact(
    core: Core,
    progress: Progress | None = None,
    *,
    wait: Literal[True] = True,
    stopped: Event | None = None,
    gentle: bool = False,
) -> CompactReport: ...
@overload
def compact(
    core: Core,
    progress: Progress | None = None,
    *,
    wait: bool,
    stopped: Event | None = None,
    gentle: bool = False,
) -> CompactReport | None: ...
