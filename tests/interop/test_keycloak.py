"""Real tokens of a real Keycloak, validated and exchanged by the built filter on Envoy."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway_suite.model import values

from .keycloak import Keycloak
from .stage import AUDIENCE, RESOURCE, Stage, Visit

PROOFS = ("introspection", "jwks", "discovery", "metadata")
LIFETIME = 300
"""Seconds, as the realm says."""
every_proof = pytest.mark.parametrize("proof", PROOFS)
by_signature = pytest.mark.parametrize("proof", [proof for proof in PROOFS if proof != "introspection"])


def claims_of(keycloak: Keycloak, token: str) -> dict[str, Any]:
    """The claims of a token that Keycloak has signed, by a library that shares nothing with the filter."""
    return jwt.decode(token, KeySet.import_key_set(keycloak.keys()), algorithms=["RS256"]).claims


def refused(visit: Visit, status: int, error: str | None) -> bool:
    """Whether the client got this refusal, and the upstream nothing."""
    challenges = values(visit.response.headers, "www-authenticate")
    said = error is None or any(f'error="{error}"' in challenge for challenge in challenges)
    return visit.response.status == status and visit.arrivals == [] and said


@every_proof
def test_the_upstream_gets_a_token_of_its_own(keycloak: Keycloak, stage: Stage, proof: str) -> None:
    login = keycloak.log_in()
    user = claims_of(keycloak, login.access_token)
    assert set(user["aud"]) == {RESOURCE, "gateway"}

    visit = stage.visit(proof, login.access_token)

    assert visit.response.status == 200
    assert visit.forwarded != login.access_token
    issued = claims_of(keycloak, visit.forwarded)
    assert issued["iss"] == user["iss"] == keycloak.issuer
    assert issued["aud"] in (AUDIENCE, [AUDIENCE])
    assert (user["azp"], issued["azp"]) == ("agent", "gateway")
    assert issued["sub"] == user["sub"]
    assert issued["jti"] != user["jti"]
    assert time.time() < issued["exp"] <= time.time() + LIFETIME
    assert values(visit.arrivals[0].headers, "x-user-id") == [user["sub"]]
    log = stage.log(proof)
    assert login.access_token not in log and visit.forwarded not in log


@every_proof
def test_the_second_request_takes_the_token_from_memory(keycloak: Keycloak, stage: Stage, proof: str) -> None:
    def counts() -> list[int]:
        return [keycloak.count(event) for event in ("INTROSPECT_TOKEN", "TOKEN_EXCHANGE")]

    token, before = keycloak.log_in().access_token, counts()
    first = stage.visit(proof, token)
    after_one = counts()
    second = stage.visit(proof, token)

    assert (first.response.status, second.response.status) == (200, 200)
    assert first.forwarded == second.forwarded
    introspected = 1 if proof == "introspection" else 0
    assert after_one == [before[0] + introspected, before[1] + 1]
    assert counts() == after_one


@every_proof
def test_a_token_for_somewhere_else_is_refused(keycloak: Keycloak, stage: Stage, proof: str) -> None:
    visit = stage.visit(proof, keycloak.log_in("elsewhere").access_token)
    assert refused(visit, 401, "invalid_token")


@every_proof
def test_an_expired_token_is_refused(keycloak: Keycloak, stage: Stage, proof: str) -> None:
    token = keycloak.log_in("hasty").access_token
    expiry = claims_of(keycloak, token)["exp"]
    while time.time() <= expiry:
        time.sleep(0.1)
    assert refused(stage.visit(proof, token), 401, "invalid_token")


@every_proof
def test_a_token_with_another_signature_is_refused(keycloak: Keycloak, stage: Stage, proof: str) -> None:
    (one, other) = (keycloak.log_in().access_token for _ in range(2))
    forged = one.rpartition(".")[0] + "." + other.rpartition(".")[2]
    assert refused(stage.visit(proof, forged), 401, "invalid_token")


def test_a_session_that_ended_before_its_token_was_seen_is_refused(keycloak: Keycloak, stage: Stage) -> None:
    login = keycloak.log_in()
    keycloak.log_out(login)
    assert refused(stage.visit("introspection", login.access_token), 401, "invalid_token")


def test_a_session_that_ends_between_two_requests_is_noticed(keycloak: Keycloak, stage: Stage) -> None:
    login = keycloak.log_in()
    assert stage.visit("introspection-each-time", login.access_token).response.status == 200
    keycloak.log_out(login)
    assert refused(stage.visit("introspection-each-time", login.access_token), 401, "invalid_token")


@by_signature
def test_a_session_that_ended_is_noticed_at_the_exchange(keycloak: Keycloak, stage: Stage, proof: str) -> None:
    login = keycloak.log_in()
    keycloak.log_out(login)
    assert refused(stage.visit(proof, login.access_token), 401, "invalid_token")


@by_signature
def test_a_token_that_the_gateway_may_not_exchange_is_refused(keycloak: Keycloak, stage: Stage, proof: str) -> None:
    before = keycloak.count("TOKEN_EXCHANGE_ERROR")
    visit = stage.visit(proof, keycloak.log_in("beyond-exchange").access_token)
    assert refused(visit, 403, None)
    assert json.loads(visit.response.body)["error"] == "access_denied"
    assert keycloak.count("TOKEN_EXCHANGE_ERROR") == before + 1


# Keycloak tells a client nothing about tokens that do not name it.
def test_a_token_that_the_gateway_may_not_introspect_is_refused(keycloak: Keycloak, stage: Stage) -> None:
    visit = stage.visit("introspection", keycloak.log_in("beyond-exchange").access_token)
    assert refused(visit, 401, "invalid_token")


# The last one: after it there is no Keycloak.
def test_nothing_new_passes_without_keycloak(keycloak: Keycloak, stage: Stage) -> None:
    known, new = keycloak.log_in().access_token, keycloak.log_in().access_token
    assert stage.visit("jwks", known).response.status == 200
    keycloak.stop()
    for site in (*PROOFS, "introspection-each-time", "untouched"):
        assert refused(stage.visit(site, new), 503, None), site
    assert stage.visit("jwks", known).response.status == 200
