"""HttpServers: what is taken for an answer."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from trove.errors import BackendUnavailableError
from trove.store.served.answer import Answer
from trove.store.served.http import TRIES, HttpServers

BODY = gzip.compress(b"hello" * 100)


class Server(HTTPServer):
    """Answers each request with the next of ``answers``: a status, a body and headers."""

    answers: list[tuple[int, bytes, dict[str, str]]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        status, body, headers = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def asking(server: Server) -> Iterator[HttpServers]:
    asking = HttpServers("it", [f"http://127.0.0.1:{server.server_address[1]}"], 10)
    yield asking
    asking.close()


def ask(asking: HttpServers, *, again: bool) -> Answer:
    return asking.ask("GET", "/", again=again, until=asking.deadline())


@pytest.mark.parametrize("body", [BODY, BODY[:-12]], ids=["whole", "cut off"])
def test_encoding_that_was_not_asked_for_is_no_answer(
    server: Server, asking: HttpServers, body: bytes
) -> None:
    """Where such an answer is cut off, what is there of it looks like a shorter value."""
    server.answers = [(200, body, {"Content-Encoding": "gzip"}), (200, b"value", {})]
    assert ask(asking, again=True).body == b"value"
    server.answers = [(200, body, {"Content-Encoding": "gzip"})]
    with pytest.raises(BackendUnavailableError, match=r"encoding.*whether it was done is not known"):
        ask(asking, again=False)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"request timed out","code":2}', "500 request timed out"),
        (b'{"errors":[{"code":7,"message":"too hot"}]}', "500 too hot"),
        (b'{"errors":[{}]}', '500 {"errors": '),
        (b"{}", "500 {}"),
        (b"<p>no</p>", "500 <p>no</p>"),
    ],
)
def test_what_a_server_says_of_its_trouble_is_in_the_error(
    server: Server, asking: HttpServers, body: bytes, words: str
) -> None:
    server.answers = [(500, body, {})] * TRIES
    with pytest.raises(BackendUnavailableError) as raised:
        ask(asking, again=True)
    assert f"({words}" in str(raised.value)
    assert server.answers == []


@pytest.mark.parametrize("encoding", ["", "identity ", "Identity, identity"])
def test_encoding_that_is_none_is_an_answer(server: Server, asking: HttpServers, encoding: str) -> None:
    server.answers = [(200, b"value", {"Content-Encoding": encoding})]
    assert ask(asking, again=False).body == b"value"
