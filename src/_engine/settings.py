"""The settings of a ``trove://`` DSN: what they may be, and what store they ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from trove.driver.dsn import parse_dsn
from trove.errors import InvalidDSNError, shown

from . import store
from .chunker import parameters as chunk_parameters
from .housekeeping import Wishes
from .naming import blake3_hash

KNOWN = ("durability", "verify", "chunk_size", "hash", "mode", "compaction", "lifecycle", "upload_days")
DEFAULT_CHUNK_SIZE = 65536


class Asked(NamedTuple):
    """What settings ask for."""

    durable: bool
    verify: str
    readonly: bool
    make: Callable[[], store.Parameters]
    """Makes the parameters of a new store."""
    wishes: Wishes


def asked_by(settings: Mapping[str, str]) -> Asked:
    """What the ``settings`` ask for, those that are absent by their defaults. Raises InvalidDSNError."""
    return Asked(
        durable=choice(settings, "durability", "full", "relaxed") == "full",
        verify=choice(settings, "verify", "first", "always", "never"),
        readonly=choice(settings, "mode", "rw", "r") == "r",
        make=parameters_maker(settings),
        wishes=wishes(settings),
    )


def choice(settings: Mapping[str, str], name: str, *values: str) -> str:
    """The setting ``name``, which is one of ``values``; the first one where it is absent."""
    value = settings.get(name, values[0])
    if value not in values:
        raise InvalidDSNError(f"{name} is {shown(value)}; give {' or '.join(values)}")
    return value


def folder_and_settings(dsn: str, options: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """What a DSN and options say: the folder of the store, as an absolute path, and the settings."""
    parsed = parse_dsn(dsn)
    settings = parsed.settings(schemes=("trove",), known=KNOWN, options=options)
    if parsed.user or parsed.password or parsed.host not in ("", ".", "..") or len(parsed.path) < 2:
        raise InvalidDSNError(
            "a trove:// DSN names a folder; write trove:///absolute/path or trove://./relative"
        )
    return os.path.abspath(parsed.host + parsed.path), settings


def parameters_maker(settings: Mapping[str, str]) -> Callable[[], store.Parameters]:
    """What makes the parameters of a new store, out of the settings. Raises InvalidDSNError."""
    hash_name = choice(settings, "hash", "xxh3", "blake3")
    size = settings.get("chunk_size", str(DEFAULT_CHUNK_SIZE))
    if not (size.isascii() and size.isdigit() and len(size) < 9):
        raise InvalidDSNError(f"chunk_size is {shown(size)}; give the average size of a chunk in bytes")
    try:
        minimum, normal, maximum, level = chunk_parameters(int(size))
    except ValueError as error:
        raise InvalidDSNError(str(error)) from error

    def make() -> store.Parameters:
        if hash_name == "blake3":
            blake3_hash()
        return store.Parameters(store.new_store_id(), hash_name, minimum, normal, maximum, level)

    return make


def wishes(settings: Mapping[str, str]) -> Wishes:
    """What is to be done by itself while the store is open. Raises InvalidDSNError."""
    days = settings.get("upload_days", "0")
    if not (days.isascii() and days.isdigit() and len(days) < 6):
        raise InvalidDSNError(
            f"upload_days is {shown(days)}; give the age in days at which uploads are aborted, or 0 for never"
        )
    return Wishes(
        compaction=choice(settings, "compaction", "auto", "off") == "auto",
        lifecycle=choice(settings, "lifecycle", "off", "auto") == "auto",
        upload_days=int(days),
    )


def check_same(settings: Mapping[str, str], parameters: store.Parameters) -> None:
    """Raise InvalidDSNError if the settings ask for another store than one of these parameters."""
    if "hash" in settings and settings["hash"] != parameters.hash:
        raise InvalidDSNError(f"this store was made with hash={parameters.hash}; leave the setting out")
    if "chunk_size" in settings:
        wanted = chunk_parameters(int(settings["chunk_size"]))
        if tuple(wanted)[1] != parameters.chunk_normal:
            raise InvalidDSNError(
                f"this store was made with chunk_size={2 * parameters.chunk_minimum}; leave the setting out"
            )
