"""What a client does with uploads of its own: parts are sent, sent wrong and again, completed, given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.described import SIZES, described

from trove.driver import PartInfo
from trove.drivers.engine import EngineDriver
from trove.errors import InvalidPartError

from .ledger import State
from .places import BUCKET

if TYPE_CHECKING:
    from .owner import Owner

PARTS = (1, 2, 7)
OPEN = 2  # uploads at once
LEFT = 4  # objects that are left of them
WRONG = b"?"  # before the data of a part that is wrong


def part_of(key: str, number: int) -> bytes:
    """The data of a part: the object of ``key`` is whole when it has all of them."""
    whole = described(key, SIZES[len(key) % 2 + sum(key.encode()) % 3])
    at = PARTS.index(number)
    return whole[at * len(whole) // 3 : (at + 1) * len(whole) // 3]


def contents(driver: EngineDriver, owner: str) -> State:
    """The parts of each open upload, in words: their numbers, with ``?`` behind those that are wrong."""
    found = {}
    for upload in driver.list_multiparts(BUCKET):
        if upload.key.startswith(f"{owner}/"):
            assert f"upload {upload.key}" not in found, f"two uploads of {upload.key}"
            parts = driver.list_parts(BUCKET, upload.key, upload.upload_id)
            found[f"upload {upload.key}"] = " ".join(["parts", *(word(upload.key, part) for part in parts)])
    return found


def word(key: str, part: PartInfo) -> str:
    over = part.size - len(part_of(key, part.part_number))
    assert over in (0, len(WRONG)), f"a part of {key} has another size than it was sent with: {part}"
    return f"{part.part_number}" if not over else f"{part.part_number}?"


class Uploading:
    """The calls on one upload after the other; what they bring about is in the words of ``contents``."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._draw = owner.draw

    def step(self) -> None:
        state = self._owner.state
        uploads = sorted(line for line in state if line.startswith("upload "))
        left = sorted(key for key in state if key.startswith(f"{self._owner.name}/u"))
        if len(left) > LEFT:
            key = left[0]
            return self._owner.call({key: None}, lambda: self._owner.driver.delete(BUCKET, key))
        if len(uploads) < OPEN:
            return self._initiate()
        line = self._draw.choice(uploads)
        sent = state[line].split()[1:]
        if sent == [str(number) for number in PARTS]:
            return self._complete(line, sent)
        kind = self._draw.choices((self._send, self._refused, self._abort), (8, 1, 1))[0]
        return kind(line, sent)

    def _initiate(self) -> None:
        key = f"{self._owner.name}/u{self._owner.number}"
        metadata = {"name": key, "number": str(self._owner.number)}
        self._owner.call(
            {f"upload {key}": "parts"},
            lambda: self._owner.driver.initiate_multipart(BUCKET, key, metadata=metadata, if_none_match="*"),
        )

    def _send(self, line: str, sent: list[str]) -> None:
        key, number = line.removeprefix("upload "), self._draw.choice(PARTS)
        data, said = part_of(key, number), f"{number}"
        if self._draw.random() < 0.2:
            data, said = WRONG + data, f"{number}?"
        after = sorted({*(each for each in sent if each.rstrip("?") != f"{number}"), said})
        upload = self._id(key)
        self._owner.call(
            {line: " ".join(["parts", *after])},
            lambda: self._owner.driver.upload_part(BUCKET, key, upload, number, data),
        )

    def _complete(self, line: str, sent: list[str]) -> None:
        key = line.removeprefix("upload ")
        upload = self._id(key)
        parts = self._owner.driver.list_parts(BUCKET, key, upload)
        self._owner.call(
            {line: None, key: key},
            lambda: self._owner.driver.complete_multipart(BUCKET, key, upload, parts),
        )

    def _refused(self, line: str, sent: list[str]) -> None:
        """A completion with a part that was not sent so."""
        key = line.removeprefix("upload ")
        upload = self._id(key)
        parts = self._owner.driver.list_parts(BUCKET, key, upload)
        wrong = [*parts[:-1], PartInfo(PARTS[-1], "0" * 32, 1)]
        self._owner.call(
            {line: None, key: key},
            lambda: self._owner.driver.complete_multipart(BUCKET, key, upload, wrong),
            InvalidPartError,
        )

    def _abort(self, line: str, sent: list[str]) -> None:
        key = line.removeprefix("upload ")
        upload = self._id(key)
        self._owner.call({line: None}, lambda: self._owner.driver.abort_multipart(BUCKET, key, upload))

    def _id(self, key: str) -> str:
        (found,) = (each.upload_id for each in self._owner.driver.list_multiparts(BUCKET) if each.key == key)
        return found
