"""EtcdStore: its arguments, its DSN and TLS."""

from __future__ import annotations

import ssl
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from harness.error_text import whole_text
from harness.etcd_server import EtcdServer
from harness.servers import closed_port, program

from trove import store
from trove.errors import (
    BackendUnavailableError,
    InvalidArgumentError,
    InvalidDSNError,
    UnsupportedOptionError,
)
from trove.store import EtcdStore, Record
from trove.store.served.http import HttpServers


class TestArguments:
    @pytest.mark.parametrize(
        "endpoints",
        [
            *("", "a b", "ftp://host", "host/path", "http://user:pa55@host", "user:pa55@host", "host:port"),
            *("http://", "host:99999", "host?x=1", "höst", 5, None, [5], [], ()),
        ],
        ids=repr,
    )
    def test_bad_endpoints(self, endpoints: Any) -> None:
        with pytest.raises(InvalidArgumentError) as raised:
            EtcdStore(endpoints)
        assert "pa55" not in whole_text(raised.value)

    @pytest.mark.parametrize(
        "endpoints", ["http://host:2379", ["host", "http://host"], "HTTP://host"], ids=repr
    )
    def test_plain_http_is_refused_where_tls_was_asked_for(self, endpoints: Any) -> None:
        who: Any = {"user": "ann", "password": "secret"}
        with pytest.raises(InvalidArgumentError, match="https"):
            EtcdStore(endpoints, tls=ssl.create_default_context(), **who)
        several = [endpoints] if isinstance(endpoints, str) else endpoints
        with pytest.raises(InvalidArgumentError, match="https"):
            EtcdStore((), nodes=several, tls=ssl.create_default_context(), **who)
        with pytest.raises(InvalidArgumentError, match="https"):
            store.open(f"etcds://ann:secret@?nodes={','.join(several)}")

    @pytest.mark.parametrize("tls", [True, False, "yes", 5, ssl.SSLContext])
    def test_tls_is_a_context(self, tls: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="tls"):
            EtcdStore("host:2379", tls=tls)

    @pytest.mark.parametrize("options", [{"nodes": ["a b"]}, {"nodes": "host"}, {"root": 5}, {"timeout": 0}])
    def test_bad_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError):
            EtcdStore("host:2379", **options)

    def test_no_server_is_left(self, etcd: EtcdServer, root: str) -> None:
        with EtcdStore((), nodes=[etcd.address], root=root) as opened:
            opened.write(Record("key", b""))
            with pytest.raises(InvalidArgumentError, match="endpoints is empty"):
                opened.init(nodes=[])
            assert opened.options["nodes"] == (etcd.address,)
            assert opened.list() == ["key"]

    @pytest.mark.parametrize("who", [{"user": "a"}, {"password": "b"}, {"user": "a", "password": 5}])
    def test_user_without_password(self, who: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError, match="user and password"):
            EtcdStore("host:2379", **who)


class TestOpening:
    def test_dsn(self, etcd: EtcdServer, root: str) -> None:
        host = etcd.address.removeprefix("http://")
        with store.open(f"etcd://{host}?root={root}&timeout=2.5&prefix=p") as opened:
            opened.write(Record("key", b""))
            assert (opened.options["timeout"], opened.options["prefix"]) == (2.5, "p")
            assert opened.options["nodes"] == ()
        with (
            closed_port() as dead,
            store.open(f"etcd://ann:secret@?nodes=127.0.0.1:{dead},{host}", root=root) as opened,
        ):
            assert opened.list() == ["pkey"]
        with store.open("etcd://", nodes=[host], root=root) as opened:
            assert opened.list() == ["pkey"]

    @pytest.mark.parametrize(
        "dsn",
        [
            *("etcd://", "etcd://host/path", "etcd://host?nodes=other", "etcd://host?timeout=soon"),
            *("etcd://host?colour=red", "etcd://a:1,b:1", "etcds://"),
        ],
    )
    def test_bad_dsn(self, dsn: str) -> None:
        with pytest.raises(InvalidDSNError):
            store.open(dsn)

    def test_bad_settings(self) -> None:
        for dsn in ("etcd://host?timeout=0", "etcd://user@host", "etcd://?nodes=a%20b"):
            with pytest.raises(InvalidArgumentError):
                store.open(dsn)
        with pytest.raises(UnsupportedOptionError, match="colour"):
            store.open("etcd://host", colour="red")

    def test_tls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        command = [program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        command += ["-subj", "/CN=etcd", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        with EtcdServer(tmp_path, tls=(certificate, key)) as server:
            host = server.address.removeprefix("https://")
            trusted = ssl.create_default_context(cafile=str(certificate))
            with store.open(f"etcds://{host}", tls=trusted) as opened:
                opened.write(Record("key", b""))
                assert opened.list() == ["key"]
            with EtcdStore(host, tls=trusted) as bare:
                assert bare.list() == ["key"]
            for given in ({}, {"tls": None}):
                with pytest.raises(BackendUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                    store.open(f"etcds://{host}", **given)
            tried = []
            send = HttpServers._send

            def counted(self: HttpServers, *given: Any) -> Any:
                tried.append(given[0])
                return send(self, *given)

            monkeypatch.setattr(HttpServers, "_send", counted)
            with EtcdStore(server.address) as distrusting:
                distrusting._keep_reach()
                distrusting._be_ready = lambda: None  # type: ignore[method-assign]
                for call in (distrusting.list, partial(distrusting.delete, "key")):
                    with pytest.raises(BackendUnavailableError, match=r"VERIFY_FAILED.*; try later"):
                        call()
            assert len(tried) == 2


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("host", "http://host:2379"),
        ("host:", "http://host:2379"),
        ("host:80", "http://host:80"),
        ("[::1]", "http://[::1]:2379"),
        ("https://host/", "https://host:2379"),
    ],
)
def test_port_is_that_of_etcd_where_none_is_given(given: str, asked: str) -> None:
    assert EtcdStore("unused")._addresses("endpoints", given) == (asked,)
