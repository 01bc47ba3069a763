"""What a key holds in a bucket with versions, by a few plain rules that know nothing of the engine.

A chain is a tuple of versions, the newest first; each is what the test calls its content, ``None`` for a
delete marker, and whether it has an id. ``kept`` says whether versioning is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from trove import ObjectReader
from trove.drivers.engine import EngineDriver
from trove.errors import NotFoundError


class Version(NamedTuple):
    content: str | None
    named: bool  # whether it has an id


Chain = tuple[Version, ...]


def put(chain: Chain, content: str | None, *, kept: bool) -> Chain:
    """With a new version. One without an id takes the place of the other without."""
    before = chain if kept else tuple(version for version in chain if version.named)
    return (Version(content, kept), *before)


def deleted(chain: Chain, *, kept: bool) -> Chain:
    """With a delete marker, unless there is nothing to hide."""
    if not chain or chain[0].content is None:
        return chain
    if not kept and len(chain) == 1 and not chain[0].named:
        return ()
    return put(chain, None, kept=kept)


def without(chain: Chain, number: int) -> Chain:
    return chain[:number] + chain[number + 1 :]


def seen(driver: EngineDriver, bucket: str, key: str, content: Callable[[ObjectReader], str]) -> Chain:
    """The chain of a key, each version read; and its newest must be what a reader of the key gets."""
    found = []
    listed = driver.list_versions(bucket, key)
    for number, each in enumerate(listed):
        assert each.is_latest == (number == 0), f"of {listed} the newest is another one"
        if each.is_delete_marker:
            found.append(Version(None, bool(each.version_id)))
            continue
        with driver.get_version(bucket, key, each.version_id) as reader:
            assert reader.info.version_id == each.version_id
            assert reader.info.etag == each.etag
            found.append(Version(content(reader), bool(each.version_id)))
    assert current(driver, bucket, key, content) == (found[0].content if found else None), f"{key} is another"
    assert sum(not version.named for version in found) <= 1, f"{key} has two versions without an id"
    return tuple(found)


def current(
    driver: EngineDriver, bucket: str, key: str, content: Callable[[ObjectReader], str]
) -> str | None:
    try:
        reader = driver.get(bucket, key)
    except NotFoundError:
        return None
    with reader:
        return content(reader)


def in_words(chain: Iterable[Version]) -> str:
    """A line that says it all: each version's content, ``-`` for a marker, ``*`` before one without an id."""
    return " ".join(
        ("" if version.named else "*") + ("-" if version.content is None else version.content)
        for version in chain
    )


def from_words(line: str) -> Chain:
    """The chain that such a line is of."""
    return tuple(
        Version(None if word.lstrip("*") == "-" else word.lstrip("*"), not word.startswith("*"))
        for word in line.split()
    )
