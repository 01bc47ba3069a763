"""Multipart uploads on the engine: what the suite can't ask for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness.alone import Child, alone
from harness.index_rows import check_store
from harness.opened import opened

from trove.errors import UploadNotFoundError

PART = bytes(range(256)) * 64


def test_an_upload_goes_on_after_a_restart_and_from_another_process(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        upload = driver.initiate_multipart("b", "k", content_type="text/x", metadata={"a": "b"})
        parts = [driver.upload_part("b", "k", upload, 2, b"2" + PART)]
    with opened(tmp_path) as driver:
        assert [each.upload_id for each in driver.list_multiparts("b")] == [upload]
        parts.insert(0, driver.upload_part("b", "k", upload, 1, b"1" + PART))
        assert driver.list_parts("b", "k", upload) == parts
        info = driver.complete_multipart("b", "k", upload, parts)
        assert (info.content_type, dict(info.metadata)) == ("text/x", {"a": "b"})
        assert driver.get("b", "k").read() == b"1" + PART + b"2" + PART
        with pytest.raises(UploadNotFoundError):
            driver.complete_multipart("b", "k", upload, parts)


@alone()
def test_parts_come_from_several_processes(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        upload = driver.initiate_multipart("b", "k")

    def send(first: int) -> None:
        with opened(tmp_path, durability="relaxed") as driver:
            for number in range(first, 41, 4):
                driver.upload_part("b", "k", upload, number, b"%d," % number)

    children = [Child(lambda first=first: send(first)) for first in (1, 2, 3, 4)]  # type: ignore[misc]
    assert [child.wait() for child in children] == [0] * 4
    with opened(tmp_path) as driver:
        driver.complete_multipart("b", "k", upload, driver.list_parts("b", "k", upload))
        assert driver.get("b", "k").read() == b"".join(b"%d," % number for number in range(1, 41))


def test_ten_thousand_parts_complete_within_a_second(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        upload = driver.initiate_multipart("b", "k")
        parts = [driver.upload_part("b", "k", upload, n, b"%05d" % n) for n in range(1, 10_001)]
        began = time.process_time()
        info = driver.complete_multipart("b", "k", upload, parts)
        assert time.process_time() - began < 1
        assert info.size == 50_000
        assert driver.get("b", "k", range=(49_995, 5)).read() == b"10000"


def test_uploads_are_in_the_log_and_their_content_is_counted(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed", chunk_size="1024") as driver:
        for bucket in ("b", "gone"):
            driver.create_bucket(bucket)
            for key in ("left", "completed", "aborted"):
                upload = driver.initiate_multipart(bucket, key, if_none_match="*")
                parts = [driver.upload_part(bucket, key, upload, n, PART + b"%d" % n) for n in (1, 2)]
                driver.upload_part(bucket, key, upload, 3, b"")
                driver.upload_part(bucket, key, upload, 2, PART + b"2")
                if key == "completed":
                    driver.complete_multipart(bucket, key, upload, parts)
                elif key == "aborted":
                    driver.abort_multipart(bucket, key, upload)
        driver.delete("gone", "completed")
        driver.delete_bucket("gone")
        assert driver.verify().problems == ()
    rows = check_store(tmp_path / "store", tmp_path / "scratch")
    assert len(rows["uploads"]) == 4
    with opened(tmp_path) as driver:
        assert driver.repair().lost == ()
        assert [each.key for each in driver.list_multiparts("b")] == ["left"]


def test_an_aborted_upload_gives_its_content_back(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        upload = driver.initiate_multipart("b", "k")
        driver.upload_part("b", "k", upload, 1, PART)
        assert driver.stats().live_bytes == len(PART)
        driver.abort_multipart("b", "k", upload)
        assert (driver.stats().live_bytes, driver.stats().chunks) == (0, 0)


def test_a_completion_counts_what_comes_and_what_goes(tmp_path: Path) -> None:
    """Chunks that parts hand over, that several have, that parts left out had, or the object before."""
    contents = [bytes([each]) * 8 + PART * 40 for each in range(4)]
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        driver.put("b", "k", contents[0] + contents[3])
        for kept in ([1, 2, 3], [1, 3], [2]):
            upload = driver.initiate_multipart("b", "k")
            sent = [driver.upload_part("b", "k", upload, n, contents[n % 4]) for n in (1, 2, 3)]
            sent.append(driver.upload_part("b", "k", upload, 4, contents[1] + contents[2]))
            chosen = [part for part in sent if part.part_number in kept]
            driver.complete_multipart("b", "k", upload, chosen)
            assert driver.get("b", "k").read() == b"".join(contents[n] for n in kept)
            assert not driver.verify().problems
        driver.delete("b", "k")
        assert (driver.stats().chunks, driver.stats().live_bytes) == (0, 0)
    check_store(tmp_path / "store", tmp_path / "scratch")
