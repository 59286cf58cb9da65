"""What a gateway has to do to be tested, and the gateways there are."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .model import Request, Response, Site

DRIVERS = {
    "envoy": "gateway_suite.envoy:EnvoyDriver",
    "kong-model": "kong_model.driver:KongModelDriver",
    "kong": "gateway_suite.kong:KongDriver",
}
"""The values of ``--gateway``, each with the class that drives it."""


class Driver(Protocol):
    """One gateway with the filter in it. README.md says more about each part."""

    name: str
    family: str
    variants: tuple[str, ...]

    def start(self, sites: Sequence[Site], wasm: Path, workdir: Path) -> None:
        """Brings the gateway up with all sites, and returns when each can be reached."""

    def send(self, site: Site, request: Request) -> Response:
        """Sends one request through the gateway. Called from many threads at once."""

    def log(self, site: Site) -> str:
        """What the gateway has written about this site."""

    def trapped(self, site: Site) -> str | None:
        """What is known of a trap of the filter, or None."""

    def memory(self) -> int:
        """Bytes that the filter has, or the gateway with it."""

    def stop(self) -> None:
        """Ends what start began, also where that failed half way."""


def create(name: str) -> Driver:
    """The driver of a gateway."""
    module, _, attribute = DRIVERS[name].partition(":")
    driver: Driver = getattr(importlib.import_module(module), attribute)()
    return driver
