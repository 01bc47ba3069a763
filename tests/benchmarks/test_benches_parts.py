"""The parts that results pass through: wrong here, and every figure would be."""

from __future__ import annotations

import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benches.figures.figure import Figure
from benches.figures.turns import compare
from benches.report.page import page
from benches.report.results import groups
from benches.report.svg import bars, lines

from trove.testing.benchmarks import Contestant, Durability, Entry, dsn_entry
from trove.testing.benchmarks.contestant import readers
from trove.testing.benchmarks.crowd import Crowd
from trove.testing.benchmarks.workload import KIB, Library, Plan, new_objects, payloads


class Fake(Contestant):
    """Keeps objects in a dictionary; with ``lose``, gives all the same content."""

    def __init__(self, lose: bool = False) -> None:
        self._objects: dict[str, bytes] = {}
        self._lose = lose

    def put(self, key: str, data: bytes) -> None:
        self._objects["" if self._lose else key] = data

    def get(self, key: str) -> bytes:
        return self._objects["" if self._lose else key]

    def delete(self, key: str) -> None:
        self._objects.pop(key, None)

    def close(self) -> None: ...


def entry(family: str, variant: str, durability: Durability) -> Entry:
    return Entry(family, variant, durability, Fake, lambda folder: Fake())


def benchmark(name: str, seconds: float, *, ours: bool = False, operations: int = 1) -> dict[str, object]:
    extra = {
        "verb": "put",
        "size": KIB,
        "durability": "relaxed",
        "contestant": name,
        "ours": ours,
        "operations": operations,
    }
    stats = {"median": seconds, "iqr": 0.1 * seconds}
    return {"group": "put-1KiB-relaxed", "name": name, "extra_info": extra, "stats": stats}


def document(*benchmarks: dict[str, object]) -> dict[str, object]:
    machine = dict.fromkeys(
        ("processor", "cores", "memory_gib", "kernel", "file_system", "python"), "<some|thing>"
    )
    return {
        "benchmarks": list(benchmarks),
        "machine_info": {**machine, "quick": False},
        "datetime": "2026-01-02T03:04:05",
    }


def test_contents_are_the_same_in_every_run_and_all_different() -> None:
    payloads.cache_clear()
    first = list(new_objects(KIB, 50))
    payloads.cache_clear()
    assert list(new_objects(KIB, 50)) == first
    assert len({data for _, data in first}) == len({key for key, _ in first}) == 50
    assert {len(data) for _, data in first} == {KIB}


def test_wrong_answers_are_not_measured() -> None:
    plan = Plan(quick=True)
    Library(Fake(), plan)
    with pytest.raises(AssertionError, match="not read as it was put"):
        Library(Fake(lose=True), plan)


def test_readers_are_one_of_each_family_without_flushes() -> None:
    full = entry("a", "full", Durability.DURABLE)
    relaxed = entry("a", "relaxed", Durability.RELAXED)
    off = entry("a", "off", Durability.RELAXED)
    only = entry("b", "", Durability.DURABLE)
    assert readers([full, relaxed, off, only]) == [relaxed, only]


def test_a_contestant_can_what_it_overrides() -> None:
    fake = entry("a", "", Durability.MEMORY)
    assert fake.can("put")
    assert not fake.can("copy")


@pytest.mark.parametrize(
    ("dsn", "durability"),
    [
        ("mem://", Durability.MEMORY),
        ("file://{folder}", Durability.DURABLE),
        ("file://{folder}?durability=relaxed", Durability.RELAXED),
    ],
)
def test_durability_is_read_off_the_dsn(dsn: str, durability: Durability) -> None:
    assert dsn_entry(dsn).durability is durability
    assert dsn_entry(dsn, durability=Durability.DURABLE).durability is Durability.DURABLE


def test_an_unknown_driver_says_why_it_is_left_out() -> None:
    assert dsn_entry("nowhere://{folder}").missing == "no driver is registered for nowhere://"
    assert not dsn_entry("mem://").missing


def test_results_never_hold_a_password() -> None:
    assert "secret" not in repr(dsn_entry("mem://user:secret@host"))


def test_crowd_works_at_once_and_raises() -> None:
    barrier = threading.Barrier(4, timeout=30)

    def meet(number: int) -> None:
        barrier.wait()
        if number == 2:
            raise RuntimeError("two")

    with Crowd(4, meet) as crowd, pytest.raises(RuntimeError, match="two"):
        crowd.round()


def test_compare_takes_the_median_of_the_rounds() -> None:
    firsts, seconds = iter([100.0, 2.0, 9.0, 4.0]), iter([1.0, 1.0, 3.0, 1.0])
    ratio = compare(lambda: next(firsts), lambda: next(seconds), 3)
    assert (ratio.low, ratio.median, ratio.high) == (2.0, 3.0, 4.0)
    assert ratio.inverted().median == pytest.approx(1 / 3)
    assert (ratio.first, ratio.second) == (4.0, 1.0)


@pytest.mark.parametrize(
    ("value", "at_least", "met"),
    [(1.0, False, True), (1.1, False, False), (1.0, True, True), (0.9, True, False), (None, True, None)],
)
def test_a_figure_is_met_at_its_bound(value: float | None, at_least: bool, met: bool | None) -> None:
    assert Figure("x", "y", 1.0, value, at_least=at_least).met is met


def test_results_are_for_one_operation_and_ranked() -> None:
    (group,) = groups(
        document(
            benchmark("slow", 2.0), benchmark("many", 100.0, operations=100), {"group": "x", "extra_info": {}}
        )
    )
    assert [(result.contestant, result.seconds) for result in group.results] == [("many", 1.0), ("slow", 2.0)]


def test_a_file_without_results_is_refused() -> None:
    with pytest.raises(ValueError, match="no groups"):
        groups(document())


def test_the_page_names_losses() -> None:
    lost = document(benchmark("peer", 1.0), benchmark("mine", 3.0, ours=True))
    text = page(lost, groups(lost), None, None, "charts")
    assert "1 of 1 groups are won by a peer" in text
    assert "| put-1KiB-relaxed | peer | 1 s | mine | 3 s | 3.0x |" in text
    assert "<some\\|thing>" in text
    won = document(benchmark("peer", 3.0), benchmark("mine", 1.0, ours=True))
    assert "0 of 1 groups are won by a peer" in page(won, groups(won), None, None, "charts")


def test_charts_draw_every_contestant_to_scale(tmp_path: Path) -> None:
    (group,) = groups(document(benchmark("a & <b>", 0.001), benchmark("mine", 0.1, ours=True)))
    root = ElementTree.fromstring(bars(group))
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{space}rect") if "y" in bar.attrib]
    assert "a & <b>" in list(root.itertext())
    # Two decades apart on a scale that begins a decade below the smaller one.
    assert widths[1] / widths[0] == pytest.approx(3.0, abs=0.01)
    ElementTree.fromstring(lines("get", {"a": [(10, 0.1), (100, 0.2)], "b": [(10, 0.3)]}))
