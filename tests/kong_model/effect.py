"""What a scenario looks at: effects, never the order of hostcalls."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from kong_model.abi import Pairs
from kong_model.callout import Callout


@dataclass
class Answer:
    """What the client got: a status with headers and a body, or (status None) an end of the connection."""

    status: int | None
    headers: Pairs = field(default_factory=list)
    body: bytes = b""
    why: str = ""
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    """When each piece of the body came (monotonic seconds), and how long it was."""

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for candidate, value in self.headers if candidate.lower() == name.lower()]

    def add_piece(self, piece: bytes) -> None:
        """Takes a piece of the body."""
        if piece:
            self.body += piece
            self.arrivals.append((time.monotonic(), len(piece)))


@dataclass
class UpstreamRequest:
    """What reached the upstream, byte for byte."""

    method: bytes
    target: bytes
    headers: Pairs
    body: bytes
    scheme: str
    pool: str = ""
    """The kept connections that it may have used (Q10)."""

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for candidate, value in self.headers if candidate.lower() == name.lower()]

    def wire(self) -> bytes:
        """The bytes on the connection."""
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in self.headers)
        return self.method + b" " + self.target + b" HTTP/1.1\r\n" + lines + b"\r\n" + self.body


@dataclass(frozen=True)
class Hostcall:
    """One call out of the sandbox."""

    callback: str
    context: int
    name: str
    arguments: tuple[object, ...]
    result: str
    """The status, or "trap: why", or "crash: why"."""


@dataclass
class Effect:
    """All that came of one request."""

    answers: list[Answer] = field(default_factory=list)
    upstream: list[UpstreamRequest] = field(default_factory=list)
    callouts: list[Callout] = field(default_factory=list)
    traps: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What harms without a trap: bytes that split a request line, a removal that removes nothing."""
    hostcalls: list[Hostcall] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    hung: bool = False
    """The client waits for ever."""
    arrived: list[str] = field(default_factory=list)
    """The callbacks that ran for this request, in order."""

    @property
    def answer(self) -> Answer:
        """The one answer."""
        if len(self.answers) != 1 or self.hung:
            raise AssertionError(f"not exactly one answer: {self.answers}, hung: {self.hung}")
        return self.answers[0]

    @property
    def harm_by_filter(self) -> list[str]:
        """What no filter must ever cause: traps, crashes, violations, a client that waits for ever."""
        found = [f"trap: {why}" for why in self.traps] + [f"crash: {why}" for why in self.crashes]
        found += [f"violation: {why}" for why in self.violations]
        return [*found, "the client waits for ever"] if self.hung else found

    @property
    def harm(self) -> list[str]:
        """Everything that must not happen to any request; empty when all is well."""
        found = self.harm_by_filter
        if self.hung:
            return found
        if len(self.answers) != 1:
            found.append(f"{len(self.answers)} answers")
        elif self.answers[0].status is None:
            found.append(f"no status: {self.answers[0].why}")
        return found

    def statuses(self, name: str) -> list[str]:
        """How each call of one hostcall ended."""
        return [call.result for call in self.hostcalls if call.name == name]
