"""Every fault at every endpoint, again and again: what the filter takes for it, it gives back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Semaphore
from time import sleep
from typing import Any

import pytest

from conftest import REPORTS
from gateway_suite import driver, matrix, scenario
from gateway_suite.background import BackgroundLoop
from gateway_suite.certificates import Certificates
from gateway_suite.driver import Driver
from gateway_suite.runner import AT_ONCE, Stage
from gateway_suite.scenario import Scenario

FEW, MANY = 2, 5
"""Rounds before the first measurement, after one that fetches keys, and then until the second."""
COOLDOWN = 1
GROWTH = {"kong-model": 0, "envoy": 4 << 20, "kong": float("inf")}
"""Bytes. The model counts the filter's own memory, Envoy the whole process. That of Kong is printed and has no
limit: it goes up and down by tens of megabytes as Lua collects."""


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Driver:
    name = request.config.getoption("--gateway")
    if name is None:
        pytest.skip("no gateway was chosen")
    return driver.create(name)


def test_memory_is_back_where_it_was(request: pytest.FixtureRequest, gateway: Driver, tmp_path: Path) -> None:
    with _stages(gateway, tmp_path) as stages:
        gateway.start([stage.outcome.site for stage in stages], request.config.getoption("--wasm"), tmp_path)
        _together(stages, lambda stage, turns: stage.run(gateway, turns))
        started = [len(stage.outcome.sent) for stage in stages]
        _rounds(gateway, stages, FEW)
        before = gateway.memory()
        _rounds(gateway, stages, MANY)
        after = gateway.memory()
        for stage in stages:
            stage.conclude(gateway)
    outcomes = [stage.outcome for stage in stages]
    request.config.stash.setdefault(REPORTS, []).append(
        f"memory on {gateway.name}: {before} bytes after {FEW} rounds of {len(stages)} faults, "
        f"{after - before} more after {MANY} more rounds"
    )
    assert [outcome.problem or outcome.trap for outcome in outcomes] == [None] * len(outcomes)
    for outcome, start in zip(outcomes, started, strict=True):
        good, broken = outcome.sent[start::2], outcome.sent[start + 1 :: 2]
        assert {sent.response.status for sent in broken} <= {502, 503, 504}, outcome.scenario.id
        assert {sent.response.status for sent in good} == {200}, outcome.scenario.id
        assert max(len(calls) for calls in outcome.calls.values()) >= FEW + MANY, outcome.scenario.id
    assert after - before <= GROWTH[gateway.name]


@contextlib.contextmanager
def _stages(gateway: Driver, workdir: Path) -> Iterator[list[Stage]]:
    loop, certificates = BackgroundLoop(), Certificates(workdir)
    stages = [Stage(each, gateway.variants[-1], loop, certificates) for each in _faults()]
    try:
        yield stages
    finally:
        gateway.stop()  # first, as a server waits for connections that a gateway keeps
        for stage in stages:
            stage.close()
        loop.close()


def _rounds(gateway: Driver, stages: list[Stage], rounds: int) -> None:
    """Each endpoint breaks once in a round."""
    for _ in range(rounds):
        sleep(COOLDOWN + 0.1)
        _together(stages, lambda stage, turns: stage.repeat(gateway, turns))


def _together(stages: list[Stage], what: Callable[[Stage, Semaphore], None]) -> None:
    turns = Semaphore(AT_ONCE)
    with ThreadPoolExecutor(len(stages)) as pool:
        list(pool.map(lambda stage: what(stage, turns), stages))


def _faults() -> Iterator[Scenario]:
    """The scenarios whose endpoint breaks once, made to break every time."""
    by_id = {each.id: each for each in scenario.load()}
    broken = matrix.load().faults["broken"]
    for endpoint in matrix.load().endpoints:
        for row in broken.rows:
            yield _again(by_id[broken.scenario(endpoint, row)], endpoint, row["behaviour"])


def _again(one: Scenario, endpoint: str, behaviour: dict[str, Any]) -> Scenario:
    """The scenario made into a good request and one that meets the fault.

    Of introspection and exchange nothing is remembered, and every second call is answered well. Keys are there before
    they cannot be fetched again, as after a first failure five seconds would pass each time.
    """
    if behaviour.get("fault") == "slow-drip":
        behaviour = {**behaviour, "every": 0.02}  # a gateway may wait for all of it
    plan: dict[str, Any] = {"endpoints": {endpoint: ["normal", behaviour]}, "tokens": {"alice": {}, "bob": {}}}
    if endpoint in ("jwks", "metadata"):
        changes: dict[str, Any] = {"jwks_refetch_cooldown": COOLDOWN, "metadata_cache_ttl": COOLDOWN}
        plan |= {
            "issuer": "http://${authority.metadata}",
            "keys": {"k1": {}},
            "tokens": {"alice": {}, "bob": {"signed": {"header": {"kid": "unknown"}}}},
        }
    else:
        changes = {"cache_introspection": False, "token_exchange": {"cache": {"enabled": False}}}
        plan["endpoints"][endpoint] *= 1 + FEW + MANY
    return replace(
        one,
        id=f"memory-{one.id}",
        group="memory",
        config=scenario.merge(one.config, {"timeout": 1500, **changes}),
        authorization_server=plan,
        steps=[_request("alice"), _request("bob")],
        finally_={},
    )


def _request(name: str) -> dict[str, Any]:
    line = ["authorization", f"Bearer ${{token.{name}}}"]
    return {"send": {"headers": [line]}, "expect": {"status": 200, "upstream": {}}}
