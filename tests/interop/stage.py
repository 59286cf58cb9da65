"""Envoy with the filter before an upstream, a site for each way to validate a token of Keycloak's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway_suite.background import BackgroundLoop
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.model import Request, Response, Site, values
from gateway_suite.upstream import Arrival, Upstream

from .keycloak import Keycloak

RESOURCE = "https://api.example.com/mcp"
CLIENT = {"client_id": "gateway", "client_secret": "demo-only-gateway"}
AUDIENCE = "tools"


def configurations(keycloak: Keycloak) -> dict[str, dict[str, Any]]:
    """What an operator writes, by the name of the site."""
    metadata = keycloak.metadata
    exchange = {
        "resource": RESOURCE,
        "authorization_servers": [keycloak.issuer],
        "passthrough_credentials": True,
        "claim_to_header": [{"claim": "sub", "header": "X-User-Id"}],
        "token_exchange": {
            "enabled": True,
            "token_endpoint": metadata["token_endpoint"],
            **CLIENT,
            "request": {"audience": [AUDIENCE]},
        },
    }
    introspection = {**exchange, "introspection_endpoint": metadata["introspection_endpoint"], **CLIENT}
    discovery = f"{keycloak.issuer}/.well-known/openid-configuration"
    return {
        "introspection": introspection,
        "jwks": {**exchange, "jwks_endpoint": metadata["jwks_uri"]},
        "discovery": exchange,
        "metadata": {**exchange, "metadata_discovery_endpoint": discovery},
        "introspection-each-time": {**introspection, "cache_introspection": False},
        "untouched": exchange,
    }


@dataclass(frozen=True)
class Visit:
    """What a request led to."""

    response: Response
    arrivals: list[Arrival]

    @property
    def forwarded(self) -> str:
        """The one token that the upstream got."""
        ((authorization,),) = [values(arrival.headers, "authorization") for arrival in self.arrivals]
        scheme, _, token = authorization.partition(" ")
        assert scheme == "Bearer"
        return token


class Stage:
    """The gateway and the upstream, running."""

    def __init__(self, keycloak: Keycloak, wasm: Path, workdir: Path) -> None:
        self._loop, self._upstream, self._driver = BackgroundLoop(), Upstream(), EnvoyDriver()
        self._sites = {
            name: Site(
                name=name,
                group=name,
                variant=EnvoyDriver.variants[0],
                config=json.dumps(configuration),
                upstream=self._upstream.address,
                callouts={str(keycloak.address): keycloak.address},
            )
            for name, configuration in configurations(keycloak).items()
        }
        try:
            self._loop.run(self._upstream.start())
            self._driver.start(list(self._sites.values()), wasm, workdir)
        except BaseException:
            self.stop()
            raise

    def visit(self, site: str, token: str) -> Visit:
        """Sends a request with a token, from a client that also claims to be another user."""
        lines = [
            (b"host", b"api.example.com"),
            (b"authorization", f"Bearer {token}".encode()),
            (b"x-user-id", b"admin"),
        ]
        before = len(self._upstream.arrivals)
        response = self._driver.send(self._sites[site], Request(path=b"/tools", headers=lines))
        assert self._driver.trapped(self._sites[site]) is None
        return Visit(response, self._upstream.arrivals[before:])

    def log(self, site: str) -> str:
        """The filter's lines for a site."""
        return self._driver.log(self._sites[site])

    def stop(self) -> None:
        """Ends everything."""
        self._driver.stop()
        self._loop.run(self._upstream.stop())
        self._loop.close()
