"""Requests that ask the authorization server the same question at once, on Envoy.

There one request can wake another, so one callout of a worker answers all of its requests, whatever becomes of the
client that came first.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import socket
import struct
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from gateway_suite.authorization_server import AuthorizationServer, Behaviour, Call, Client
from gateway_suite.background import BackgroundLoop
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.model import Site, values
from gateway_suite.runner import CLIENTS, ISSUER, RESOURCE
from gateway_suite.scenario import FOLDER, expand, merge
from gateway_suite.upstream import Upstream

PATIENCE = 20.0
MANY = 50
FEW = 10


class HeldServer(AuthorizationServer):
    """An authorization server whose endpoints keep their answers back until they are let go."""

    def __init__(self) -> None:
        super().__init__(ISSUER, [Client(name, secret) for name, secret in CLIENTS.items()])
        self.let_go = {endpoint.path: asyncio.Event() for endpoint in self.endpoints.values()}

    async def _answer(
        self, request: web.BaseRequest, call: Call, behaviour: Behaviour, handler: Any
    ) -> web.StreamResponse:
        await self.let_go[request.path].wait()
        return await super()._answer(request, call, behaviour, handler)


class Visit:
    """A request on a connection of its own, on its way; the answer is read when it is asked for."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str], body: bytes | None) -> None:
        self.path = path
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        lines = {"Host": "api.example.com", "Connection": "close", **headers}
        self._connection.request("GET" if body is None else "POST", path, body, lines)

    def leave(self) -> None:
        """Ends the connection with a reset."""
        reset = struct.pack("ii", 1, 0)
        self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        self._connection.close()

    def answer(self) -> tuple[int, bytes]:
        """Status and body, after which the gateway must close the connection without a further word."""
        connection: socket.socket = self._connection.sock
        with connection.dup() as raw:
            response = self._connection.getresponse()
            body = response.read()
            assert raw.recv(1) == b"", "a second answer"
        self._connection.close()
        return response.status, body


class Stage:
    """Envoy with one site, its authorization server and its upstream."""

    def __init__(self, wasm: Path, workdir: Path, workers: int, variant: str, patch: Any) -> None:
        self._loop = BackgroundLoop()
        self._driver = EnvoyDriver(workers)
        self._admin = workdir / "admin-address"
        self.server, self.upstream = HeldServer(), Upstream()
        self.token = self._mint("alice")
        callouts = {endpoint.authority: endpoint.listener.address for endpoint in self.server.endpoints.values()}
        self.site = Site("flights", "flights", variant, self._config(patch), self.upstream.address, callouts)
        try:
            self._loop.run(self.server.start())
            self._loop.run(self.upstream.start())
            self._driver.start([self.site], wasm, workdir)
        except BaseException:
            self.close()
            raise

    def _mint(self, subject: str) -> str:
        return self.server.mint(subject, aud=RESOURCE, scope="mcp:read", client_id="agent")

    def _config(self, patch: Any) -> str:
        def lookup(name: str) -> str:
            kind, _, rest = name.partition(".")
            if kind == "endpoint":
                return self.server.endpoints[rest].url
            return RESOURCE if kind == "resource" else str(CLIENTS[rest])

        configs = yaml.safe_load((FOLDER / "scenarios" / "configs.yaml").read_text("utf-8"))
        return json.dumps(expand(merge(configs["exchange"], patch), lookup))

    @property
    def port(self) -> int:
        """Where the gateway listens."""
        return self._driver.address(self.site).port

    def visit(self, path: str = "/tools", body: bytes | None = None, **headers: str) -> Visit:
        """Sends a good request of alice."""
        lines = {"Authorization": f"Bearer {self.token}", **{name.replace("_", "-"): headers[name] for name in headers}}
        return Visit(self.port, path, lines, body)

    def visits(self, count: int, **headers: str) -> list[Visit]:
        """Sends so many, and returns when all of them are with the gateway."""
        before = self.active()
        visits = [self.visit(f"/tools/{number}", **headers) for number in range(count)]
        self.wait(lambda: self.active() == before + count)
        return visits

    def active(self) -> int:
        """How many requests the gateway is at work on."""
        return self.statistic("http.flights.downstream_rq_active")

    def statistic(self, ending: str) -> int:
        """The one number of the gateway's whose name ends so."""
        url = f"http://{self._admin.read_text('utf-8')}/stats?format=json&filter={ending}$"
        with urllib.request.urlopen(url, timeout=5) as answer:
            (statistic,) = json.load(answer)["stats"]
        return int(statistic["value"])

    def calls(self, name: str) -> int:
        """How often an endpoint was called."""
        return len(self.server.endpoints[name].calls)

    def let_go(self, *names: str) -> None:
        """Lets endpoints answer, from now on."""
        for name in names or tuple(self.server.endpoints):
            event = self.server.let_go[self.server.endpoints[name].path]
            self._loop.run(_set(event))

    def authorizations(self) -> dict[str, list[str]]:
        """What each path brought to the upstream as credentials."""
        arrivals = self.upstream.arrivals
        assert len({arrival.path for arrival in arrivals}) == len(arrivals), "a request arrived twice"
        return {arrival.path: values(arrival.headers, "authorization") for arrival in arrivals}

    def wait(self, condition: Callable[[], bool]) -> None:
        """Waits until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it has never been so"
            time.sleep(0.01)

    def trapped(self) -> str | None:
        """What is known of a trap."""
        return self._driver.trapped(self.site)

    def close(self) -> None:
        """Ends everything."""
        self._driver.stop()
        self._loop.run(self.server.stop())
        self._loop.run(self.upstream.stop())
        self._loop.close()


async def _set(event: asyncio.Event) -> None:
    event.set()


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Sets a stage; at the end nothing must have trapped."""
    stages: list[Stage] = []

    def set_up(workers: int = 1, variant: str = EnvoyDriver.variants[0], **patch: Any) -> Stage:
        stages.append(Stage(request.config.getoption("--wasm"), tmp_path, workers, variant, patch))
        return stages[-1]

    yield set_up
    traps = [each.trapped() for each in stages]
    for each in stages:
        each.close()
    assert traps == [None] * len(traps)


@pytest.mark.parametrize("variant", EnvoyDriver.variants)
@pytest.mark.parametrize("workers", [1, 2])
def test_fifty_misses_make_one_callout_of_each_kind_and_worker(
    stage: Callable[..., Stage], workers: int, variant: str
) -> None:
    at = stage(workers, variant)
    visits = at.visits(MANY)
    at.wait(lambda: at.calls("introspection") == workers)
    at.let_go("introspection")
    at.wait(lambda: at.calls("token") == workers)
    assert at.authorizations() == {}
    at.let_go("token")
    assert {visit.answer()[0] for visit in visits} == {200}
    assert (at.calls("introspection"), at.calls("token")) == (workers, workers)
    authorizations = at.authorizations()
    assert sorted(authorizations) == sorted(visit.path for visit in visits)
    allowed = [[f"Bearer {issued}"] for issued in at.server.issued]
    assert all(lines in allowed for lines in authorizations.values())


@pytest.mark.parametrize("variant", EnvoyDriver.variants)
def test_bodies_wait_with_their_requests(stage: Callable[..., Stage], variant: str) -> None:
    at = stage(1, variant)
    bodies = {f"/body/{number}": bytes([number]) * (100_000 + number) for number in range(FEW)}
    visits = [at.visit(path, body) for path, body in bodies.items()]
    at.wait(lambda: at.active() == FEW)
    at.let_go()
    for visit in visits:
        status, body = visit.answer()
        assert status == 200
        assert json.loads(body)["body_sha256"] == hashlib.sha256(bodies[visit.path]).hexdigest()
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)


@pytest.mark.parametrize("held", ["introspection", "token"])
def test_the_first_client_leaves_and_strands_nobody(stage: Callable[..., Stage], held: str) -> None:
    at = stage()
    if held == "token":
        at.let_go("introspection")
    first = at.visit("/first")
    at.wait(lambda: at.calls(held) == 1)
    visits = at.visits(FEW)
    first.leave()
    at.wait(lambda: at.active() == FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [200] * FEW
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)
    assert "/first" not in at.authorizations()


def test_all_clients_leave_and_the_next_one_is_served(stage: Callable[..., Stage]) -> None:
    at = stage()
    for visit in at.visits(FEW):
        visit.leave()
    at.wait(lambda: at.active() == 0)
    late = at.visits(1)
    at.let_go()
    assert [visit.answer()[0] for visit in late] == [200]
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)
    assert list(at.authorizations()) == [late[0].path]
    # The flight that nobody was left of has no one to answer.
    assert at.visit("/again").answer()[0] == 200


FAILURES: dict[str, tuple[Behaviour, int]] = {
    "server-error": ({"text": "", "status": 500}, 503),
    "reset": ({"fault": "reset"}, 503),
    "truncated": ({"fault": "truncated"}, 502),
    "timeout": ({"fault": "timeout"}, 504),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("endpoint", ["introspection", "token"])
def test_one_failure_answers_each_request_once(stage: Callable[..., Stage], endpoint: str, failure: str) -> None:
    at = stage(timeout=2000)
    behaviour, status = FAILURES[failure]
    at.server.endpoints[endpoint].behaviours = [behaviour, "normal"]
    if endpoint == "token":
        at.let_go("introspection")
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [status] * FEW
    assert at.calls(endpoint) == 1
    assert at.authorizations() == {}
    assert at.visit().answer()[0] == 200


def test_a_refused_token_is_refused_to_each_request(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.server.tokens[at.token].active = False
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [401] * FEW
    assert at.calls("introspection") == 1


def test_a_token_for_one_use_is_shared_with_nobody(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.server.endpoints["token"].behaviours = [{"change": {"expires_in": 0}}]
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [200] * FEW
    assert (at.calls("introspection"), at.calls("token")) == (1, FEW)
    used = sorted(lines[0] for lines in at.authorizations().values())
    assert used == sorted(f"Bearer {issued}" for issued in at.server.issued)


def test_with_the_caches_off_each_request_asks_for_itself(stage: Callable[..., Stage]) -> None:
    at = stage(cache_introspection=False, token_exchange={"cache": {"enabled": False}})
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [200] * FEW
    assert (at.calls("introspection"), at.calls("token")) == (FEW, FEW)
    assert len({lines[0] for lines in at.authorizations().values()}) == FEW


def test_a_token_exchanged_on_one_worker_is_known_to_the_other(stage: Callable[..., Stage]) -> None:
    at = stage(2)
    at.let_go()
    assert at.visit("/first").answer()[0] == 200
    visits = [at.visit(f"/later/{number}") for number in range(MANY)]
    assert {visit.answer()[0] for visit in visits} == {200}
    shares = [at.statistic(f"worker_{number}.downstream_cx_total") for number in range(2)]
    assert min(shares) > 0 and sum(shares) == MANY + 1
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)
    assert set(map(tuple, at.authorizations().values())) == {(f"Bearer {at.server.issued[0]}",)}
