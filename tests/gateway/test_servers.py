"""The servers and the client do what the scenarios rely on; no gateway is needed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from gateway_suite import client, matrix, scenario, signed_tokens, signing_keys
from gateway_suite.authorization_server import ACCESS_TOKEN, TOKEN_EXCHANGE, AuthorizationServer, Client
from gateway_suite.background import BackgroundLoop
from gateway_suite.faults import FAULTS, LOOKS_GOOD
from gateway_suite.model import Request, Response, values
from gateway_suite.upstream import Upstream

BASIC = (b"authorization", b"Basic Z3c6cyUzQTE=")  # gw, and s:1 as a form encodes it
FORM = (b"content-type", b"application/x-www-form-urlencoded")


@pytest.fixture(scope="module")
def loop() -> Iterator[BackgroundLoop]:
    running = BackgroundLoop()
    yield running
    running.close()


def test_a_server_may_insist_on_header_fields(server: AuthorizationServer) -> None:
    otherwise = {"text": "", "status": 403}
    server.endpoints["introspection"].behaviours = [
        {"insists_on": {"accept": ".*json.*", "x-client": "a+"}, "otherwise": otherwise}
    ]
    form = {"token": server.mint("alice")}
    accept = (b"accept", b"application/json")
    for lines, status in [
        ([accept, (b"X-Client", b"aa")], 200),
        ([accept], 403),
        ([accept, (b"x-client", b"ab")], 403),
        ([accept, (b"x-client", b"a"), (b"x-client", b"a")], 403),
    ]:
        assert call(server, "introspection", form, BASIC, *lines).status == status


@pytest.fixture
def server(loop: BackgroundLoop) -> Iterator[AuthorizationServer]:
    made = AuthorizationServer("https://auth.example.com", [Client("gw", "s:1"), Client("public")])
    loop.run(made.start())
    yield made
    loop.run(made.stop())


@pytest.fixture
def upstream(loop: BackgroundLoop) -> Iterator[Upstream]:
    made = Upstream()
    loop.run(made.start())
    yield made
    loop.run(made.stop())


def call(server: AuthorizationServer, name: str, form: dict[str, str], *headers: tuple[bytes, bytes]) -> Response:
    endpoint = server.endpoints[name]
    lines = [(b"host", b"auth.example.com"), FORM, *headers]
    request = Request(b"POST", endpoint.paths[0].encode(), lines, urlencode(form).encode())
    return client.send(endpoint.listener.address, request)


def exchange_form(token: str) -> dict[str, str]:
    return {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}


def test_introspection_tells_active_from_inactive(server: AuthorizationServer) -> None:
    good, old = server.mint("alice", tenant="t1"), server.mint("bob", lifetime=-1)
    answer = json.loads(call(server, "introspection", {"token": good}, BASIC).body)
    assert (answer["active"], answer["sub"], answer["tenant"]) == (True, "alice", "t1")
    for token in (old, "unknown"):
        assert json.loads(call(server, "introspection", {"token": token}, BASIC).body) == {"active": False}


def test_exchange_issues_new_tokens_that_can_be_introspected(server: AuthorizationServer) -> None:
    form = {**exchange_form(server.mint("alice")), "scope": "a b", "audience": "https://svc.example.com"}
    issued = [json.loads(call(server, "token", form, BASIC).body)["access_token"] for _ in range(2)]
    assert issued == server.issued
    assert issued[0] != issued[1]
    about = json.loads(call(server, "introspection", {"token": issued[0]}, BASIC).body)
    assert about["sub"] == "alice"
    assert about["aud"] == ["https://svc.example.com"]


@pytest.mark.parametrize(
    ("headers", "extra", "status"),
    [
        ([], {"client_id": "gw", "client_secret": "s:1"}, 200),
        ([], {"client_id": "public"}, 200),
        ([], {"client_id": "gw", "client_secret": "wrong"}, 401),
        ([], {"client_id": "gw"}, 401),
        ([], {}, 401),
        ([(b"authorization", b"Basic Z3c6d3Jvbmc=")], {}, 401),
        ([BASIC], {"client_secret": "s:1"}, 400),
        ([BASIC, BASIC], {}, 400),
    ],
)
def test_clients_are_authenticated(
    server: AuthorizationServer, headers: list[tuple[bytes, bytes]], extra: dict[str, str], status: int
) -> None:
    form = {"token": server.mint("alice"), **extra}
    assert call(server, "introspection", form, *headers).status == status


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"subject_token": "unknown"}, "invalid_grant"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"actor_token": "unknown", "actor_token_type": ACCESS_TOKEN}, "invalid_grant"),
        ({"actor_token": "unknown"}, "invalid_request"),
    ],
)
def test_exchange_refuses(server: AuthorizationServer, change: dict[str, str], error: str) -> None:
    answer = call(server, "token", {**exchange_form(server.mint("alice")), **change}, BASIC)
    assert (answer.status, json.loads(answer.body)["error"]) == (400, error)
    assert server.issued == []


def test_behaviours_follow_one_another_and_the_last_stays(server: AuthorizationServer) -> None:
    endpoint = server.endpoints["token"]
    endpoint.behaviours = [
        "normal",
        {"change": {"expires_in": "60"}, "omit": ["token_type"]},
        {"text": "<h1>${new}</h1>", "status": 503, "headers": {"Content-Type": "text/html"}},
    ]
    form = exchange_form(server.mint("alice"))
    assert json.loads(call(server, "token", form, BASIC).body)["token_type"] == "Bearer"
    changed = json.loads(call(server, "token", form, BASIC).body)
    assert changed["expires_in"] == "60"
    assert "token_type" not in changed
    for _ in range(2):
        answer = call(server, "token", form, BASIC)
        assert (answer.status, values(answer.headers, "content-type")) == (503, ["text/html"])
        assert answer.body == f"<h1>{server.issued[-1]}</h1>".encode()
    assert len(endpoint.calls) == 4
    assert dict(endpoint.calls[0].form) == form


@pytest.fixture
def issuer(loop: BackgroundLoop) -> Iterator[AuthorizationServer]:
    keys = signing_keys.read({"k1": {}, "k2": {"alg": "RS256", "published": False}, "enc": {"jwk": {"use": "enc"}}})
    made = AuthorizationServer("https://auth.example.com/realms/demo", [Client("gw", "s:1")], keys)
    loop.run(made.start())
    yield made
    loop.run(made.stop())


def fetch(server: AuthorizationServer, name: str, path: str) -> Response:
    request = Request(b"GET", path.encode(), [(b"host", b"auth.example.com")])
    return client.send(server.endpoints[name].listener.address, request)


def test_signed_tokens_verify_with_the_published_keys(issuer: AuthorizationServer) -> None:
    def published() -> KeySetSerialization:
        keys: KeySetSerialization = json.loads(fetch(issuer, "jwks", "/jwks").body)
        return keys

    by_id: dict[Any, Any] = {key["kid"]: key for key in published()["keys"]}
    assert (set(by_id), by_id["enc"]["use"], "d" in by_id["k1"]) == ({"k1", "enc"}, "enc", False)
    good, hidden = issuer.mint_signed("alice", tenant="t1"), issuer.mint_signed("bob", key="k2", aud=None)
    decoded = jwt.decode(good, KeySet.import_key_set(published()))
    assert decoded.header == {"alg": "ES256", "kid": "k1", "typ": "at+jwt"}
    assert (decoded.claims["sub"], decoded.claims["tenant"], decoded.claims["iss"]) == ("alice", "t1", issuer.issuer)
    issuer.published = [issuer.keys["k2"]]
    decoded = jwt.decode(hidden, KeySet.import_key_set(published()), algorithms=["RS256"])
    assert (decoded.header["alg"], "aud" in decoded.claims) == ("RS256", False)
    with pytest.raises(JoseError):
        jwt.decode(good, KeySet.import_key_set(published()))
    assert json.loads(call(issuer, "introspection", {"token": good}, BASIC).body)["sub"] == "alice"


def test_metadata_stands_at_both_of_its_places(issuer: AuthorizationServer) -> None:
    for path in (
        "/.well-known/oauth-authorization-server/realms/demo",
        "/realms/demo/.well-known/openid-configuration",
    ):
        metadata = json.loads(fetch(issuer, "metadata", path).body)
        assert metadata["issuer"] == issuer.issuer
        assert metadata["jwks_uri"] == issuer.endpoints["jwks"].url
    assert fetch(issuer, "metadata", "/.well-known/openid-configuration").status == 404


# Forgeries that this reader, which does not look closely, takes for a token.
TAKEN_FOR_TOKENS = {"repeated-deep-within"}


@pytest.mark.parametrize("name", sorted(signed_tokens.FORGERIES))
def test_forgeries_are_no_tokens(name: str) -> None:
    key = signing_keys.read({"k1": {}})["k1"]
    forged = signed_tokens.mint({"sub": "alice"}, key, forged=name)
    assert forged not in (signed_tokens.mint({"sub": "alice"}, key), "")
    try:
        jwt.decode(forged, key.key)
        is_taken = True
    except (JoseError, ValueError):
        is_taken = False
    assert is_taken == (name in TAKEN_FOR_TOKENS)


def test_an_endpoint_can_be_refused_and_listen_again(server: AuthorizationServer, loop: BackgroundLoop) -> None:
    listener = server.endpoints["token"].listener
    form = exchange_form(server.mint("alice"))
    loop.run(listener.refuse())
    refused = call(server, "token", form, BASIC)
    assert refused.status is None
    assert "refused" in (refused.error or "")
    loop.run(listener.listen())
    assert call(server, "token", form, BASIC).status == 200


def looks_good(answer: Response, token: str) -> bool:
    whole = answer.body.endswith(b"}") and token.encode() in answer.body
    return whole and answer.status == 200 and answer.error is None


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_faults_are_what_they_are_called(server: AuthorizationServer, name: str) -> None:
    plan = {"fault": name, "seconds": 0.2, "every": 0.001, "status": 204}
    server.endpoints["token"].behaviours = [plan]
    endpoint = server.endpoints["token"]
    lines = [(b"host", b"auth.example.com"), FORM, BASIC]
    body = urlencode(exchange_form(server.mint("alice"))).encode()
    request = Request(b"POST", b"/token", lines, body)
    if name in ("stall", "nothing-more"):
        answer = client.send(endpoint.listener.address, request, patience=1.0)
        assert answer.status == (200 if name == "stall" else 204)
        return
    answer = client.send(endpoint.listener.address, request)
    assert looks_good(answer, server.issued[0]) == (name in LOOKS_GOOD)
    assert len(endpoint.calls) == 1


def test_upstream_records_bytes_and_echoes(upstream: Upstream) -> None:
    lines = [(b"host", b"api.example.com"), (b"X-Odd", b"\xff\x80"), (b"x-odd", b"")]
    body = bytes(range(256)) * 5000
    for chunked in (False, True):
        request = Request(b"PUT", b"/a%2Fb?c=%20&d", lines, body, chunked=chunked)
        answer = client.send(upstream.address, request)
        arrival = upstream.arrivals[-1]
        assert (answer.status, arrival.method, arrival.path) == (200, "PUT", "/a%2Fb?c=%20&d")
        assert arrival.headers[:3] == lines
        assert arrival.body == body
        assert json.loads(answer.body)["body_bytes"] == len(body)


def test_events_come_one_by_one(upstream: Upstream) -> None:
    answer = client.send(upstream.address, Request(path=b"/events", headers=[(b"host", b"a")]))
    assert [piece.data for piece in answer.pieces] == [f"data: {n}\n\n".encode() for n in range(4)]
    assert answer.pieces[-1].at - answer.pieces[0].at > 0.8


def test_the_client_can_leave(upstream: Upstream) -> None:
    request = Request(path=b"/events", headers=[(b"host", b"a")], disconnect_after=0.1)
    assert client.send(upstream.address, request).status is None


def test_scenarios_are_well_formed() -> None:
    names = {each.id for each in scenario.load()}
    assert names
    for entry in scenario.exclusions():
        assert entry["scenario"] in names
        assert entry["reason"]


def test_every_fault_is_shown_at_every_endpoint_and_every_shape_of_an_answer() -> None:
    asked = matrix.load()
    assert list(asked.answers) == [f"F{number}" for number in range(1, 31)]
    assert set(asked.scenarios()) <= {each.id for each in scenario.load()}


def test_every_fault_is_used_and_known() -> None:
    plans = [each.authorization_server.get("endpoints", {}).values() for each in scenario.load()]
    behaviours = [
        behaviour for plan in itertools.chain(*plans) for behaviour in (plan if isinstance(plan, list) else [plan])
    ]
    used = {behaviour["fault"] for behaviour in behaviours if "fault" in behaviour}
    assert used == set(FAULTS)


def test_a_merge_patch_takes_out_and_adds() -> None:
    merged = scenario.merge({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2]})
    assert merged == {"a": {"c": 2, "e": 3}, "d": [2]}
