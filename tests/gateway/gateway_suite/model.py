"""The plain values that scenarios, drivers and servers pass to one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HeaderLines = list[tuple[bytes, bytes]]
"""Header lines in the order of the wire, names as they were written there."""


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Site:
    """One scenario in one variant, as a driver sees it."""

    name: str
    """Unique, of ``[a-z0-9-]``."""
    group: str
    """Sites of one group may share a VM of the filter."""
    variant: str
    """One of the driver's variants."""
    config: str
    """The filter's configuration, JSON text."""
    upstream: Address
    callouts: Mapping[str, Address]
    """The authorization server's endpoints by their authority."""
    tls: frozenset[str] = frozenset()
    """The authorities that are called by https."""
    trust: Path | None = None
    """A file with the certificates that the gateway trusts there (PEM)."""
    gateway: Mapping[str, Any] = field(default_factory=dict)
    """The scenario's wishes to the gateway; README.md lists them."""


@dataclass(frozen=True)
class Request:
    """What the client sends."""

    method: bytes = b"GET"
    path: bytes = b"/"
    headers: HeaderLines = field(default_factory=list)
    """All lines but ``content-length`` and ``transfer-encoding``, which follow from the body."""
    body: bytes | None = None
    chunked: bool = False
    disconnect_after: float | None = None
    """Seconds after which the client leaves without waiting for an answer."""


@dataclass(frozen=True)
class Piece:
    """A piece of a body and when it arrived, in seconds since the request was sent."""

    at: float
    data: bytes


@dataclass(frozen=True)
class Response:
    """What the client got."""

    status: int | None
    """None where no answer came."""
    headers: HeaderLines = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    elapsed: float = 0.0
    error: str | None = None
    """What went wrong between client and gateway, for the reader of a failed test."""

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(piece.data for piece in self.pieces)


def values(lines: HeaderLines, name: str) -> list[str]:
    """The values of all lines of a name, in order, as ISO 8859-1."""
    wanted = name.lower().encode("latin-1")
    return [value.decode("latin-1") for key, value in lines if key.lower() == wanted]
