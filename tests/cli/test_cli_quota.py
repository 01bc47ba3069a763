"""`trove quota`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trove import Quota

from .conftest import KeptDriver


@pytest.fixture
def bucket(kept: KeptDriver) -> KeptDriver:
    kept.create_bucket("b")
    return kept


def shown(run: Any, *arguments: str) -> Any:
    return json.loads(run("quota", "--json", *arguments).stdout)


def test_there_is_none_at_first(run: Any, bucket: KeptDriver) -> None:
    assert run("quota", "kept://#b").stdout == "bytes    no limit\nobjects  no limit\n"
    assert shown(run, "kept://") == {"max_bytes": None, "max_objects": None}


def test_of_a_bucket(run: Any, bucket: KeptDriver) -> None:
    assert run("quota", "kept://#b", "--max-bytes", "12345").stdout == (
        "bytes      12,345  12.3 kB\nobjects  no limit\n"
    )
    assert bucket.get_quota("b") == Quota(12345)
    assert bucket.get_quota(None) == Quota()


def test_of_the_store(run: Any, bucket: KeptDriver) -> None:
    run("quota", "kept://", "--max-objects", "0")
    assert bucket.get_quota(None) == Quota(None, 0)
    assert bucket.get_quota("b") == Quota()


def test_a_limit_that_is_not_given_stays(run: Any, bucket: KeptDriver) -> None:
    run("quota", "kept://#b", "--max-bytes", "5", "--max-objects", "6")
    assert shown(run, "kept://#b", "--max-bytes", "7") == {"max_bytes": 7, "max_objects": 6}
    assert shown(run, "kept://#b", "--max-objects", "none") == {"max_bytes": 7, "max_objects": None}
    assert shown(run, "kept://#b", "--max-bytes", "none") == {"max_bytes": None, "max_objects": None}


@pytest.mark.parametrize("limit", ["-1", "1.5", "five", "", "1" * 20, str(1 << 63), "0x5"])
def test_what_is_no_limit(run: Any, only_line: Any, bucket: KeptDriver, limit: str) -> None:
    assert "is no limit" in only_line(run("quota", "kept://#b", "--max-bytes", limit, code=2).stderr)
    assert bucket.get_quota("b") == Quota()


def test_of_a_bucket_that_is_not_there(run: Any, bucket: KeptDriver) -> None:
    run("quota", "kept://#missing", code=3)
    run("quota", "kept://#missing", "--max-bytes", "5", code=3)


def test_of_an_object(run: Any, only_line: Any, bucket: KeptDriver) -> None:
    assert "names the key" in only_line(run("quota", "kept://#b/k", code=2).stderr)


def test_of_a_driver_without_quotas(run: Any, only_line: Any, store: Any, dsn: str) -> None:
    assert "keeps no quotas" in only_line(run("quota", f"{dsn}#b", code=2).stderr)


def test_what_is_beyond_it_is_refused(run: Any, only_line: Any, bucket: KeptDriver) -> None:
    run("quota", "kept://#b", "--max-bytes", "3")
    said = only_line(run("put", "-", "kept://#b/k", input="data", code=5).stderr)
    assert "its quota is 3" in said
