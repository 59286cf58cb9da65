"""Trailers, over HTTP/1 and HTTP/2: a client that sends them and an upstream that records them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import h2.config
import h2.connection
import h2.events
import h11

from .model import Address, HeaderLines

PATIENCE = 20.0
PIECE = 65536


@dataclass
class Arrival:
    """A request that reached the upstream, as far as it has come."""

    headers: HeaderLines = field(default_factory=list)
    body: bytes = b""
    trailers: HeaderLines = field(default_factory=list)
    is_whole: bool = False


class TrailerUpstream:
    """The upstream for one version of HTTP: records each request with its trailers, and answers 200."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.arrivals: list[Arrival] = []
        self._serve = {1: self._http1, 2: self._http2}[version]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address("127.0.0.1", self._socket.getsockname()[1])

    async def start(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(self._connected, sock=self._socket)

    async def stop(self) -> None:
        """Ends all listening."""
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await self._serve(reader, writer)
        writer.close()

    async def _http1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, arrival = h11.Connection(h11.SERVER), Arrival()
        while True:
            match connection.next_event():
                case h11.NEED_DATA:
                    connection.receive_data(await reader.read(PIECE))
                case h11.Request(headers=headers):
                    arrival.headers = list(headers)
                    self.arrivals.append(arrival)
                case h11.Data(data=data):
                    arrival.body += bytes(data)
                case h11.EndOfMessage(headers=trailers):
                    arrival.trailers, arrival.is_whole = list(trailers), True
                    response = h11.Response(status_code=200, headers=[("content-length", "0"), ("connection", "close")])
                    writer.write((connection.send(response) or b"") + (connection.send(h11.EndOfMessage()) or b""))
                    await writer.drain()
                    return
                case _:
                    return

    async def _http2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        connection.initiate_connection()
        arrivals: dict[int, Arrival] = {}
        while data := await self._exchange(connection, reader, writer):
            for event in connection.receive_data(data):
                match event:
                    case h2.events.RequestReceived(stream_id=stream, headers=headers):
                        arrivals[stream] = Arrival(_lines(headers))
                        self.arrivals.append(arrivals[stream])
                    case h2.events.DataReceived(stream_id=stream, data=body):
                        arrivals[stream].body += body or b""
                        connection.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                    case h2.events.TrailersReceived(stream_id=stream, headers=trailers):
                        arrivals[stream].trailers = _lines(trailers)
                    case h2.events.StreamEnded(stream_id=stream):
                        arrivals[stream].is_whole = True
                        connection.send_headers(stream, [(b":status", b"200")], end_stream=True)

    async def _exchange(
        self, connection: h2.connection.H2Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        writer.write(connection.data_to_send())
        await writer.drain()
        return await reader.read(PIECE)


class Upload(Protocol):
    """A request on a connection of its own, on its way."""

    def write(self, body: bytes) -> None:
        """Sends a piece of the body."""

    def end(self, trailers: HeaderLines) -> None:
        """Ends the body, and sends trailers behind it."""

    def status(self) -> int:
        """The status of the answer."""


class Http1Upload:
    """The same over HTTP/1."""

    def __init__(self, port: int, headers: HeaderLines) -> None:
        self._connection = h11.Connection(h11.CLIENT)
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        lines = [(b"host", b"api.example.com"), (b"transfer-encoding", b"chunked"), *headers]
        self._send(h11.Request(method="POST", target="/upload", headers=lines))

    def _send(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
        self._socket.sendall(self._connection.send(event) or b"")

    def write(self, body: bytes) -> None:
        """Sends a piece of the body."""
        self._send(h11.Data(data=body))

    def end(self, trailers: HeaderLines) -> None:
        """Ends the body, and sends trailers behind it."""
        self._send(h11.EndOfMessage(headers=trailers))

    def status(self) -> int:
        """The status of the answer."""
        with self._socket:
            while True:
                match self._connection.next_event():
                    case h11.NEED_DATA:
                        self._connection.receive_data(self._socket.recv(PIECE))
                    case h11.Response(status_code=status):
                        return status
                    case other:
                        raise AssertionError(f"no answer but {other}")


class Http2Upload:
    """The same over HTTP/2."""

    def __init__(self, port: int, headers: HeaderLines) -> None:
        configuration = h2.config.H2Configuration(header_encoding=None, normalize_outbound_headers=False)
        self._connection = h2.connection.H2Connection(configuration)
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._connection.initiate_connection()
        self._stream = self._connection.get_next_available_stream_id()
        target = {b":method": b"POST", b":scheme": b"http", b":authority": b"api.example.com", b":path": b"/upload"}
        self._connection.send_headers(self._stream, [*target.items(), *headers])
        self._flush()

    def _flush(self) -> None:
        self._socket.sendall(self._connection.data_to_send())

    def write(self, body: bytes) -> None:
        """Sends a piece of the body."""
        self._connection.send_data(self._stream, body)
        self._flush()

    def end(self, trailers: HeaderLines) -> None:
        """Ends the body, and sends trailers behind it."""
        if trailers:
            self._connection.send_headers(self._stream, trailers, end_stream=True)
        else:
            self._connection.end_stream(self._stream)
        self._flush()

    def status(self) -> int:
        """The status of the answer."""
        with self._socket:
            while data := self._socket.recv(PIECE):
                for event in self._connection.receive_data(data):
                    match event:
                        case h2.events.ResponseReceived(headers=headers):
                            return int(dict(_lines(headers))[b":status"])
                        case h2.events.StreamReset():
                            raise AssertionError(f"no answer but {event}")
                self._flush()
        raise AssertionError("no answer")


UPLOADS: dict[int, Callable[[int, HeaderLines], Upload]] = {1: Http1Upload, 2: Http2Upload}
"""For each version of HTTP."""


def _lines(headers: Sequence[tuple[bytes | str, bytes | str]] | None) -> HeaderLines:
    return [(_bytes(name), _bytes(value)) for name, value in headers or []]


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
