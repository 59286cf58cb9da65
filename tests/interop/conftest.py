"""Keycloak and the gateway before it, once for all tests."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from . import distribution
from .keycloak import Keycloak
from .stage import RESOURCE, Stage

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "target" / "interop"
REALM = ROOT / "kong" / "keycloak" / "realm.json"
WASM = ROOT / "dist" / "token_exchange.wasm"


@contextmanager
def running() -> Iterator[Keycloak]:
    """A new Keycloak with the demo's realm."""
    # A run that is told to end cleans up as one that is interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as folder:
        try:
            distribution.need_java()
            home = distribution.unpack(CACHE, Path(folder))
        except distribution.Missing as missing:
            pytest.exit(str(missing), returncode=2)
        keycloak = Keycloak(home, REALM, Path(folder) / "keycloak.log")
        try:
            yield keycloak
        finally:
            keycloak.stop()


@pytest.fixture
def demo_keycloak() -> Iterator[Keycloak]:
    """A Keycloak that a test may end."""
    with running() as keycloak:
        yield keycloak


@pytest.fixture(scope="session")
def keycloak() -> Iterator[Keycloak]:
    """Keycloak with clients beside the realm's own, whose tokens are of no use here."""
    with running() as keycloak:
        keycloak.add_client("elsewhere", ["https://elsewhere.example.com", "gateway"])
        keycloak.add_client("beyond-exchange", [RESOURCE])
        keycloak.add_client("hasty", [RESOURCE, "gateway"], **{"access.token.lifespan": "2"})
        yield keycloak


@pytest.fixture(scope="session")
def wasm() -> Path:
    """The built filter."""
    if not WASM.is_file():
        pytest.exit(f"{WASM} is not there: run 'make wasm' first", returncode=2)
    return WASM


@pytest.fixture(scope="session")
def stage(keycloak: Keycloak, wasm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The gateway before that Keycloak."""
    stage = Stage(keycloak, wasm, tmp_path_factory.mktemp("interop"))
    yield stage
    stage.stop()
