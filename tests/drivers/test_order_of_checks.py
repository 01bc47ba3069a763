"""What a call looks at first: whether the driver is open, then its arguments, then the bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import trove
from trove import BucketNotFoundError, Driver, DriverClosedError, InvalidArgumentError, ObjectRef
from trove.drivers import LocalDriver, MemoryDriver

ANY: Any = object()
"""An argument that is wrong wherever it is given."""

Call = Callable[[Any], object]

WRONG: dict[str, Call] = {
    "put key": lambda drv: drv.put("missing", "", b""),
    "put data": lambda drv: drv.put("missing", "k", ANY),
    "put option": lambda drv: drv.put("missing", "k", b"", tags=ANY),
    "get key": lambda drv: drv.get("missing", ""),
    "get range": lambda drv: drv.get("missing", "k", range=ANY),
    "get version": lambda drv: drv.get("missing", "k", version_id=ANY),
    "head key": lambda drv: drv.head("missing", ""),
    "head version": lambda drv: drv.head("missing", "k", version_id=ANY),
    "delete key": lambda drv: drv.delete("missing", ""),
    "delete version": lambda drv: drv.delete("missing", "k", version_id=ANY),
    "list prefix": lambda drv: drv.list("missing", prefix=ANY),
    "list max_keys": lambda drv: drv.list("missing", max_keys=0),
    "list cursor": lambda drv: drv.list("missing", cursor="forged"),
    "copy source": lambda drv: drv.copy("missing", "", "missing", "k"),
    "copy target": lambda drv: drv.copy("missing", "k", "missing", ""),
    "copy metadata": lambda drv: drv.copy("missing", "k", "missing", "k", metadata=ANY),
    "create_bucket name": lambda drv: drv.create_bucket("."),
    "create_bucket region": lambda drv: drv.create_bucket("b", region="here"),
    "delete_bucket name": lambda drv: drv.delete_bucket("."),
    "get_range offset": lambda drv: drv.get_range("missing", "k", -1, 1),
    "get_range length": lambda drv: drv.get_range("missing", "k", 0, -2),
    "get_range key": lambda drv: drv.get_range("missing", "", 0, 1),
    "server_copy source": lambda drv: drv.server_copy(ANY, ObjectRef("missing", "k")),
    "server_copy target": lambda drv: drv.server_copy(ObjectRef("missing", "k"), ObjectRef("missing", "")),
}

WRONG_IN_MEMORY: dict[str, Call] = {
    "set_versioning": lambda drv: drv.set_versioning("missing", ANY),
    "get_versioning": lambda drv: drv.get_versioning("."),
    "set_quota": lambda drv: drv.set_quota("missing", max_bytes=ANY),
    "set_quota bucket": lambda drv: drv.set_quota("."),
    "get_quota": lambda drv: drv.get_quota("."),
    "list_versions": lambda drv: drv.list_versions("missing", ""),
    "get_version key": lambda drv: drv.get_version("missing", "", "id"),
    "get_version id": lambda drv: drv.get_version("missing", "k", None),
    "delete_version key": lambda drv: drv.delete_version("missing", "", "id"),
    "delete_version id": lambda drv: drv.delete_version("missing", "k", None),
    "restore_version": lambda drv: drv.restore_version("missing", "k", None),
    "initiate_multipart key": lambda drv: drv.initiate_multipart("missing", ""),
    "initiate_multipart option": lambda drv: drv.initiate_multipart("missing", "k", if_match=ANY),
    "upload_part number": lambda drv: drv.upload_part("missing", "k", "id", 0, b""),
    "upload_part data": lambda drv: drv.upload_part("missing", "k", "id", 1, ANY),
    "complete_multipart": lambda drv: drv.complete_multipart("missing", "k", "id", []),
    "abort_multipart": lambda drv: drv.abort_multipart("missing", "k", ANY),
    "list_parts": lambda drv: drv.list_parts("missing", "k", ANY),
    "list_multiparts": lambda drv: drv.list_multiparts("."),
    "watch prefix": lambda drv: drv.watch("missing", prefix=ANY),
    "watch types": lambda drv: drv.watch("missing", event_types=ANY),
    "watch since": lambda drv: drv.watch("missing", since=-1),
    "set_lifecycle": lambda drv: drv.set_lifecycle("missing", ANY),
    "get_lifecycle": lambda drv: drv.get_lifecycle("."),
    "apply_lifecycle": lambda drv: drv.apply_lifecycle(timedelta(1)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_argument_is_refused_before_the_bucket_is_looked_for(each_driver: Driver, call: Call) -> None:
    with pytest.raises(InvalidArgumentError):
        call(each_driver)


@pytest.mark.parametrize("call", WRONG_IN_MEMORY.values(), ids=WRONG_IN_MEMORY)
def test_wrong_argument_of_a_capability_is_refused_before_the_bucket(call: Call) -> None:
    driver = MemoryDriver()
    driver.open("mem://")
    with pytest.raises(InvalidArgumentError):
        call(driver)
    driver.close()


@pytest.mark.parametrize("kind", [MemoryDriver, LocalDriver])
@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_closed_driver_says_so_whatever_it_is_given(kind: type[Driver], call: Call) -> None:
    with pytest.raises(DriverClosedError):
        call(kind())


@pytest.mark.parametrize("call", WRONG_IN_MEMORY.values(), ids=WRONG_IN_MEMORY)
def test_closed_driver_says_so_in_the_calls_of_capabilities(call: Call) -> None:
    with pytest.raises(DriverClosedError):
        call(MemoryDriver())


def test_missing_bucket_comes_before_a_missing_object_or_version(each_driver: Driver) -> None:
    calls: list[Call] = [
        lambda drv: drv.get("missing", "k"),
        lambda drv: drv.get("missing", "k", version_id="id"),
        lambda drv: drv.get("missing", "k", range=(10, 1)),
        lambda drv: drv.get_range("missing", "k", 10, 1),
        lambda drv: drv.delete("missing", "k", version_id="id"),
        lambda drv: drv.put("missing", "k", iter([1])),
    ]
    for call in calls:
        with pytest.raises(BucketNotFoundError):
            call(each_driver)


@pytest.mark.parametrize("dsn", ["mem://", "file://{folder}"])
@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("old", [b"old", None])
def test_put_whose_driver_is_closed_while_its_data_is_read_is_refused(
    tmp_path: Path, dsn: str, reopened: bool, old: bytes | None
) -> None:
    dsn = dsn.format(folder=tmp_path)
    driver = trove.open(dsn)
    driver.create_bucket("b")
    if old is not None:
        driver.put("b", "k", old)

    def data() -> Iterator[bytes]:
        yield b"new"
        driver.close()
        if reopened:
            driver.open(dsn)
        yield b"er"

    with pytest.raises(DriverClosedError):
        driver.put("b", "k", data())
    driver.close()
    driver.open(dsn)
    if driver.list_buckets():
        assert [driver.get("b", info.key).read() for info in driver.list("b")] == ([old] if old else [])
    driver.close()


def test_upload_part_whose_driver_is_closed_while_its_data_is_read_is_refused() -> None:
    driver = MemoryDriver()
    driver.open("mem://")
    driver.create_bucket("b")
    upload_id = driver.initiate_multipart("b", "k")

    def data() -> Iterator[bytes]:
        yield b"a"
        driver.close()

    with pytest.raises(DriverClosedError):
        driver.upload_part("b", "k", upload_id, 1, data())


def test_unknown_option_of_an_upload_names_the_call() -> None:
    with MemoryDriver() as driver:
        initiate: Any = driver.initiate_multipart
        driver.open("mem://")
        driver.create_bucket("b")
        with pytest.raises(TypeError, match=r"initiate_multipart\(\) got an unexpected .*'nonsense'"):
            initiate("b", "k", nonsense=1)
