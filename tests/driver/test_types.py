"""The values that drivers give out: they don't change, and travel whole."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from trove import (
    BucketInfo,
    EventType,
    LifecycleReport,
    LifecycleRule,
    ObjectEvent,
    ObjectInfo,
    ObjectRef,
    PartInfo,
    Quota,
    UploadInfo,
    VersionInfo,
)
from trove.driver.types import EMPTY, ReadOnlyDict, read_only

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INFO = ObjectInfo("k", 3, "x/y", "etag", NOW, {"a": "1"}, {"b": "2"}, "v1", "COLD")
VALUES: list[Any] = [
    INFO,
    ObjectInfo("k", 0, "x/y", "etag", NOW),
    BucketInfo("b", NOW),
    ObjectRef("b", "k"),
    PartInfo(1, "etag", 3),
    UploadInfo("id", "k", NOW),
    VersionInfo("v1", "k", 3, NOW, "etag", True, False),
    ObjectEvent(EventType.CREATED, "b", "k", INFO, 7),
    LifecycleRule("id", "p/", 30, 10, "COLD", False),
    LifecycleReport(1, 2, 3),
    Quota(1, 2),
]
each_value = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
CHANGES: dict[str, Any] = {
    "set": lambda mapping: mapping.__setitem__("a", "2"),
    "del": lambda mapping: mapping.__delitem__("a"),
    "update in place": lambda mapping: mapping.__ior__({"c": "3"}),
    "clear": lambda mapping: mapping.clear(),
    "pop": lambda mapping: mapping.pop("a"),
    "popitem": lambda mapping: mapping.popitem(),
    "setdefault": lambda mapping: mapping.setdefault("c", "3"),
    "update": lambda mapping: mapping.update(c="3"),
}


@each_value
def test_no_field_can_be_set(value: Any) -> None:
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)
    with pytest.raises((AttributeError, TypeError)):
        value.no_such_field = 1


@each_value
def test_equal_values_have_equal_hashes(value: Any) -> None:
    twin = dataclasses.replace(value)
    assert twin == value
    assert twin is not value
    assert len({value, twin}) == 1
    assert value != object()


@each_value
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_values_are_pickled_whole(value: Any, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(value, protocol)) == value


@each_value
def test_values_are_copied_whole(value: Any) -> None:
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value


@pytest.mark.parametrize("field", [each.name for each in dataclasses.fields(ObjectInfo)])
def test_infos_that_differ_in_any_field_are_unequal(field: str) -> None:
    other: Any = {"size": 4, "last_modified": NOW.replace(year=2027)}.get(field, {"z": "9"})
    assert dataclasses.replace(INFO, **{field: other}) != INFO


def test_info_keeps_what_it_was_given_when_the_caller_changes_it() -> None:
    metadata = {"a": "1"}
    info = ObjectInfo("k", 3, "x/y", "etag", NOW, metadata)
    metadata["a"] = "2"
    assert info.metadata == {"a": "1"}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("unpickled", [False, True])
def test_mappings_can_not_be_changed(change: Any, unpickled: bool) -> None:
    info = pickle.loads(pickle.dumps(INFO)) if unpickled else INFO
    for mapping in (info.metadata, info.tags):
        before = dict(mapping)
        with pytest.raises(TypeError, match="read-only"):
            change(mapping)
        assert mapping == before


def test_mappings_are_dictionaries_to_json() -> None:
    assert json.loads(json.dumps(INFO.metadata)) == {"a": "1"}
    assert json.loads(json.dumps(dataclasses.asdict(INFO), default=str))["tags"] == {"b": "2"}


def test_copies_of_mappings_are_read_only_and_dict_gives_one_that_is_not() -> None:
    assert type(copy.deepcopy(INFO).metadata) is ReadOnlyDict
    changeable = dict(INFO.metadata)
    changeable["c"] = "3"
    assert changeable == {"a": "1", "c": "3"}
    assert INFO.metadata | {"c": "3"} == changeable  # type: ignore[operator]


def test_mappings_of_equal_content_have_one_hash_in_any_order() -> None:
    assert hash(ReadOnlyDict(a="1", b="2")) == hash(ReadOnlyDict(b="2", a="1"))


def test_read_only_copies_no_mapping_that_is_one() -> None:
    assert read_only(EMPTY) is EMPTY
    assert read_only([("a", "1")]) == {"a": "1"}


def test_event_types_are_their_text() -> None:
    assert [str(each) for each in EventType] == ["object.created", "object.updated", "object.deleted"]
    assert EventType("object.created") is EventType.CREATED


def test_class_with_the_same_attributes_can_register_as_an_info() -> None:
    class Native:
        pass

    assert not isinstance(Native(), ObjectInfo)
    ObjectInfo.register(Native)
    assert isinstance(Native(), ObjectInfo)
