"""Stores of which two thirds are deleted, and what is asked of them before and after a compaction."""

from __future__ import annotations

from pathlib import Path

from trove.drivers.engine import EngineDriver

from .noise import noise


def fill(driver: EngineDriver, count: int = 60, size: int = 200_000) -> dict[str, bytes]:
    """Put objects of all kinds and delete two of three; what is left."""
    held = {}
    for number in range(count):
        key = f"key-{number:03d}"
        held[key] = noise(key, (100, size, 5_000)[number // 3 % 3])
        driver.put("b", key, held[key])
    for number in range(count):
        if number % 3:
            driver.delete("b", f"key-{number:03d}")
            del held[f"key-{number:03d}"]
    return held


def age(driver: EngineDriver) -> None:
    """Make the log longer by more than what is kept of it for watchers."""
    for number in range(400):
        driver.put("b", "aged", noise(number, 2000))
    driver.delete("b", "aged")


def packs(driver: EngineDriver) -> list[Path]:
    return sorted((store_of(driver) / "packs").iterdir())


def store_of(driver: EngineDriver) -> Path:
    return Path(driver.opened().path)


def content(driver: EngineDriver) -> dict[str, bytes]:
    return {info.key: driver.get("b", info.key).read() for info in driver.list("b")}


def whole(driver: EngineDriver) -> bool:
    report = driver.verify()
    assert report.problems == ()
    return report.ok
