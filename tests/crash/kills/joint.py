"""Uploads that several clients send parts to, complete and give up at once, and what must be left of each.

What was told is noted in one file that outlives all of them: what may be, before a call; what is, after it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections import defaultdict
from pathlib import Path

from harness.described import described

from trove.driver import PartInfo
from trove.drivers.engine import EngineDriver
from trove.errors import NotFoundError, UploadNotFoundError

from .places import JOINT, Place

NUMBERS = range(1, 10)
OPEN = 3  # uploads at once, or a few more


def part_of(upload: str, number: int) -> bytes:
    return described(f"{upload}.{number}", (60, 3000, 20_000)[number % 3])


class Sender:
    """One of the clients."""

    def __init__(self, place: Place, driver: EngineDriver, draw: random.Random) -> None:
        self.driver, self._draw = driver, draw
        self._log = os.open(log_of(place), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _note(self, word: str, key: str, upload: str, *numbers: int) -> None:
        os.write(self._log, json.dumps([word, key, upload, numbers]).encode() + b"\n")

    def step(self) -> None:
        uploads = self.driver.list_multiparts(JOINT)
        if len(uploads) < OPEN:
            key = f"{self._draw.getrandbits(64):x}"
            self._note("initiated", key, self.driver.initiate_multipart(JOINT, key))
            return
        upload = self._draw.choice(uploads)
        kind = self._draw.choices((self._send, self._complete, self._abort), (12, 2, 1))[0]
        # Another one can be faster.
        with contextlib.suppress(UploadNotFoundError):
            kind(upload.key, upload.upload_id)

    def _send(self, key: str, upload: str) -> None:
        number = self._draw.choice(NUMBERS)
        sent = self.driver.upload_part(JOINT, key, upload, number, part_of(upload, number))
        assert sent.size == len(part_of(upload, number))
        self._note("sent", key, upload, number)

    def _complete(self, key: str, upload: str) -> None:
        parts = self.driver.list_parts(JOINT, key, upload)
        if parts:
            numbers = [part.part_number for part in parts]
            self._note("completing", key, upload, *numbers)
            self.driver.complete_multipart(JOINT, key, upload, parts)
            self._note("completed", key, upload, *numbers)

    def _abort(self, key: str, upload: str) -> None:
        self._note("aborting", key, upload)
        self.driver.abort_multipart(JOINT, key, upload)
        self._note("aborted", key, upload)


def log_of(place: Place) -> Path:
    return place.folder / "joint.log"


def check(place: Place, driver: EngineDriver) -> int:
    """Raise AssertionError where an upload is not as somebody was told; how many there were."""
    told: dict[tuple[str, str], dict[str, list[list[int]]]] = defaultdict(lambda: defaultdict(list))
    if not log_of(place).exists():
        return 0
    for line in log_of(place).read_text().splitlines():
        # A client that was killed within a line has left the rest of it to the next.
        try:
            word, key, upload, numbers = json.loads(line)
        except ValueError:
            continue
        told[key, upload][word].append(numbers)
    uploads = {(each.key, each.upload_id) for each in driver.list_multiparts(JOINT)}
    for (key, upload), said in told.items():
        parts = driver.list_parts(JOINT, key, upload) if (key, upload) in uploads else None
        wrong = check_one(said, upload, parts, read(driver, key))
        assert not wrong, f"upload {upload} of {key} {wrong}: {dict(said)}"
    known = {key for key, _ in told}
    assert {info.key for info in driver.list(JOINT, max_keys=100_000)} <= known, "an object that nobody made"
    return len(told)


def check_one(
    said: dict[str, list[list[int]]], upload: str, parts: list[PartInfo] | None, data: bytes | None
) -> str:
    """What is wrong with an upload that has these parts, ``None`` if it is over, and left that object."""
    if parts is not None:
        if said["completed"] or said["aborted"] or data is not None:
            return "is open, and is over"
        sent = {numbers[0] for numbers in said["sent"]}
        if not sent <= {part.part_number for part in parts}:
            return f"lacks parts: {parts}"
        sizes = all(part.size == len(part_of(upload, part.part_number)) for part in parts)
        return "" if sizes else f"has parts of another size: {parts}"
    if len(said["completed"]) + len(said["aborted"]) > 1:
        return "ended twice"
    if data is None:
        if said["completed"]:
            return "was completed, and there is no object"
        return "" if said["aborting"] else "is gone, and nobody ended it"
    if said["aborted"]:
        return "was given up, and there is an object"
    possible = said["completed"] or said["completing"]
    whole = any(data == b"".join(part_of(upload, number) for number in each) for each in possible)
    return "" if whole else "left an object of other parts"


def read(driver: EngineDriver, key: str) -> bytes | None:
    try:
        with driver.get(JOINT, key) as reader:
            return reader.read()
    except NotFoundError:
        return None
