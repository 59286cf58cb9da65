"""The declarations in `kong/`, as the tests read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import render

ROOT = Path(__file__).parents[2]
KONG = ROOT / "kong"
DECLARATIONS = ("kong.yml", "kong-plugin.yml", "compose.kong.yml", "consumers-jwt.yml", "consumers-internal-route.yml")
ENVIRONMENT = {
    "DECK_UPSTREAM_URL": "https://upstream.example.com",
    "DECK_CLIENT_SECRET": 'a "quoted" \\ secret',
    "DECK_EXCHANGE_CLIENT_SECRET": "another",
    "DECK_INTERNAL_ROUTE_SECRET": "a secret of the route",
}


def declared(name: str) -> dict[str, Any]:
    """A declaration with its placeholders resolved."""
    document: dict[str, Any] = render.render((KONG / name).read_text(), ENVIRONMENT)
    return document


def owners(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every service and route that has the filter, in a filter chain or as a plugin."""
    found = [owner for service in document["services"] for owner in (service, *service.get("routes", []))]
    return [owner for owner in found if _configs(owner)]


def filter_configs(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every configuration of the filter, in a filter chain or as a plugin."""
    return [config for owner in owners(document) for config in _configs(owner)]


def _configs(owner: dict[str, Any]) -> list[dict[str, Any]]:
    chains = [each for chain in owner.get("filter_chains", []) for each in chain["filters"]]
    return [each["config"] for each in chains + owner.get("plugins", []) if each["name"] == "token_exchange"]
