"""The life of an authorization server's keys: rotated, away and back, while requests come in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from .authorization_server import JWKS, METADATA, AuthorizationServer, Behaviour
from .load import Load

PAUSE = 5.0
"""Seconds in which no fetch is tried after a fetch has failed."""
MARGIN = 1.0
"""Seconds for a fetch, on a machine that has much to do."""
FETCHED = (METADATA, JWKS)
AWAY: dict[str, Behaviour | None] = {
    "refused": None,
    "500": {"text": "", "status": 500},
    "reset": {"fault": "reset"},
    "timeout": {"fault": "timeout"},
    "html": {"text": "<!doctype html><h1>We will be back</h1>", "headers": {"Content-Type": "text/html"}},
    "moved": {"text": "", "status": 301, "headers": {"Location": "/elsewhere"}},
    "truncated": {"fault": "truncated"},
    "oversized": {"fault": "oversized"},
}
"""The ways in which keys and metadata are away; None is that nothing listens."""


@dataclass(frozen=True)
class Timing:
    """How long things take, in seconds."""

    lifetime: int
    """Of keys: jwks_cache_ttl."""
    metadata_lifetime: int
    """metadata_cache_ttl. The outage is longer: first the keys cannot be fetched, then not even be found."""
    cooldown: int
    """jwks_refetch_cooldown."""
    timeout: float
    """Of a fetch."""
    use: float
    """So long a new key is in use before the next thing happens."""
    outage: float


SHORT = Timing(lifetime=4, metadata_lifetime=10, cooldown=1, timeout=0.5, use=2, outage=12)
LONG = Timing(lifetime=60, metadata_lifetime=300, cooldown=30, timeout=2, use=20, outage=600)


@dataclass
class Knowledge:
    """Which tokens a filter has to judge, given what the authorization server did until now."""

    timing: Timing
    judged_from: dict[str, float] = field(default_factory=dict)
    """From when on the tokens of a published key are judged; endless while it cannot be fetched."""
    clear_from: float = 0.0
    """From when on a key that is new causes a fetch: the cool-down of the one before is over."""
    is_away: bool = True
    is_flooded: bool = False

    def publish(self, key: str) -> None:
        """A key is published. In a flood of tokens that none verifies it is fetched when the next cool-down is over."""
        if self.is_away:
            self.judged_from[key] = float("inf")
            return
        self.judged_from[key] = self._after_cooldown() if self.is_flooded else max(monotonic(), self.clear_from)
        self.clear_from = self._after_cooldown()

    def flood(self, begins: bool) -> None:
        """Tokens that no published key verifies come in, or no more."""
        self.is_flooded = begins
        self.clear_from = self._after_cooldown()

    def come_back(self) -> None:
        """The server is back. What could not be fetched is fetched after the pause and the cool-down."""
        self.is_away = False
        fetched = monotonic() + self.timing.timeout + max(PAUSE, self.timing.cooldown) + MARGIN
        self.judged_from = {key: fetched if since == float("inf") else since for key, since in self.judged_from.items()}
        self.clear_from = fetched + self.timing.cooldown + MARGIN

    def has_to_judge(self, key: str) -> bool:
        """Whether a request that begins now, with a good token of this key, has to get through."""
        return monotonic() >= self.judged_from[key]

    def _after_cooldown(self) -> float:
        return monotonic() + self.timing.cooldown + MARGIN


class Course:
    """What happens to the keys k1 to k5, phase by phase."""

    def __init__(self, server: AuthorizationServer, knowledge: Knowledge, load: Load) -> None:
        self._server = server
        self._knowledge = knowledge
        self._timing = knowledge.timing
        self._load = load

    async def run(self) -> None:
        """The whole course. It begins with nothing listening."""
        self._publish("k1")
        self._load.begin("down at the start")
        await asyncio.sleep(self._timing.use)
        self._load.begin("up")
        await self._come_back()
        await self._until_judged("k1")
        self._load.begin("k2 is new")
        await self._rotate("k1", "k2")
        self._load.begin("k1 is withdrawn")
        await self._use_only("k2")
        self._publish("k2")
        await asyncio.sleep(self._timing.use)
        self._load.begin("a flood, and k3")
        await self._flood("k2", "k3")
        await self._outage("k2", "k3", "k4")
        self._load.begin("back")
        await self._come_back()
        await self._until_judged("k4")
        self._load.begin("k5 is new")
        await self._rotate("k4", "k5")

    def _publish(self, *names: str) -> None:
        self._server.published = [self._server.keys[name] for name in names]
        for name in names:
            if name not in self._knowledge.judged_from:
                self._knowledge.publish(name)

    async def _rotate(self, old: str, new: str) -> None:
        """The new key is published and signs from the same moment on."""
        await self._use_only(old)
        await asyncio.sleep(max(0.0, self._knowledge.clear_from - monotonic()))
        self._publish(old, new)
        self._load.using = [old, new]
        await asyncio.sleep(self._timing.use)

    async def _use_only(self, key: str) -> None:
        """A key must be gone from all requests under way before it is withdrawn."""
        self._load.using = [key]
        await asyncio.sleep(MARGIN)

    async def _flood(self, old: str, new: str) -> None:
        """Tokens that no key verifies come in; a key that is published a cool-down ahead is known when it is used."""
        await asyncio.sleep(max(0.0, self._knowledge.clear_from - monotonic()))
        self._knowledge.flood(begins=True)
        self._load.is_flooding = True
        self._publish(old, new)
        await self._until_judged(new)
        self._load.using = [old, new]
        await asyncio.sleep(self._timing.use)
        self._load.is_flooding = False
        self._knowledge.flood(begins=False)
        await asyncio.sleep(self._timing.use)

    async def _outage(self, *names: str) -> None:
        """The server is away in each way in turn. Half way it takes a key that cannot be fetched."""
        *known, new = names
        self._knowledge.is_away = True
        for number, (way, behaviour) in enumerate(AWAY.items()):
            self._load.begin(f"away: {way}")
            if number == len(AWAY) // 2:
                self._publish(*known, new)
                self._load.using = [*known, new]
            await self._be(behaviour)
            await asyncio.sleep(self._timing.outage / len(AWAY))

    async def _come_back(self) -> None:
        await self._be("normal")
        self._knowledge.come_back()

    async def _be(self, behaviour: Behaviour | None) -> None:
        for name in FETCHED:
            endpoint = self._server.endpoints[name]
            if behaviour is None:
                await endpoint.listener.refuse()
            else:
                endpoint.behaviours = [behaviour]
                await endpoint.listener.listen()

    async def _until_judged(self, key: str) -> None:
        await asyncio.sleep(max(0.0, self._knowledge.judged_from[key] - monotonic()) + self._timing.use)
