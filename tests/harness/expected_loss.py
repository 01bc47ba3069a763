"""What damage to a store's files may cost, and what it must not: by comparing bytes, not by the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .log_map import LogMap, Range
from .small_store import History, Place

PACK_HEADER = 64


@dataclass
class Whole:
    """A store before the damage: its files, its history, its log."""

    kind: str
    path: Path
    history: History
    log: LogMap


class Damage:
    """What is left of the store ``whole`` in the folder ``store``; some may be of the store ``other``."""

    def __init__(self, whole: Whole, store: Path, other: Whole, accidents: Sequence[str]) -> None:
        self.whole = whole
        self.other = other
        self._moved = any(said.startswith(("duplicate", "swap")) for said in accidents)
        self._before = {path.name: path.read_bytes() for path in whole.path.glob("packs/*.pack")}
        self._after = {path.name: path.read_bytes() for path in store.glob("packs/*.pack")}
        self._store = store
        self.same_log = self._before == self._after
        self.store_file = self._same("STORE")
        self.index = self._same("index/data.mdb")
        self.state = self._same("state", but=range(16, 32))  # where it was made to be of this boot
        self.snapshots = all(self._same(f"snapshots/{path.name}") for path in whole.path.glob("snapshots/*"))

    def _same(self, name: str, but: range = range(0)) -> bool:
        path = self._store / name
        if not path.exists():
            return False
        before, after = ((each / name).read_bytes() for each in (self.whole.path, self._store))
        return before[: but.start] + before[but.stop :] == after[: but.start] + after[but.stop :]

    def _intact(self, where: Range) -> bool:
        pack, start, end = where
        after = self._after.get(pack, b"")
        return len(after) >= end and after[start:end] == self._before[pack][start:end]

    @cached_property
    def commits(self) -> set[int]:
        """The numbers of the damaged ones."""
        return {number for number, where in self.whole.log.commits.items() if not self._intact(where)}

    @cached_property
    def packs_whole(self) -> bool:
        """Whether each pack is there with a header that fits."""
        return all(self._intact((name, 0, PACK_HEADER)) for name in self._before)

    @cached_property
    def a_pack_says_whose(self) -> bool:
        """Whether some pack, whatever it is called, has the header of one of this store."""
        heads = {raw[:PACK_HEADER] for raw in self._before.values()}
        return any(raw[:PACK_HEADER] in heads for raw in self._after.values())

    @cached_property
    def is_itself(self) -> bool:
        """Whether what is left says which store it is; else it may even be taken for the other one."""
        if self.a_pack_says_whose:
            return True
        # The word of the STORE file alone does not stand against that of all packs.
        theirs = {path.read_bytes()[:PACK_HEADER] for path in self.other.path.glob("packs/*.pack")}
        outvoted = any(raw[:PACK_HEADER] in theirs for raw in self._after.values())
        return self.store_file and (self.state or not outvoted)

    @cached_property
    def known(self) -> bool:
        """Whether the index and ``state`` can be trusted to have everything."""
        return self.index and self.state and self.whole.kind != "died elsewhere"

    @cached_property
    def gone(self) -> set[int]:
        """The numbers of those commits that are nowhere else either."""
        found = set()
        for number in self.commits:
            pack, start, end = self.whole.log.commits[number]
            record = self._before[pack][start:end]
            if not any(record in raw for raw in self._after.values()):
                found.add(number)
        return found

    @cached_property
    def tail(self) -> int | None:
        """The commit from which on all are damaged, if nothing that is left says that they were there.

        Of a writer that died with its machine nobody knows whether it wrote all of its last one and its data.
        """
        last = first = len(self.whole.log.commits)
        whole = all(
            self.data(place) and self._heads(place)
            for place, number in self.whole.log.last.items()
            if number == last
        )
        if last not in self.commits and whole:
            return None
        if self.state and self.whole.kind != "died elsewhere":
            return None
        while not self.state and first - 1 in self.commits:
            first -= 1
        return None if any(number < first for number in self.gone) else first

    def data(self, place: Place) -> bool:
        """Whether all bytes of an object are there."""
        return all(self._intact(where) for where in self.whole.log.data.get(place, []))

    def _heads(self, place: Place) -> bool:
        """Whether all extents that its bytes are in say of themselves what they are."""
        return all(
            self._intact(head)
            for pack, start, _ in self.whole.log.data.get(place, [])
            for (other, begin, end), head in self.whole.log.heads.items()
            if pack == other and begin <= start < end
        )

    @cached_property
    def live_data(self) -> bool:
        """Whether those of all objects are."""
        return all(self.data(place) for place in self.whole.history.current)

    def spares(self, place: Place) -> bool:
        """Whether an object must be there after a repair, as it was."""
        if not self.data(place) or not self.is_itself:
            return False
        if not self._heads(place) and self.may_forget(place):
            return False  # as if the power had taken it
        reached = not self.commits or self.whole.log.last[place] < min(self.commits)
        return self.known or (reached and self.packs_whole)

    def may_forget(self, place: Place) -> bool:
        """Whether nothing that is left knows of the last change of an object."""
        if not self.is_itself:
            return True
        return self.tail is not None and self.whole.log.last[place] >= self.tail

    def may_be_unknown(self, place: Place) -> bool:
        """Whether the record of its last change is damaged or hidden, so that nobody can name it.

        The head of an extent that stands a second time where another record was hides what comes after it,
        as if it were that extent's data.
        """
        last = self.whole.log.last[place]
        if self.commits & self.whole.log.needs.get(place, set()):
            return True
        return last in self.commits or (self._moved and last > min(self.commits, default=last))
