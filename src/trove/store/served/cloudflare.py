"""CloudflareStore: records in Cloudflare Workers KV, by its REST API.

https://developers.cloudflare.com/api/resources/kv/subresources/namespaces/ for the calls, and
https://developers.cloudflare.com/kv/platform/limits/ for their limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

from ...errors import InvalidArgumentError, StorageIOError, shown
from ..arguments import Clock, utc_now
from ..attributes import CONTENT_TYPE, instant_in, metadata_until
from ..base import Space, Stored
from ..naming import NamedStore, key_in, name_of
from .address import check_address, check_encrypted, check_secret
from .answer import Answer, understood
from .base import ServedStore, required

if TYPE_CHECKING:
    from .http import HttpServers

API = "https://api.cloudflare.com/client/v4"

MAX_VALUE_BYTES = 25 * 1024 * 1024
SHORTEST = timedelta(seconds=60)
PAGE_KEYS = 1000
BATCH = 100

TEXT = "trove-record-text"
"""The name in the metadata of the mark on a value that is text, which bulk reads give back as it is."""

_TRIES = 3
_KEY_NOT_FOUND = 10009
_BOM = "\ufeff"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LAST_SECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND


class CloudflareStore(NamedStore, ServedStore["HttpServers"]):
    """Records in the KV namespace of ``account`` that has the ID ``namespace_id``, by an API ``token`` that
    may read and write Workers KV. It takes the extra ``trove-engine[cloudflare]``.

    The KV namespace is Cloudflare's, and is there already; the option ``namespace`` keeps records apart in
    it, as in every store. The token is no option, and appears in no error. Its own option is ``url``, the
    API's address; plain HTTP is taken for this machine only.

    Workers KV is eventually consistent: what is written or deleted can take 60 seconds and more to be seen
    elsewhere, and where a key was read before, also as missing. Of writes of one key at the same time any can
    stay, and about one in a second is taken: more are tried again until ``timeout``.

    Expiry is at least 60 seconds: a shorter one raises InvalidArgumentError, and nothing is written. The
    instant stands in a key's metadata, and its second, rounded up, is the key's expiration, at which
    Cloudflare frees it, by Cloudflare's clock; before, it is gone by this store's. A value has at most 25
    MiB, a key 512 bytes with its namespace and one for ``=``.

    A record takes one request, or two when it expires. A scan reads a hundred at once where all of them are
    text, for bulk reads give back no other bytes as they are. A listing walks all keys with its prefix, a
    thousand in a request. What Cloudflare refuses raises StorageIOError with its words. ``timeout`` is for a
    read, a write, or a page of a listing. Only reads are sent again, as ``http.py`` says, and what was not
    done; a write whose answer was lost is not.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {**ServedStore.OPTIONS, "url": API}
    HAS_NODES: ClassVar[bool] = False
    MOST_NAME_BYTES = 512
    REACHED_BY = ("url", "timeout")

    _batch = BATCH

    def __init__(
        self, account: str, token: str, namespace_id: str, *, clock: Clock = utc_now, **options: Any
    ) -> None:
        required("CloudflareStore", "cloudflare", "urllib3")
        self._path = (
            f"/accounts/{_check_id('account', account)}/storage/kv/namespaces/"
            f"{_check_id('namespace_id', namespace_id)}"
        )
        self._token = check_secret("token", token)
        super().__init__(clock=clock, **options)

    @property
    def name(self) -> str:
        return "cloudflare"

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        checked = super()._check_own(options)
        if "url" in checked:
            url = check_address("url", checked["url"], scheme="https", has_path=True)
            checked["url"] = check_encrypted("url", url, but_near=True)
        return checked

    def _reach(self) -> HttpServers:
        from .http import HttpServers

        return HttpServers("Cloudflare", [self._options["url"]], self._timeout, secrets=[self._token])

    def _prepare(self) -> None:
        self._keep_reach()
        self._ask("GET", "", again=True)  # tells that the namespace is there, and that the token may read it

    # Reading.

    def _load(self, space: Space, key: str) -> Stored | None:
        name = _quoted(space, key)
        until = self._asking().deadline()
        for _ in range(_TRIES):
            answer = self._ask("GET", f"/values/{name}", again=True, until=until, is_value=True)
            if answer is None:
                return None
            told = answer.headers.get("expiration")
            if told is None:
                return Stored(answer.body, None)
            found = self._ask("GET", f"/metadata/{name}", again=True, until=until)
            with understood("Cloudflare"):
                second = int(told)
                if found is not None:
                    instant = _instant(key, second, found.json()["result"])
                    if _second(instant) == second:
                        return Stored(answer.body, instant)
                # The one is older than the other.
                stored = Stored(answer.body, _instant(key, second, None))
        return stored  # the second came with the value

    def _load_many(self, space: Space, keys: Sequence[str]) -> Iterable[Stored | None]:
        names = [name_of(space, key) for key in keys]
        asked = {"keys": names, "type": "text", "withMetadata": True}
        try:
            answer = self._ask(
                "POST", "/bulk/get", again=True, body=_json(asked), content_type="application/json"
            )
        except _RefusedError:  # a value is no text, or all together are too large
            return super()._load_many(space, keys)
        with understood("Cloudflare"):
            values = answer.json()["result"]["values"] if answer is not None else {}
            return [
                self._of_many(space, key, values.get(name)) for key, name in zip(keys, names, strict=True)
            ]

    def _of_many(self, space: Space, key: str, found: Mapping[str, Any] | None) -> Stored | None:
        if found is None:
            return None
        metadata, second = found.get("metadata"), found.get("expiration")
        if not isinstance(metadata, dict) or TEXT not in metadata:
            return self._load(space, key)
        instant = None if second is None else _instant(key, int(second), metadata)
        return Stored(found["value"].encode(), instant)

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        name = name_of(space, prefix)
        if len(name.encode()) > self.MOST_NAME_BYTES:
            return  # no key is that long, and it would be refused
        asked = {"prefix": name, "limit": PAGE_KEYS}
        while True:
            answer = self._ask("GET", f"/keys?{urlencode(asked)}", again=True)
            with understood("Cloudflare"):
                page = answer.json() if answer is not None else {}
                keys = [key_in(space, found["name"]) for found in page["result"]]
                there = [
                    key
                    for key, found in zip(keys, page["result"], strict=True)
                    if key is not None and key.endswith(suffix) and not _gone(key, found, now)
                ]
                cursor = (page.get("result_info") or {}).get("cursor")
            yield from there
            if not cursor:
                return
            if cursor == asked.get("cursor"):
                raise StorageIOError(
                    "Cloudflare gave the same cursor twice: its listing has no end; try later"
                )
            asked["cursor"] = cursor

    # Writing.

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        value, instant = stored
        if len(value) > MAX_VALUE_BYTES:
            raise InvalidArgumentError(
                f"record {shown(key)} has a value of {len(value)} bytes, and Workers KV takes at most "
                f"{MAX_VALUE_BYTES}; keep large values elsewhere",
                key=key,
            )
        metadata: dict[str, Any] = {TEXT: 1} if _is_text(value) else {}
        path = f"/values/{_quoted(space, key)}"
        if instant is not None:
            left = instant - self._clock()
            if left <= timedelta(0):
                self._drop(space, key)
                return
            if left < SHORTEST:
                raise InvalidArgumentError(
                    f"record {shown(key)} would expire in {left.total_seconds()} seconds, and Workers KV "
                    f"takes no less than {SHORTEST.total_seconds():.0f}; give it more, or keep it elsewhere",
                    key=key,
                )
            metadata.update(metadata_until(instant))
            path += f"?expiration={_second(instant)}"
        from urllib3 import encode_multipart_formdata

        # As a file, for what is no file in a form is text.
        file = ("value", value, CONTENT_TYPE)
        fields: dict[str, str | tuple[str, bytes, str]] = {"value": file, "metadata": json.dumps(metadata)}
        body, content_type = encode_multipart_formdata(fields)
        self._ask("PUT", path, again=False, body=body, content_type=content_type)

    def _drop(self, space: Space, key: str) -> None:
        self._ask("DELETE", f"/values/{_quoted(space, key)}", again=False)

    # The API.

    def _ask(
        self,
        method: str,
        path: str,
        *,
        again: bool,
        until: float | None = None,
        body: bytes | None = None,
        content_type: str = "",
        is_value: bool = False,
    ) -> Answer | None:
        """What Cloudflare answers, a JSON object or a value; ``None`` when there is no such key."""
        headers = {"Authorization": f"Bearer {self._token}"}
        if content_type:
            headers["Content-Type"] = content_type
        servers = self._asking()
        answer = servers.ask(
            method,
            self._path + path,
            again=again,
            until=servers.deadline() if until is None else until,
            body=body,
            headers=headers,
        )
        if answer.status == 200 and (is_value or answer.json().get("success") is True):
            return answer
        if answer.status == 404 and answer.error()[0] == _KEY_NOT_FOUND:
            return None
        raise _RefusedError(
            f"Cloudflare refused {method}: {servers.said(answer)}; see that account, token, "
            "namespace_id and this machine's clock are right"
        )


class _RefusedError(StorageIOError):
    """Cloudflare refused a call."""


def _check_id(name: str, value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidArgumentError(
            f"{name} is no ID; give what Cloudflare's dashboard shows: letters and digits"
        )
    return value


def _quoted(space: Space, key: str) -> str:
    return quote(name_of(space, key), safe="")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _is_text(value: bytes) -> bool:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return False
    return not text.startswith(_BOM)  # which decoders take off


def _second(instant: datetime) -> int:
    """Seconds since 1970, rounded up."""
    return -((_EPOCH - instant) // _SECOND)


def _gone(key: str, found: Mapping[str, Any], now: datetime) -> bool:
    second = found.get("expiration")
    return second is not None and _instant(key, int(second), found.get("metadata")) <= now


def _instant(key: str, second: int, metadata: object) -> datetime:
    """The instant in ``metadata``, or else the ``second`` of the key's expiration."""
    instant = instant_in(key, metadata) if isinstance(metadata, dict) else None
    if instant is not None:
        return instant
    # Later than any datetime is never due.
    return _EPOCH + min(second, _LAST_SECOND) * _SECOND
