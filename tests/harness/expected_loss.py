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
        kept = {number for number in whole.log.snapshots if self._kept(number)}
        self.snapshots = kept == whole.log.snapshots
        self.spoiled = {n for n in whole.log.snapshots - kept if self._has(n)}
        # What an index can be made from with the log: a snapshot, or nothing.
        self.bases = kept if whole.log.begins else kept | {0}

    def _same(self, name: str, but: range = range(0)) -> bool:
        path = self._store / name
        if not path.exists():
            return False
        before, after = ((each / name).read_bytes() for each in (self.whole.path, self._store))
        return before[: but.start] + before[but.stop :] == after[: but.start] + after[but.stop :]

    def _kept(self, number: int) -> bool:
        return all(self._same(f"snapshots/{number:020d}.{suffix}") for suffix in ("mdb", "xxh3"))

    def _has(self, number: int) -> bool:
        """Whether a snapshot is there, and not as it was."""
        name = f"snapshots/{number:020d}"
        sums = self._store / f"{name}.xxh3"
        before = (self.whole.path / f"{name}.xxh3").read_bytes().strip()
        written = sums.read_bytes().strip() if sums.exists() else b""
        return (self._store / f"{name}.mdb").exists() and (written != before or not self._same(f"{name}.mdb"))

    def _intact(self, where: Range) -> bool:
        pack, start, end = where
        after = self._after.get(pack, b"")
        return len(after) >= end and after[start:end] == self._before[pack][start:end]

    @cached_property
    def commits(self) -> set[int]:
        """The numbers of the damaged ones: of two records of one each will do."""
        found = self.whole.log.commits.items()
        return {number for number, places in found if not any(map(self._intact, places))}

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
        return self.index and self.state and not self.whole.kind.endswith("died elsewhere")

    @cached_property
    def gone(self) -> set[int]:
        """The numbers of those that are nowhere else either, and that the oldest snapshot does not have."""
        found = set()
        least = min(self.bases, default=0)
        for number in self.commits:
            pack, start, end = self.whole.log.commits[number][0]
            record = self._before[pack][start:end]
            if number > least and not any(record in raw for raw in self._after.values()):
                found.add(number)
        return found

    @cached_property
    def tail(self) -> int | None:
        """The first that is damaged at the end, if nothing that is left says that there were later ones.

        Of a writer that died with its machine nobody knows whether it wrote all of the last one, and of those
        that it had not flushed, and their data.
        """
        if self.state and not self.whole.kind.endswith("died elsewhere"):
            return None
        log = self.whole.log
        unsure = range(max(log.settled, log.begins + 1), max(log.commits) + 1)
        torn = self.commits.intersection(unsure)
        for place in log.data:
            if not self.data(place) or not self._heads(place):
                torn |= {log.last[place], *log.moves[place]}.intersection(unsure)
        if not torn:
            return None
        first = min(torn)
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
        if not self.data(place) or not self.is_itself or self.misplaced(place):
            return False
        if not self._heads(place) and self.may_forget(place):
            return False  # as if the power had taken it
        last = max(self.whole.log.last[place], *self.whole.log.moves.get(place, ()), 0)
        reached = any(not any(base < number <= last for number in self.commits) for base in self.bases)
        return self.known or (reached and self.packs_whole)

    def misplaced(self, place: Place) -> bool:
        """Whether nothing that is left says where all its chunks were moved to."""
        moves = self.whole.log.moves.get(place, set())
        lost = {number for number in moves if number > max(self.bases, default=0)}
        if self.known or not lost:
            return False
        return bool(lost & self.commits) or (self.tail is not None and max(lost) >= self.tail)

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
        if not self.bases and last <= self.whole.log.begins:
            return True
        return last in self.commits or (self._moved and last > min(self.commits, default=last))
