"""Trailers on Envoy, over HTTP/1 and HTTP/2: they follow the rules of headers (SEC-01)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from gateway_suite.envoy import EnvoyDriver
from gateway_suite.envoy_stage import EnvoyStage
from gateway_suite.model import HeaderLines
from gateway_suite.running_envoy import Envoys
from gateway_suite.trailers import UPLOADS, TrailerUpstream, Upload

VERSIONS = sorted(UPLOADS)
PATCH = {
    "timeout": 2000,
    "claim_to_header": [{"claim": "sub", "header": "x-user-id"}],
    "token_exchange": {"request": {"actor_token_source": "header", "actor_token_header": "x-actor"}},
}
GO_ON = [(b"x-checksum", b"1"), (b"grpc-status", b"0"), (b"x-user", b"alice")]


def removed(token: str, actor: str) -> HeaderLines:
    """What trailers may not carry."""
    encoded = "".join(f"%{byte:02x}" for byte in token.encode())
    return [
        (b"authorization", f"Bearer {token}".encode()),
        (b"proxy-authorization", b"Basic eDp5"),
        (b"proxy_authorization", b"Basic eDp5"),
        (b"x-user-id", b"root"),
        (b"x_user_id", b"root"),
        (b"x-user_id", b"root"),
        (b"x-actor", b"another"),
        (b"x-copy", token.encode()),
        (b"x-part", f"a{token}b".encode()),
        (b"x-encoded", encoded.encode()),
        (b"x-of-the-actor", actor.encode()),
        (b"x-forwarded-for", token.encode()),
    ]


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, untrapped_stages: list[EnvoyStage], envoys: Envoys
) -> Callable[..., EnvoyStage]:
    """Sets a stage whose upstream records trailers."""

    def set_up(variant: str, upstream: TrailerUpstream) -> EnvoyStage:
        envoy = envoys.of(request.config.getoption("--wasm"))
        untrapped_stages.append(EnvoyStage(envoy, variant, PATCH, upstream))
        return untrapped_stages[-1]

    return set_up


def upload(at: EnvoyStage, version: int, actor: str) -> Upload:
    """Sends the header of a good request."""
    fields = [("authorization", f"Bearer {at.token}"), ("x-actor", actor)]
    return UPLOADS[version](at.port, [(name.encode(), value.encode()) for name, value in fields])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("client", VERSIONS)
@pytest.mark.parametrize("variant", EnvoyDriver.variants)
@pytest.mark.parametrize("moment", ["while the request waits", "behind a request that has gone on", "with no body"])
def test_trailers_follow_the_rules_of_headers(
    stage: Callable[..., EnvoyStage], moment: str, variant: str, client: int, version: int
) -> None:
    upstream = TrailerUpstream(version)
    at = stage(variant, upstream)
    actor = at.server.mint("agent", client_id="agent")
    visit = upload(at, client, actor)
    at.wait(lambda: at.active() == 1)
    if moment == "behind a request that has gone on":
        at.let_go()
        visit.write(b"body")
        at.wait(lambda: len(upstream.arrivals) == 1)
    elif moment == "while the request waits":
        visit.write(b"body")
    trailers = [line for pair in zip(removed(at.token, actor), GO_ON * 4, strict=True) for line in pair]
    visit.end(trailers)
    if moment != "behind a request that has gone on":
        time.sleep(0.3)
        assert upstream.arrivals == []
        at.let_go()
    assert visit.status() == 200
    (arrival,) = upstream.arrivals
    assert arrival.is_whole
    assert arrival.body == (b"" if moment == "with no body" else b"body")
    assert sorted(arrival.trailers) == sorted(GO_ON * 4)
    assert at.token not in repr(arrival)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("client", VERSIONS)
@pytest.mark.parametrize(
    "trailers", [[], GO_ON, [(b"authorization", b"Bearer x")]], ids=["none", "others", "authorization"]
)
def test_trailers_of_which_all_or_none_go_on(
    stage: Callable[..., EnvoyStage], trailers: HeaderLines, client: int, version: int
) -> None:
    upstream = TrailerUpstream(version)
    at = stage(EnvoyDriver.variants[-1], upstream)
    at.let_go()
    actor = at.server.mint("agent", client_id="agent")
    visit = upload(at, client, actor)
    visit.write(b"body")
    visit.end(trailers)
    assert visit.status() == 200
    (arrival,) = upstream.arrivals
    assert arrival.is_whole
    assert arrival.trailers == (trailers if trailers == GO_ON else [])


@pytest.mark.parametrize("client", VERSIONS)
def test_a_refused_request_is_refused_once(stage: Callable[..., EnvoyStage], client: int) -> None:
    upstream = TrailerUpstream(1)
    at = stage(EnvoyDriver.variants[-1], upstream)
    visit = UPLOADS[client](at.port, [])
    visit.write(b"body")
    visit.end(removed(at.token, "actor"))
    assert visit.status() == 401
    assert upstream.arrivals == []
