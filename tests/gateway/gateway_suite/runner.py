"""Runs scenarios through a driver and keeps what was seen."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore
from typing import Any

from . import signing_keys
from .authorization_server import AuthorizationServer, Client
from .background import BackgroundLoop
from .certificates import HOST, Certificates
from .driver import Driver
from .model import Request, Response, Site
from .scenario import Scenario, expand
from .upstream import Arrival, Upstream

RESOURCE = "https://api.example.com/mcp"
ISSUER = "https://auth.example.com"
CLAIMS: Mapping[str, Any] = {"aud": RESOURCE, "scope": "mcp:read mcp:write", "client_id": "agent"}
CLIENTS = {"gateway": "introspection-secret", "exchange-client": "exchange:secret+1"}
AT_ONCE = 12
"""How many scenarios run at a time, not counting those that wait."""
LATER = 1.0
"""Seconds after the last step at which the upstream's log is read again."""


@dataclass(frozen=True)
class Sent:
    """One request of a scenario, what it led to and what was expected."""

    request: Request
    response: Response
    arrivals: list[Arrival]
    """What reached the upstream until the client had its answer."""
    expected: Mapping[str, Any]
    """Placeholders filled in with what was known at that moment."""


@dataclass
class Outcome:
    """Everything seen of one scenario in one variant."""

    scenario: Scenario
    site: Site
    sent: list[Sent] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    calls: dict[str, list[Any]] = field(default_factory=dict)
    expected_finally: Mapping[str, Any] = field(default_factory=dict)
    log: str = ""
    secrets: list[str] = field(default_factory=list)
    subject_tokens: list[str] = field(default_factory=list)
    trap: str | None = None
    problem: BaseException | None = None

    @property
    def statuses(self) -> str:
        """What the client got, request by request."""
        return " ".join(str(sent.response.status or "none") for sent in self.sent)


class Stage:
    """A scenario's servers, and the scenario running on them."""

    def __init__(self, scenario: Scenario, variant: str, loop: BackgroundLoop, certificates: Certificates) -> None:
        self._loop = loop
        self._certificates = certificates
        self._scenario = scenario
        plan = scenario.authorization_server
        clients = plan.get("clients", CLIENTS)
        keys = signing_keys.read(plan.get("keys", {}))
        self._server = AuthorizationServer(ISSUER, [Client(name, secret) for name, secret in clients.items()], keys)
        self._server.lifetime = plan.get("lifetime", 300)
        self._server.unreadable_keys = plan.get("unreadable_keys", [])
        self._upstream = Upstream()
        for name, kind in plan.get("tls", {}).items():
            self._server.endpoints[name].host = HOST
            self._server.endpoints[name].listener.tls = certificates.context(kind)
        if "issuer" in plan:
            self._server.be(expand(plan["issuer"], self._lookup))
        tokens = plan.get("tokens", {"alice": {}})
        # With keys, tokens are signed unless they say otherwise. Those live from their signature on.
        self._signed = {name: token for name, token in tokens.items() if keys and token.get("signed", {}) is not False}
        self._tokens = self._mint({name: token for name, token in tokens.items() if name not in self._signed})
        loop.run(self._start(plan.get("endpoints", {})))
        endpoints = self._server.endpoints.values()
        site = Site(
            name=f"{scenario.id}-{variant}",
            group=f"{scenario.group}-{variant}",
            variant=variant,
            config=self._config(),
            upstream=self._upstream.address,
            callouts={endpoint.authority: endpoint.listener.address for endpoint in endpoints},
            tls=frozenset(endpoint.authority for endpoint in endpoints if endpoint.host is not None),
            trust=certificates.trust,
            gateway=self._wishes(),
        )
        self.outcome = Outcome(scenario, site)

    def run(self, driver: Driver, turns: Semaphore) -> None:
        """Performs the steps. The tokens' lives begin here: starting all sites takes its time."""
        with turns:
            for token in self._server.tokens.values():
                token.begin()
            for name, plan in self._signed.items():
                self._tokens[name] = self._sign(name, **expand(plan, self._lookup))
            self._perform(driver, turns)

    def repeat(self, driver: Driver, turns: Semaphore) -> None:
        """Performs the steps once more, with the same tokens."""
        with turns:
            self._perform(driver, turns)

    def _perform(self, driver: Driver, turns: Semaphore) -> None:
        try:
            for step in self._scenario.steps:
                _wait(step.get("wait", 0), turns)
                self._step(driver, step)
        except Exception as problem:  # each test reports its own
            self.outcome.problem = problem

    def conclude(self, driver: Driver) -> None:
        """Reads the logs, later."""
        outcome = self.outcome
        outcome.arrivals = list(self._upstream.arrivals)
        outcome.calls = {name: list(endpoint.calls) for name, endpoint in self._server.endpoints.items()}
        outcome.log = driver.log(outcome.site)
        outcome.trap = driver.trapped(outcome.site)
        outcome.subject_tokens = list(self._tokens.values())
        configured = [secret for secret in self._clients().values() if secret]
        outcome.secrets = [*self._tokens.values(), *self._server.issued, *configured]
        if outcome.problem is None:
            outcome.expected_finally = expand(self._scenario.finally_, self._lookup)

    def close(self) -> None:
        """Ends the servers."""
        self._loop.run(self._stop())

    def _clients(self) -> Mapping[str, str | None]:
        return {name: client.secret for name, client in self._server.clients.items()}

    def _mint(self, tokens: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        return {
            name: self._server.mint(**{"subject": name, **CLAIMS, **_without_signed(plan)})
            for name, plan in tokens.items()
        }

    def _sign(self, name: str, signed: Mapping[str, Any] | None = None, **claims: Any) -> str:
        return self._server.mint_signed(**{"subject": name, **CLAIMS, **claims, **(signed or {})})

    async def _start(self, endpoints: Mapping[str, Any]) -> None:
        await self._upstream.start()
        for name, endpoint in self._server.endpoints.items():
            plan = endpoints.get(name, "normal")
            if plan != "refused":
                behaviours = plan if isinstance(plan, list) else [plan]
                endpoint.behaviours = [_expand_behaviour(behaviour) for behaviour in behaviours]
                await endpoint.listener.listen()

    async def _stop(self) -> None:
        await asyncio.gather(self._server.stop(), self._upstream.stop())

    def _config(self) -> str:
        if isinstance(self._scenario.config, str):
            return str(expand(self._scenario.config, self._lookup))
        return json.dumps(expand(self._scenario.config, self._lookup))

    def _wishes(self) -> dict[str, Any]:
        wishes = dict(expand(self._scenario.gateway, self._lookup))
        if "clusters" in wishes:
            wishes["clusters"] = {
                name: None if endpoint == "nowhere" else self._server.endpoints[endpoint].listener.address
                for name, endpoint in wishes["clusters"].items()
            }
        return wishes

    def _lookup(self, name: str) -> str:
        kind, _, rest = name.partition(".")
        values: dict[str, Callable[[], str]] = {
            "resource": lambda: RESOURCE,
            "issuer": lambda: self._server.issuer,
            "jwks": lambda: json.dumps({"keys": [key.public for key in self._server.published]}),
            "endpoint": lambda: self._server.endpoints[rest].url,
            "authority": lambda: self._server.endpoints[rest].authority,
            "jwk": lambda: json.dumps(self._server.keys[rest].public),
            "token": lambda: self._tokens[rest],
            "issued": lambda: self._issued(rest),
            "secret": lambda: self._server.clients[rest].secret or "",
        }
        if kind not in values:
            raise ValueError(f"unknown placeholder {name}")
        return values[kind]()

    def _issued(self, which: str) -> str:
        issued = self._server.issued
        position = len(issued) - 1 if which == "last" else int(which) - 1
        return issued[position] if 0 <= position < len(issued) else f"(token {which} was not issued)"

    def _step(self, driver: Driver, step: Mapping[str, Any]) -> None:
        if "publish" in step:
            self._server.published = [self._server.keys[name] for name in step["publish"]]
        if "endpoint" in step:
            self._change(**step["endpoint"])
        if "send" in step:
            self._send(driver, step)

    def _change(self, name: str, state: str, tls: str | None = None) -> None:
        listener = self._server.endpoints[name].listener
        if tls is not None or state == "refused":
            self._loop.run(listener.refuse())
        if tls is not None:
            listener.tls = self._certificates.context(tls)
        if state == "listening":
            self._loop.run(listener.listen())

    def _send(self, driver: Driver, step: Mapping[str, Any]) -> None:
        request = to_request(expand(step["send"], self._lookup))
        before = len(self._upstream.arrivals)
        times = step.get("parallel", 1)
        with ThreadPoolExecutor(times) as pool:
            responses = list(pool.map(lambda _: driver.send(self.outcome.site, request), range(times)))
        arrivals = self._upstream.arrivals[before:]
        expected = expand(step["expect"], self._lookup)
        if times == 1:
            self.outcome.sent.append(Sent(request, responses[0], arrivals, expected))
            return
        for position, response in enumerate(responses):
            # Which arrival belongs to which client is not known and does not matter: all are equal.
            self.outcome.sent.append(Sent(request, response, arrivals[position : position + 1], expected))


def _wait(seconds: float, turns: Semaphore) -> None:
    """Waits, while others have their turn."""
    if seconds:
        turns.release()
        time.sleep(seconds)
        turns.acquire()


def _without_signed(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plan.items() if name != "signed"}


def _expand_behaviour(behaviour: Any) -> Any:
    def unknown(name: str) -> str:
        raise ValueError(f"unknown placeholder {name} in an endpoint's answer")

    return expand(behaviour, unknown)


def to_request(plan: Mapping[str, Any]) -> Request:
    """The request that a ``send`` describes."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in plan.get("headers", [])]
    if not any(name.lower() == b"host" for name, _ in headers):
        headers.insert(0, (b"host", b"api.example.com"))
    body = plan.get("body")
    return Request(
        method=plan.get("method", "GET" if body is None else "POST").encode("latin-1"),
        path=plan.get("path", "/tools").encode("latin-1"),
        headers=headers,
        body=None if body is None else body.encode("latin-1"),
        chunked=plan.get("chunked", False),
        disconnect_after=plan.get("disconnect_after"),
    )


def run(driver: Driver, chosen: Sequence[tuple[Scenario, str]], wasm: Path, workdir: Path) -> list[Outcome]:
    """Runs each scenario in its variant, side by side, and returns what was seen."""
    loop = BackgroundLoop()
    stages: list[Stage] = []
    try:
        certificates = Certificates(workdir)
        stages.extend(Stage(scenario, variant, loop, certificates) for scenario, variant in chosen)
        driver.start([stage.outcome.site for stage in stages], wasm, workdir)
        turns = Semaphore(AT_ONCE)
        with ThreadPoolExecutor(len(stages)) as pool:
            list(pool.map(lambda stage: stage.run(driver, turns), stages))
        time.sleep(LATER)
        for stage in stages:
            stage.conclude(driver)
        return [stage.outcome for stage in stages]
    finally:
        driver.stop()
        for stage in stages:
            stage.close()
        loop.close()
