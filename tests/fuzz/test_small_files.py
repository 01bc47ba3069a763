"""The small decoders: whatever bytes they are given, they say what it is or refuse it with a type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.alone import alone
from harness.hostile_examples import each_example
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

import trove
from trove._engine import snapshots, store
from trove._engine.foreign import is_foreign, is_of_no_pack
from trove._engine.info import info_of_row
from trove._engine.settings import folder_and_settings, parameters_maker
from trove._engine.state import durable_in, is_clean, is_state, known, raised_in
from trove.driver import parse_dsn
from trove.errors import CorruptStoreError, InvalidArgumentError, InvalidDSNError, TroveError

COUNTS = [200, pytest.param(20_000, marks=pytest.mark.slow)]
PARAMETERS = {
    "store_id": "0" * 32,
    "hash": "xxh3",
    "chunk_minimum": 512,
    "chunk_normal": 800,
    "chunk_maximum": 4096,
    "chunk_level": 2,
}
values = st.one_of(
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.none(),
    st.booleans(),
    st.lists(st.integers(), max_size=3),
    st.sampled_from(["blake3", "0" * 32, "F" * 32, 1 << 63, -1, 0, 64, 800, 1e308]),
)


def changed(whole: bytes) -> st.SearchStrategy[bytes]:
    """``whole`` with some bytes of it otherwise, or cut, or longer."""

    def change(edits: list[tuple[int, int]], end: int, more: bytes) -> bytes:
        raw = bytearray(whole)
        for at, byte in edits:
            raw[at % len(raw)] = byte
        return bytes(raw[: len(raw) - end]) + more

    edit = st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255))
    ends = st.one_of(st.just(0), st.just(0), st.integers(0, len(whole)))
    return st.builds(
        change, st.lists(edit, max_size=4), ends, st.one_of(st.just(b""), st.binary(max_size=50))
    )


@st.composite
def store_files(draw: st.DrawFn) -> bytes:
    """STORE files whose checksum fits, with any parameters; and damaged ones."""
    said: dict[str, Any] = dict(PARAMETERS)
    for name in draw(st.lists(st.sampled_from([*PARAMETERS, "unknown"]), max_size=3)):
        said[name] = draw(values)
    for name in draw(st.lists(st.sampled_from([*PARAMETERS]), max_size=1)):
        said.pop(name, None)
    body: Any = draw(st.sampled_from([said, said, said, [], 1, None, "x", {"a" * 5000: 1}]))
    version = draw(st.sampled_from(["1", "1", "1", "0", "2", "9" * 30, "-1", "\u0661"]))
    text = f"trove store {version}\n{json.dumps(body)}\n".encode()
    text += xxh3_128_hexdigest(text).encode() + b"\n"
    return draw(st.one_of(st.just(text), changed(text), st.binary(max_size=200)))


@pytest.mark.parametrize("count", COUNTS)
@alone(timeout=600)
def test_a_store_file_is_read_or_refused(tmp_path: Path, count: int) -> None:
    def check(raw: bytes) -> None:
        (tmp_path / "STORE").write_bytes(raw)
        try:
            found = store.read(str(tmp_path))
        except CorruptStoreError:
            pass
        else:
            assert found is not None
            assert store.Parameters.unpacked(bytes.fromhex(found.store_id), found.packed()) == found
        store.made_by_newer(str(tmp_path))
        store.looks_like_one(str(tmp_path))

    each_example(tmp_path, count, store_files(), check)


@pytest.mark.parametrize("count", COUNTS)
@alone(timeout=600)
def test_a_state_is_read_whatever_it_holds(tmp_path: Path, count: int) -> None:
    with trove.open(f"trove://{tmp_path}/store") as driver:
        driver.create_bucket("b")
    page = (tmp_path / "store" / "state").read_bytes()

    def check(raw: bytes) -> None:
        (tmp_path / "store" / "state").write_bytes(raw)
        page = raw[:4096].ljust(4096, b"\0")
        found = known(str(tmp_path / "store"), page)
        assert 0 <= found.surely <= found.least < 1 << 64
        start, end = raised_in(page)
        assert 0 <= start < 1 << 64
        assert 0 <= end < 1 << 64
        for answer in (is_clean(page), is_state(page, bytes(16)), durable_in(page)):
            assert answer >= 0
        header = page[:64]
        assert is_of_no_pack(str(tmp_path / "store"), bytes(16), [header]) is is_foreign(header, bytes(16))

    each_example(tmp_path, count, changed(page), check)


@pytest.mark.parametrize("count", COUNTS)
@alone(timeout=600)
def test_a_row_of_an_object_is_decoded_or_refused(tmp_path: Path, count: int) -> None:
    with trove.open(f"trove://{tmp_path}/store") as driver:
        driver.create_bucket("b")
        metadata = {"a": "1", "b": "2" * 200}
        whole: list[bytes] = [
            driver.put("b", str(size), bytes(size), metadata=metadata, tags=tags).row  # type: ignore[attr-defined]
            for size, tags in ((5, {"t": "x"}), (9000, {}))
        ]

    def check(row: bytes) -> None:
        for name in (
            "size",
            "etag",
            "last_modified",
            "content_type",
            "storage_class",
            "metadata",
            "tags",
            "row",
        ):
            try:
                getattr(info_of_row("k", row), name)
            except CorruptStoreError:
                continue
        try:
            info = info_of_row("k", row)
            assert info.plain() == info
        except CorruptStoreError:
            pass

    each_example(
        tmp_path, count, st.one_of(changed(whole[0]), changed(whole[1]), st.binary(max_size=80)), check
    )


@pytest.mark.parametrize("count", COUNTS)
@alone(timeout=600)
def test_a_cursor_is_taken_or_refused(tmp_path: Path, count: int) -> None:
    driver = trove.open(f"trove://{tmp_path}/store")
    driver.create_bucket("b")
    for number in range(9):
        driver.put("b", f"k/{number}", b"x")
    tokens = [
        driver.list("b", prefix=prefix, delimiter=delimiter, max_keys=2).next_token
        for prefix in ("", "k/")
        for delimiter in ("", "/")
    ]
    given = [token for token in tokens if token]
    letters = st.characters(codec=None)
    cursors = st.one_of(
        st.text(letters, max_size=60),
        st.sampled_from(given),
        st.sampled_from(given)
        .flatmap(lambda token: changed(token.encode()))
        .map(lambda raw: raw.decode("latin-1")),
        st.text(letters, min_size=3000, max_size=3001),
    )

    def check(asked: tuple[str, str, str]) -> None:
        cursor, prefix, delimiter = asked
        try:
            page = driver.list("b", prefix=prefix, delimiter=delimiter, max_keys=3, cursor=cursor)
            keys = [info.key for info in page]
        except InvalidArgumentError:
            return
        assert len(keys) + len(page.prefixes) <= 3
        assert all(key.startswith(prefix) for key in keys)

    asked = st.tuples(cursors, st.sampled_from(["", "k/", "z"]), st.sampled_from(["", "/"]))
    each_example(tmp_path, count, asked, check)
    driver.close()


SYNTAX = (
    "trove",
    "://",
    "/",
    "?",
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "%2F",
    "@",
    ":",
    "[",
    "]",
    "[::1]",
    "#",
    "..",
)
SURROGATE = chr(0xDC80)
SETTINGS = ("mode=r", "mode=w", "chunk_size=", "chunk_size=99999999", "chunk_size=-1", "hash=blake3", "\0")
dsn_parts = st.one_of(st.text(max_size=20), st.sampled_from([*SYNTAX, *SETTINGS, SURROGATE]))


@pytest.mark.parametrize("count", COUNTS)
@alone(timeout=600)
def test_a_dsn_is_understood_or_refused(tmp_path: Path, count: int) -> None:
    def check(parts: list[str]) -> None:
        dsn = "".join(parts)
        try:
            parsed = parse_dsn(dsn)
        except InvalidDSNError:
            return
        assert parsed.scheme
        try:
            folder, settings = folder_and_settings(dsn, {})
            assert folder.startswith("/")
            parameters_maker(settings)
        except InvalidArgumentError:
            return

    dsns = st.lists(dsn_parts, max_size=6)
    each_example(tmp_path, count, st.one_of(dsns, dsns.map(lambda parts: ["trove:///", *parts])), check)


@pytest.mark.parametrize("count", [60, pytest.param(5000, marks=pytest.mark.slow)])
@alone(timeout=600)
def test_a_snapshot_is_whole_or_it_is_not(tmp_path: Path, count: int) -> None:
    with trove.open(f"trove://{tmp_path}/store") as driver:
        driver.create_bucket("b")
        path = Path(driver.snapshot().path)  # type: ignore[attr-defined]
    raw, sums = path.read_bytes(), path.with_suffix(".xxh3").read_bytes()
    assert snapshots.whole(path)

    def check(given: tuple[bytes, bytes]) -> None:
        path.write_bytes(given[0])
        path.with_suffix(".xxh3").write_bytes(given[1])
        if snapshots.whole(path):
            assert given[0] == raw
            assert given[1].strip() == sums.strip()

    both = st.one_of(st.tuples(st.just(raw), changed(sums)), st.tuples(changed(raw), st.just(sums)))
    each_example(tmp_path, count, both, check)


def test_the_strategies_reach_both_ends(tmp_path: Path) -> None:
    """Some of what they make is right, and some is not."""
    outcomes = set()

    def check(raw: bytes) -> None:
        (tmp_path / "STORE").write_bytes(raw)
        try:
            store.read(str(tmp_path))
            outcomes.add("read")
        except TroveError:
            outcomes.add("refused")

    seed(1)(settings(max_examples=100, database=None, deadline=None)(given(store_files())(check)))()
    assert outcomes == {"read", "refused"}
