"""The filter with a configuration and an authorization server that answers as a test says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kong_model import Callout, ClientRequest, Filter, KongModel, Outcome, Route, Service, Settings, UpstreamAnswer
from kong_model.ports import ScriptedCallouts, ScriptedUpstream

_DIST = Path(__file__).resolve().parents[3] / "dist"
WASM = Path(os.environ.get("TOKEN_EXCHANGE_WASM", _DIST / "token_exchange.wasm"))
"""The filter under test."""
FAULTY = Path(os.environ.get("TOKEN_EXCHANGE_FAULTY_WASM", _DIST / "token_exchange-fault-injection.wasm"))
"""The same, built with the feature `fault-injection`."""
RESOURCE = "https://api.example.com/mcp"
INTROSPECT, EXCHANGE = b"/introspect", b"/token"
GOOD = (b"authorization", b"Bearer the-clients-token")
CONFIG: dict[str, Any] = {
    "resource": RESOURCE,
    "authorization_servers": ["https://auth.example.com"],
    "introspection_endpoint": "http://127.0.0.1:9/introspect",
    "client_id": "gateway",
    "client_secret": "a-secret",
    "client_auth": "client_secret_basic",
    "passthrough_credentials": True,
    "token_exchange": {
        "enabled": True,
        "token_endpoint": "http://127.0.0.1:9/token",
        "client_auth": "client_secret_basic",
        "client_id": "exchange-client",
        "client_secret": "another-secret",
    },
}
ACTIVE = {"active": True, "iss": "https://auth.example.com", "aud": RESOURCE, "sub": "alice", "exp": 4_000_000_000}
ISSUED = {
    "access_token": "the-issued-token",
    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "token_type": "Bearer",
    "expires_in": 300,
}


def answered(members: dict[str, Any], status: int = 200) -> Outcome:
    """A JSON answer."""
    return Outcome.answered(status, json.dumps(members).encode())


class AuthorizationServer:
    """Answers each endpoint's callouts with an outcome; None leaves them to the test."""

    def __init__(self) -> None:
        self.answers: dict[bytes, Outcome | None] = {INTROSPECT: answered(ACTIVE), EXCHANGE: answered(ISSUED)}
        self.exchanged_again = answered({**ISSUED, "access_token": "the-token-issued-for-an-issued-one"})
        """What the second of two filters gets: a token endpoint returns no token that it was sent."""
        self.calls: list[Callout] = []

    def answer(self, callout: Callout) -> Outcome | None:
        """The outcome of a callout."""
        self.calls.append(callout)
        if callout.path == EXCHANGE and b"subject_token=the-issued-token&" in callout.body:
            return self.exchanged_again
        return self.answers[callout.path]

    def count(self, path: bytes) -> int:
        """How often an endpoint was called."""
        return sum(callout.path == path for callout in self.calls)


class Site:
    """A model with one route, or those given."""

    def __init__(
        self,
        *routes: Route,
        wasm: Path = WASM,
        settings: Settings | None = None,
        upstream: Callable[[], UpstreamAnswer] = UpstreamAnswer,
    ) -> None:
        self.server = AuthorizationServer()
        self.model = KongModel(
            wasm.read_bytes(),
            settings,
            callouts=ScriptedCallouts(self.server.answer),
            upstream=ScriptedUpstream(lambda _request: upstream()),
        )
        for each in routes or (route(),):
            self.model.add_route(each)
        self.model.start()


def configuration(**changes: Any) -> Filter:
    """A filter entry with the usual configuration, or with members changed."""
    return Filter(json.dumps({**CONFIG, **changes}).encode())


def route(*filters: Filter, scheme: str = "http", port: int = 80, name: str = "route", **members: Any) -> Route:
    """A route with the filter in its usual configuration, or with the filters given."""
    service = Service(scheme, "upstream.example.com", port)
    return Route(filters=filters or (configuration(),), service=service, name=name, **members)


def good(method: bytes = b"GET", body: bytes = b"", *, chunked: bool = False, http2: bool = False) -> ClientRequest:
    """A request with the good token."""
    return ClientRequest(method, b"/tools", [GOOD], body, chunked, http2)


SHAPES = {
    "get": good(),
    "post": good(b"POST", b"a body"),
    "chunked": good(b"POST", b"a body", chunked=True),
    "empty": ClientRequest(b"POST", b"/tools", [GOOD, (b"content-length", b"0")]),
    "h2": good(b"POST", b"a body", http2=True),
    "large": good(b"POST", b"b" * 100_000),
}
"""Requests of every shape that the host treats differently."""
