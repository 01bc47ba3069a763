"""What clients ask of a store, what they were told, and what a store would say that has one client."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

KEYS = ("a", "b", "c")

# What each key holds: the name of a value, None where there is none.
State = tuple[str | None, ...]
EMPTY: State = (None,) * len(KEYS)


@dataclass(frozen=True)
class Operation:
    """One call. Without ``returned`` and ``answer`` its client died in it: it may have happened or not."""

    client: str
    kind: str
    keys: tuple[str, ...]
    values: tuple[str | None, ...]  # one for each key: what it is to hold; None deletes it
    # Of a conditional put: the value that must be there, "" for none at all. Of a call on a version: its id.
    expected: str | None
    called: int  # nanoseconds, of a clock that all clients share
    returned: int | None = None
    answer: Any = None

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def read(line: str) -> Operation:
    """The operation that ``line`` gave."""
    fields = json.loads(line)
    answer = fields.pop("answer")
    for name in ("keys", "values"):
        fields[name] = tuple(fields[name])
    return Operation(**fields, answer=plain(answer))


def plain(answer: Any) -> Any:
    """An answer as JSON gives it back, its lists hashable."""
    return tuple(plain(each) for each in answer) if isinstance(answer, list | tuple) else answer


def with_value(state: State, key: str, value: str | None) -> State:
    at = KEYS.index(key)
    return (*state[:at], value, *state[at + 1 :])


def step(state: State, operation: Operation) -> tuple[Any, State]:
    """What a store in that state answers, and its state afterwards."""
    kind, keys, values = operation.kind, operation.keys, operation.values
    held = state[KEYS.index(keys[0])] if keys else None
    if kind in ("get", "head"):
        return held, state
    if kind == "list":
        return tuple((key, value) for key, value in zip(KEYS, state, strict=True) if value is not None), state
    if kind == "put" and operation.expected is not None and operation.expected != (held or ""):
        return "refused", state
    if kind == "copy":
        return ("missing", state) if held is None else ("done", with_value(state, keys[1], held))
    for key, value in zip(keys, values, strict=True):
        state = with_value(state, key, value)
    return "done", state
