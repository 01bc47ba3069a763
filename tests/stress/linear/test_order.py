"""The search for an order finds one where there is one, and none where answers contradict each other."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from .operations import EMPTY, KEYS, Operation, read, step
from .order import unexplained


def call(
    kind: str,
    keys: str,
    time: tuple[int, int | None],
    answer: Any,
    *values: str | None,
    expected: str | None = None,
) -> Operation:
    return Operation(
        "c", kind, tuple(keys), values or (None,) * len(keys), expected, time[0], time[1], answer
    )


def test_a_read_during_a_put_may_see_either() -> None:
    put = call("put", "a", (0, 10), "done", "1")
    for answer in (None, "1"):
        assert unexplained([put, call("get", "a", (1, 9), answer)]) is None


def test_a_read_after_a_put_sees_it() -> None:
    put = call("put", "a", (0, 10), "done", "1")
    stale = call("get", "a", (11, 12), None)
    assert unexplained([put, stale]) is stale


def test_a_read_does_not_go_back() -> None:
    history = [
        call("put", "a", (0, 100), "done", "1"),
        call("get", "a", (1, 2), "1"),
        call("get", "a", (3, 4), None),
    ]
    assert unexplained(history) is not None


def test_only_one_creates() -> None:
    history = [call("put", "a", (0, 10), "done", name, expected="") for name in ("1", "2")]
    assert unexplained(history) is not None
    history[1] = replace(history[1], answer="refused")
    assert unexplained(history) is None


def test_no_update_is_lost() -> None:
    base = call("put", "a", (0, 1), "done", "1")
    history = [base, *(call("put", "a", (2, 10), "done", name, expected="1") for name in ("2", "3"))]
    assert unexplained(history) is not None


def test_a_batch_is_seen_whole() -> None:
    batch = call("batch", "ab", (0, 100), "done", "1", "2")
    assert unexplained([batch, call("list", "", (1, 2), (("a", "1"), ("b", "2")))]) is None
    assert unexplained([batch, call("list", "", (1, 2), (("a", "1"),))]) is not None


def test_a_list_is_of_one_instant() -> None:
    history = [
        call("put", "a", (0, 1), "done", "1"),
        call("list", "", (2, 100), (("a", "1"), ("b", "2"))),
        call("delete", "a", (3, 4), "done"),
        call("put", "b", (5, 6), "done", "2"),
    ]
    assert unexplained(history) is not None


def test_what_never_returned_happens_at_any_time_or_never() -> None:
    unknown = call("put", "a", (0, None), None, "1")
    assert unexplained([unknown, call("get", "a", (50, 51), "1")]) is None
    assert unexplained([unknown, call("get", "a", (50, 51), None)]) is None
    assert (
        unexplained([unknown, call("get", "a", (50, 51), "1"), call("get", "a", (60, 61), None)]) is not None
    )


def test_a_history_survives_its_file() -> None:
    listed = call("list", "", (1, 2), (("a", "1"),))
    assert read(listed.line()) == listed


def drawn(seed: int) -> list[Operation]:
    """A history of a store that does one thing at a time, asked by clients whose calls overlap."""
    draw = random.Random(seed)
    state, history = EMPTY, []
    for number in range(150):
        kind = draw.choice(["put", "get", "list", "delete", "copy", "batch"])
        keys = {"list": 0, "copy": 2, "batch": 2}.get(kind, 1)
        values = tuple(None if kind in ("delete", "get") else f"{number}.{i}" for i in range(keys))
        chosen = tuple(draw.sample(KEYS, keys))
        expected = draw.choice([None, None, "", state[0]]) if kind == "put" else None
        begin, end = 10 * number - draw.randrange(60), 10 * number + draw.randrange(60)
        operation = Operation("c", kind, chosen, values, expected, begin, end)
        answer, state = step(state, operation)
        history.append(replace(operation, answer=answer))
    draw.shuffle(history)
    return history


def test_histories_of_one_thing_at_a_time_are_explained() -> None:
    for seed in range(8):
        assert unexplained(drawn(seed)) is None, seed


def test_an_answer_of_another_time_is_noticed() -> None:
    """A read that is told what no key has held for long: nothing explains it."""
    noticed = 0
    for seed in range(8):
        history = sorted(drawn(seed), key=lambda each: each.called)
        reads = [each for each in history[100:] if each.kind == "get" and each.answer is not None]
        stale = replace(reads[0], answer="0.0")
        noticed += unexplained([stale if each is reads[0] else each for each in history]) is not None
    assert noticed == 8
