"""A client that writes header bytes as they are given and reads the answer as it comes."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time

from .model import Address, HeaderLines, Piece, Request, Response

PATIENCE = 25.0
"""Seconds without a byte after which the client gives up; longer than the gateway's own limit."""
PIECE = 65536


def send(address: Address, request: Request, patience: float = PATIENCE) -> Response:
    """Sends a request over a connection of its own and waits for the whole answer."""
    started = time.monotonic()
    try:
        connection = socket.create_connection((address.host, address.port), patience)
    except OSError as error:
        return Response(None, error=f"cannot connect: {error}")
    with connection:
        writer = threading.Thread(target=_write, args=(connection, request), daemon=True)
        writer.start()
        if request.disconnect_after is not None:
            return _leave(connection, writer, request.disconnect_after)
        return _read(connection, request.method.decode("latin-1"), started)


def _write(connection: socket.socket, request: Request) -> None:
    try:
        connection.sendall(_head(request))
        if request.body is None:
            return
        if not request.chunked:
            connection.sendall(request.body)
            return
        for start in range(0, len(request.body), PIECE):
            piece = request.body[start : start + PIECE]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
    except OSError:
        return  # the gateway may answer and close before it has read all; the reader tells


def _head(request: Request) -> bytes:
    lines = [request.method + b" " + request.path + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers]
    if request.body is not None:
        framing = b"transfer-encoding: chunked"
        lines.append(framing if request.chunked else f"content-length: {len(request.body)}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _leave(connection: socket.socket, writer: threading.Thread, after: float) -> Response:
    writer.join(after)
    time.sleep(after)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Response(None, error="the client has left")


def _read(connection: socket.socket, method: str, started: float) -> Response:
    answer = http.client.HTTPResponse(connection, method=method)
    pieces: list[Piece] = []
    try:
        answer.begin()
        while data := answer.read1(PIECE):
            pieces.append(Piece(time.monotonic() - started, data))
        error = f"{answer.length} bytes of the body are missing" if answer.length else None
    except (OSError, http.client.HTTPException) as problem:
        error = f"{type(problem).__name__}: {problem}"
    # Both are there once they have been read, and an answer can break off before.
    status, fields = getattr(answer, "status", None), getattr(answer, "headers", None)
    elapsed = time.monotonic() - started
    answer.close()
    return Response(status if isinstance(status, int) else None, _lines(fields), pieces, elapsed, error)


def _lines(fields: http.client.HTTPMessage | None) -> HeaderLines:
    if fields is None:
        return []
    return [(name.encode("latin-1"), value.encode("latin-1", "surrogateescape")) for name, value in fields.items()]
