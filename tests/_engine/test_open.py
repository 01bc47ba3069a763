"""Opening: what a DSN may say, what a folder may be, and who may look into it. A refusal changes nothing."""

from __future__ import annotations

import builtins
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.damage import Damaged
from harness.files import as_another_user, reachable_folder, tree, unchanged
from xxhash import xxh3_128_hexdigest

import trove
from trove.drivers.engine import EngineDriver
from trove.errors import (
    CorruptStoreError,
    InvalidArgumentError,
    InvalidDSNError,
    NotFoundError,
    StorageIOError,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Damaged(tmp_path_factory.mktemp("made") / "store").path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A closed store with some content."""
    return shutil.copytree(made, tmp_path / "store")


def opened(path: Path | str, **options: Any) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{path}", **options)
    return driver


def refused(error: type[Exception], match: str, path: Path, **options: Any) -> None:
    """Opening it raises ``error``, in both modes, and again, and changes nothing."""
    with unchanged(path.parent):
        for mode in {"mode": "rw"}, {"mode": "r"}, {"mode": "rw"}:
            with pytest.raises(error, match=match):
                opened(path, **{**mode, **options})


# What a DSN says.


@pytest.mark.parametrize(
    "dsn",
    [
        "trove://",
        "trove:///",
        "trove://.",
        "trove://host/path",
        "trove://u:p@/path",
        "trove://u@/path",
        "trove:///a%00b",
        "file:///path",
        "mem://",
        "",
    ],
)
def test_a_dsn_that_names_no_folder_is_refused(dsn: str) -> None:
    with pytest.raises(InvalidDSNError, match=r"trove|DSN|scheme"):
        EngineDriver().open(dsn)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("durability", "none", "full or relaxed"),
        ("durability", "", "full or relaxed"),
        ("durability", "FULL", "full or relaxed"),
        ("durability", True, "full or relaxed"),
        ("verify", "last", "first or always or never"),
        ("verify", None, "first or always or never"),
        ("mode", "w", "rw or r"),
        ("mode", 0o600, "rw or r"),
        ("hash", "sha256", "xxh3 or blake3"),
        ("hash", b"xxh3", "xxh3 or blake3"),
        ("chunk_size", "64k", "in bytes"),
        ("chunk_size", "-65536", "in bytes"),
        ("chunk_size", "", "in bytes"),
        ("chunk_size", 1.5, "in bytes"),
        ("chunk_size", "٦٥٥٣٦", "in bytes"),
        ("chunk_size", 0, "choose from"),
        ("chunk_size", 127, "choose from"),
        ("chunk_size", 1 << 22, "choose from"),
        ("chunk_size", "9" * 4000, "in bytes"),
        (
            "chunksize",
            65536,
            "known are chunk_size, compaction, durability, hash, lifecycle, mode, upload_days, verify",
        ),
        ("folder", "/x", "known are"),
    ],
)
def test_a_setting_that_is_wrong_is_refused(tmp_path: Path, name: str, value: Any, says: str) -> None:
    with unchanged(tmp_path):
        with pytest.raises(InvalidDSNError, match=says) as caught:
            opened(tmp_path / "new", **{name: value})
        assert str(caught.value).count(name) == 1
        assert len(str(caught.value)) < 300


def test_a_setting_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with unchanged(tmp_path):
        with pytest.raises(InvalidDSNError, match="once"):
            EngineDriver().open(f"trove://{tmp_path}/new?mode=r", mode="r")
        with pytest.raises(InvalidDSNError, match="twice"):
            EngineDriver().open(f"trove://{tmp_path}/new?mode=r&mode=r")


def test_settings_of_another_store_are_refused(store: Path) -> None:
    with unchanged(store.parent):
        for mode in "r", "rw":
            with pytest.raises(InvalidDSNError, match="made with hash=xxh3; leave the setting out"):
                opened(store, mode=mode, hash="blake3")
            with pytest.raises(InvalidDSNError, match="made with chunk_size=16384; leave the setting out"):
                opened(store, mode=mode, chunk_size=65536)
    with opened(store, hash="xxh3", chunk_size=16384) as driver:
        driver.ping()


@pytest.mark.parametrize(("size", "ok"), [(128, True), (4_194_303, True)])
def test_the_least_and_the_greatest_chunk_size_work(tmp_path: Path, size: int, ok: bool) -> None:
    data = os.urandom(30_000)
    with opened(tmp_path / "new", chunk_size=size) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", data)
        assert (driver.get("b", "k").read() == data) is ok


def test_a_hash_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "there", hash="blake3") as driver:
        driver.create_bucket("b")
    imported = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "blake3":
            raise ImportError(name)
        return imported(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "blake3", raising=False)
    says = r"pip install 'trove-engine\[blake3\]'"
    refused(InvalidDSNError, says, tmp_path / "there")
    with unchanged(tmp_path), pytest.raises(InvalidDSNError, match=says):
        opened(tmp_path / "new", hash="blake3")
    monkeypatch.undo()
    with opened(tmp_path / "there") as driver:
        assert [bucket.name for bucket in driver.list_buckets()] == ["b"]


def test_a_second_open_is_refused_and_the_first_goes_on(store: Path) -> None:
    with opened(store) as driver:
        with pytest.raises(InvalidArgumentError, match="close"):
            driver.open(f"trove://{store}")
        driver.ping()


def test_a_relative_path_is_of_the_folder_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened("./here") as driver:
        monkeypatch.chdir("/")
        driver.create_bucket("b")
    with trove.open(f"trove://{tmp_path}/here") as again:
        assert len(again.list_buckets()) == 1


# What the folder is.


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    refused(InvalidDSNError, r"file is a file; a store is a folder", tmp_path / "file")
    with unchanged(tmp_path):
        with pytest.raises(StorageIOError, match=r"making the folder .*file/below.*Not a directory"):
            opened(tmp_path / "file" / "below")
        with pytest.raises(NotFoundError, match=r"there is no store in .*file/below"):
            opened(tmp_path / "file" / "below", mode="r")


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "photos").mkdir(parents=True)
    (theirs / "notes.txt").write_text("mine")
    refused(InvalidDSNError, r"theirs holds other things .*notes.txt, photos.*check the path", theirs)


def test_a_folder_that_can_not_be_looked_into_is_named() -> None:
    with reachable_folder() as folder:
        (folder / "closed").mkdir(mode=0o311)
        for mode in "rw", "r":
            said = as_another_user(lambda mode=mode: opened(folder / "closed", mode=mode))  # type: ignore[misc]
            assert said.startswith("StorageIOError: opening"), said
            assert f"{folder}/closed failed: Permission denied" in said
        (folder / "closed").chmod(0o711)


@pytest.mark.parametrize("part", ["packs", "index", "snapshots"])
def test_a_store_that_lost_its_store_file_is_not_made_anew(store: Path, part: str) -> None:
    (store / "STORE").unlink()
    with opened(tmp_store := store.parent / "other") as driver:
        driver.create_bucket("b")
        driver.snapshot()
    shutil.rmtree(tmp_store)
    if part == "snapshots":
        (store / "snapshots" / "00000000000000000001.mdb").write_bytes(b"x")
    for name in {"packs", "index", "snapshots"} - {part}:
        shutil.rmtree(store / name)
    refused(CorruptStoreError, rf"STORE is missing and {part} .*trove repair", store)


def sealed(title: str, body: str) -> bytes:
    text = f"{title}\n{body}\n"
    return (text + xxh3_128_hexdigest(text.encode()) + "\n").encode()


def changed(raw: bytes, **parameters: Any) -> bytes:
    body = json.loads(raw.split(b"\n")[1])
    for name, value in parameters.items():
        if value is None:
            del body[name]
        else:
            body[name] = value
    return sealed("trove store 1", json.dumps(body, sort_keys=True))


STORE_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda raw: b"", r"damaged.*trove repair"),
    "cut short": (lambda raw: raw[:-20], r"damaged.*trove repair"),
    "without a checksum": (lambda raw: b"\n".join(raw.split(b"\n")[:2]), r"damaged.*trove repair"),
    "with a flipped bit": (lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:], r"damaged.*trove repair"),
    "of another program": (lambda raw: b"\x7fELF" + bytes(range(256)), r"of another program.*trove repair"),
    "not text": (lambda raw: os.urandom(5000), r"damaged.*trove repair"),
    "of a newer format": (
        lambda raw: sealed("trove store 2", "{}"),
        r"the format 2 .* knows 1.*update Trove",
    ),
    "of a far newer format": (
        lambda raw: b"trove store 999999999999\nwhatever",
        r"newer one made it; update",
    ),
    "of format 0": (lambda raw: sealed("trove store 0", "{}"), r"damaged"),
    "with an unknown hash": (
        lambda raw: changed(raw, hash="md5"),
        r"the hash 'md5' is unknown; update Trove",
    ),
    "with an unknown parameter": (lambda raw: changed(raw, color="red"), r"update Trove"),
    "without a parameter": (lambda raw: changed(raw, chunk_level=None), r"update Trove"),
    "with sizes that can't be": (lambda raw: changed(raw, chunk_minimum=0), r"chunker.*update Trove"),
    "with a size that is text": (lambda raw: changed(raw, chunk_normal="1"), r"chunker.*update Trove"),
    "with an id that is none": (lambda raw: changed(raw, store_id="../.."), r"update Trove"),
    "with a list for parameters": (lambda raw: sealed("trove store 1", "[1]"), r"update Trove"),
}


@pytest.mark.parametrize("name", STORE_FILES)
def test_a_store_file_that_can_not_be_used_is_refused(store: Path, name: str) -> None:
    damage, says = STORE_FILES[name]
    raw = (store / "STORE").read_bytes()
    (store / "STORE").write_bytes(damage(raw))
    refused(CorruptStoreError, rf"{store}/STORE .*{says}", store)
    (store / "STORE").write_bytes(raw)
    with opened(store) as driver:
        assert len(driver.list_buckets()) == 2


def test_a_store_file_that_is_a_folder_is_refused(store: Path) -> None:
    (store / "STORE").rename(store / "kept")
    (store / "STORE").mkdir()
    refused(StorageIOError, r"reading .*STORE failed: Is a directory", store)


def test_a_creation_that_was_cut_short_is_taken_up(tmp_path: Path) -> None:
    """As a crash leaves it between making the folders and naming the STORE file."""
    for name in ("packs", "index", "snapshots"):
        (tmp_path / name).mkdir()
    (tmp_path / "STORE.new").write_bytes(b"trove st")
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        assert not (tmp_path / "STORE.new").exists()


# Who may do what.


def test_a_parent_that_can_not_be_written_is_named() -> None:
    with reachable_folder() as folder:
        folder.chmod(0o555)
        with unchanged(folder):
            said = as_another_user(lambda: opened(folder / "new"))
            assert said.startswith(
                f"StorageIOError: making the folder {folder}/new failed: Permission denied"
            )
        folder.chmod(0o777)


def test_a_store_of_somebody_else_is_not_opened() -> None:
    with reachable_folder() as folder:
        store = Damaged(folder / "store").path
        with unchanged(folder):
            for mode in "rw", "r":
                said = as_another_user(lambda mode=mode: opened(store, mode=mode))  # type: ignore[misc]
                assert said.startswith("StorageIOError"), said
                assert "Permission denied; check the medium and its permissions" in said
                assert str(store) in said


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_a_store_is_its_owners_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with opened(tmp_path / "above" / "store") as driver:
            driver.create_bucket("b")
            driver.put("b", "small", b"x")
            driver.put("b", "large", os.urandom(200_000))
            driver.snapshot()
        shutil.rmtree(tmp_path / "above" / "store" / "index")
        with opened(tmp_path / "above" / "store") as driver:
            driver.put("b", "after", b"x")
    finally:
        os.umask(before)
    store = tmp_path / "above" / "store"
    found = set(tree(store))
    for name in found:
        mode = stat.S_IMODE((store / name).stat().st_mode)
        assert mode == (0o700 if (store / name).is_dir() else 0o600), name
    assert {"STORE", "state", "LOCK", "reserve", "index/data.mdb", "index/lock.mdb"} <= found
    assert any(name.startswith("packs/") for name in found)
    assert any(name.endswith(".xxh3") for name in found)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o750)
    with opened(tmp_path / "mine"):
        assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o750
