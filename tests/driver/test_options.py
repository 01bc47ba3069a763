"""Options: each check takes what the contract takes, in one form, and refuses the rest by its own error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from trove import (
    EventType,
    InvalidArgumentError,
    InvalidBucketNameError,
    InvalidKeyError,
    InvalidPartError,
    LifecycleRule,
    ObjectInfo,
    ObjectRef,
    PartInfo,
    PreconditionFailedError,
    Quota,
)
from trove.driver import (
    MAX_QUOTA,
    Attributes,
    Conditions,
    check_bucket,
    check_conditions,
    check_event_types,
    check_key,
    check_lifetime,
    check_mapping,
    check_part_number,
    check_parts,
    check_put,
    check_quota,
    check_ref,
    check_region,
    check_rules,
    check_sequence,
    check_switch,
    check_text,
    check_time,
    check_timeout,
    check_version_id,
    copied,
    guess_content_type,
)
from trove.driver.options import UNCONDITIONAL
from trove.errors import shown

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NO_TEXT: list[Any] = [None, 5, b"text", ["text"], "a\0b", "\ud800"]
NOT_A_NUMBER: list[Any] = [None, "1", 1.0, True, False, [1]]

# Names.


@pytest.mark.parametrize(
    "name",
    [
        "a",
        ".a",
        "..a",
        "...",
        "a b",
        "a\\b",
        "%",
        "\u00e9",
        "\u200b",
        "\U0010ffff",
        "x" * 255,
        "\u00e9" * 127,
    ],
)
def test_bucket_name_is_given_back(name: str) -> None:
    assert check_bucket(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "/",
        "a\0",
        "a\n",
        "\x1f",
        "\x7f",
        "\x80",
        "\x9f",
        "x" * 256,
        "\u00e9" * 128,
        *NO_TEXT[:4],
        "\ud800",
    ],
)
def test_what_is_no_bucket_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidBucketNameError) as raised:
        check_bucket(name)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    "key", ["a", "/", "//", ".", "..", "a\nb", "\x01", "\u00e9" * 512, "x" * 1024, "\U0010ffff" * 256]
)
def test_key_is_given_back(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key", ["", "a\0", "\0", "x" * 1025, "\u00e9" * 513, None, 5, b"a", ["a"], "\ud800", "a\udfff"]
)
def test_what_is_no_key_is_refused(key: Any) -> None:
    with pytest.raises(InvalidKeyError) as raised:
        check_key(key)
    assert len(str(raised.value)) < 250


def test_refused_names_are_attributes_of_the_error() -> None:
    with pytest.raises(InvalidKeyError) as key_error:
        check_key("a\0")
    assert key_error.value.key == "a\0"
    with pytest.raises(InvalidBucketNameError) as bucket_error:
        check_bucket("a/b")
    assert bucket_error.value.bucket == "a/b"


@pytest.mark.parametrize("version_id", [None, "", "0001", "any text"])
def test_version_id_is_given_back(version_id: str | None) -> None:
    assert check_version_id(version_id) == version_id


@pytest.mark.parametrize("version_id", NO_TEXT[1:])
def test_version_id_that_is_no_text_is_refused(version_id: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="version_id"):
        check_version_id(version_id)


def test_text_may_be_empty_only_where_that_is_said() -> None:
    assert check_text("it", "x") == "x"
    assert check_text("it", "", empty=True) == ""
    with pytest.raises(InvalidArgumentError, match="it is empty"):
        check_text("it", "")


@pytest.mark.parametrize("value", NO_TEXT)
def test_what_is_no_text_is_refused_under_its_name(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="its name is"):
        check_text("its name", value, empty=True)


@pytest.mark.parametrize("region", [None, "eu-1"])
def test_region_is_given_back(region: str | None) -> None:
    assert check_region(region) == region


@pytest.mark.parametrize("region", ["", *NO_TEXT[1:]])
def test_region_that_is_no_text_is_refused(region: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="region"):
        check_region(region)


# Writing.


def test_put_without_options_is_filled_in() -> None:
    assert check_put("cat.jpg") == (Attributes("image/jpeg", {}, {}, "STANDARD", None), UNCONDITIONAL)  # type: ignore[arg-type]


def test_put_keeps_every_option() -> None:
    attributes, conditions = check_put(
        "k",
        content_type="x/y",
        metadata={"a": "1"},
        tags={"b": "2"},
        storage_class="COLD",
        expires_at=NOW,
        if_match="etag",
        if_none_match="*",
    )
    assert attributes == Attributes("x/y", {"a": "1"}, {"b": "2"}, "COLD", NOW)  # type: ignore[arg-type]
    assert conditions == Conditions("etag", "*")


@pytest.mark.parametrize(
    "option",
    [
        {"content_type": ""},
        {"content_type": 5},
        {"content_type": "a\0"},
        {"metadata": "text"},
        {"metadata": [("a", "b")]},
        {"metadata": {"a": 1}},
        {"metadata": {1: "a"}},
        {"metadata": {"a": b"b"}},
        {"metadata": {"a": None}},
        {"metadata": {"a": "\ud800"}},
        {"tags": {"\ud800": "a"}},
        {"tags": 5},
        {"storage_class": ""},
        {"storage_class": 5},
        {"expires_at": datetime(2026, 1, 1)},
        {"expires_at": 5},
        {"expires_at": "2026-01-01"},
        {"if_match": ""},
        {"if_match": 5},
        {"if_none_match": "etag"},
        {"if_none_match": ""},
        {"if_none_match": True},
    ],
    ids=str,
)
def test_option_of_put_that_is_wrong_is_refused_by_its_name(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(option))):
        check_put("k", **option)


@pytest.mark.parametrize("mapping", [{"a": "b"}, OrderedDict(a="b"), MappingProxyType({"a": "b"})])
def test_mapping_is_copied_into_one_that_can_not_change(mapping: Any) -> None:
    checked = check_mapping("tags", mapping)
    assert checked == {"a": "b"}
    if isinstance(mapping, dict):
        mapping["c"] = "d"
    assert checked == {"a": "b"}
    with pytest.raises(TypeError):
        checked["c"] = "d"


@pytest.mark.parametrize("mapping", [None, {}, {"": ""}, {"a\0": "\n"}])
def test_mapping_may_hold_any_text(mapping: Any) -> None:
    assert check_mapping("tags", mapping) == (mapping or {})


def test_time_is_given_back_in_utc() -> None:
    moment = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    checked = check_time("now", moment)
    assert checked == NOW
    assert checked.tzinfo is UTC


@pytest.mark.parametrize("value", [None, 5, "2026", datetime(2026, 1, 1), NOW.date()])
def test_what_is_no_aware_time_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"when is .* with a timezone"):
        check_time("when", value)


@pytest.mark.parametrize(("bound", "hours"), [(datetime.min, 1), (datetime.max, -1)])
def test_time_that_utc_does_not_have_is_refused(bound: datetime, hours: int) -> None:
    with pytest.raises(InvalidArgumentError, match=r"when is .* outside of the years") as raised:
        check_time("when", bound.replace(tzinfo=timezone(timedelta(hours=hours))))
    assert isinstance(raised.value.__cause__, OverflowError)
    assert check_time("when", bound.replace(tzinfo=UTC)).replace(tzinfo=None) == bound


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("cat.jpg", "image/jpeg"),
        ("a.b/CAT.JPG", "image/jpeg"),
        ("page.html", "text/html"),
        ("a.jpg/plain", "application/octet-stream"),
        ("archive.tar.gz", "application/octet-stream"),
        ("no ending", "application/octet-stream"),
        ("http://host/x.txt", "text/plain"),
        ("/", "application/octet-stream"),
    ],
)
def test_content_type_is_guessed_from_the_last_part_of_the_key(key: str, expected: str) -> None:
    assert guess_content_type(key) == expected


def test_copy_takes_everything_along_but_metadata_that_is_given() -> None:
    source = ObjectInfo("k", 1, "x/y", "etag", NOW, {"a": "1"}, {"b": "2"}, "v1", "COLD")
    assert copied(source, NOW, None) == Attributes("x/y", {"a": "1"}, {"b": "2"}, "COLD", NOW)  # type: ignore[arg-type]
    assert copied(source, None, {}).metadata == {}
    assert copied(source, None, {"c": "3"}).metadata == {"c": "3"}
    with pytest.raises(InvalidArgumentError):
        copied(source, None, {"c": 3})


def test_attributes_expire_at_their_instant() -> None:
    step = timedelta(microseconds=1)
    attributes = Attributes("x/y", expires_at=NOW)
    assert [attributes.expired(NOW + each) for each in (-step, 0 * step, step)] == [False, True, True]
    assert not Attributes("x/y").expired(NOW)


# Conditions.


def test_no_conditions_are_the_one_that_always_holds() -> None:
    assert check_conditions(None, None) is UNCONDITIONAL
    UNCONDITIONAL.check("b", "k", None)
    UNCONDITIONAL.check("b", "k", "etag")


@pytest.mark.parametrize(
    ("conditions", "etag"),
    [(Conditions(if_none_match="*"), None), (Conditions(if_match="etag"), "etag")],
)
def test_conditions_that_hold_let_the_write_go_on(conditions: Conditions, etag: str | None) -> None:
    conditions.check("b", "k", etag)


@pytest.mark.parametrize(
    ("conditions", "etag", "says"),
    [
        (Conditions(if_none_match="*"), "etag", "exists already"),
        (Conditions(if_match="etag"), "other", "has the etag 'other'"),
        (
            Conditions(if_match="etag"),
            None,
            "^object 'k' does not exist in bucket 'b', and if_match='etag' was given; "
            "leave the condition out to create it",
        ),
        (Conditions("etag", "*"), "etag", "exists already"),
        (Conditions("etag", "*"), None, "does not exist"),
    ],
)
def test_conditions_that_fail_say_what_is_there(conditions: Conditions, etag: str | None, says: str) -> None:
    with pytest.raises(PreconditionFailedError, match=says) as raised:
        conditions.check("b", "k", etag)
    assert (raised.value.bucket, raised.value.key) == ("b", "k")


# Switches and references.


@pytest.mark.parametrize("value", [True, False])
def test_switch_is_given_back(value: bool) -> None:
    assert check_switch("enabled", value) is value


@pytest.mark.parametrize("value", [None, 0, 1, "yes", []])
def test_what_is_no_switch_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="enabled is"):
        check_switch("enabled", value)


def test_reference_is_given_back() -> None:
    ref = ObjectRef("b", "k")
    assert check_ref("src", ref) is ref


def test_what_is_no_reference_is_refused() -> None:
    for value in (None, ("b", "k"), "b/k"):
        with pytest.raises(InvalidArgumentError, match="src is"):
            check_ref("src", value)
    with pytest.raises(InvalidBucketNameError):
        check_ref("src", ObjectRef("", "k"))
    with pytest.raises(InvalidKeyError):
        check_ref("src", ObjectRef("b", ""))


# Multipart uploads.


@pytest.mark.parametrize("number", [1, 2, 10_000])
def test_part_number_is_given_back(number: int) -> None:
    assert check_part_number(number) == number


@pytest.mark.parametrize("number", [0, -1, 10_001, *NOT_A_NUMBER])
def test_what_is_no_part_number_is_refused(number: Any) -> None:
    with pytest.raises(InvalidPartError):
        check_part_number(number)


def parts(*numbers: int) -> Iterator[PartInfo]:
    return (PartInfo(number, "etag", 1) for number in numbers)


@pytest.mark.parametrize("numbers", [(1,), (1, 2, 3), (2, 5, 10_000)])
def test_ascending_parts_are_given_back_as_a_list(numbers: tuple[int, ...]) -> None:
    assert check_parts(parts(*numbers)) == list(parts(*numbers))


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        list(parts(2, 1)),
        list(parts(1, 1)),
        list(parts(0)),
        list(parts(1, 10_001)),
        [("1", "etag")],
        [1],
        "parts",
        b"parts",
        None,
        5,
    ],
)
def test_parts_that_are_none_or_out_of_order_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidPartError):
        check_parts(wrong)


# Watching.


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((), set(EventType)),
        ([], set(EventType)),
        ([EventType.CREATED], {EventType.CREATED}),
        (["object.deleted", EventType.CREATED], {EventType.DELETED, EventType.CREATED}),
        ("object.updated", {EventType.UPDATED}),
        (iter([EventType.CREATED] * 2), {EventType.CREATED}),
    ],
)
def test_event_types_are_a_set_and_none_are_all(types: Any, expected: set[EventType]) -> None:
    assert check_event_types(types) == expected


@pytest.mark.parametrize("types", [None, 5, "created", ["object.created", "no such"], [None], [5]])
def test_unknown_event_types_are_refused(types: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"event.types?"):
        check_event_types(types)


@pytest.mark.parametrize("since", [None, 0, 1, 10**20])
def test_sequence_is_given_back(since: int | None) -> None:
    assert check_sequence(since) == since


@pytest.mark.parametrize("since", [-1, *NOT_A_NUMBER[1:]])
def test_what_is_no_sequence_is_refused(since: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="since is"):
        check_sequence(since)


@pytest.mark.parametrize(("timeout", "expected"), [(None, None), (0, 0.0), (2, 2.0), (0.5, 0.5)])
def test_timeout_is_in_seconds(timeout: Any, expected: float | None) -> None:
    assert check_timeout(timeout) == expected


@pytest.mark.parametrize("timeout", [float("inf"), 1e12, 10**400, 10**5000], ids=shown)
def test_timeout_beyond_all_clocks_is_none(timeout: float) -> None:
    assert check_timeout(timeout) is None


@pytest.mark.parametrize(
    "timeout",
    [-(10**400), -(10**5000), float("-inf"), -1, -0.1, float("nan"), "1", True, timedelta(1)],
    ids=shown,
)
def test_what_is_no_timeout_is_refused(timeout: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout is"):
        check_timeout(timeout)


@pytest.mark.parametrize("expires", [timedelta(microseconds=1), timedelta(days=7)])
def test_lifetime_is_given_back(expires: timedelta) -> None:
    assert check_lifetime(expires) == expires


@pytest.mark.parametrize("expires", [timedelta(0), timedelta(seconds=-1), None, 5, 5.0, "1h"])
def test_what_is_no_lifetime_is_refused(expires: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="expires is"):
        check_lifetime(expires)


# Lifecycle rules.


def expires(days: int, id: str = "e", prefix: str = "", enabled: bool = True) -> LifecycleRule:
    return LifecycleRule(id, prefix, expiration_days=days, enabled=enabled)


def moves(days: int, id: str = "m", prefix: str = "", to: str = "COLD") -> LifecycleRule:
    return LifecycleRule(id, prefix, transition_days=days, transition_storage=to)


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [expires(0)],
        [moves(0)],
        [LifecycleRule("both", "p/", 30, 10, "COLD")],
        [expires(1), moves(1)],
        [expires(1, "a"), expires(2, "b", "p/")],
        [expires(1, "a"), expires(1, "b")],
        [moves(1, "a"), moves(1, "b")],
        [expires(1, "a"), expires(2, "b", enabled=False)],
    ],
    ids=len,
)
def test_rules_that_agree_are_given_back(rules: list[LifecycleRule]) -> None:
    assert check_rules(iter(rules)) == rules


def rule(**fields: Any) -> LifecycleRule:
    return LifecycleRule(**{"id": "r", "expiration_days": 1, **fields})


WRONG_RULES: dict[str, Callable[[], Any]] = {
    "no iterable": lambda: 5,
    "text": lambda: "rules",
    "no rule": lambda: [{"id": "r"}],
    "id is empty": lambda: [rule(id="")],
    "id is no text": lambda: [rule(id=5)],
    "prefix is no text": lambda: [rule(prefix=None)],
    "days are negative": lambda: [rule(expiration_days=-1)],
    "days are more than a timedelta has": lambda: [rule(expiration_days=10**9)],
    "days are more than can be shown": lambda: [rule(expiration_days=10**5000)],
    "days are no integer": lambda: [rule(expiration_days=1.5)],
    "days are a switch": lambda: [rule(expiration_days=True)],
    "move in negative days": lambda: [rule(transition_days=-1, transition_storage="COLD")],
    "enabled is no switch": lambda: [rule(enabled=1)],
    "class without days": lambda: [rule(transition_storage="COLD")],
    "days without class": lambda: [rule(expiration_days=9, transition_days=1)],
    "class is empty": lambda: [rule(expiration_days=9, transition_days=1, transition_storage="")],
    "does nothing": lambda: [rule(expiration_days=None)],
    "moves when it expires": lambda: [rule(transition_days=1, transition_storage="COLD")],
    "one id twice": lambda: [rule(), rule(prefix="p/")],
    "two expiries": lambda: [expires(1, "a"), expires(2, "b")],
    "two ages of a move": lambda: [moves(1, "a"), moves(2, "b")],
    "two targets of a move": lambda: [moves(1, "a"), moves(1, "b", to="FROZEN")],
}


@pytest.mark.parametrize("wrong", WRONG_RULES.values(), ids=WRONG_RULES)
def test_rules_that_are_wrong_or_contradict_are_refused(wrong: Callable[[], Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        check_rules(wrong())


# Quotas.


@pytest.mark.parametrize("limit", [None, 0, 1, MAX_QUOTA])
def test_limits_are_given_back(limit: int | None) -> None:
    assert check_quota(limit, None) == Quota(limit, None)
    assert check_quota(None, limit) == Quota(None, limit)


@pytest.mark.parametrize("limit", [-1, MAX_QUOTA + 1, "1", 1.0, True, False, [1], 10**5000], ids=shown)
def test_what_is_no_limit_is_refused_by_its_name(limit: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="max_bytes is"):
        check_quota(limit, None)
    with pytest.raises(InvalidArgumentError, match="max_objects is"):
        check_quota(None, limit)
