"""Keys that rotate, are away and come back while requests come in: no good token that can be judged is lost.

The short course runs with the other tests. The long one, with `--soak`, is away for ten minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from conftest import REPORTS
from gateway_suite import course, driver, signing_keys
from gateway_suite.authorization_server import JWKS, METADATA, AuthorizationServer
from gateway_suite.background import BackgroundLoop
from gateway_suite.course import Course, Knowledge, Timing
from gateway_suite.driver import Driver
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.listener import Listener
from gateway_suite.load import Load, Seen, Send
from gateway_suite.model import Address, Request, Site, values
from gateway_suite.runner import ISSUER, RESOURCE

WORKERS = 2
"""Of Envoy."""
CLIENTS = 16
RATE = {"envoy": 150.0, "kong": 150.0, "kong-model": 50.0}
"""Requests a second."""
KEYS = {
    "k1": {"alg": "ES256"},
    "k2": {"alg": "RS256"},
    "k3": {"alg": "EdDSA"},
    "k4": {"alg": "ES384"},
    "k5": {"alg": "PS256"},
    "hidden": {"alg": "ES256"},
}


class Upstream:
    """Counts what arrives, and keeps none of it."""

    def __init__(self) -> None:
        self.arrived = 0
        self.listener = Listener(self._serve)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.arrived += 1
        return web.Response(text="ok")


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Driver:
    name = request.config.getoption("--gateway")
    if name is None:
        pytest.skip("no gateway was chosen")
    return EnvoyDriver(WORKERS) if name == "envoy" else driver.create(name)


def test_no_good_token_is_lost(request: pytest.FixtureRequest, gateway: Driver, tmp_path: Path) -> None:
    timing = course.LONG if request.config.getoption("--soak") else course.SHORT
    wasm = request.config.getoption("--wasm")
    loop, upstream, server = BackgroundLoop(), Upstream(), AuthorizationServer(ISSUER, [], signing_keys.read(KEYS))
    knowledge = Knowledge(timing)
    # Keys on this machine are found only for an issuer that is there, too.
    server.be(f"http://{server.endpoints[METADATA].authority}")
    site = _site(gateway, server, upstream.listener.address, timing)
    try:
        loop.run(upstream.listener.listen())
        gateway.start([site], wasm, tmp_path)
        load = loop.run(_run(gateway, site, server, knowledge), timeout=2 * timing.outage + 600)
        report = list(load.report())
        request.config.stash.setdefault(REPORTS, []).extend([f"keys under traffic, on {gateway.name}", *report])
        trap = gateway.trapped(site)
    finally:
        gateway.stop()
        loop.run(server.stop())
        loop.run(upstream.listener.close())
        loop.close()
    assert load.faults == []
    assert trap is None
    assert upstream.arrived == load.forwarded()
    assert load.total()["good", 200] > 0.5 * load.total().total()
    assert len(server.endpoints[JWKS].calls) <= _most_fetches(gateway, timing)
    assert len(server.endpoints[METADATA].calls) <= _most_fetches(gateway, timing)


def _site(gateway: Driver, server: AuthorizationServer, upstream: Address, timing: Timing) -> Site:
    endpoints = [server.endpoints[name] for name in (METADATA, JWKS)]
    config = {
        "resource": RESOURCE,
        "authorization_servers": [server.issuer],
        "metadata_discovery_endpoint": server.endpoints[METADATA].url,
        "metadata_cache_ttl": timing.metadata_lifetime,
        "jwks_cache_ttl": timing.lifetime,
        "jwks_refetch_cooldown": timing.cooldown,
        "timeout": round(1000 * timing.timeout),
    }
    return Site(
        name="rotation",
        group="rotation",
        variant=gateway.variants[0],
        config=json.dumps(config),
        upstream=upstream,
        callouts={endpoint.authority: endpoint.listener.address for endpoint in endpoints},
    )


async def _run(gateway: Driver, site: Site, server: AuthorizationServer, knowledge: Knowledge) -> Load:
    async with _sender(gateway, site) as send:
        load = Load(send, server, knowledge, RATE[gateway.name])
        running = asyncio.create_task(Course(server, knowledge, load).run())
        await asyncio.sleep(0)  # the course begins
        clients = [asyncio.create_task(load.client(CLIENTS)) for _ in range(CLIENTS)]
        done, _ = await asyncio.wait([running, *clients], return_when=asyncio.FIRST_COMPLETED)
        load.is_over = True
        await asyncio.gather(*done, *clients, running)
    return load


@contextlib.asynccontextmanager
async def _sender(gateway: Driver, site: Site) -> AsyncIterator[Send]:
    """Sends a token to a gateway that listens, over connections that are kept, or to one that is called."""
    address = getattr(gateway, "address", None)
    if address is None:
        yield lambda token: asyncio.to_thread(_call, gateway, site, token)
        return
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(f"http://{address(site)}", connector=connector) as session:

        async def send(token: str) -> Seen:
            headers = {"host": "api.example.com", "authorization": f"Bearer {token}"}
            async with session.get("/tools", headers=headers) as answer:
                await answer.read()
                return Seen(answer.status, answer.headers.get("retry-after"))

        yield send


def _call(gateway: Driver, site: Site, token: str) -> Seen:
    headers = [(b"host", b"api.example.com"), (b"authorization", f"Bearer {token}".encode())]
    answer = gateway.send(site, Request(path=b"/tools", headers=headers))
    return Seen(answer.status, next(iter(values(answer.headers, "retry-after")), None))


def _most_fetches(gateway: Driver, timing: Timing) -> float:
    """What the rules allow a worker: a set for each lifetime and cool-down, and in an outage one each five seconds.

    Without keys each request fetches them, where it cannot wait for another's callout.
    """
    seconds = 20 * timing.use + 4 * timing.cooldown + 30
    each = seconds / (0.9 * timing.lifetime) + seconds / timing.cooldown + timing.outage / course.PAUSE + 10
    return each * WORKERS if gateway.family == "envoy" else each + CLIENTS
