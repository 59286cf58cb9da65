"""Who takes part in the demo, and the filter's configuration."""

from __future__ import annotations

from typing import Any

RESOURCE = "https://api.example.com/mcp"
ISSUER = "https://auth.example.com"
CLIENTS = {"gateway": "gateway-secret", "exchange-client": "exchange-secret"}
PEOPLE = ("alice", "bob")
LIFETIME = 3600


def configuration(endpoints: dict[str, str]) -> dict[str, Any]:
    """What an operator would write."""
    return {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "introspection_endpoint": endpoints["introspection"],
        "client_id": "gateway",
        "client_secret": CLIENTS["gateway"],
        "passthrough_credentials": True,
        "claim_to_header": [{"claim": "sub", "header": "X-User-Id"}],
        "token_exchange": {
            "enabled": True,
            "token_endpoint": endpoints["token"],
            "client_id": "exchange-client",
            "client_secret": CLIENTS["exchange-client"],
            "request": {"audience": ["https://tools.example.com"]},
        },
    }
