"""Broken answers, written to the wire as they are.

An HTTP library cannot send most of these, so each fault writes bytes to the connection of a request
that aiohttp has read. The body of a well-formed answer is at hand: it is what a filter that believed
the broken answer would use.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

Options = Mapping[str, Any]
Fault = Callable[[web.BaseRequest, bytes, Options], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
"""It says that the connection ends, so that no gateway sends its next call into the end of this one."""
LONGER_THAN_ANY_TIMEOUT = 30.0
FAULTS: dict[str, Fault] = {}
"""Every fault by its name in a scenario."""
LOOKS_GOOD: set[str] = set()
"""Those whose answer a client that does not look closely takes for a good one."""


def _fault(looks_good: bool = False) -> Callable[[Fault], Fault]:
    def listed(fault: Fault) -> Fault:
        name = fault.__name__.replace("_", "-")
        FAULTS[name] = fault
        if looks_good:
            LOOKS_GOOD.add(name)
        return fault

    return listed


@_fault()
async def reset(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """TCP reset instead of an answer."""
    _abort(_transport(request))


@_fault()
async def close(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """The connection ends in order, without an answer."""
    _transport(request).close()


@_fault()
async def timeout(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """No answer; ``seconds`` later the connection ends."""
    await asyncio.sleep(options.get("seconds", LONGER_THAN_ANY_TIMEOUT))
    _transport(request).close()


@_fault()
async def reset_after_head(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """The header of a good answer and half of its body, then a TCP reset."""
    transport = _transport(request)
    transport.write(HEAD + _length(len(body)) + b"\r\n" + body[: len(body) // 2])
    await asyncio.sleep(0.1)
    _abort(transport)


@_fault()
async def stall(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """The header of a good answer and half of its body, and then nothing."""
    transport = _transport(request)
    transport.write(HEAD + _length(len(body)) + b"\r\n" + body[: len(body) // 2])
    await asyncio.sleep(LONGER_THAN_ANY_TIMEOUT)


@_fault(looks_good=True)
async def slow_drip(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer, a byte every ``every`` seconds."""
    transport = _transport(request)
    transport.write(HEAD + _length(len(body)) + b"\r\n")
    for position in range(len(body)):
        if transport.is_closing():
            return
        transport.write(body[position : position + 1])
        await asyncio.sleep(options.get("every", 0.1))


@_fault(looks_good=True)
async def late(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer, ``seconds`` later."""
    await asyncio.sleep(options.get("seconds", 0.1))
    await _say(request, HEAD + _length(len(body)) + b"\r\n" + body)


@_fault()
async def truncated(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """Content-Length says more than is sent before the connection ends in order."""
    await _say(request, HEAD + _length(len(body) + 50) + b"\r\n" + body)


@_fault()
async def too_short(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """Content-Length is smaller than the body."""
    await _say(request, HEAD + _length(len(body) - 5) + b"\r\n" + body)


@_fault(looks_good=True)
async def two_lengths(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """Two Content-Length lines that differ."""
    await _say(request, HEAD + _length(len(body)) + _length(len(body) + 1) + b"\r\n" + body)


@_fault(looks_good=True)
async def bad_length(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """Content-Length is no number."""
    await _say(request, HEAD + b"Content-Length: many\r\n\r\n" + body)


@_fault()
async def chunk_cut(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A chunked body that ends in the middle of a chunk."""
    size = f"{len(body) + 50:x}".encode()
    await _say(request, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + body)


@_fault()
async def bad_chunk(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A chunked body whose chunk size is no number."""
    await _say(request, HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + body)


@_fault(looks_good=True)
async def until_close(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer whose body ends where the connection does."""
    await _say(request, HEAD + b"\r\n" + body)


@_fault(looks_good=True)
async def malformed_header(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A header line without a colon."""
    await _say(request, HEAD + b"this line has no colon\r\n" + _length(len(body)) + b"\r\n" + body)


@_fault(looks_good=True)
async def header_bytes(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer with a header value that is not UTF-8."""
    await _say(request, HEAD + b"X-Odd: \xff\xfe\x80\r\n" + _length(len(body)) + b"\r\n" + body)


@_fault()
async def long_header(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A header line of 256 KiB."""
    line = b"X-Long: " + b"a" * (256 << 10) + b"\r\n"
    await _say(request, HEAD + line + _length(len(body)) + b"\r\n" + body)


@_fault()
async def not_http(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """Bytes of some other protocol."""
    await _say(request, b"220 mail.example.com ESMTP ready\r\n")


@_fault(looks_good=True)
async def continue_first(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """100 Continue, then a good answer."""
    await _say(request, b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + _length(len(body)) + b"\r\n" + body)


@_fault()
async def early_hints(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """103 Early Hints, then a good answer."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    await _say(request, hints + HEAD + _length(len(body)) + b"\r\n" + body)


@_fault(looks_good=True)
async def oversized(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer in every way, made longer than 1 MiB by a member of no meaning."""
    padding = b'{"padding":"' + b"x" * (options.get("size", (1 << 20) + 1)) + b'",'
    long = body.replace(b"{", padding, 1)
    await _say_body(request, long)


@_fault()
async def compressed(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer with a content coding that was not asked for."""
    packed = gzip.compress(body)
    await _say(request, HEAD + b"Content-Encoding: gzip\r\n" + _length(len(packed)) + b"\r\n" + packed)


@_fault(looks_good=True)
async def byte_order_mark(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer that begins with a byte order mark."""
    await _say_body(request, b"\xef\xbb\xbf" + body)


@_fault(looks_good=True)
async def bad_utf8(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer with a member whose text is not UTF-8."""
    broken = body.replace(b"{", b'{"note":"\xff\xfe",', 1)
    await _say_body(request, broken)


@_fault(looks_good=True)
async def deep(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer with a member nested ``depth`` deep."""
    depth = options.get("depth", 10_000)
    nested = body.replace(b"{", b'{"deep":' + b"[" * depth + b"]" * depth + b",", 1)
    await _say_body(request, nested)


@_fault()
async def in_a_list(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer, but in a list."""
    await _say_body(request, b"[" + body + b"]")


@_fault()
async def half(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer without its last byte."""
    await _say_body(request, body[:-1])


@_fault(looks_good=True)
async def two_objects(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer, twice."""
    await _say_body(request, body * 2)


@_fault(looks_good=True)
async def duplicate_members(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer, each member of which is there twice."""
    await _say_body(request, body[:-1] + b"," + body[1:])


@_fault(looks_good=True)
async def number_too_large(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """A good answer with a number that is larger than any."""
    await _say_body(request, body.replace(b"{", b'{"note":1e309,', 1))


@_fault()
async def nothing_more(request: web.BaseRequest, body: bytes, options: Options) -> None:
    """``status`` (204, 304 or a 1xx) without a body or a length; the connection stays open."""
    _transport(request).write(f"HTTP/1.1 {options['status']} Nothing\r\nConnection: close\r\n\r\n".encode())
    await asyncio.sleep(LONGER_THAN_ANY_TIMEOUT)


async def commit(request: web.BaseRequest, name: str, body: bytes, options: Options) -> None:
    """Answers with a fault, and ends the handler so that aiohttp adds nothing."""
    await FAULTS[name](request, body, options)
    raise asyncio.CancelledError


def _transport(request: web.BaseRequest) -> asyncio.Transport:
    transport = request.transport
    if not isinstance(transport, asyncio.Transport):
        raise asyncio.CancelledError  # the client has left
    return transport


async def _say(request: web.BaseRequest, everything: bytes) -> None:
    transport = _transport(request)
    transport.write(everything)
    transport.close()


async def _say_body(request: web.BaseRequest, body: bytes) -> None:
    await _say(request, HEAD + _length(len(body)) + b"\r\n" + body)


def _abort(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _length(length: int) -> bytes:
    return f"Content-Length: {length}\r\n".encode()
