"""MockDriver: a driver that stands in for a real one in the tests of a program."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..driver import (
    BucketInfo,
    Driver,
    ObjectInfo,
    ObjectIterator,
    ObjectReader,
    RangeSpec,
    guess_content_type,
    whole,
)
from ..driver.data import Data
from ..drivers.etag import content_etag

METHODS = (
    "close",
    "copy",
    "create_bucket",
    "delete",
    "delete_bucket",
    "get",
    "head",
    "list",
    "list_buckets",
    "open",
    "ping",
    "put",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Call(NamedTuple):
    """One call of a mock driver: the method's name, its positional and its keyword arguments."""

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class MockDriver(Driver):
    """A driver that stores nothing, answers every call harmlessly, and notes it in ``calls``.

    Give a callable for each method whose answer matters; it gets the arguments of the call, and what it
    returns or raises is the answer::

        drv = MockDriver(head=lambda bucket, key, **options: test_object(key, b"data"))

    Of the others, ``put`` and ``copy`` return an info, ``get`` an empty reader, ``head`` the info of an
    empty object, ``list`` an empty page, ``list_buckets`` no buckets, and the rest nothing. It needs no
    ``open``. Raises TypeError for the name of no method.
    """

    def __init__(self, *, name: str = "mock", **methods: Callable[..., Any]) -> None:
        for method, answer in methods.items():
            if method not in METHODS:
                raise TypeError(f"a driver has no method {method!r}; there are {', '.join(METHODS)}")
            if not callable(answer):
                raise TypeError(f"{method} is {answer!r}; give a callable that takes the call's arguments")
        self._name = name
        self._answers = methods
        self._lock = threading.Lock()
        self.calls: list[Call] = []

    @property
    def name(self) -> str:
        return self._name

    def called(self, method: str) -> list[Call]:
        """The calls of one method, in their order."""
        return [call for call in self.calls if call.method == method]

    def open(self, dsn: str, **options: Any) -> None:
        self._answer("open", (dsn,), options, lambda: None)

    def close(self) -> None:
        self._answer("close", (), {}, lambda: None)

    def ping(self) -> None:
        self._answer("ping", (), {}, lambda: None)

    def put(self, bucket: str, key: str, data: Data, **options: Any) -> ObjectInfo:
        def stored() -> ObjectInfo:
            content = whole(data)
            return _info(
                key,
                content,
                options.get("content_type"),
                options.get("metadata"),
                options.get("tags"),
                options.get("storage_class"),
            )

        info: ObjectInfo = self._answer("put", (bucket, key, data), options, stored)
        return info

    def get(
        self, bucket: str, key: str, *, range: RangeSpec | None = None, version_id: str | None = None
    ) -> ObjectReader:
        options = _given(range=range, version_id=version_id)
        reader: ObjectReader = self._answer(
            "get", (bucket, key), options, lambda: ObjectReader(_info(key, b""), io.BytesIO())
        )
        return reader

    def delete(self, bucket: str, key: str, *, version_id: str | None = None) -> None:
        self._answer("delete", (bucket, key), _given(version_id=version_id), lambda: None)

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> ObjectInfo:
        info: ObjectInfo = self._answer(
            "head", (bucket, key), _given(version_id=version_id), lambda: _info(key, b"")
        )
        return info

    def list(self, bucket: str, **options: Any) -> ObjectIterator:
        page: ObjectIterator = self._answer("list", (bucket,), options, lambda: ObjectIterator(()))
        return page

    def copy(
        self,
        src_bucket: str,
        src_key: str,
        dst_bucket: str,
        dst_key: str,
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        info: ObjectInfo = self._answer(
            "copy",
            (src_bucket, src_key, dst_bucket, dst_key),
            _given(metadata=metadata),
            lambda: _info(dst_key, b"", metadata=metadata),
        )
        return info

    def create_bucket(self, name: str, *, region: str | None = None) -> None:
        self._answer("create_bucket", (name,), _given(region=region), lambda: None)

    def delete_bucket(self, name: str) -> None:
        self._answer("delete_bucket", (name,), {}, lambda: None)

    def list_buckets(self) -> Any:
        buckets: Iterable[BucketInfo] = self._answer("list_buckets", (), {}, list)
        return buckets

    def _answer(
        self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any], harmless: Callable[[], Any]
    ) -> Any:
        with self._lock:
            self.calls.append(Call(method, args, kwargs))
        answer = self._answers.get(method)
        return harmless() if answer is None else answer(*args, **kwargs)


def _given(**options: Any) -> dict[str, Any]:
    """The options of a call that were not left out."""
    return {name: value for name, value in options.items() if value is not None}


def _info(
    key: str,
    content: bytes,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    storage_class: str | None = None,
) -> ObjectInfo:
    return ObjectInfo(
        key,
        len(content),
        content_type or guess_content_type(key),
        content_etag(content),
        _EPOCH,
        metadata or {},
        tags or {},
        "",
        storage_class or "STANDARD",
    )
