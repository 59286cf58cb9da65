"""Callouts: what the host accepts, what it writes, and every way one can end (S1, S2, D12)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from kong_model.abi import GuestTrap, Pairs

_HOST = re.compile(r"[A-Za-z0-9._-]+\Z")
_UNSAFE_PATH = re.compile(rb"[\x00-\x20\x7f]")
_LINE_END = re.compile(rb"[\x00\r\n]")
_NOT_SENT = {b"host", b"connection"}


@dataclass(frozen=True)
class Outcome:
    """What a callout callback finds. The constructors are the rows of S2's table, under their names there."""

    dispatch_status: bytes = b"ok"
    status: bytes | None = None
    headers: Pairs = field(default_factory=list)
    body: bytes = b""
    body_size: int | None = None
    """The length the callback is told, where it is not the body's."""
    readable: bool = True

    @property
    def told_size(self) -> int:
        """The body_size argument of the callback."""
        return len(self.body) if self.body_size is None else self.body_size

    @classmethod
    def answered(cls, status: int = 200, body: bytes = b"", headers: Pairs | None = None) -> Outcome:
        """A whole answer."""
        lines = [(b"Content-Type", b"application/json")] if headers is None else headers
        return cls(status=str(status).encode(), headers=lines, body=body)

    @classmethod
    def refused(cls, status: int | None = None, headers: Pairs | None = None) -> Outcome:
        """Refused, or reset; what was read before a reset may be there (from its source)."""
        return cls(b"broken connection", str(status).encode() if status else None, headers or [])

    @classmethod
    def unresolved(cls) -> Outcome:
        """NXDOMAIN, or the resolver does not answer."""
        return cls(b"resolver failure")

    @classmethod
    def timeout(cls, status: int | None = None, headers: Pairs | None = None) -> Outcome:
        """Connect or read timeout; status and headers so far may be there."""
        return cls(b"timeout", str(status).encode() if status else None, headers or [])

    @classmethod
    def tls_failure(cls) -> Outcome:
        """Certificate, name, or handshake."""
        return cls(b"tls handshake failure")

    @classmethod
    def not_http(cls) -> Outcome:
        """Bytes that are no HTTP."""
        return cls(b"reader failure")

    @classmethod
    def malformed(cls, status: int = 200, headers: Pairs | None = None) -> Outcome:
        """D12: a bad header, length or chunk, or a header too large: a status, but a reader failure."""
        return cls(b"reader failure", str(status).encode(), headers or [(b"Content-Type", b"application/json")])

    @classmethod
    def closed(cls) -> Outcome:
        """D12: closed without a byte, and yet "ok"."""
        return cls()

    @classmethod
    def cut_headers(cls, status: int = 200) -> Outcome:
        """D12: closed inside the headers: a status, no headers, and yet "ok"."""
        return cls(status=str(status).encode())

    @classmethod
    def truncated(cls, promised: int = 100, status: int = 200, headers: Pairs | None = None) -> Outcome:
        """D4, D12: a body shorter than promised: all looks well, but it cannot be read."""
        lines = headers or [(b"Content-Type", b"application/json")]
        return cls(status=str(status).encode(), headers=lines, body_size=promised, readable=False)

    @classmethod
    def without_length(cls, status: int = 200, headers: Pairs | None = None) -> Outcome:
        """S1: a body that ends with the connection is lost."""
        usual = [(b"Content-Type", b"application/json")]
        return cls(status=str(status).encode(), headers=usual if headers is None else headers)

    @classmethod
    def no_content(cls, status: int = 204) -> Outcome:
        """S1: 204 and 304 without Content-Length wait for the read timeout."""
        return cls(b"timeout", str(status).encode(), [(b"Date", b"now")])

    @classmethod
    def interim(cls, status: int = 100) -> Outcome:
        """S1: an interim answer is taken as the final one."""
        return cls(status=str(status).encode())


@dataclass
class Callout:
    """A call the host has accepted."""

    token: int
    upstream: str
    method: bytes
    path: bytes
    authority: bytes
    tls: bool
    headers: Pairs
    body: bytes
    timeout: int
    """Milliseconds; for each of connecting, handshake, sending and every read (S1)."""
    doomed: bool = False
    """D5: its callback crashes the worker."""
    cancelled: bool = False

    def wire(self) -> bytes:
        """S1: Host, Connection and Content-Length are the host's own; the path goes out raw."""
        lines = [(b"Host", self.authority), (b"Connection", b"close")]
        if not any(name.lower() == b"content-length" for name, _ in self.headers):
            lines.append((b"Content-Length", str(len(self.body)).encode()))
        lines += self.headers
        head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
        return self.method + b" " + self.path + b" HTTP/1.1\r\n" + head + b"\r\n" + self.body

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header the filter gave."""
        return [value for candidate, value in self.headers if candidate.lower() == name.lower()]

    def violations(self) -> list[str]:
        """S1: what goes out although it should not. The texts hold no value: it may be a secret."""
        found = []
        if _UNSAFE_PATH.search(self.path):
            found.append("a callout's path splits the request line")
        if any(_LINE_END.search(name + value) or not name for name, value in self.headers):
            found.append("a callout's header splits a line")
        if _LINE_END.search(self.authority) or _UNSAFE_PATH.search(self.method):
            found.append("a callout's authority or method splits a line")
        if self.timeout == 0:
            found.append("a callout without a timeout")
        return found


def parse_upstream(upstream: str, tls: bool) -> tuple[str, int]:
    """S1: ip:port, [v6]:port, host:port or without port. D4: anything else traps."""
    host, mark, port = upstream.rpartition(":")
    if not mark or upstream.endswith("]"):
        host, port = upstream, "443" if tls else "80"
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise GuestTrap("dispatch failed: bad host") from None
    elif not _HOST.match(host):
        raise GuestTrap("dispatch failed: bad host")
    if not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise GuestTrap("dispatch failed: invalid port")
    return host, int(port)


def accept(token: int, upstream: bytes, pairs: Pairs, body: bytes, timeout: int) -> tuple[Callout, list[str]]:
    """D4: without :method or :path, or with a bad host, the host traps. Else the call, and what is wrong with it.

    S1: only `https` in lower case turns TLS on; another unknown scheme goes out in plain text.
    """
    pseudo = {name: value for name, value in pairs if name.startswith(b":")}
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if not method or not path:
        raise GuestTrap(f"dispatch failed: no {':path' if method else ':method'}")
    scheme = pseudo.get(b":scheme", b"http")
    target = upstream.decode("latin-1")
    parse_upstream(target, scheme == b"https")
    callout = Callout(
        token=token,
        upstream=target,
        method=method,
        path=path,
        authority=pseudo.get(b":authority") or upstream,
        tls=scheme == b"https",
        headers=[(name, value) for name, value in pairs if not name.startswith(b":") and name.lower() not in _NOT_SENT],
        body=body,
        timeout=timeout,
    )
    violations = callout.violations()
    if scheme not in (b"http", b"https"):
        violations.append("a callout of an unknown scheme goes out in plain text")
    return callout, violations
