"""WorkersKV: stands in for the part of Cloudflare's API that keeps records, as its documentation says.

https://developers.cloudflare.com/api/resources/kv/subresources/namespaces/ and
https://developers.cloudflare.com/kv/platform/limits/. What is known of errors beyond that is what the service
answers: the number 10009 for a key that is not there, 10013 for a namespace, 10000 for a token.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT = "0a" * 16
NAMESPACE = "0b" * 16
TOKEN = "token-of-the-account"

MAX_KEY = 512
MAX_VALUE = 25 * 1024 * 1024
MAX_METADATA = 1024
MAX_BULK_KEYS = 100
SHORTEST = 60

_PATH = re.compile(r"/client/v4/accounts/([^/]+)/storage/kv/namespaces/([^/]+)(/.*)?")


class Pair(NamedTuple):
    value: bytes
    expiration: int | None = None
    metadata: Any = None


class RefusedError(Exception):
    def __init__(self, status: int, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


class WorkersKV:
    """One namespace of one account, at ``url``. ``clock`` tells its time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._pairs: dict[str, Pair] = {}
        self._seen: dict[str, Pair] | None = None
        self.busy: deque[tuple[int, str]] = deque()
        """The statuses of refusals for the next requests, each with its Retry-After, if any."""
        self.asked: list[str] = []
        """Method and path of each request, without what they all begin with."""
        self.tells_missing = False
        """Whether a delete of what is not there is refused as a read of it is; nobody says that it is not."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.kv = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/client/v4"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, and every connection."""
        self._server.shutdown()
        self._server.end_requests()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def far_away(self) -> Iterator[None]:
        """Reads and listings are as from another place, which does not see yet what is written meanwhile."""
        with self._lock:
            self._seen = dict(self._pairs)
        yield
        with self._lock:
            self._seen = None

    def pairs(self) -> dict[str, Pair]:
        """What is there, in order of the keys' bytes."""
        with self._lock:
            return self._living(self._pairs)

    def put(self, name: str, pair: Pair) -> None:
        """Keep ``pair``, as another program does."""
        with self._lock:
            self._pairs[name] = pair

    # The calls.

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[dict[str, str], bytes]:
        parts = urlsplit(target)
        matched = _PATH.fullmatch(parts.path)
        if matched is None:
            raise RefusedError(
                404, 7003, "Could not route to the path, perhaps your object identifier is invalid?"
            )
        rest = matched[3] or ""
        with self._lock:
            self.asked.append(f"{method} {rest}")
            if self.busy:
                status, wait = self.busy.popleft()
                raise RefusedError(status, 971, "Please wait", {"Retry-After": wait} if wait else {})
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                raise RefusedError(401, 10000, f"Authentication error with {headers.get('Authorization')}")
            if matched[1] != ACCOUNT or matched[2] != NAMESPACE:
                raise RefusedError(404, 10013, "namespace not found")
            call, _, key = rest[1:].partition("/")
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            return self._called(f"{method} {call}", unquote(key), query, headers, body)

    def _called(
        self, call: str, key: str, query: dict[str, str], headers: Any, body: bytes
    ) -> tuple[dict[str, str], bytes]:
        match call:
            case "GET ":
                return _result({"id": NAMESPACE, "title": "records"})
            case "GET values":
                pair = self._found(key)
                told = {} if pair.expiration is None else {"expiration": str(pair.expiration)}
                return {"Content-Type": "application/octet-stream", **told}, pair.value
            case "GET metadata":
                return _result(self._found(key).metadata)
            case "PUT values":
                self._pairs[_checked(key)] = self._sent(query, headers, body)
                return _result({})
            case "DELETE values":
                if self.tells_missing:
                    self._found(key)
                self._pairs.pop(_checked(key), None)
                return _result({})
            case "GET keys":
                return self._listed(query)
            case "POST bulk" if key == "get":
                return self._bulk(json.loads(body))
        raise RefusedError(405, 10405, "Method not allowed for this authentication scheme")

    def _found(self, key: str) -> Pair:
        pair = self._visible().get(_checked(key))
        if pair is None:
            raise RefusedError(404, 10009, "get: 'key not found'")
        return pair

    def _sent(self, query: dict[str, str], headers: Any, body: bytes) -> Pair:
        content_type = headers.get("Content-Type", "")
        metadata = None
        if content_type.startswith("multipart/form-data"):
            fields = _fields(content_type, body)
            body = fields["value"]
            metadata = json.loads(fields["metadata"]) if "metadata" in fields else None
            if len(fields.get("metadata", b"")) > MAX_METADATA:
                raise RefusedError(413, 10000, f"Metadata length exceeds limit of {MAX_METADATA}.")
        if len(body) > MAX_VALUE:
            raise RefusedError(413, 10000, f"Value length of {len(body)} exceeds limit of {MAX_VALUE}.")
        now, expiration = int(self._clock().timestamp()), None
        if "expiration_ttl" in query:
            expiration = now + int(query["expiration_ttl"])
        elif "expiration" in query:
            expiration = int(query["expiration"])
        if expiration is not None and expiration - now < SHORTEST:
            raise RefusedError(
                400,
                10000,
                f"Invalid expiration of {expiration}. Expiration times must be at least {SHORTEST} seconds "
                "in the future.",
            )
        return Pair(body, expiration, metadata)

    def _listed(self, query: dict[str, str]) -> tuple[dict[str, str], bytes]:
        limit = int(query.get("limit", 1000))
        if not 10 <= limit <= 1000:
            raise RefusedError(400, 10000, f"Invalid limit of {limit}: it is at least 10 and at most 1000")
        prefix = query.get("prefix", "")
        if prefix:
            _checked(prefix)
        after = urlsafe_b64decode(query["cursor"]).decode() if "cursor" in query else ""
        names = [
            name for name in self._visible() if name.startswith(prefix) and name.encode() > after.encode()
        ]
        page, more = names[:limit], len(names) > limit
        found = []
        for name in page:
            pair = self._visible()[name]
            each: dict[str, Any] = {"name": name}
            if pair.expiration is not None:
                each["expiration"] = pair.expiration
            if pair.metadata is not None:
                each["metadata"] = pair.metadata
            found.append(each)
        cursor = urlsafe_b64encode(page[-1].encode()).decode() if more else ""
        return _result(found, result_info={"count": len(page), "cursor": cursor})

    def _bulk(self, asked: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        if not 1 <= len(asked["keys"]) <= MAX_BULK_KEYS:
            raise RefusedError(400, 10000, f"You can request a maximum of {MAX_BULK_KEYS} keys")
        values: dict[str, Any] = {}
        for key in asked["keys"]:
            pair = self._visible().get(_checked(key))
            if pair is None:
                values[key] = None
                continue
            try:
                text = pair.value.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise RefusedError(
                    400, 10000, "At least one of the requested keys corresponds to a non-text value"
                ) from None
            values[key] = text
            if asked.get("withMetadata"):
                values[key] = {"value": text, "metadata": pair.metadata}
                if pair.expiration is not None:
                    values[key]["expiration"] = pair.expiration
        return _result({"values": values})

    def _visible(self) -> dict[str, Pair]:
        return self._living(self._pairs if self._seen is None else self._seen)

    def _living(self, pairs: dict[str, Pair]) -> dict[str, Pair]:
        now = self._clock().timestamp()
        return {
            name: pairs[name]
            for name in sorted(pairs, key=str.encode)
            if (until := pairs[name].expiration) is None or until > now
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing it waits for all of them
    kv: WorkersKV

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_requests(self) -> None:
        """Let no more of them come in the connections that there are."""
        for each in self._open.copy():
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: the second one would wait for the first to be acknowledged

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            headers, answer = self.server.kv.answer(self.command, self.path, self.headers, body)
            status = 200
        except RefusedError as refusal:
            status, headers = refusal.status, refusal.headers
            told = {"code": refusal.code, "message": refusal.message}
            answer = json.dumps({"success": False, "errors": [told], "messages": [], "result": None}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        pass


def _checked(key: str) -> str:
    if not key or key in (".", ".."):
        raise RefusedError(400, 10000, f"{key!r} is not allowed as a key.")
    if (size := len(key.encode())) > MAX_KEY:
        raise RefusedError(
            414, 10000, f"UTF-8 encoded length of {size} exceeds key length limit of {MAX_KEY}."
        )
    return key


def _result(result: Any, **more: Any) -> tuple[dict[str, str], bytes]:
    envelope = {"success": True, "errors": [], "messages": [], "result": result, **more}
    return {"Content-Type": "application/json"}, json.dumps(envelope).encode()


def _fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form; what is no file is text, and bytes that are none do not stay as they are."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    fields = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        assert name is not None
        is_file = b"filename=" in head
        fields[name[1].decode()] = value if is_file else value.decode(errors="replace").encode()
    return fields
