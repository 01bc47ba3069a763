"""Calls on versions and uploads, beside those of a load, on keys that nobody else writes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness import chains
from harness.described import described, name_of

from trove.errors import VersionNotFoundError

if TYPE_CHECKING:
    import trove

    from .load import Load

BUCKET = "versions"
KEYS = 12
LONGEST = 6  # versions of a key: for each that comes then one goes for good
PARTS = 4


def content(reader: trove.ObjectReader) -> str:
    return name_of(reader.read())


class Versions:
    """Versions come, go, come back and are read."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._chains: dict[str, list[tuple[str, str | None]]] = {}  # id and name, ``None`` for a marker

    def step(self) -> None:
        key = f"{self._load.name}/{self._load.draw.randrange(KEYS)}"
        chain = self._chains.setdefault(key, [])
        kinds = [self._put] * 3 + [self._delete, self._read, self._read, self._list]
        if chain:
            kinds += [self._restore, self._drop]
        if len(chain) > LONGEST:
            kinds = [self._drop]
        self._load.draw.choice(kinds)(key, chain)

    def _put(self, key: str, chain: list[tuple[str, str | None]]) -> None:
        name, data = self._load.data()
        info = self._load.timed("put a version", lambda: self._load.driver.put(BUCKET, key, data))
        chain.insert(0, (info.version_id, name))

    def _delete(self, key: str, chain: list[tuple[str, str | None]]) -> None:
        self._load.timed("delete a version", lambda: self._load.driver.delete(BUCKET, key))
        if chain and chain[0][1] is not None:
            marker = self._load.driver.list_versions(BUCKET, key)[0]
            assert marker.is_delete_marker
            chain.insert(0, (marker.version_id, None))

    def _drop(self, key: str, chain: list[tuple[str, str | None]]) -> None:
        version_id, _ = chain.pop(self._load.draw.randrange(len(chain)))
        driver = self._load.driver
        self._load.timed("drop a version", lambda: driver.delete_version(BUCKET, key, version_id))
        try:
            driver.get_version(BUCKET, key, version_id).close()
        except VersionNotFoundError:
            return
        raise AssertionError(f"version {version_id} of {key} is there still")

    def _restore(self, key: str, chain: list[tuple[str, str | None]]) -> None:
        version_id, name = self._load.draw.choice(chain)
        if name is not None:
            driver = self._load.driver
            info = self._load.timed("restore", lambda: driver.restore_version(BUCKET, key, version_id))
            chain.insert(0, (info.version_id, name))

    def _read(self, key: str, chain: list[tuple[str, str | None]]) -> None:
        expected = chain[0][1] if chain else None
        assert chains.current(self._load.driver, BUCKET, key, content) == expected, key

    def _list(self, key: str, chain: list[tuple[str, str | None]]) -> None:
        found = self._load.timed("list versions", lambda: self._load.driver.list_versions(BUCKET, key))
        assert [(each.version_id, each.is_delete_marker) for each in found] == [
            (version_id, name is None) for version_id, name in chain
        ], key

    def check(self) -> None:
        for key, chain in self._chains.items():
            self._list(key, chain)
            self._read(key, chain)


class Uploads:
    """Uploads are sent in parts, some of them twice, and completed or given up."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def step(self) -> None:
        load, draw = self._load, self._load.draw
        key = f"{load.name}/upload"
        name = f"{key}.{draw.randrange(1 << 40)}"
        data = described(name, draw.choice((300, 9_000, 300_000)))
        cuts = [len(data) * number // PARTS for number in range(PARTS + 1)]
        pieces = {n + 1: data[cuts[n] : cuts[n + 1]] for n in range(PARTS)}
        upload = load.driver.initiate_multipart(BUCKET, key)
        load.driver.upload_part(BUCKET, key, upload, 1, b"to be sent again")
        sent = [
            load.timed(
                "upload_part",
                lambda number=number, piece=piece: load.driver.upload_part(  # type: ignore[misc]
                    BUCKET, key, upload, number, piece
                ),
            )
            for number, piece in draw.sample(sorted(pieces.items()), PARTS)
        ]
        sent.sort(key=lambda part: part.part_number)
        assert load.driver.list_parts(BUCKET, key, upload) == sent
        if draw.random() < 0.3:
            load.driver.abort_multipart(BUCKET, key, upload)
            return
        info = load.timed("complete", lambda: load.driver.complete_multipart(BUCKET, key, upload, sent))
        with load.driver.get(BUCKET, key) as reader:
            assert name_of(reader.read()) == name
        load.driver.delete_version(BUCKET, key, info.version_id)


def free_what_is_over(load: Load) -> None:
    """What has expired gives its space back."""
    load.timed("apply_lifecycle", lambda: load.driver.apply_lifecycle(datetime.now(UTC)))
