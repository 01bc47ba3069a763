"""Histories: what a workload was told of its writes, and what a store may hold that was cut off from power.

An actor is a thread of the workload, and has keys of its own; so at each moment its writes stand in one
order. What is left of them must be a beginning of it, whole writes all of them, and hold what was promised:
with full durability what was acknowledged, otherwise what was flushed. Over the actors it is a beginning as
well: with a write there is everything that was acknowledged before it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .medium import Folder, Medium, Naming
from .trace import Event, Kind

Contents = dict[str, str]  # the digest of each object, by bucket and key, with a slash in between
Changes = dict[str, str | None]  # the digests that a write brings about, ``None`` where nothing is left

NEVER = 1 << 62


@dataclass
class Write:
    """One call that writes. Moments are numbers of events."""

    changes: Changes
    begun: int
    done: int = NEVER
    raised: int = NEVER


@dataclass
class Actor:
    full: bool
    writes: list[Write] = field(default_factory=list)
    base: Contents = field(default_factory=dict)  # what there was at first of its keys


@dataclass
class Flush:
    """A call that returns when everything before it is durable."""

    begun: int
    done: int = NEVER


class History:
    """``events`` are a workload's; ``base`` is what there was at first, on the medium."""

    def __init__(self, events: list[Event], base: Contents) -> None:
        self.actors: dict[str, Actor] = {}
        self.flushes: dict[str, Flush] = {}
        self.opened = 0  # the moment when it was, where it is a recovery that was recorded
        for name in sorted(base):
            self.actors.setdefault(owner(name), Actor(full=True)).base[name] = base[name]
        for moment, event in enumerate(events):
            if event.kind is Kind.MARK:
                self._note(moment, **event.mark)

    def _note(
        self, moment: int, what: str, actor: str = "", full: bool = False, changes: Changes | None = None
    ) -> None:
        if what == "actor":
            self.actors.setdefault(actor, Actor(full)).full = full
        elif what == "write":
            self.actors[actor].writes.append(Write(changes or {}, moment))
        elif what == "done":
            self.actors[actor].writes[-1].done = moment
        elif what == "raised":
            self.actors[actor].writes[-1].raised = moment
        elif what == "flush":
            self.flushes[actor] = Flush(moment)
        elif what == "flushed":
            self.flushes[actor].done = moment
        elif what == "opened":
            self.opened = moment
        else:
            raise AssertionError(f"nobody knows what it means that {what}")

    def wrong(self, found: Contents, medium: Medium) -> str:
        """What is wrong with the contents of a store after a cut at this moment; empty when nothing is."""
        moment = medium.played
        strangers = {name for name in found if owner(name) not in self.actors}
        if strangers:
            return f"there is what nobody wrote: {sorted(strangers)}"
        durable = max(durable_before(medium), self._flushed_before(moment))
        counts: dict[str, int] = {}
        possible: dict[str, list[int]] = {}
        writes: dict[str, list[Write]] = {}
        for name, actor in self.actors.items():
            writes[name] = [w for w in actor.writes if w.begun < moment and w.raised > moment]
            mine = {key: digest for key, digest in found.items() if owner(key) == name}
            possible[name] = beginnings(actor.base, writes[name], mine)
            if not possible[name]:
                differences = difference(actor, writes[name], mine)
                return f"what is there of {name} is at no moment of its history: {differences}"
            # What was acknowledged with full durability, or flushed since.
            before = moment if actor.full else durable
            counts[name] = sum(w.done < before for w in writes[name])
        return agreement(writes, possible, counts)

    def _flushed_before(self, moment: int) -> int:
        """What was acknowledged before that moment is durable, as calls said that returned."""
        return max((flush.begun for flush in self.flushes.values() if flush.done < moment), default=0)


def owner(name: str) -> str:
    """The actor whose object or bucket it is: objects are named bucket/actor.key, buckets actor.bucket."""
    return name.rpartition("/")[2].partition(".")[0]


def durable_before(medium: Medium) -> int:
    """The moment before which everything that was written to the log has been flushed since."""
    moments = [
        write.event
        for path, file in medium.files()
        if path.endswith(".pack")
        for write in file.pending
        if write.data
    ]
    moments += [naming.event for naming in medium.namings if leads_to_the_log(naming)]
    return min(moments, default=medium.played)


def leads_to_the_log(naming: Naming) -> bool:
    """Whether it is the name of a pack, or of what packs are found by."""
    node = naming.node
    return naming.name.endswith(".pack") or naming.name == "STORE" or isinstance(node, Folder)


def beginnings(base: Contents, writes: list[Write], found: Contents) -> list[int]:
    """After how many of the writes this is what is there."""
    now = dict(base)
    numbers = [0] if now == found else []
    for number, write in enumerate(writes, 1):
        for name, digest in write.changes.items():
            if digest is None:
                now.pop(name, None)
            else:
                now[name] = digest
        if now == found:
            numbers.append(number)
    return numbers


def agreement(writes: dict[str, list[Write]], possible: dict[str, list[int]], least: dict[str, int]) -> str:
    """Whether the actors' beginnings can be one of the store's, and hold at least so many writes each.

    The smallest numbers that can be are looked for: a write that is there asks for those before it, of all
    actors.
    """
    counts = dict(least)
    while True:
        for name, numbers in possible.items():
            enough = [number for number in numbers if number >= counts[name]]
            if not enough:
                lost = writes[name][max(numbers) : counts[name]]
                return f"of {name} is missing what was promised, or what came before that is there: {lost}"
            counts[name] = enough[0]
        before = dict(counts)
        for name, count in before.items():
            if count:
                begun = writes[name][count - 1].begun
                for other in counts:
                    counts[other] = max(counts[other], sum(w.done < begun for w in writes[other]))
        if counts == before:
            return ""


def difference(actor: Actor, writes: list[Write], found: Contents) -> str:
    """In words, held against the history's end."""
    now: dict[str, str] = dict(actor.base)
    for write in writes:
        now.update({name: digest or "" for name, digest in write.changes.items()})
    now = {name: digest for name, digest in now.items() if digest}
    names = sorted(name for name in now | found if now.get(name) != found.get(name))
    return ", ".join(f"{name} is {found.get(name)} and in the end {now.get(name)}" for name in names[:8])
