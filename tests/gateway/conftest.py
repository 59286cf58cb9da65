"""Options of the gateway suite, and the one run that all its tests look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway_suite import driver, envoy, matrix, runner, scenario
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.envoy_stage import EnvoyStage
from gateway_suite.runner import Outcome
from gateway_suite.running_envoy import Envoys

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
FAULTY = Path(os.environ.get("TOKEN_EXCHANGE_FAULTY_WASM", DIST / "token_exchange-fault-injection.wasm"))
IDLE = 3
"""Seconds after which Envoy answers a request that the faulty filter leaves waiting."""
OUTCOMES = pytest.StashKey[list[Outcome]]()
"""What the run has seen, for the table at its end."""

REPORTS = pytest.StashKey[list[str]]()
"""What tests have measured, to be printed at the end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's own options."""
    parser.addoption("--gateway", choices=sorted(driver.DRIVERS), help="the gateway to run the scenarios on")
    parser.addoption("--wasm", type=Path, default=DIST / "token_exchange.wasm", help="the built filter")
    parser.addoption("--soak", action="store_true", help="let the keys be away for ten minutes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per scenario and variant of the chosen gateway."""
    if "outcome" not in metafunc.fixturenames:
        return
    name = metafunc.config.getoption("--gateway")
    if name is None:
        metafunc.parametrize("outcome", [], indirect=True)
        return
    gateway = driver.create(name)
    out = {entry["scenario"]: entry["reason"] for entry in scenario.exclusions() if entry["gateway"] == gateway.family}
    cases = [
        pytest.param(
            (each.id, variant),
            id=f"{each.id}-{variant}",
            marks=[pytest.mark.skip(reason=out[each.id])] if each.id in out else [],
        )
        for each in scenario.load()
        for variant in gateway.variants
    ]
    metafunc.parametrize("outcome", cases, indirect=True)


@pytest.fixture(scope="session")
def family(request: pytest.FixtureRequest) -> str:
    """The kind of gateway under test."""
    return driver.create(request.config.getoption("--gateway")).family


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Outcome]:
    """All chosen scenarios, run side by side, once."""
    wanted = {
        item.callspec.params["outcome"]
        for item in request.session.items
        if hasattr(item, "callspec") and "outcome" in item.callspec.params and not item.get_closest_marker("skip")
    }
    wasm: Path = request.config.getoption("--wasm")
    if not wasm.is_file():
        pytest.exit(f"{wasm} is not there: run 'make wasm' first", returncode=2)
    gateway = driver.create(request.config.getoption("--gateway"))
    chosen = [(each, variant) for each in scenario.load() for variant in gateway.variants]
    chosen = [(each, variant) for each, variant in chosen if (each.id, variant) in wanted]
    seen = runner.run(gateway, chosen, wasm, tmp_path_factory.mktemp("gateway"))
    request.config.stash[OUTCOMES] = seen
    return {(each.scenario.id, each.site.variant): each for each in seen}


@pytest.fixture(scope="session")
def envoys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoys]:
    """Envoys that take in a site for each test."""
    made = Envoys(lambda: tmp_path_factory.mktemp("envoy"))
    yield made
    made.stop()


@pytest.fixture
def stages() -> Iterator[list[EnvoyStage]]:
    """Where a test puts its stages, to have them closed."""
    made: list[EnvoyStage] = []
    yield made
    for each in made:
        each.close()


@pytest.fixture
def untrapped_stages(stages: list[EnvoyStage]) -> Iterator[list[EnvoyStage]]:
    """The same, and at the end nothing must have trapped."""
    yield stages
    assert [each.trapped() for each in stages] == [None] * len(stages)


@pytest.fixture
def faulty_stage(
    stages: list[EnvoyStage], envoys: Envoys, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., EnvoyStage]:
    """Sets a stage whose filter can trap and can read bodies."""

    def set_up(variant: str = EnvoyDriver.variants[-1], idle: int = IDLE) -> EnvoyStage:
        monkeypatch.setattr(envoy, "IDLE_TIMEOUT", f"{idle}s")
        stages.append(EnvoyStage(envoys.of(FAULTY), variant, {"timeout": 2000}))
        return stages[-1]

    return set_up


@pytest.fixture
def outcome(request: pytest.FixtureRequest, outcomes: dict[tuple[str, str], Outcome]) -> Outcome:
    """What was seen of one scenario in one variant."""
    return outcomes[request.param]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table of faults and what the client got, and that of what this gateway cannot do."""
    name = terminalreporter.config.getoption("--gateway")
    if name is None:
        return
    for line in terminalreporter.config.stash.get(REPORTS, []):
        terminalreporter.write_line(line)
    seen = terminalreporter.config.stash.get(OUTCOMES, [])
    if seen:
        terminalreporter.section(f"faults on {name}: what the client got, request by request")
        for line in matrix.load().table({each.scenario.id: each.statuses for each in seen}):
            terminalreporter.write_line(line)
    family = driver.create(name).family
    rows = [entry for entry in scenario.exclusions() if entry["gateway"] == family]
    terminalreporter.section(f"not possible on {name} (hosts.yaml)")
    for entry in rows:
        terminalreporter.write_line(f"{entry['scenario']}: {entry['reason']}")
    if not rows:
        terminalreporter.write_line("nothing: every scenario ran")
