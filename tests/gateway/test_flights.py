"""Requests that ask the authorization server the same question at once, on Envoy.

There one request can wake another, so one callout of a worker answers all of its requests, whatever becomes of the
client that came first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway_suite.authorization_server import Behaviour
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.envoy_stage import EnvoyStage
from gateway_suite.model import values
from gateway_suite.running_envoy import Envoys

MANY = 50
FEW = 10


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, envoys: Envoys, untrapped_stages: list[EnvoyStage]
) -> Callable[..., EnvoyStage]:
    """Sets a stage; at the end nothing must have trapped."""

    def set_up(workers: int = 1, variant: str = EnvoyDriver.variants[0], **patch: Any) -> EnvoyStage:
        running = envoys.of(request.config.getoption("--wasm"), workers)
        untrapped_stages.append(EnvoyStage(running, variant, patch))
        return untrapped_stages[-1]

    return set_up


@pytest.mark.parametrize("variant", EnvoyDriver.variants)
@pytest.mark.parametrize("workers", [1, 2])
def test_fifty_misses_make_one_callout_of_each_kind_and_worker(
    stage: Callable[..., EnvoyStage], workers: int, variant: str
) -> None:
    at = stage(workers, variant)
    visits = at.visits(MANY)
    at.wait(lambda: at.calls("introspection") == workers)
    at.let_go("introspection")
    at.wait(lambda: at.calls("token") == workers)
    assert at.authorizations() == {}
    at.let_go("token")
    assert {visit.answer()[0] for visit in visits} == {200}
    assert (at.calls("introspection"), at.calls("token")) == (workers, workers)
    authorizations = at.authorizations()
    assert sorted(authorizations) == sorted(visit.path for visit in visits)
    allowed = [[f"Bearer {issued}"] for issued in at.server.issued]
    assert all(lines in allowed for lines in authorizations.values())


@pytest.mark.parametrize("variant", EnvoyDriver.variants)
def test_bodies_wait_with_their_requests(stage: Callable[..., EnvoyStage], variant: str) -> None:
    at = stage(1, variant)
    bodies = {f"/body/{number}": bytes([number]) * (100_000 + number) for number in range(FEW)}
    visits = [at.visit(path, body) for path, body in bodies.items()]
    at.wait(lambda: at.active() == FEW)
    at.let_go()
    for visit in visits:
        status, body = visit.answer()
        assert status == 200
        assert json.loads(body)["body_sha256"] == hashlib.sha256(bodies[visit.path]).hexdigest()
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)


@pytest.mark.parametrize("held", ["introspection", "token"])
def test_the_first_client_leaves_and_strands_no_other(stage: Callable[..., EnvoyStage], held: str) -> None:
    at = stage()
    if held == "token":
        at.let_go("introspection")
    first = at.visit("/first")
    at.wait(lambda: at.calls(held) == 1)
    visits = at.visits(FEW)
    first.leave()
    at.wait(lambda: at.active() == FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [200] * FEW
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)
    assert "/first" not in at.authorizations()


def test_all_clients_leave_and_the_next_one_is_served(stage: Callable[..., EnvoyStage]) -> None:
    at = stage()
    for visit in at.visits(FEW):
        visit.leave()
    at.wait(lambda: at.active() == 0)
    late = at.visits(1)
    at.let_go()
    assert [visit.answer()[0] for visit in late] == [200]
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)
    assert list(at.authorizations()) == [late[0].path]
    # The flight that all requests have left has none to answer.
    assert at.visit("/again").answer()[0] == 200


def test_a_callout_carries_the_trace_of_the_request_that_makes_it(stage: Callable[..., EnvoyStage]) -> None:
    at = stage()
    first, other = (f"00-{digit * 32}-{digit * 16}-01" for digit in "12")
    visits = [at.visit("/first", traceparent=first)]
    at.wait(lambda: at.calls("introspection") == 1)
    visits += at.visits(FEW, traceparent=other)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [200] * (FEW + 1)
    traces = {
        name: [values(call.headers, "traceparent") for call in at.server.endpoints[name].calls]
        for name in ("introspection", "token")
    }
    assert traces["introspection"] == [[first]]
    assert traces["token"] in ([[first]], [[other]])


FAILURES: dict[str, tuple[Behaviour, int]] = {
    "server-error": ({"text": "", "status": 500}, 503),
    "reset": ({"fault": "reset"}, 503),
    "truncated": ({"fault": "truncated"}, 502),
    "timeout": ({"fault": "timeout"}, 504),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("endpoint", ["introspection", "token"])
def test_one_failure_answers_each_request_once(stage: Callable[..., EnvoyStage], endpoint: str, failure: str) -> None:
    at = stage(timeout=2000)
    behaviour, status = FAILURES[failure]
    at.server.endpoints[endpoint].behaviours = [behaviour, "normal"]
    if endpoint == "token":
        at.let_go("introspection")
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [status] * FEW
    assert at.calls(endpoint) == 1
    assert at.authorizations() == {}
    assert at.visit().answer()[0] == 200


def test_a_refused_token_is_refused_to_each_request(stage: Callable[..., EnvoyStage]) -> None:
    at = stage()
    at.server.tokens[at.token].active = False
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [401] * FEW
    assert at.calls("introspection") == 1


def test_a_token_for_one_use_is_not_shared(stage: Callable[..., EnvoyStage]) -> None:
    at = stage()
    at.server.endpoints["token"].behaviours = [{"change": {"expires_in": 0}}]
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [200] * FEW
    assert (at.calls("introspection"), at.calls("token")) == (1, FEW)
    used = sorted(lines[0] for lines in at.authorizations().values())
    assert used == sorted(f"Bearer {issued}" for issued in at.server.issued)


def test_with_the_caches_off_each_request_asks_for_itself(stage: Callable[..., EnvoyStage]) -> None:
    at = stage(cache_introspection=False, token_exchange={"cache": {"enabled": False}})
    visits = at.visits(FEW)
    at.let_go()
    assert [visit.answer()[0] for visit in visits] == [200] * FEW
    assert (at.calls("introspection"), at.calls("token")) == (FEW, FEW)
    assert len({lines[0] for lines in at.authorizations().values()}) == FEW


def test_a_token_exchanged_on_one_worker_is_known_to_the_other(stage: Callable[..., EnvoyStage]) -> None:
    at = stage(2)
    at.let_go()
    assert at.visit("/first").answer()[0] == 200
    visits = [at.visit(f"/later/{number}") for number in range(MANY)]
    assert {visit.answer()[0] for visit in visits} == {200}
    shares = [at.connections(number) for number in range(2)]
    assert min(shares) > 0 and sum(shares) == MANY + 1
    assert (at.calls("introspection"), at.calls("token")) == (1, 1)
    assert set(map(tuple, at.authorizations().values())) == {(f"Bearer {at.server.issued[0]}",)}
