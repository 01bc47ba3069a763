"""Listing: the order of UTF-8 bytes out of folders that are in no order, and no more folders than needed."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trove
from trove.drivers import LocalDriver
from trove.drivers.local.folder import Folder

NASTY = st.one_of(
    st.sampled_from(
        ["", ".", "..", "%", "%_", "%2E", "a", "a.", "a0", "a-", "b", "a%=", "a%+", "é", "\U0001f600"]
    ),
    st.sampled_from(["x" * 240, "x" * 241, "x" * 500, "%" * 90, "é" * 130]),
)
KEYS = st.lists(NASTY, min_size=1, max_size=4).map("/".join).filter(lambda key: 0 < len(key.encode()) <= 1024)


def in_order(keys: Any) -> list[str]:
    return sorted(keys, key=str.encode)


@given(st.sets(KEYS, min_size=1, max_size=12), st.data())
@settings(max_examples=30, deadline=None)
def test_listing_order_of_nasty_keys(keys: set[str], data: st.DataObject) -> None:
    prefix = data.draw(
        st.sampled_from(sorted(keys)).flatmap(lambda k: st.sampled_from([k, k[: len(k) // 2], ""]))
    )
    size = data.draw(st.integers(1, 5))
    with TemporaryDirectory() as folder, trove.open(f"file://{folder}?durability=relaxed") as driver:
        driver.create_bucket("b")
        for key in keys:
            driver.put("b", key, key.encode())
        assert [info.key for info in driver.list("b")] == in_order(keys)
        assert pages(driver, prefix, size) == in_order(key for key in keys if key.startswith(prefix))
        for key in keys:
            assert driver.get("b", key).read() == key.encode()
            driver.delete("b", key)
        assert list(Path(folder, "b").iterdir()) == []
        driver.delete_bucket("b")


def pages(driver: trove.Driver, prefix: str, size: int) -> list[str]:
    keys: list[str] = []
    cursor = ""
    while True:
        page = driver.list("b", prefix=prefix, max_keys=size, cursor=cursor)
        keys += [info.key for info in page]
        cursor = page.next_token
        if not cursor:
            return keys


@pytest.fixture
def scanned(driver: LocalDriver, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were read, by name."""
    folders: list[str] = []
    scandir = os.scandir

    def counted(fd: int) -> Any:
        folders.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        return scandir(fd)

    monkeypatch.setattr(os, "scandir", counted)
    return folders


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="names folders by /proc")
def test_listing_reads_only_the_folders_of_its_page(driver: LocalDriver, scanned: list[str]) -> None:
    for folder in "acdefgh":
        for name in "xyz":
            driver.put("b", f"{folder}/in{folder}/{name}", b"")
    assert len(driver.list("b", max_keys=2).all()) == 2
    assert set(scanned) == {"b", "a", "ina"}
    scanned.clear()
    assert len(driver.list("b", prefix="d/ind/").all()) == 3
    assert scanned == ["ind"]
    scanned.clear()
    assert len(driver.list("b", prefix="d/in").all()) == 3
    assert set(scanned) == {"d", "ind"}
    scanned.clear()
    page = driver.list("b", max_keys=4)
    scanned.clear()
    assert [info.key for info in driver.list("b", max_keys=1, cursor=page.next_token)] == ["c/inc/y"]
    assert set(scanned) == {"b", "c", "inc"}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="names folders by /proc")
def test_listing_with_a_delimiter_reads_a_folder_once(driver: LocalDriver, scanned: list[str]) -> None:
    for number in range(20):
        driver.put("b", f"{number:02}/x", b"")
    assert len(driver.list("b", delimiter="/").prefixes) == 20
    assert scanned.count("b") == 1


def test_listing_counts_a_key_with_two_files_once(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "a", b"own")
    (root / "b" / "a%=").write_bytes(b"displaced")
    assert [info.key for info in driver.list("b")] == ["a"]
    assert driver.get("b", "a").read() == b"own"
    driver.delete("b", "a")
    assert driver.list("b").all() == []


def test_listing_shows_a_key_that_another_key_displaces(driver: LocalDriver, root: Path) -> None:
    info = driver.put("b", "a", b"1", metadata={"n": "1"})
    driver.put("b", "a/b", b"2")
    assert (root / "b" / "a" / "b").read_bytes() == b"2"
    assert (root / "b" / "a%=").read_bytes() == b"1"
    assert driver.head("b", "a") == info
    assert [found.key for found in driver.list("b")] == ["a", "a/b"]
    again = driver.put("b", "a", b"3")
    assert driver.list("b").all()[0] == again
    driver.delete("b", "a/b")
    assert not (root / "b" / "a").exists()
    assert driver.get("b", "a").read() == b"3"


def test_listing_looks_again_at_a_folder_that_changes(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system may leave a name out of a scan when it is renamed over meanwhile."""
    driver.put("b", "k", b"x")
    entries = Folder.entries
    scans = 0

    def without_the_key(self: Folder) -> Iterator[tuple[bytes, bool, bool]]:
        nonlocal scans
        scans += 1
        if scans == 1:
            driver.put("b", "k", b"y")
            return (entry for entry in list(entries(self)) if entry[0] != b"k")
        return entries(self)

    monkeypatch.setattr(Folder, "entries", without_the_key)
    assert [info.key for info in driver.list("b")] == ["k"]
