"""The two declarations that give clients with tokens a consumer of Kong's."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .declarations import ENVIRONMENT, declared, filter_configs

Plugins = dict[str, dict[str, Any]]


def plugins(owner: dict[str, Any]) -> Plugins:
    """The configuration of each plugin of a service, a route or a consumer."""
    return {plugin["name"]: plugin.get("config", {}) for plugin in owner["plugins"]}


def test_beside_the_jwt_plugin_the_filter_answers_requests_without_a_token() -> None:
    document = declared("consumers-jwt.yml")
    (service,) = document["services"]
    jwt = plugins(service)["jwt"]
    consumers = {consumer["username"]: consumer for consumer in document["consumers"]}
    assert plugins(consumers[jwt["anonymous"]])["rate-limiting"]["limit_by"] == "ip"
    assert jwt["uri_param_names"] == jwt["cookie_names"] == [], "a token comes in its header alone"
    acl = plugins(service)["acl"]
    assert "allow" not in acl, "the anonymous consumer would be answered before the filter"


def test_the_jwt_plugins_credential_is_a_public_key() -> None:
    credentials = [
        credential
        for consumer in declared("consumers-jwt.yml")["consumers"]
        for credential in consumer.get("jwt_secrets", [])
    ]
    assert credentials
    for credential in credentials:
        assert credential["algorithm"] == "RS256"
        assert isinstance(load_pem_public_key(credential["rsa_public_key"].encode()), RSAPublicKey)


def test_the_internal_route_is_found_by_the_outer_services_secret_alone() -> None:
    outer, inner = declared("consumers-internal-route.yml")["services"]
    (route,) = inner["routes"]
    assert outer["url"] == f"http://127.0.0.1:8000{route['paths'][0]}"
    ((name, values),) = route["headers"].items()
    transformed = plugins(outer)["request-transformer"]
    assert values == [ENVIRONMENT["DECK_INTERNAL_ROUTE_SECRET"]]
    assert transformed["add"]["headers"] == [f"{name}:{values[0]}"]
    assert transformed["remove"]["headers"] == [name], "a client's own would be kept"
    assert plugins(inner)["request-transformer"]["remove"]["headers"] == [name], "the upstream does not learn it"
    assert plugins(inner)["ip-restriction"] == {"allow": ["127.0.0.1"]}


def test_the_internal_route_takes_the_header_that_the_filter_sets() -> None:
    document = declared("consumers-internal-route.yml")
    _, inner = document["services"]
    (config,) = filter_configs(document)
    (mapped,) = config["claim_to_header"]
    key_auth = plugins(inner)["key-auth"]
    assert key_auth["key_names"] == [mapped["header"]]
    assert key_auth["hide_credentials"] is True
    assert not key_auth["key_in_query"]
    assert not key_auth["key_in_body"]
    groups = [acl["group"] for consumer in document["consumers"] for acl in consumer["acls"]]
    assert set(plugins(inner)["acl"]["allow"]) <= set(groups)
