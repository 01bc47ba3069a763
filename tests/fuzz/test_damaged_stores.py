"""Whatever happens to a store's files: right bytes or a typed error, and a repair that saves what is whole.

Each case is one seed: accidents to one or several files of a small store, which is then opened, read, listed,
verified, written to, repaired, and all of that again. Set FUZZ_SEED to begin from another number; what fails
says how it is run again by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import small_compactions
from harness.alone import alone
from harness.hostile_rounds import made
from harness.index_rows import cut_of, references, rows_of
from harness.planted_faults import PLANTED

TESTS = Path(__file__).parent.parent
FIRST = int(os.environ.get("FUZZ_SEED", "0"))
FORGED = "the checksum of a commit is not checked"


def ran(what: str, folder: Path, first: int, count: int) -> Any:
    command = [sys.executable, "-m", "harness.hostile_rounds", what, str(folder), str(first), str(count)]
    run = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=60 + 5 * count)
    assert run.returncode == 0, run.stderr[-5000:]
    return json.loads(run.stdout)


def check(folder: Path, first: int, count: int) -> None:
    report = ran("rounds", folder, first, count)
    said = [
        f"python -m harness.hostile_rounds rounds {folder} {each['seed']} 1\n"
        f"# {each['kind']}: {each['accidents']}\n{each['said']}"
        for each in report["failures"]
    ]
    assert report["cases"] == count
    assert not said, f"{len(said)} of {count} failed; in {TESTS}:\n" + "\n".join(said)


@alone()
def test_the_compacted_stores_have_what_only_compaction_leaves(tmp_path: Path) -> None:
    for whole in made(tmp_path):
        if whole.kind not in small_compactions.MAKERS:
            continue
        rows = rows_of(whole.path, tmp_path / "scratch")
        packs = {int(path.stem) for path in whole.path.glob("packs/*.pack")}
        named = {pack for each in rows["lists"].values() for _, _, pack, _, _ in references(each)}
        assert min(packs) > 1
        assert named - packs, f"{whole.kind}: every list says where its chunks are"
        assert 0 < cut_of(rows) <= whole.log.begins
        assert len(whole.log.snapshots) == 2
        halves = any(whole.log.moves[place] for place in whole.history.current if place in whole.log.moves)
        assert halves or whole.kind == "compacted twice"


def test_some_damaged_stores(memory_folder: Path) -> None:
    check(memory_folder / "some", FIRST, 50)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_thousands_of_damaged_stores(memory_folder: Path, part: int) -> None:
    check(memory_folder / str(part), FIRST + 500 * part, 500)


@pytest.fixture(scope="module")
def found(memory_folder: Path) -> dict[str, str]:
    said: dict[str, str] = ran("found", memory_folder / "planted", 0, 80)
    shutil.rmtree(memory_folder / "planted")
    return said


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*PLANTED, FORGED])
def test_a_planted_fault_is_found(found: dict[str, str], fault: str) -> None:
    words = "has bytes that nobody put there" if fault == FORGED else PLANTED[fault].words
    assert found[fault], "nobody noticed"
    assert words in found[fault]
