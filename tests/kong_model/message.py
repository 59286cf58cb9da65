"""A request as the client writes it, and an answer as the upstream writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kong_model.abi import Pairs

_ONCE = {
    b"authorization",
    b"host",
    b"content-length",
    b"content-type",
    b"transfer-encoding",
    b"user-agent",
    b"if-range",
}
_NAME = re.compile(rb"[A-Za-z0-9_-]+\Z")
_REFUSED_BYTES = re.compile(rb"[\x00\r\n]")


@dataclass
class ClientRequest:
    """A client's request: method, target and header lines in order, as bytes."""

    method: bytes = b"GET"
    target: bytes = b"/"
    headers: Pairs = field(default_factory=list)
    body: bytes = b""
    chunked: bool = False
    http2: bool = False

    def lines(self) -> Pairs:
        """The header lines on the wire: with Host, and with the framing of a body where HTTP/1 needs one."""
        names = {name.lower() for name, _ in self.headers}
        lines = list(self.headers) if b"host" in names else [(b"host", b"gateway.test"), *self.headers]
        if self.chunked and not self.http2:
            lines.append((b"transfer-encoding", b"chunked"))
        elif self.body and not self.http2 and b"content-length" not in names:
            lines.append((b"content-length", str(len(self.body)).encode()))
        return lines

    def announces_body(self) -> bool:
        """Whether nginx expects a body: by its framing, or an open HTTP/2 stream."""
        names = {name.lower() for name, _ in self.lines()}
        framed = bool(names & {b"content-length", b"transfer-encoding"})
        return framed or (self.http2 and bool(self.body))

    def is_upgrade(self) -> bool:
        """Whether the client asks for another protocol."""
        return any(name.lower() == b"upgrade" for name, _ in self.headers)


def accepted_lines(request: ClientRequest, line_limit: int, limit: int) -> Pairs | int:
    """The header lines that nginx takes in, or the status it answers by itself.

    S8: a repeated Authorization or Host is 400. D8: names of other than letters, digits, hyphens and
    underscores, which Kong turns on, are dropped. T4: a line longer than a buffer is 400 (the request
    line 414).
    """
    lines = request.lines()
    seen: set[bytes] = set()
    for name, value in lines:
        lower = name.lower()
        if lower in _ONCE and lower in seen:
            return 400
        seen.add(lower)
        if _REFUSED_BYTES.search(name + value) or len(name) + len(value) + 4 > line_limit:
            return 400
    if len(request.method) + len(request.target) + 11 > line_limit:
        return 414
    if sum(len(name) + len(value) + 4 for name, value in lines) > limit:
        return 400
    named = _named_by_connection(lines)
    return [(name, value.strip(b" \t")) for name, value in lines if _NAME.match(name) and name.lower() not in named]


def _named_by_connection(lines: Pairs) -> set[bytes]:
    """S14: the header fields that Kong takes off before any filter runs, because Connection names them."""
    value = b", ".join(value for name, value in lines if name.lower() == b"connection")
    if value in (b"keep-alive", b"close", b"upgrade"):
        return set()
    return {name.strip(b" \t").lower() for name in value.split(b",")} - {b"upgrade"}


@dataclass
class UpstreamAnswer:
    """What an upstream answers."""

    status: int = 200
    headers: Pairs = field(default_factory=lambda: [(b"Content-Type", b"text/plain")])
    body: bytes = b"upstream"

    def lines(self) -> Pairs:
        """Header lines, with the length of the body."""
        return [*self.headers, (b"Content-Length", str(len(self.body)).encode())]


def split_target(target: bytes) -> tuple[bytes, bytes | None]:
    """Path and query."""
    path, mark, query = target.partition(b"?")
    return path, query if mark else None


def normalised_path(path: bytes) -> bytes:
    """Nginx's uri (S8): percent-decoded, slashes merged, dots resolved; raw bytes."""
    decoded = re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), path)
    parts: list[bytes] = []
    for part in re.sub(rb"/+", b"/", decoded).split(b"/")[1:]:
        if part == b"..":
            del parts[-1:]
        elif part != b".":
            parts.append(part)
    tail = b"/" if decoded.endswith((b"/..", b"/.")) and parts and parts[-1] else b""
    return b"/" + b"/".join(parts) + tail


def escaped_path(path: bytes) -> bytes:
    """The uri as Kong writes it to the upstream: what cannot stand in a request line is escaped again."""
    return re.sub(rb"[^!$&-;=@-Z_a-z~\[\]]", lambda match: b"%%%02X" % match[0][0], path)
