"""What a store would say that has one client and keeps versions.

Of each key there is a chain, the newest version first: the version's id, and its value, ``None`` for a delete
marker. Ids are the store's to give, and ascend: one that was told must be above those before it. Where nobody
was told an id, it is ``None`` until a listing says it.
"""

from __future__ import annotations

from typing import Any

from .operations import KEYS, Operation

Chain = tuple[tuple[str | None, str | None], ...]
Chains = tuple[Chain, ...]
NONE: Chains = ((),) * len(KEYS)
OUT_OF_ORDER = "an id that is below another"  # which no store answers


def value_of(chain: Chain) -> str | None:
    return chain[0][1] if chain else None


def with_chain(state: Chains, key: str, chain: Chain) -> Chains:
    at = KEYS.index(key)
    return (*state[:at], chain, *state[at + 1 :])


def above(chain: Chain, version_id: str | None, value: str | None) -> Chain | None:
    """The chain with a new version; ``None`` if its id is not above the others."""
    newest = next((each for each, _ in chain if each is not None), None)
    if version_id is not None and newest is not None and version_id <= newest:
        return None
    return ((version_id, value), *chain)


def step(state: Chains, operation: Operation) -> tuple[Any, Chains]:
    """What a store in that state answers, and its state afterwards."""
    kind, keys = operation.kind, operation.keys
    chain = state[KEYS.index(keys[0])] if keys else ()
    if kind in ("get", "head"):
        return value_of(chain), state
    if kind == "list":
        values = zip(KEYS, map(value_of, state), strict=True)
        return tuple((key, value) for key, value in values if value is not None), state
    if kind == "versions":
        return listed(state, operation, chain)
    if kind in ("get version", "drop", "restore"):
        return of_version(state, operation, chain)
    if kind == "put" and operation.expected not in (None, value_of(chain) or ""):
        return "refused", state
    if kind == "copy":
        if value_of(chain) is None:
            return "missing", state
        return changed(state, operation, keys[1:], (value_of(chain),))
    return changed(state, operation, keys, operation.values)


def changed(
    state: Chains, operation: Operation, keys: tuple[str, ...], values: tuple[str | None, ...]
) -> tuple[Any, Chains]:
    """New versions of those keys, or markers; the answer has the ids, ``None`` for a marker."""
    told = operation.answer[1:] if isinstance(operation.answer, tuple) else (None,) * len(keys)
    for key, value, version_id in zip(keys, values, told, strict=True):
        chain = state[KEYS.index(key)]
        if value is None and value_of(chain) is None:
            continue
        longer = above(chain, version_id, value)
        if longer is None:
            return OUT_OF_ORDER, state
        state = with_chain(state, key, longer)
    return ("done", *told), state


def listed(state: Chains, operation: Operation, chain: Chain) -> tuple[Any, Chains]:
    """Ids and whether they are markers; those that nobody was told are what the answer says."""
    told = operation.answer
    if told is None:
        return None, state
    fits = len(told) == len(chain) and all(
        version_id in (None, told_id) and (value is None) == marker
        for (version_id, value), (told_id, marker) in zip(chain, told, strict=True)
    )
    if not fits:
        return tuple((version_id, value is None) for version_id, value in chain), state
    known = tuple((told_id, value) for (told_id, _), (_, value) in zip(told, chain, strict=True))
    return told, with_chain(state, operation.keys[0], known)


def of_version(state: Chains, operation: Operation, chain: Chain) -> tuple[Any, Chains]:
    wanted, key = operation.expected, operation.keys[0]
    found = [value for version_id, value in chain if version_id == wanted]
    if not found:
        return "missing", state
    if operation.kind == "get version":
        return found[0], state
    if operation.kind == "drop":
        return "done", with_chain(state, key, tuple(each for each in chain if each[0] != wanted))
    return changed(state, operation, (key,), (found[0],))
