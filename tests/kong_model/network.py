"""Callouts and forwarded requests over real sockets, read the way WasmX reads them (S1, D12)."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field

from kong_model.abi import Pairs
from kong_model.callout import Callout, Outcome, parse_upstream
from kong_model.effect import UpstreamRequest
from kong_model.ports import Finish, UpstreamListener
from kong_model.route import Service
from kong_model.settings import Settings

_STATUS_LINE = re.compile(rb"HTTP/\d\.\d (\d{3})(?: [^\r\n]*)?\r?\n")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*\r?\n")
_LINE_LIMIT = 8192
"""One of wasm_socket_large_buffers."""
_HOP_BY_HOP = {"transfer-encoding", "connection", "keep-alive"}


class NetworkCallouts:
    """Makes each callout on a thread of its own: a new connection every time, never kept (S1)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, callout: Callout, finish: Finish) -> None:
        """Starts one."""
        threading.Thread(target=lambda: finish(self._perform(callout)), daemon=True).start()

    def _perform(self, callout: Callout) -> Outcome:
        host, port = parse_upstream(callout.upstream, callout.tls)
        address = self._resolve(host)
        if address is None:
            return Outcome.unresolved()
        seconds = callout.timeout / 1000
        try:
            connection = socket.create_connection((address, port), seconds)
        except TimeoutError:
            return Outcome.timeout()
        except OSError:
            return Outcome.refused()
        with connection:
            if callout.tls:
                secured = self._secure(connection, callout)
                if secured is None:
                    return Outcome.tls_failure()
                connection = secured
            return _exchange(connection, callout)

    def _resolve(self, host: str) -> str | None:
        """K5: Kong's resolver reads /etc/hosts, so localhost works."""
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            return {"localhost": "127.0.0.1", **self._settings.names}.get(host)

    def _secure(self, connection: socket.socket, callout: Callout) -> ssl.SSLSocket | None:
        """K4: Kong verifies chain and name; S1: the name is :authority's, and an address is none."""
        name = callout.authority.decode("latin-1").rsplit(":", 1)[0]
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            pass
        else:
            return None
        try:
            context = ssl.create_default_context(cafile=self._settings.trusted_certificate)
            return context.wrap_socket(connection, server_hostname=name)
        except (OSError, ValueError):
            return None


@dataclass
class _Reader:
    """An answer as far as it has been read."""

    connection: socket.socket
    data: bytes = b""
    ended: bool = False
    status: int | None = None
    headers: Pairs = field(default_factory=list)

    def more(self) -> bool:
        """Reads on; the timeout starts again with each read (S1)."""
        if self.ended:
            return False
        piece = self.connection.recv(65536)
        self.data += piece
        self.ended = not piece
        return not self.ended

    def line(self) -> bytes | None:
        """The next line with its end; None where the connection ends before, or it grows too long."""
        while b"\n" not in self.data:
            if len(self.data) > _LINE_LIMIT or not self.more():
                return None
        end = self.data.index(b"\n") + 1
        line, self.data = self.data[:end], self.data[end:]
        return line

    def exactly(self, size: int) -> bytes | None:
        """That many bytes; None where the connection ends before."""
        while len(self.data) < size:
            if not self.more():
                return None
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name]


def _exchange(connection: socket.socket, callout: Callout) -> Outcome:
    reader = _Reader(connection)
    try:
        connection.sendall(callout.wire())
        return _read_answer(reader)
    except TimeoutError:
        return Outcome.timeout(reader.status, reader.headers)
    except OSError:
        return Outcome.refused(reader.status, reader.headers)


def _read_answer(reader: _Reader) -> Outcome:
    line = reader.line()
    if line is None and not reader.data:
        return Outcome.closed()
    match = _STATUS_LINE.fullmatch(line or b"")
    if match is None:
        return Outcome.not_http()
    reader.status = int(match[1])
    while True:
        line = reader.line()
        if line is None:
            return Outcome.cut_headers(reader.status) if reader.ended else _malformed(reader)
        if line in (b"\r\n", b"\n"):
            return _read_body(reader, reader.status)
        match = _HEADER_LINE.fullmatch(line)
        if match is None or len(line) > _LINE_LIMIT:
            return _malformed(reader)
        reader.headers.append((match[1], match[2]))


def _malformed(reader: _Reader) -> Outcome:
    return Outcome(b"reader failure", str(reader.status).encode(), reader.headers)


def _read_body(reader: _Reader, status: int) -> Outcome:
    """S1: no status is without a body, and an interim one is the final one.

    As in nginx, two lengths, a length beside a coding, and another coding than chunked are refused.
    """
    lengths, codings = reader.all(b"content-length"), reader.all(b"transfer-encoding")
    if len(lengths) + len(codings) > 1 or not all(map(bytes.isdigit, lengths)) or set(codings) - {b"chunked"}:
        return _malformed(reader)
    if codings:
        return _read_chunks(reader, status)
    if lengths:
        body = reader.exactly(int(lengths[0]))
        return (
            Outcome.truncated(int(lengths[0]), status, reader.headers)
            if body is None
            else Outcome.answered(status, body, reader.headers)
        )
    while reader.more():
        pass
    return Outcome.without_length(status, reader.headers)


def _read_chunks(reader: _Reader, status: int) -> Outcome:
    body = b""
    while True:
        line = reader.line()
        if line is None:
            return Outcome.truncated(len(body) + 1, status, reader.headers)
        match = re.fullmatch(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n", line)
        if match is None:
            return _malformed(reader)
        size = int(match[1], 16)
        piece = reader.exactly(size + 2) if size else b""
        if piece is None:
            return Outcome.truncated(len(body) + size, status, reader.headers)
        if size == 0:
            return Outcome.answered(status, body, reader.headers)
        if not piece.endswith(b"\r\n"):
            return _malformed(reader)
        body += piece[:-2]


class NetworkUpstream:
    """Forwards requests to the service's address."""

    def start(self, service: Service, request: UpstreamRequest, listener: UpstreamListener) -> None:
        """Sends one on a thread of its own."""
        threading.Thread(target=_forward, args=(service, request, listener), daemon=True).start()


def _forward(service: Service, request: UpstreamRequest, listener: UpstreamListener) -> None:
    try:
        with socket.create_connection((service.host, service.port), 60) as connection:
            connection.sendall(request.wire())
            answer = http.client.HTTPResponse(connection, method=request.method.decode("latin-1"))
            answer.begin()
            listener.head(answer.status, _lines(answer))
            while piece := answer.read1(65536):
                listener.piece(piece)
            listener.end()
    except (OSError, http.client.HTTPException) as problem:
        listener.failed(str(problem))


def _lines(answer: http.client.HTTPResponse) -> Pairs:
    """Nginx frames the body anew for its client."""
    return [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.getheaders()
        if name.lower() not in _HOP_BY_HOP
    ]
