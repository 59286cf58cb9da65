"""Numbers and byte layouts of the proxy-wasm ABI 0.2.1, and how a call out of the sandbox can end."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum

Pairs = list[tuple[bytes, bytes]]


class Status(IntEnum):
    """What a hostcall returns."""

    OK = 0
    NOT_FOUND = 1
    BAD_ARGUMENT = 2
    EMPTY = 7
    CAS_MISMATCH = 8
    INTERNAL_FAILURE = 10


class Action(IntEnum):
    """What a request or response callback returns."""

    CONTINUE = 0
    PAUSE = 1


class Buffer(IntEnum):
    """Buffers a filter can name."""

    REQUEST_BODY = 0
    RESPONSE_BODY = 1
    CALL_RESPONSE_BODY = 4
    VM_CONFIGURATION = 6
    PLUGIN_CONFIGURATION = 7


class Map(IntEnum):
    """Header maps a filter can name."""

    REQUEST_HEADERS = 0
    REQUEST_TRAILERS = 1
    RESPONSE_HEADERS = 2
    RESPONSE_TRAILERS = 3
    CALL_RESPONSE_HEADERS = 6
    CALL_RESPONSE_TRAILERS = 7


class Metric(IntEnum):
    """Kinds of metrics."""

    COUNTER = 0
    GAUGE = 1
    HISTOGRAM = 2


LOG_LEVELS = ("trace", "debug", "info", "warn", "error", "critical")


class GuestTrap(Exception):
    """The instance is dead: it trapped by itself, or the host made it trap because of a bad hostcall."""


class WorkerCrash(Exception):
    """The worker process is dead (signal 11), and every connection it held with it."""


class StartFailed(Exception):
    """The filter did not start, in a place where nginx gives up on it."""


def pack_pairs(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Writes a header map: the count, the lengths, then names and values, each with a NUL behind it."""
    listed = list(pairs)
    sizes = b"".join(struct.pack("<II", len(name), len(value)) for name, value in listed)
    texts = b"".join(name + b"\0" + value + b"\0" for name, value in listed)
    return struct.pack("<I", len(listed)) + sizes + texts


def unpack_pairs(data: bytes) -> Pairs | None:
    """Reads a header map; None where it is not one."""
    if not data:
        return []
    try:
        (count,) = struct.unpack_from("<I", data)
        sizes = [struct.unpack_from("<II", data, 4 + 8 * index) for index in range(count)]
    except struct.error:
        return None
    at = 4 + 8 * count
    pairs: Pairs = []
    for name_size, value_size in sizes:
        name = data[at : at + name_size]
        at += name_size + 1
        value = data[at : at + value_size]
        at += value_size + 1
        if len(name) != name_size or len(value) != value_size or at > len(data):
            return None
        pairs.append((name, value))
    return pairs
