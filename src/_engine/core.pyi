from typing import Literal, overload

from .background import Background
from .housekeeping import Wishes
from .index import Index
from .pack import Packs, PackWriter
from .reports import Snapshot
from .state import State
from .store import Parameters

SNAPSHOT_ROOM: int

class Core:
    """A store that this process has open, shared by all its handles; ``cores.open_core`` gives it."""

    @property
    def path(self) -> str: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def packs(self) -> Packs: ...
    @property
    def index(self) -> Index: ...
    @property
    def state(self) -> State: ...
    @property
    def writer(self) -> PackWriter: ...
    handles: int
    @property
    def waiting(self) -> int:
        """How many changes have queued up behind the commit that is under way."""

    def flush_now(self) -> None:
        """Flush what is unflushed, in its own transaction."""

    @overload
    def snapshot(self, wait: Literal[True] = ...) -> Snapshot: ...
    @overload
    def snapshot(self, wait: bool = True) -> Snapshot | None:
        """Take a snapshot of the index; ``None`` if another one is being taken and ``wait`` is False."""

    @property
    def background(self) -> Background: ...
    @property
    def wishes(self) -> Wishes: ...
