"""The values of options: durations, times, ranges, limits, name=value pairs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from ..driver import MAX_QUOTA, check_range
from ..errors import InvalidRangeError, shown

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


# Callbacks for click.


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """A time span such as ``90s`` or ``1h30m``."""
    if value is None:
        return None
    if not re.fullmatch(r"([0-9]+[smhdw])+", value):
        raise click.BadParameter(f"{value!r} is no duration; write 90s, 15m, 12h, 7d or 1h30m", ctx, param)
    parts = re.findall(r"([0-9]+)([smhdw])", value)
    try:
        span = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())
        datetime.now(UTC) + span
    except (OverflowError, ValueError) as error:
        raise click.BadParameter(f"{value!r} ends after the year 9999; give less", ctx, param) from error
    if not span:
        raise click.BadParameter(f"{value!r} is no time at all; give more", ctx, param)
    return span


def instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """An instant in ISO 8601 with its timezone."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no time; write it as 2027-01-31T12:00:00Z", ctx, param
        ) from error
    if time.utcoffset() is None:
        raise click.BadParameter(f"{value!r} has no timezone; add Z for UTC, or +02:00", ctx, param)
    return time


def byte_range(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A byte range as in HTTP, with or without its ``bytes=``."""
    if value is None:
        return None
    spec = value if value.startswith("bytes=") else f"bytes={value}"
    try:
        check_range(spec)
    except InvalidRangeError as error:
        raise click.BadParameter(
            f"{shown(value)} is no range; write 0-1023, 1024- or -100", ctx, param
        ) from error
    return spec


def limit(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The limit of a quota: digits, or ``none``."""
    if value is None or value == "none":
        return value
    if not re.fullmatch(r"[0-9]{1,19}", value) or int(value) > MAX_QUOTA:
        raise click.BadParameter(f"{value!r} is no limit; write a whole number, or none", ctx, param)
    return value


def pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    """Repeated ``NAME=VALUE`` options as a dictionary, ``None`` when there are none."""
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE", ctx, param)
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice", ctx, param)
        found[name] = value
    return found or None
