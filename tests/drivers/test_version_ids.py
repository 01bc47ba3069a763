"""Versions that a call names: which of them there are, whether or not there is an object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trove import BucketNotFoundError, Driver, ObjectNotFoundError, VersionNotFoundError

CALLS = ["get", "head", "delete"]
IDS = ["", "0000000000000001", "no such version"]


@pytest.fixture
def driver(each_driver: Driver) -> Driver:
    each_driver.create_bucket("b")
    return each_driver


@pytest.mark.parametrize("version_id", IDS)
@pytest.mark.parametrize("call", CALLS)
def test_any_version_in_a_missing_bucket_is_bucket_not_found(
    driver: Driver, call: str, version_id: str
) -> None:
    with pytest.raises(BucketNotFoundError):
        getattr(driver, call)("missing", "k", version_id=version_id)


@pytest.mark.parametrize("version_id", IDS)
@pytest.mark.parametrize("call", CALLS)
def test_any_version_of_a_missing_object_is_version_not_found(
    driver: Driver, call: str, version_id: str
) -> None:
    with pytest.raises(VersionNotFoundError) as raised:
        getattr(driver, call)("b", "k", version_id=version_id)
    assert (raised.value.bucket, raised.value.key) == ("b", "k")


@pytest.mark.parametrize("version_id", IDS[1:])
@pytest.mark.parametrize("call", CALLS)
def test_unknown_version_of_an_object_is_version_not_found(
    driver: Driver, call: str, version_id: str
) -> None:
    info = driver.put("b", "k", b"data")
    with pytest.raises(VersionNotFoundError):
        getattr(driver, call)("b", "k", version_id=version_id)
    assert driver.head("b", "k") == info


@pytest.mark.parametrize("version_id", IDS)
@pytest.mark.parametrize("call", CALLS)
def test_expired_object_has_no_version(driver: Driver, call: str, version_id: str) -> None:
    driver.put("b", "k", b"data", expires_at=datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(VersionNotFoundError):
        getattr(driver, call)("b", "k", version_id=version_id)


def test_empty_id_names_the_unversioned_version(driver: Driver) -> None:
    info = driver.put("b", "k", b"data")
    assert driver.head("b", "k", version_id="") == info
    assert driver.get("b", "k", version_id="").read() == b"data"
    driver.delete("b", "k", version_id="")
    with pytest.raises(ObjectNotFoundError):
        driver.head("b", "k")
    with pytest.raises(VersionNotFoundError):
        driver.delete("b", "k", version_id="")
    driver.delete("b", "k")
