"""Envoy with one site whose authorization server answers when a test lets it, and with requests that stay open."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from aiohttp import web

from .authorization_server import AuthorizationServer, Behaviour, Call, Client
from .background import BackgroundLoop
from .model import Site, values
from .runner import CLIENTS, ISSUER, RESOURCE
from .running_envoy import NUMBERS, RunningEnvoy
from .scenario import FOLDER, expand, merge
from .trailers import TrailerUpstream
from .upstream import Upstream

PATIENCE = 20.0


class HeldServer(AuthorizationServer):
    """An authorization server whose endpoints keep their answers back until they are let go."""

    def __init__(self) -> None:
        super().__init__(ISSUER, [Client(name, secret) for name, secret in CLIENTS.items()])
        self.let_go = {path: asyncio.Event() for endpoint in self.endpoints.values() for path in endpoint.paths}

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

    def write(self, wire: bytes) -> None:
        """Sends more, as it is."""
        self._connection.send(wire)

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
            # A gateway that had not read all of the request may close with a reset.
            with contextlib.suppress(ConnectionResetError):
                assert raw.recv(1) == b"", "a second answer"
        self._connection.close()
        return response.status, body


class EnvoyStage:
    """A site of its own on a running Envoy, with its authorization server and its upstream."""

    def __init__(self, envoy: RunningEnvoy, variant: str, patch: Any, trailers: TrailerUpstream | None = None) -> None:
        self._loop = BackgroundLoop()
        self._envoy = envoy
        self.server, self.upstream = HeldServer(), Upstream()
        self._receiver = trailers or self.upstream
        self.token = self._mint("alice")
        callouts = {endpoint.authority: endpoint.listener.address for endpoint in self.server.endpoints.values()}
        name = f"stage-{next(NUMBERS)}"
        wishes = {"upstream_version": trailers.version} if trailers else {}
        self.site = Site(name, name, variant, self._config(patch), self._receiver.address, callouts, gateway=wishes)
        try:
            self._loop.run(self.server.start())
            self._loop.run(self._receiver.start())
            self._envoy.add(self.site)
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
        return self._envoy.address(self.site).port

    def visit(self, path: str = "/tools", body: bytes | None = None, **headers: str) -> Visit:
        """Sends a good request of alice."""
        lines = {"Authorization": f"Bearer {self.token}", **{name.replace("_", "-"): headers[name] for name in headers}}
        return Visit(self.port, path, lines, body)

    def visits(self, count: int, **headers: str) -> list[Visit]:
        """Sends so many, and returns when all of them are with the gateway."""
        before = self.active()
        visits = [self.visit(f"/tools/{number}", None, **headers) for number in range(count)]
        self.wait(lambda: self.active() == before + count)
        return visits

    def active(self) -> int:
        """How many requests the gateway is at work on."""
        return self._envoy.statistic(f"http.{self.site.name}.downstream_rq_active")

    def connections(self, worker: int) -> int:
        """How many connections a worker of the gateway has taken for this site."""
        return self._envoy.statistic(f"listener.{self.site.name}.worker_{worker}.downstream_cx_total")

    def calls(self, name: str) -> int:
        """How often an endpoint was called."""
        return len(self.server.endpoints[name].calls)

    def let_go(self, *names: str) -> None:
        """Lets endpoints answer, from now on."""
        for name in names or tuple(self.server.endpoints):
            for path in self.server.endpoints[name].paths:
                self._loop.run(_set(self.server.let_go[path]))

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
        return self._envoy.trapped(self.site)

    def log(self) -> str:
        """What the filter has logged."""
        return self._envoy.log(self.site)

    def close(self) -> None:
        """Ends the servers, and Envoy need not keep the site."""
        self._envoy.remove(self.site)
        self._loop.run(self._stop())
        self._loop.close()

    async def _stop(self) -> None:
        await asyncio.gather(self.server.stop(), self._receiver.stop())


async def _set(event: asyncio.Event) -> None:
    event.set()
