"""KeySuite: keys are text, and nothing but text."""

from __future__ import annotations

import pytest

from ...driver import Driver
from .base import Suite, content_of, exists, keys_of
from .listing import fill

PATHS = (
    "a/b",
    "a//b",
    "a///b",
    "/x",
    "//x",
    "/",
    "//",
    "x/",
    "x//",
    ".",
    "..",
    "./a",
    "../a",
    "a/.",
    "a/..",
    "a/../b",
    "a/./b",
    "../../../../etc/passwd",
    "/etc/passwd",
    "~",
    "~/a",
    "C:\\a",
    "a\\b",
    "\\",
    ".hidden",
    "a/.hidden",
    "a.tmp",
    "a.meta",
    "a.json",
    ".trove",
    ".trove/a",
    "a~",
    "#a#",
    "-a",
    "-",
    "con",
    "nul.txt",
    "a.",
    "a. ",
)
TEXTS = (
    " ",
    "  a  ",
    "a b",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\x01",
    "\x1f",
    "\x7f",
    "\x80",
    "%",
    "%41",
    "%2F",
    "%2f",
    "%00",
    "a%b",
    "+",
    "a+b",
    "a?b=c&d",
    "a#b",
    "a:b",
    "a*",
    "'",
    '"',
    "`",
    "$HOME",
    "{}",
    "<a>",
    "a|b",
    "a;b",
    "=",
    "@",
    "é",
    "日本/語",
    "\U0001f600",
    "\ufeffa",
    "\u202ea",
    "\u2028",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U0010ffff",
)
PAIRS = {
    "case": ("Key", "key"),
    "normalisation": ("caf\u00e9", "cafe\u0301"),
    "compatibility": ("\ufb01", "fi"),
    "escapes": ("a%2Fb", "a/b"),
    "slashes": ("a//b", "a/b"),
    "trailing-slash": ("a/", "a"),
    "leading-slash": ("/a", "a"),
    "dot": ("./a", "a"),
    "parent": ("a/../b", "b"),
    "spaces": ("a ", "a"),
    "folder": ("a/b", "a"),
    "deep-folder": ("a/b/c/d", "a/b"),
    "backslash": ("a\\b", "a/b"),
    "plus": ("a+b", "a b"),
    "width": ("\uff21", "A"),
    "dotless": ("\u0131", "i"),
}
LONG = {
    "component-of-255": "n" * 255,
    "component-of-256": "n" * 256,
    "component-of-300": "folder/" + "n" * 300 + "/file",
    "1024": "k" * 1024,
    "1024-in-folders": ("d/" * 512)[:1023] + "f",
    "1024-of-slashes": "/" * 1024,
    "1024-of-two-bytes": "\u00e9" * 512,
    "1024-of-three-bytes": "\u8a9e" * 341 + "x",
    "1024-of-four-bytes": "\U0001f600" * 256,
    "1024-of-percents": "%" * 1024,
    "1024-of-dots": "." * 1024,
}


def round_trip(driver: Driver, bucket: str, key: str) -> None:
    data = key.encode()
    assert driver.put(bucket, key, data).key == key
    assert content_of(driver, bucket, key) == data
    assert keys_of(driver.list(bucket)) == [key]
    driver.delete(bucket, key)
    assert not exists(driver, bucket, key)


class KeySuite(Suite):
    @pytest.mark.parametrize("key", PATHS)
    def test_keys_that_look_like_paths(self, driver: Driver, bucket: str, key: str) -> None:
        round_trip(driver, bucket, key)

    @pytest.mark.parametrize("key", TEXTS, ids=ascii)
    def test_keys_of_any_text(self, driver: Driver, bucket: str, key: str) -> None:
        round_trip(driver, bucket, key)

    @pytest.mark.parametrize("kind", LONG)
    def test_keys_long(self, driver: Driver, bucket: str, kind: str) -> None:
        round_trip(driver, bucket, LONG[kind])

    def test_keys_long_differ_at_the_end(self, driver: Driver, bucket: str) -> None:
        keys = ["k" * 1023 + letter for letter in "abc"]
        for key in keys:
            driver.put(bucket, key, key[-1].encode())
        assert [content_of(driver, bucket, key) for key in keys] == [b"a", b"b", b"c"]

    @pytest.mark.parametrize("kind", PAIRS)
    def test_keys_alike_are_kept_apart(self, driver: Driver, bucket: str, kind: str) -> None:
        one, other = PAIRS[kind]
        driver.put(bucket, one, b"one")
        driver.put(bucket, other, b"other")
        assert (content_of(driver, bucket, one), content_of(driver, bucket, other)) == (b"one", b"other")

    @pytest.mark.parametrize("kind", PAIRS)
    def test_keys_alike_are_deleted_apart(self, driver: Driver, bucket: str, kind: str) -> None:
        one, other = PAIRS[kind]
        driver.put(bucket, other, b"other")
        driver.put(bucket, one, b"one")
        driver.delete(bucket, one)
        assert content_of(driver, bucket, other) == b"other"

    def test_keys_of_a_folder_and_an_object_together(self, driver: Driver, bucket: str) -> None:
        keys = ["a", "a/", "a//", "a/b", "a/b/", "a/b/c"]
        for order in (keys, keys[::-1]):
            fill(driver, bucket, order)
            assert keys_of(driver.list(bucket)) == keys
            for key in order:
                driver.delete(bucket, key)

    def test_keys_that_look_like_paths_all_together(self, driver: Driver, bucket: str) -> None:
        for key in PATHS:
            driver.put(bucket, key, key.encode())
        assert keys_of(driver.list(bucket)) == sorted(PATHS)
        assert [content_of(driver, bucket, key) for key in PATHS] == [key.encode() for key in PATHS]

    def test_keys_of_any_text_all_together(self, driver: Driver, bucket: str) -> None:
        for key in TEXTS:
            driver.put(bucket, key, key.encode())
        assert keys_of(driver.list(bucket)) == sorted(TEXTS)

    def test_keys_deleted_leave_no_folder(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "a/b/c", b"data")
        driver.delete(bucket, "a/b/c")
        driver.put(bucket, "a/b", b"data")
        assert keys_of(driver.list(bucket)) == ["a/b"]
        page = driver.list(bucket, delimiter="/")
        assert list(page.prefixes) == ["a/"]
