"""MockDriver: harmless answers, overrides, and a record of the calls."""

from __future__ import annotations

import inspect

import pytest

from trove.driver import Driver, ObjectInfo, ObjectIterator
from trove.errors import ObjectNotFoundError
from trove.testing import Call, MockDriver, read_all, test_object
from trove.testing.mock import METHODS


def test_unset_methods_answer_harmlessly() -> None:
    with MockDriver() as drv:
        drv.open("mock://")
        drv.ping()
        drv.create_bucket("bucket")
        info = drv.put("bucket", "a.txt", b"data", metadata={"n": "1"})
        assert (info.key, info.size, info.content_type, dict(info.metadata)) == (
            "a.txt",
            4,
            "text/plain",
            {"n": "1"},
        )
        assert read_all(drv.get("bucket", "key")) == b""
        assert drv.head("bucket", "key").size == 0
        assert drv.copy("bucket", "key", "bucket", "copy").key == "copy"
        page = drv.list("bucket")
        assert (list(page), page.prefixes, page.next_token) == ([], [], "")
        assert drv.list_buckets() == []
        drv.delete("bucket", "key")
        drv.delete_bucket("bucket")
    assert [call.method for call in drv.calls] == [
        "open",
        "ping",
        "create_bucket",
        "put",
        "get",
        "head",
        "copy",
        "list",
        "list_buckets",
        "delete",
        "delete_bucket",
        "close",
    ]


def test_calls_hold_the_arguments_as_they_were_given() -> None:
    drv = MockDriver()
    drv.put("bucket", "key", b"data", content_type="text/css")
    drv.get("bucket", "key", range=(0, 4))
    drv.list("bucket", prefix="a/")
    assert drv.calls == [
        Call("put", ("bucket", "key", b"data"), {"content_type": "text/css"}),
        Call("get", ("bucket", "key"), {"range": (0, 4)}),
        Call("list", ("bucket",), {"prefix": "a/"}),
    ]
    assert drv.called("get") == drv.calls[1:2]


def test_override_gets_the_arguments_and_gives_the_answer() -> None:
    seen = []

    def put(bucket: str, key: str, data: bytes, *, content_type: str = "") -> ObjectInfo:
        seen.append((bucket, key, data, content_type))
        return test_object(key, b"another")

    drv = MockDriver(put=put)
    assert drv.put("bucket", "key", b"data", content_type="text/css").size == 7
    assert seen == [("bucket", "key", b"data", "text/css")]


def test_override_may_raise() -> None:
    def head(bucket: str, key: str) -> ObjectInfo:
        raise ObjectNotFoundError.of(bucket, key)

    drv = MockDriver(head=head)
    with pytest.raises(ObjectNotFoundError):
        drv.head("bucket", "key")
    assert len(drv.calls) == 1


def test_list_can_be_overridden() -> None:
    drv = MockDriver(list=lambda bucket, **options: ObjectIterator([test_object("a", b"")]))
    assert [info.key for info in drv.list("bucket", max_keys=5)] == ["a"]


def test_name() -> None:
    assert MockDriver().name == "mock"
    assert MockDriver(name="other").name == "other"


def test_override_of_no_method_is_an_error() -> None:
    with pytest.raises(TypeError, match="no method 'puts'"):
        MockDriver(puts=lambda: None)
    with pytest.raises(TypeError, match="callable"):
        MockDriver(put=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="name is 5"):
        MockDriver(name=5)  # type: ignore[arg-type]


def test_every_method_of_a_driver_can_be_overridden() -> None:
    abstract = {name for name in Driver.__abstractmethods__ if inspect.isfunction(getattr(Driver, name))}
    assert set(METHODS) == abstract
