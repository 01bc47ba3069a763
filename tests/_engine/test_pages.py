"""LMDB never sees an index with damaged pages: it is found out first, and made anew from the log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from harness.sound_pages import is_sound, is_sound_to_lmdb

from trove._engine.pages import check_pages
from trove.drivers.engine import EngineDriver

PAGE = 4096
KINDS = ("bit", "header", "blank", "other", "past")


def opened(path: Path, mode: str = "rw") -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{path}?durability=relaxed&mode={mode}")
    return driver


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose index has branches, values in pages of their own and free pages."""
    path = tmp_path_factory.mktemp("history") / "store"
    random = Random(7)
    driver = EngineDriver()
    driver.open(f"trove://{path}?durability=relaxed&chunk_size=1024")
    driver.create_bucket("b")
    for i in range(700):
        size = random.choice([9, 900, 2000, 40_000])
        driver.put("b", f"{i:04}" + "k" * random.choice([0, 200]), random.randbytes(size))
    for i, info in enumerate(list(driver.list("b"))):
        if i % 3 == 0:
            driver.delete("b", info.key)
    driver.close()
    return path


@pytest.fixture
def store(history: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(history, tmp_path / "store")


def used_pages(raw: bytes) -> int:
    """How many pages of an index's file have ever been used."""
    last = 24 + 24 + 2 * 48
    return 1 + max(int.from_bytes(raw[page + last : page + last + 8], "little") for page in (0, PAGE))


def damaged(raw: bytes, kind: str, random: Random) -> bytes:
    """What is left of an index's file after an accident of that kind."""
    pages = used_pages(raw)
    changed = bytearray(raw)
    start = random.randrange(pages) * PAGE
    other = random.randrange(pages) * PAGE
    if kind == "bit":
        changed[start + random.randrange(PAGE)] ^= 1 << random.randrange(8)
    elif kind == "header":
        changed[start + random.randrange(64)] = random.randrange(256)
    elif kind == "blank":
        changed[start : start + PAGE] = bytes(PAGE)
    elif kind == "other":
        changed[start : start + PAGE] = raw[other : other + PAGE]
    else:
        del changed[max(start, PAGE) :]  # one of no length is none
    return bytes(changed)


def accidents(count: int) -> Iterator[tuple[str, int]]:
    for seed in range(count):
        yield KINDS[seed % len(KINDS)], seed


@pytest.mark.parametrize("count", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_nothing_passes_that_lmdb_can_not_be_trusted_with(store: Path, count: int) -> None:
    file = store / "index" / "data.mdb"
    raw = file.read_bytes()
    caught = 0
    for kind, seed in accidents(count):
        file.write_bytes(damaged(raw, kind, Random(seed)))
        if is_sound(file):
            assert is_sound_to_lmdb(file), (kind, seed)
        else:
            caught += 1
    assert caught > count // 4


def test_a_sound_index_passes(store: Path) -> None:
    file = store / "index" / "data.mdb"
    assert is_sound(file)
    assert is_sound_to_lmdb(file)
    for count in (1, 40, 3):
        with opened(store) as driver:
            for i in range(count):
                driver.put("b", f"more {count} {i}", bytes(3000))
            for info in list(driver.list("b"))[::2]:
                driver.delete("b", info.key)
        assert is_sound(file)
        assert is_sound_to_lmdb(file)


def test_pages_that_held_the_middle_of_a_long_row_pass(tmp_path: Path) -> None:
    """LMDB begins a table that was empty on one of them, and leaves in its head what was there."""
    random = Random(1)
    left = set()
    index = tmp_path / "store" / "index" / "data.mdb"
    with EngineDriver() as driver:
        driver.open(f"trove://{tmp_path}/store?durability=relaxed&chunk_size=1024")
        driver.create_bucket("b")
        for _ in range(20):
            driver.put("b", "long", random.randbytes(1_000_000))  # the only list, of hundreds of chunks
            check_pages(str(index))
            raw = index.read_bytes()
            left |= {raw[at + 16 : at + 18] for at in range(2 * PAGE, len(raw), PAGE) if raw[at + 18] == 2}
            driver.delete("b", "long")
    assert left > {bytes(2)}, "no page came to that"


def test_an_empty_index_passes(tmp_path: Path) -> None:
    opened(tmp_path / "store").close()
    assert is_sound(tmp_path / "store" / "index" / "data.mdb")
    check_pages(str(tmp_path / "nothing"))


@pytest.mark.parametrize("mode", ["rw", "r"])
@pytest.mark.parametrize("count", [15, pytest.param(400, marks=pytest.mark.slow)])
def test_a_store_with_such_an_index_opens_and_has_everything(store: Path, mode: str, count: int) -> None:
    """LMDB would end the process, hang, or miss keys; it is not even asked."""
    with opened(store) as driver:
        expected = {info.key: driver.get("b", info.key).read() for info in driver.list("b")}
    file = store / "index" / "data.mdb"
    raw, state = file.read_bytes(), (store / "state").read_bytes()
    for kind, seed in accidents(count):
        (store / "state").write_bytes(state)
        file.write_bytes(damaged(raw, kind, Random(seed)))
        with opened(store, mode) as driver:
            found = {info.key: driver.get("b", info.key).read() for info in driver.list("b")}
            assert found == expected, (kind, seed)


def test_the_file_that_was_closed_in_this_boot_is_not_gone_through(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trove._engine import recovery

    asked: list[str] = []
    monkeypatch.setattr(recovery, "check_pages", asked.append)
    opened(store).close()  # a copy: closed here from now on
    asked.clear()
    opened(store).close()
    assert not asked
    file = store / "index" / "data.mdb"
    file.write_bytes(file.read_bytes())
    opened(store).close()
    assert asked == [str(file)]


def test_it_is_told_that_an_index_was_damaged(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = store / "index" / "data.mdb"
    file.write_bytes(b"\xff" * PAGE + file.read_bytes()[PAGE:])
    opened(store).close()
    assert "page 0 of" in caplog.text
    assert "from the log" in caplog.text
