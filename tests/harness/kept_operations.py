"""Operations on versions, uploads and what expires: a store for them, what is there, and what each changes.

What is there is a word for each place: its versions, the parts of its upload, or its content and class.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import trove
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver

from . import chains

MEDIUM = random.Random("medium").randbytes(40_000)
LARGE = random.Random("large").randbytes(500_000)
PARTS = {1: b"first", 2: MEDIUM, 4: LARGE}
RULES = [
    LifecycleRule("goes", prefix="log", expiration_days=2),
    LifecycleRule("moves", prefix="doc", transition_days=2, transition_storage="COLD"),
]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def name(data: bytes) -> str:
    return blake2b(data, digest_size=4).hexdigest()


def read(reader: trove.ObjectReader) -> str:
    return name(reader.read())


SMALL, OLD, WHOLE = (name(data) for data in (b"small", MEDIUM, b"".join(PARTS.values())))


def prepare(drv: EngineDriver) -> None:
    """A bucket that keeps versions, one that kept some, one of uploads, and two where time passes."""
    now = datetime.now(UTC)
    for bucket in ("versions", "suspended", "uploads", "expiring", "rules"):
        drv.create_bucket(bucket)
    drv.put("versions", "k", b"nameless")
    for bucket in ("versions", "suspended"):
        drv.set_versioning(bucket, True)
        drv.put(bucket, "k", MEDIUM)
        drv.put(bucket, "k", b"small")
        drv.put(bucket, "hidden", LARGE)
        drv.delete(bucket, "hidden")
    drv.set_versioning("suspended", False)
    drv.put("suspended", "k", b"nameless")
    upload = drv.initiate_multipart("uploads", "k")
    for number, data in PARTS.items():
        drv.upload_part("uploads", "k", upload, number, data)
    drv.put("expiring", "over", MEDIUM, expires_at=now - HOUR)
    drv.put("expiring", "soon", MEDIUM, expires_at=now + 9 * DAY)
    drv.put("expiring", "late", MEDIUM, expires_at=now + 900 * DAY)
    drv.set_lifecycle("rules", RULES)
    for key in ("doc", "log"):
        drv.put("rules", key, MEDIUM)


def look(drv: EngineDriver) -> dict[str, str]:
    """A word for each place."""
    found = {}
    for bucket in ("versions", "suspended"):
        found[bucket] = f"{drv.get_versioning(bucket)}"
        for key in ("k", "hidden"):
            found[f"{bucket}/{key}"] = chains.in_words(chains.seen(drv, bucket, key, read))
    for upload in drv.list_multiparts("uploads"):
        parts = drv.list_parts("uploads", upload.key, upload.upload_id)
        found[f"upload {upload.key}"] = " ".join(f"{part.part_number}:{part.size}" for part in parts)
    found["rules"] = " ".join(rule.id for rule in drv.get_lifecycle("rules"))
    for bucket in ("uploads", "expiring", "rules"):
        for info in drv.list(bucket):
            with drv.get(bucket, info.key) as reader:
                found[f"{bucket}/{info.key}"] = f"{read(reader)} {info.storage_class}"
    return found


# What ``look`` says of a store that was prepared.
PREPARED = {
    "versions": "True",
    "versions/k": f"{SMALL} {OLD} *{name(b'nameless')}",
    "versions/hidden": f"- {name(LARGE)}",
    "suspended": "False",
    "suspended/k": f"*{name(b'nameless')} {SMALL} {OLD}",
    "suspended/hidden": f"- {name(LARGE)}",
    "upload k": " ".join(f"{number}:{len(data)}" for number, data in PARTS.items()),
    "expiring/soon": f"{OLD} STANDARD",
    "expiring/late": f"{OLD} STANDARD",
    "rules": "goes moves",
    "rules/doc": f"{OLD} STANDARD",
    "rules/log": f"{OLD} STANDARD",
}


def version(drv: EngineDriver, bucket: str, key: str, number: int) -> str:
    return str(drv.list_versions(bucket, key)[number].version_id)


def upload_of(drv: EngineDriver) -> str:
    return str(drv.list_multiparts("uploads")[0].upload_id)


def drop(drv: EngineDriver, bucket: str, key: str, number: int) -> None:
    drv.delete_version(bucket, key, version(drv, bucket, key, number))


def restore(drv: EngineDriver) -> None:
    drv.restore_version("versions", "k", version(drv, "versions", "k", 2))


def send(drv: EngineDriver, number: int, data: bytes) -> None:
    drv.upload_part("uploads", "k", upload_of(drv), number, data)


def complete(drv: EngineDriver) -> None:
    upload = upload_of(drv)
    parts = drv.list_parts("uploads", "k", upload)
    drv.complete_multipart("uploads", "k", upload, parts)


def put_expiring(drv: EngineDriver, after: timedelta) -> None:
    drv.put("expiring", "soon", LARGE, expires_at=datetime.now(UTC) + after)


def let_pass(drv: EngineDriver, after: timedelta) -> None:
    drv.apply_lifecycle(datetime.now(UTC) + after)


Changes = dict[str, str | None]

CHANGED: dict[str, tuple[Callable[[EngineDriver], object], Changes]] = {
    "put a version": (
        lambda drv: drv.put("versions", "k", LARGE),
        {"versions/k": f"{name(LARGE)} {PREPARED['versions/k']}"},
    ),
    "delete with a marker": (
        lambda drv: drv.delete("versions", "k"),
        {"versions/k": f"- {PREPARED['versions/k']}"},
    ),
    "drop the newest version": (
        lambda drv: drop(drv, "versions", "k", 0),
        {"versions/k": f"{OLD} *{name(b'nameless')}"},
    ),
    "drop the version without an id": (
        lambda drv: drop(drv, "versions", "k", 2),
        {"versions/k": f"{SMALL} {OLD}"},
    ),
    "drop a marker": (lambda drv: drop(drv, "versions", "hidden", 0), {"versions/hidden": name(LARGE)}),
    "restore": (restore, {"versions/k": f"{name(b'nameless')} {PREPARED['versions/k']}"}),
    "put while suspended": (
        lambda drv: drv.put("suspended", "k", LARGE),
        {"suspended/k": f"*{name(LARGE)} {SMALL} {OLD}"},
    ),
    "delete while suspended": (
        lambda drv: drv.delete("suspended", "k"),
        {"suspended/k": f"*- {SMALL} {OLD}"},
    ),
    "keep versions": (
        lambda drv: drv.set_versioning("suspended", True),
        {"suspended": "True"},
    ),
    "begin an upload": (
        lambda drv: drv.initiate_multipart("uploads", "new"),
        {"upload new": ""},
    ),
    "send a part": (
        lambda drv: send(drv, 9, LARGE + MEDIUM),
        {"upload k": f"{PREPARED['upload k']} 9:540000"},
    ),
    "send a part again": (
        lambda drv: send(drv, 4, b"other"),
        {"upload k": PREPARED["upload k"].replace("4:500000", "4:5")},
    ),
    "complete": (complete, {"upload k": None, "uploads/k": f"{WHOLE} STANDARD"}),
    "give up": (
        lambda drv: drv.abort_multipart("uploads", "k", upload_of(drv)),
        {"upload k": None},
    ),
    "put what expires": (
        lambda drv: put_expiring(drv, 9 * DAY),
        {"expiring/soon": f"{name(LARGE)} STANDARD"},
    ),
    "put what is over": (lambda drv: put_expiring(drv, -HOUR), {"expiring/soon": None}),
    # What is over already nobody sees, and its row is there still.
    "let expire": (lambda drv: let_pass(drv, HOUR), {}),
    "apply rules": (
        lambda drv: let_pass(drv, 3 * DAY),
        {"rules/log": None, "rules/doc": f"{OLD} COLD"},
    ),
    "set rules": (
        lambda drv: drv.set_lifecycle("rules", RULES[:1]),
        {"rules": "goes"},
    ),
}

# What is done in several commits can stop between two of them: what is changed by then.
HALF_WAY: dict[str, Changes] = {"apply rules": {"rules/log": None}}


def half_way(operation: str, old: Mapping[str, bytes | str]) -> list[dict[str, bytes | str]]:
    """What can be there, beside the old and the new, when ``operation`` did not come to its end."""
    if operation not in HALF_WAY:
        return []
    return [{key: data for key, data in {**old, **HALF_WAY[operation]}.items() if data is not None}]
