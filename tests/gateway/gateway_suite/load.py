"""Clients that send good and bad tokens all the time, and what became of each."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from .authorization_server import AuthorizationServer
from .runner import CLAIMS

LIFETIME = 3600
"""Of good tokens, in seconds."""
REUSED = 20
"""So many tokens of each key are in use at a time."""
ANSWERED_UPSTREAM = 200
TRIES = 4
"""How often a client asks when the answer is to retry after a second."""


@dataclass(frozen=True)
class Seen:
    """What a client got."""

    status: int | None
    retry_after: str | None = None


Send = Callable[[str], Awaitable[Seen]]


class Expectation(Protocol):
    """Says which tokens have to be judged."""

    def has_to_judge(self, key: str) -> bool:
        """Whether a request that begins now, with a good token of this key, has to get through."""


@dataclass
class Phase:
    """What happened in a phase."""

    name: str
    began: float
    fetches_before: Counter[str]
    answers: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    """By kind of token and status."""
    waits: list[float] = field(default_factory=list)
    """Seconds that good tokens took which had to be judged."""
    to_come_again: int = 0


class Load:
    """The clients."""

    def __init__(self, send: Send, server: AuthorizationServer, expectation: Expectation, rate: float) -> None:
        self.using = ["k1"]
        """The keys that sign good tokens."""
        self.is_flooding = False
        """Whether tokens come in as well that no published key verifies, under its name or another."""
        self.is_over = False
        self.phases: list[Phase] = []
        self.faults: list[str] = []
        """Good tokens that were lost, and bad ones that got through."""
        self._send = send
        self._server = server
        self._expectation = expectation
        self._rate = rate
        self._random = random.Random(1)
        self._tokens: dict[str, list[str]] = {}
        self._minted = 0

    def begin(self, name: str) -> None:
        """A phase begins."""
        self.phases.append(Phase(name, monotonic(), self._fetches()))

    async def client(self, clients: int) -> None:
        """One of so many clients."""
        while not self.is_over:
            await asyncio.sleep(self._random.expovariate(self._rate / clients))
            await self._request()

    async def _request(self) -> None:
        key = self._random.choice(self.using)
        kinds = {"good": 80, "expired": 6, "opaque": 4}
        if self.is_flooding:
            kinds |= {"forged": 20, "unknown key": 20}
        [kind] = self._random.choices(list(kinds), list(kinds.values()))
        token = self._good(key) if kind == "good" else self._bad(kind, key)
        phase, began, has_to_judge = self.phases[-1], monotonic(), self._expectation.has_to_judge(key)
        seen = await self._send(token)
        for _ in range(TRIES):
            if not (kind == "good" and has_to_judge and (seen.status, seen.retry_after) == (503, "1")):
                break
            phase.to_come_again += 1
            await asyncio.sleep(1)
            seen = await self._send(token)
        phase.answers[kind, seen.status] += 1
        if kind == "good" and has_to_judge:
            phase.waits.append(monotonic() - began)
        if not is_right(kind, seen.status, has_to_judge):
            self.faults.append(f"{phase.name}: {kind} token of {key}, {monotonic() - began:.2f} s: {seen}")

    def _good(self, key: str) -> str:
        """One of the tokens in use, of which one in five is new."""
        tokens = self._tokens.setdefault(key, [])
        if len(tokens) < REUSED or self._random.random() < 0.2:
            tokens.append(self._mint(key))
            del tokens[:-REUSED]
        return self._random.choice(tokens)

    def _bad(self, kind: str, key: str) -> str:
        if kind == "opaque":
            return f"opaque-{self._random.random()}"
        if kind == "forged":
            return self._mint("hidden", header={"kid": key})
        if kind == "unknown key":
            return self._mint("hidden", header={"kid": f"unknown-{self._random.random()}"})
        return self._mint(key, lifetime=-10)

    def _mint(self, key: str, lifetime: int = LIFETIME, header: Mapping[str, Any] | None = None) -> str:
        self._minted += 1
        token = self._server.mint_signed(f"user-{self._minted}", lifetime, key, header=header, **CLAIMS)
        del self._server.tokens[token]  # no introspection asks for it
        return token

    def _fetches(self) -> Counter[str]:
        return Counter({name: len(endpoint.calls) for name, endpoint in self._server.endpoints.items()})

    def total(self) -> Counter[tuple[str, int | None]]:
        """All answers."""
        return sum((phase.answers for phase in self.phases), Counter())

    def forwarded(self) -> int:
        """How many requests the upstream answered."""
        return sum(count for (_, status), count in self.total().items() if status == ANSWERED_UPSTREAM)

    def report(self) -> Iterator[str]:
        """A line for each phase, and one for all."""
        yield _line("", "s", "requests", "good tokens", "bad tokens", "fetches of metadata, keys", "slowest ms")
        ends = [(phase.began, phase.fetches_before) for phase in self.phases[1:]] + [(monotonic(), self._fetches())]
        for phase, (ended, fetches) in zip(self.phases, ends, strict=True):
            yield _summary(phase, ended, fetches)
        whole = Phase("all", self.phases[0].began, self.phases[0].fetches_before, self.total())
        whole.waits = [wait for phase in self.phases for wait in phase.waits]
        whole.to_come_again = sum(phase.to_come_again for phase in self.phases)
        yield _summary(whole, ends[-1][0], ends[-1][1])
        waits = sorted(whole.waits)
        middle, late = (1000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
        yield (
            f"good tokens that had to be judged: {len(waits)}, median {middle:.1f} ms, 99th percentile {late:.1f} ms; "
            f"asked to come again in a second: {whole.to_come_again}; "
            f"lost, or bad and let through: {len(self.faults)}"
        )


def is_right(kind: str, status: int | None, has_to_judge: bool) -> bool:
    """A good token is never 401, and a bad one never gets through; for what cannot be judged the server is at fault."""
    if kind == "good":
        return status == ANSWERED_UPSTREAM if has_to_judge else status in (200, 502, 503, 504)
    if kind in ("forged", "unknown key") or not has_to_judge:
        return status in (401, 502, 503, 504)
    return status == 401


def _summary(phase: Phase, ended: float, fetches: Counter[str]) -> str:
    def statuses(is_good: bool) -> str:
        counts: Counter[int | None] = Counter()
        for (kind, status), count in phase.answers.items():
            counts[status] += count * ((kind == "good") == is_good)
        return ", ".join(f"{status}: {count}" for status, count in sorted(counts.items(), key=str) if count)

    return _line(
        phase.name,
        f"{ended - phase.began:.0f}",
        str(phase.answers.total()),
        statuses(is_good=True),
        statuses(is_good=False),
        ", ".join(str(fetches[name] - phase.fetches_before[name]) for name in ("metadata", "jwks")),
        f"{1000 * max(phase.waits, default=0):.0f}",
    )


def _line(*cells: str) -> str:
    widths = (22, 5, 10, 28, 28, 27, 10)
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
