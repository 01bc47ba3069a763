"""What other programs put into the folders: files, links, FIFOs, and damage."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trove import (
    BucketNotEmptyError,
    BucketNotFoundError,
    CorruptStoreError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StorageIOError,
)
from trove.drivers import LocalDriver
from trove.drivers.etag import content_etag
from trove.drivers.local.datafile import DataFile


def keys(driver: LocalDriver, bucket: str = "b") -> list[str]:
    return [info.key for info in driver.list(bucket)]


def sidecar(root: Path) -> Path:
    (path,) = (root / ".trove" / "meta" / "b").rglob("*.json")
    return path


# Files.


def test_foreign_file_is_an_object(driver: LocalDriver, root: Path) -> None:
    path = root / "b" / "docs" / "page.html"
    path.parent.mkdir()
    path.write_bytes(b"<p>")
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    info = driver.head("b", "docs/page.html")
    assert info.etag == content_etag(b"<p>")
    assert info.content_type == "text/html"
    assert info.last_modified == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert driver.list("b").all() == [info]
    with driver.get("b", "docs/page.html") as reader:
        assert reader.info == info
        assert reader.read() == b"<p>"
    copy = driver.copy("b", "docs/page.html", "b", "copy")
    assert (copy.etag, copy.content_type) == (info.etag, "text/html")
    driver.delete("b", "docs/page.html")
    assert not path.parent.exists()


def test_foreign_edit_makes_an_object_without_metadata(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "k.txt", b"mine", content_type="x/y", metadata={"a": "b"})
    (root / "b" / "k.txt").write_bytes(b"edited")
    info = driver.head("b", "k.txt")
    assert (info.etag, info.size, info.metadata) == (content_etag(b"edited"), 6, {})
    assert info.content_type == "text/plain"
    with pytest.raises(PreconditionFailedError):
        driver.put("b", "k.txt", b"new", if_match=content_etag(b"mine"))
    driver.put("b", "k.txt", b"new", if_match=info.etag)
    assert driver.get("b", "k.txt").read() == b"new"


@pytest.mark.parametrize("mtime", [-(10**18), 2**62, 0])
def test_foreign_file_of_any_time_can_be_read_and_replaced(
    driver: LocalDriver, root: Path, mtime: int
) -> None:
    path = root / "b" / "k"
    path.write_bytes(b"old")
    os.utime(path, ns=(mtime, mtime))
    assert driver.head("b", "k").size == 3
    info = driver.put("b", "k", b"new", metadata={"a": "b"})
    assert driver.head("b", "k") == info


def test_foreign_folder_is_a_bucket(driver: LocalDriver, root: Path) -> None:
    (root / "found").mkdir()
    (root / "found" / "k").write_bytes(b"x")
    (root / "a file").write_bytes(b"")
    (root / "%no").mkdir()
    assert [bucket.name for bucket in driver.list_buckets()] == ["b", "found"]
    assert keys(driver, "found") == ["k"]
    driver.delete("found", "k")
    driver.delete_bucket("found")
    assert not (root / "found").exists()


@pytest.mark.parametrize("name", [b"a%", b"%41", b"\xff", b"%2e", b"x%+", b"a%2Eb"])
def test_foreign_name_of_no_key_is_no_object(driver: LocalDriver, root: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(root / "b") + b"/" + name)).write_bytes(b"")
    assert keys(driver) == []
    with pytest.raises(BucketNotEmptyError, match="no objects"):
        driver.delete_bucket("b")


# Links, FIFOs and what else is no file.


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


def test_link_to_a_file_is_no_object(driver: LocalDriver, root: Path, outside: Path) -> None:
    (root / "b" / "k").symlink_to(outside / "secret")
    assert keys(driver) == []
    for call in (driver.get, driver.head):
        with pytest.raises(ObjectNotFoundError):
            call("b", "k")
    driver.delete("b", "k")
    driver.put("b", "k", b"own")
    assert driver.get("b", "k").read() == b"own"
    assert keys(driver) == ["k"]
    driver.delete("b", "k")
    assert (root / "b" / "k").is_symlink()
    assert (outside / "secret").read_bytes() == b"secret"


def test_link_to_a_folder_is_not_followed(driver: LocalDriver, root: Path, outside: Path) -> None:
    (root / "b" / "d").symlink_to(outside)
    assert keys(driver) == []
    with pytest.raises(ObjectNotFoundError):
        driver.get("b", "d/secret")
    driver.delete("b", "d/secret")
    with pytest.raises(StorageIOError, match="symbolic link"):
        driver.put("b", "d/new", b"x")
    with pytest.raises(StorageIOError, match="symbolic link"):
        driver.put("b", "d/deep/new", b"x")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert list((root / ".trove" / "tmp").iterdir()) == []


def test_link_to_a_folder_is_no_bucket(driver: LocalDriver, root: Path, outside: Path) -> None:
    (root / "linked").symlink_to(outside)
    assert [bucket.name for bucket in driver.list_buckets()] == ["b"]
    with pytest.raises(BucketNotFoundError):
        driver.list("linked")
    with pytest.raises(StorageIOError, match="no folder"):
        driver.create_bucket("linked")


def test_link_in_place_of_the_own_folders_is_not_followed(
    driver: LocalDriver, root: Path, outside: Path
) -> None:
    driver.put("b", "k", b"x")
    meta = root / ".trove" / "meta" / "b"
    meta.rename(root / ".trove" / "moved")
    meta.symlink_to(outside)
    with pytest.raises(StorageIOError):
        driver.put("b", "k", b"y")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    driver.close()
    (root / ".trove" / "tmp").rmdir()
    (root / ".trove" / "tmp").symlink_to(outside)
    with pytest.raises(StorageIOError):
        driver.open(f"file://{root}")


def test_root_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    driver = LocalDriver()
    driver.open(f"file://{tmp_path}/link")
    driver.create_bucket("b")
    driver.put("b", "k", b"x")
    driver.ping()
    driver.close()
    assert (tmp_path / "real" / "b" / "k").read_bytes() == b"x"


def test_fifo_is_no_object_and_does_not_hang(driver: LocalDriver, root: Path) -> None:
    os.mkfifo(root / "b" / "k")
    os.mkfifo(root / "b" / "d")
    assert keys(driver) == []
    with pytest.raises(ObjectNotFoundError):
        driver.get("b", "k")
    with pytest.raises(StorageIOError, match="no object's file"):
        driver.put("b", "d/k", b"x")
    driver.put("b", "k", b"x")
    assert driver.get("b", "k").read() == b"x"
    with pytest.raises(BucketNotEmptyError):
        driver.delete_bucket("b")


def test_fifo_on_both_names_of_a_key_refuses_the_put(driver: LocalDriver, root: Path) -> None:
    os.mkfifo(root / "b" / "k")
    os.mkfifo(root / "b" / "k%=")
    with pytest.raises(StorageIOError, match="k%="):
        driver.put("b", "k", b"x")


# Damage.


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 1, "key": "k", "versions": 1, "check": "0"}',
        b'{"check": ' + b"9" * 10_000 + b"}",
    ],
)
def test_damaged_sidecar_is_refused_until_it_is_replaced(
    driver: LocalDriver, root: Path, content: bytes
) -> None:
    driver.put("b", "k", b"old", metadata={"a": "b"})
    sidecar(root).write_bytes(content)
    for call in (driver.get, driver.head):
        with pytest.raises(CorruptStoreError, match=r"\.trove/meta/b/"):
            call("b", "k")
    with pytest.raises(CorruptStoreError):
        driver.list("b")
    with pytest.raises(CorruptStoreError):
        driver.copy("b", "k", "b", "other")
    assert (root / "b" / "k").read_bytes() == b"old"
    info = driver.put("b", "k", b"new", metadata={"c": "d"})
    assert driver.head("b", "k") == info


def test_flipped_bit_in_a_sidecar_is_found(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "k", b"old", metadata={"author": "alice"})
    path = sidecar(root)
    whole = path.read_bytes()
    for at in range(len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert driver.head("b", "k").metadata == {"author": "alice"}
        except CorruptStoreError:
            continue


def test_sidecar_of_another_key_is_refused(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "k", b"1")
    path = sidecar(root)
    other = path.read_bytes()
    driver.delete("b", "k")
    driver.put("b", "l", b"2")
    sidecar(root).write_bytes(other)
    with pytest.raises(CorruptStoreError):
        driver.head("b", "l")


def test_removed_sidecar_leaves_the_bytes(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "k", b"x", metadata={"a": "b"})
    sidecar(root).unlink()
    assert driver.head("b", "k").metadata == {}
    assert driver.get("b", "k").read() == b"x"


def test_sidecar_that_is_a_link_is_refused(driver: LocalDriver, root: Path, outside: Path) -> None:
    driver.put("b", "k", b"x")
    path = sidecar(root)
    path.rename(outside / "sidecar")
    path.symlink_to(outside / "sidecar")
    with pytest.raises(CorruptStoreError):
        driver.head("b", "k")


def test_damaged_bucket_record_is_refused(driver: LocalDriver, root: Path) -> None:
    (root / ".trove" / "buckets" / "b").write_bytes(b"{}")
    with pytest.raises(CorruptStoreError, match=r"\.trove/buckets/b"):
        driver.list_buckets()
    (root / ".trove" / "buckets" / "b").unlink()
    assert [bucket.name for bucket in driver.list_buckets()] == ["b"]


def test_bucket_that_was_removed_by_hand_comes_back_empty(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "k", b"x", metadata={"a": "b"})
    os.unlink(root / "b" / "k")
    os.rmdir(root / "b")
    with pytest.raises(BucketNotFoundError):
        driver.head("b", "k")
    driver.create_bucket("b")
    assert list((root / ".trove" / "meta").iterdir()) == []
    assert keys(driver) == []


def test_reader_of_a_file_that_is_cut_says_so(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "k", bytes(100_000))
    with driver.get("b", "k") as reader:
        os.truncate(root / "b" / "k", 10)
        with pytest.raises(StorageIOError, match="ended"):
            reader.read()


def test_file_that_never_rests_is_refused(
    driver: LocalDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "b" / "log"
    path.write_bytes(b"")
    etag = DataFile.etag

    def disturbed(self: DataFile) -> str:
        path.write_bytes(path.read_bytes() + b"line")
        return etag(self)

    monkeypatch.setattr(DataFile, "etag", disturbed)
    with pytest.raises(StorageIOError, match="changes faster"):
        driver.head("b", "log")
