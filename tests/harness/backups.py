"""Stores that are backed up, and what is asked of them and of what is made from their backups."""

from __future__ import annotations

from pathlib import Path

from trove._engine.reports import RestoreReport
from trove.drivers.engine import EngineDriver


def opened(path: Path, **options: str) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{path}?durability=relaxed&compaction=off", **options)
    return driver


def restored(folder: Path, path: Path) -> RestoreReport:
    return EngineDriver().restore(folder, f"trove://{path}")


def content(path: Path) -> dict[str, bytes]:
    """What the bucket ``b`` of a store has."""
    with opened(path, mode="r") as driver:
        return content_of(driver)


def content_of(driver: EngineDriver) -> dict[str, bytes]:
    there: dict[str, bytes] = {}
    cursor = ""
    while True:
        page = driver.list("b", cursor=cursor)
        there.update((info.key, driver.get("b", info.key).read()) for info in page)
        cursor = page.next_token
        if not cursor:
            return there


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
