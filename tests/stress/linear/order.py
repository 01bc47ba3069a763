"""The search for an order that explains every answer (after Wing and Gong, with Lowe's memory)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .operations import EMPTY, Operation, step


class Event:
    """A call or a return, in a list from which both of an operation can be taken and put back."""

    __slots__ = ("after", "before", "ending", "number")

    def __init__(self, number: int, ending: Event | None) -> None:
        self.number = number
        self.ending = ending  # of a call: its return
        self.before: Event | None = None
        self.after: Event | None = None

    def take_out(self) -> None:
        assert self.before is not None
        self.before.after = self.after
        if self.after is not None:
            self.after.before = self.before

    def put_back(self) -> None:
        assert self.before is not None
        self.before.after = self
        if self.after is not None:
            self.after.before = self


def _events(operations: list[Operation]) -> Event:
    """All calls and returns by time, behind an event that is none; those that never returned end last."""
    never = 1 + max((each.returned or each.called for each in operations), default=0)
    timed: list[tuple[int, int, Event]] = []
    for number, operation in enumerate(operations):
        ending = Event(number, None)
        timed.append((operation.called, 0, Event(number, ending)))
        timed.append((never if operation.returned is None else operation.returned, 1, ending))
    timed.sort(key=lambda each: each[:2])
    first = last = Event(-1, None)
    for *_, event in timed:
        last.after, event.before = event, last
        last = event
    return first


def unexplained(
    operations: Iterable[Operation],
    step: Callable[[Any, Operation], tuple[Any, Any]] = step,
    empty: Any = EMPTY,
) -> Operation | None:
    """None if there is an order that explains all answers; else an operation that none got beyond.

    ``step`` says what a store answers, and what it is like then; at first it is ``empty``.

    An operation takes its place between its call and its return; one that never returned at any later time,
    or at none.
    """
    history = list(operations)
    first = _events(history)
    left = sum(operation.returned is not None for operation in history)
    state, done = empty, 0
    seen: set[tuple[int, Any]] = set()
    path: list[tuple[Event, Any]] = []
    furthest, stuck = -1, None
    event = first.after
    while left:
        assert event is not None
        operation = history[event.number]
        if event.ending is not None:
            answer, following = step(state, operation)
            if operation.returned is None or answer == operation.answer:
                reached = done | 1 << event.number, following
                if reached not in seen:
                    seen.add(reached)
                    path.append((event, state))
                    done, state = reached
                    left -= operation.returned is not None
                    event.take_out()
                    event.ending.take_out()
                    event = first.after
                    continue
            event = event.after
            continue
        # The return of an operation that has no place before it: another order is tried.
        if len(path) > furthest:
            furthest, stuck = len(path), operation
        if not path:
            return stuck
        event, state = path.pop()
        assert event.ending is not None
        done &= ~(1 << event.number)
        left += history[event.number].returned is not None
        event.ending.put_back()
        event.put_back()
        event = event.after
    return None
