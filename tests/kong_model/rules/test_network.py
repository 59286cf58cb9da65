"""Callouts over real sockets (S1, S2, D12): the bytes out, and how each broken answer is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kong_model.abi import Pairs
from kong_model.callout import Callout, Outcome, accept
from kong_model.network import NetworkCallouts
from kong_model.settings import Settings

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def server(answer: bytes, *, reset: bool = False, stays: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """A server that takes one request and writes `answer`; it may then reset, or leave the connection open."""
    seen: list[bytes] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(answer)
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                if stays:
                    done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], seen
        finally:
            done.set()
            thread.join()


def call(port: int, timeout: int = 2000, host: bytes = b"127.0.0.1", **pseudo: bytes) -> Outcome:
    """Makes a callout and waits for its end."""
    fields: Pairs = [(b":method", b"POST"), (b":path", b"/token")]
    fields += [(b":" + name.encode(), value) for name, value in pseudo.items()]
    callout, _ = accept(1, host + b":%d" % port, fields, b"a=b", timeout)
    ended: list[Outcome] = []
    waited = threading.Event()

    def finish(outcome: Outcome) -> None:
        ended.append(outcome)
        waited.set()

    NetworkCallouts(Settings()).start(callout, finish)
    assert waited.wait(20)
    return ended[0]


def test_s1_the_host_writes_host_connection_and_length_itself() -> None:
    fields = [
        (b":method", b"POST"), (b":path", b"/t"), (b":authority", b"idp.example.com"), (b"host", b"other"),
        (b"Connection", b"keep-alive"), (b"accept", b"*/*"),
    ]  # fmt: skip
    callout, violations = accept(1, b"127.0.0.1:1", fields, b"a=b", 1)
    assert callout.wire() == (
        b"POST /t HTTP/1.1\r\nHost: idp.example.com\r\nConnection: close\r\nContent-Length: 3\r\naccept: */*\r\n\r\na=b"
    )
    assert violations == []


def test_s1_what_splits_a_line_goes_out_and_is_noticed() -> None:
    for fields in (
        [(b":method", b"GET"), (b":path", b"/a HTTP/1.1")],
        [(b":method", b"GET"), (b":path", b"/a\r\nx: y")],
        [(b":method", b"GET"), (b":path", b"/"), (b"x", b"y\r\nz: w")],
        [(b":method", b"GET"), (b":path", b"/"), (b":scheme", b"HTTPS")],
    ):
        _, violations = accept(1, b"127.0.0.1:1", fields, b"", 1)
        assert len(violations) == 1, fields
    assert accept(1, b"127.0.0.1:1", [(b":method", b"GET"), (b":path", b"/")], b"", 0)[1] != []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\nok", Outcome.answered(200, b"ok", [])),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Outcome.answered(200, b"ok", [])),
        (b"", Outcome.closed()),
        (b"220 smtp\r\n", Outcome.not_http()),
        (HEAD, Outcome.cut_headers()),
        (HEAD + b"Content-Length: 100\r\n\r\n" + b"b" * 50, Outcome.truncated(100)),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", Outcome.truncated(5)),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab", Outcome.malformed()),
        (HEAD + b"Content-Length: x\r\n\r\nab", Outcome.malformed()),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", Outcome.malformed()),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", Outcome.malformed()),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\na", Outcome.malformed()),
        (HEAD + b"no colon\r\n\r\n", Outcome.malformed()),
        (HEAD + b"X: " + b"x" * 9000 + b"\r\n\r\n", Outcome.malformed()),
        (HEAD + b"\r\nends with the connection", Outcome.without_length()),
    ],
)
def test_d12_how_an_answer_is_told(answer: bytes, expected: Outcome) -> None:
    with server(answer) as (port, _):
        seen = call(port)
    assert (seen.dispatch_status, seen.status, seen.body) == (expected.dispatch_status, expected.status, expected.body)
    assert (seen.told_size, seen.readable) == (expected.told_size, expected.readable)


def test_s1_headers_cut_off_are_none_at_all() -> None:
    with server(HEAD) as (port, _):
        assert call(port).headers == []


def test_s1_no_content_waits_for_the_timeout() -> None:
    with server(b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n", stays=True) as (port, _):
        assert call(port, timeout=300) == Outcome.no_content()


def test_s1_an_interim_answer_is_taken_as_the_final_one() -> None:
    with server(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok") as (port, _):
        assert call(port) == Outcome.interim()
    with server(b"HTTP/1.1 100 Continue\r\n\r\n", stays=True) as (port, _):
        assert call(port, timeout=300) == Outcome.timeout(100, [])


def test_s2_a_silent_server_is_a_timeout() -> None:
    with server(b"", stays=True) as (port, _):
        assert call(port, timeout=300) == Outcome.timeout()


def test_s2_a_refused_or_reset_connection_is_broken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    assert call(port) == Outcome.refused()
    with server(b"", reset=True) as (port, _):
        assert call(port) == Outcome.refused()


def test_k5_names_are_resolved_as_kong_does() -> None:
    with server(HEAD + b"Content-Length: 0\r\n\r\n") as (port, _):
        assert call(port, host=b"localhost").status == b"200"
    assert call(1, host=b"no.such.name") == Outcome.unresolved()


def test_k4_tls_needs_a_name_and_a_trusted_certificate() -> None:
    for authority in (b"127.0.0.1", b"idp.example.com"):
        with server(b"not tls") as (port, _):
            assert call(port, scheme=b"https", authority=authority) == Outcome.tls_failure()


def test_a_callout_reports_no_secret() -> None:
    callout, violations = accept(1, b"h:1", [(b":method", b"GET"), (b":path", b"/"), (b"a", b"secret\n")], b"", 1)
    assert isinstance(callout, Callout)
    assert all("secret" not in why for why in violations)
